"""The only writer of problems: noticed, gone, put aside by a person.

Everything happens in the caller's transaction, in the scope of the dealership. Writers of one
dealership take turns until they commit: a run that ends and the sweep touch the same causes, each
in its own order, and must never wait for each other crosswise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Table, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import Problem
from app.services.problems import telling
from app.services.problems.finding import Finding
from app.tenancy import SCOPE

PROBLEMS: Final[Table] = Problem.__table__  # type: ignore[assignment]
BRIEFLY: Final = 200
TURN: Final = "problems_turn"
TURN_LOCK: Final = 7_301_002
TAKE_TURN: Final = text("SELECT pg_advisory_xact_lock(:space, :place)")


def observe(
    db: Session,
    finding: Finding,
    now: datetime,
    *,
    run_id: int | None = None,
    counts: bool = True,
) -> Problem:
    """Notices a cause: opens its problem, opens it again, or renews the open one.

    `counts`: this is another time, as each failed run is. A state that merely lasts counts once.
    Tells people by mail when it begins to be a danger.
    """
    problem = _row(db, finding, now)
    begins = not problem.is_open
    if begins:
        problem.resolved_at = problem.resolution = None
        problem.opened_at, problem.times = now, 0
        problem.openings += 1
    if begins or counts:
        problem.times += 1
    _put_words(problem, finding)
    problem.last_seen_at = now
    problem.run_id = run_id or problem.run_id
    db.flush()
    telling.tell(db, problem, finding.told, now)
    return problem


def _put_words(problem: Problem, finding: Finding) -> None:
    problem.severity = finding.severity(problem.times)
    problem.title, problem.detail = finding.title[:BRIEFLY], finding.detail
    problem.next_step, problem.path = finding.next_step, finding.path
    problem.link, problem.affected = finding.link, finding.affected
    problem.records = [dict(one) for one in finding.records]


def _row(db: Session, finding: Finding, now: datetime) -> Problem:
    """The cause's row, held until the transaction ends; a new one is made closed."""
    found = _held(db, [finding.cause])
    if not found:
        _make(db, finding, now)
        found = _held(db, [finding.cause])
    return found[0]


def _make(db: Session, finding: Finding, now: datetime) -> None:
    """Two writers may notice a cause for the first time at once: the second finds the row."""
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(PROBLEMS).values(
        dealership_id=here(db), cause=finding.cause, severity="warning", title="", detail="",
        next_step="", path="", link="", affected=0, records=[], times=0, openings=0,
        first_seen_at=now, opened_at=now, last_seen_at=now, resolved_at=now,
    )  # fmt: skip
    db.execute(statement.on_conflict_do_nothing(index_elements=["dealership_id", "cause"]))


def here(db: Session) -> int:
    """The dealership of the session: causes have the same names everywhere."""
    place = db.info.get(SCOPE)
    if not isinstance(place, int):
        raise RuntimeError("problems are written in the scope of their dealership")  # noqa: TRY004
    return place


def _take_turn(db: Session) -> None:
    """SQLite's writers take turns anyway."""
    place = here(db)
    if db.get_bind().dialect.name == "postgresql" and not db.info.get(TURN):
        db.execute(TAKE_TURN, {"space": TURN_LOCK, "place": place})
        db.info[TURN] = True


def _held(db: Session, causes: Iterable[str]) -> Sequence[Problem]:
    _take_turn(db)
    query = select(Problem).where(Problem.cause.in_(list(causes))).order_by(Problem.cause)
    return db.scalars(query.with_for_update().execution_options(populate_existing=True)).all()


def open_of(db: Session, cause: str) -> Problem | None:
    """The open problem of a cause, held until the transaction ends."""
    return next((one for one in _held(db, [cause]) if one.is_open), None)


def settle(db: Session, causes: Iterable[str], now: datetime, why: str) -> int:
    """The causes are gone; `why` in a sentence. A cause that ends in ":" stands for all that begin
    with it. Returns how many problems were closed."""
    _take_turn(db)
    query = select(Problem).where(Problem.resolved_at.is_(None), _named(causes))
    found = db.scalars(
        query.order_by(Problem.cause).with_for_update().execution_options(populate_existing=True)
    ).all()
    for problem in found:
        problem.resolved_at, problem.resolution = now, why[:BRIEFLY]
        problem.last_seen_at = max(problem.last_seen_at, problem.opened_at)
    return len(found)


def _named(causes: Iterable[str]) -> ColumnElement[bool]:
    return or_(
        *(
            Problem.cause.startswith(cause, autoescape=True)
            if cause.endswith(":")
            else Problem.cause == cause
            for cause in causes
        )
    )
