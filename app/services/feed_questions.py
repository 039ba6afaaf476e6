"""Questions about the feed: each is asked once, whatever the number of rows (C20, C26)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, Table, bindparam, func, insert, select
from sqlalchemy.orm import Session

from app.models import FeedQuestion
from app.services import audit
from app.services.audit import Actor
from app.services.errors import NotAllowed, NotFound
from app.services.feed_noticed import Key, Notice, Noticed, key_of
from app.services.mapping import Rules, folded
from app.services.mapping_received import received_values
from app.services.sync.rows import Target

QUESTIONS: Table = FeedQuestion.__table__  # type: ignore[assignment]
# A feed that brings more than this at once is broken; the most frequent ones say so well enough.
NEW_AT_ONCE: Final = 300
SHOWN: Final = 200
CLOSED_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Inbox:
    """Open questions by kind, the most frequent first; `total` counts all that are open."""

    values: list[FeedQuestion]
    new_fields: list[FeedQuestion]
    gone_fields: list[FeedQuestion]
    total: int


def record(db: Session, target: Target, noticed: Noticed, now: datetime) -> None:
    """Stores what a run noticed, in the caller's transaction: one read, one insert, one update.

    A question that was answered or ignored is not asked again. One about a name that is back
    closes itself. Not to be called for a preview.
    """
    if noticed.is_empty:
        return
    known = _known(db, target)
    _drop_returned(db, target, noticed, known)
    notices = noticed.judged()
    if not notices:
        return
    _count_stored(db, target, [one for one in notices if one.kind == "value"])
    fresh = [one for one in notices if one.key not in known]
    fresh.sort(key=lambda one: -one.seen)
    again = [
        (one, known[one.key])
        for one in notices
        if one.key in known and known[one.key].state == "open"
    ]
    _ask(db, target, fresh[:NEW_AT_ONCE], now)
    _count_again(db, target, again)


def _known(db: Session, target: Target) -> dict[Key, Row[Any]]:
    query: Select[Any] = select(
        QUESTIONS.c.id, QUESTIONS.c.kind, QUESTIONS.c.field, QUESTIONS.c.value, QUESTIONS.c.state
    ).where(
        QUESTIONS.c.dealership_id == target.dealership_id,
        QUESTIONS.c.provider == target.provider,
        QUESTIONS.c.stream == target.stream.key,
    )
    return {key_of(row.kind, row.field, row.value): row for row in db.execute(query)}


def _drop_returned(
    db: Session, target: Target, noticed: Noticed, known: dict[Key, Row[Any]]
) -> None:
    back = {
        key: row.id
        for key, row in known.items()
        if row.kind == "gone_field" and row.state == "open" and noticed.is_back(row.field)
    }
    if not back:
        return
    db.execute(
        QUESTIONS.delete().where(
            QUESTIONS.c.dealership_id == target.dealership_id, QUESTIONS.c.id.in_(back.values())
        )
    )
    for key in back:
        del known[key]


def _count_stored(db: Session, target: Target, notices: Sequence[Notice]) -> None:
    """A run reads changed rows only; the question tells of all vehicles that have the value."""
    fields = {one.field for one in notices}
    if not fields:
        return
    stored = received_values(db, target.dealership_id, target.provider, target.stream, fields)
    counts = {
        (name, folded(one.value)): one.count for name, found in stored.items() for one in found
    }
    for one in notices:
        one.seen = max(one.seen, counts.get((one.field, folded(one.value)), 0))


def _ask(db: Session, target: Target, notices: Sequence[Notice], now: datetime) -> None:
    if not notices:
        return
    db.execute(
        insert(QUESTIONS),
        [
            {
                "dealership_id": target.dealership_id,
                "provider": target.provider,
                "stream": target.stream.key,
                "kind": one.kind,
                "field": one.field,
                "value": one.value,
                "seen": one.seen,
                "example": one.example and one.example[:200],
                "state": "open",
                "first_run_id": target.run_id,
                "last_run_id": target.run_id,
                "created_at": now,
            }
            for one in notices
        ],
    )


def _count_again(db: Session, target: Target, again: Sequence[tuple[Notice, Row[Any]]]) -> None:
    if not again:
        return
    db.execute(
        QUESTIONS.update()
        .where(
            QUESTIONS.c.id == bindparam("question"),
            QUESTIONS.c.dealership_id == target.dealership_id,
        )
        .values(
            seen=bindparam("now_seen"), example=bindparam("now_like"), last_run_id=target.run_id
        ),
        [{"question": row.id, "now_seen": one.seen, "now_like": one.example} for one, row in again],
    )


def counting() -> Select[int]:
    """How many questions wait for an answer."""
    return select(func.count(FeedQuestion.id)).where(FeedQuestion.state == "open")


def open_count(db: Session) -> int:
    return db.scalar(counting()) or 0


def inbox(db: Session) -> Inbox:
    """The open questions of the session's dealership."""
    query = (
        select(FeedQuestion)
        .where(FeedQuestion.state == "open")
        .order_by(FeedQuestion.seen.desc(), FeedQuestion.id)
        .limit(SHOWN)
    )
    found = db.scalars(query).all()
    of = {kind: [one for one in found if one.kind == kind] for kind in ("value", "new_field")}
    gone = [one for one in found if one.kind == "gone_field"]
    return Inbox(of["value"], of["new_field"], gone, open_count(db))


def closed(db: Session) -> Sequence[FeedQuestion]:
    """The questions that were decided last, newest first."""
    query = (
        select(FeedQuestion)
        .where(FeedQuestion.state != "open")
        .order_by(FeedQuestion.decided_at.desc(), FeedQuestion.id.desc())
        .limit(CLOSED_SHOWN)
    )
    return db.scalars(query).all()


def get_open(db: Session, question_id: int) -> FeedQuestion:
    """Raises NotFound; NotAllowed when somebody was faster."""
    found = db.scalar(select(FeedQuestion).where(FeedQuestion.id == question_id))
    if found is None:
        raise NotFound("There is no such question.")
    if found.state != "open":
        raise NotAllowed("This question has been answered meanwhile. Nothing was changed.")
    return found


def close_answered(
    db: Session, dealership_id: int, rules: Rules, actor: Actor, now: datetime
) -> int:
    """Closes open questions that the rules answer, wherever the rule was written."""
    query = select(FeedQuestion).where(
        FeedQuestion.dealership_id == dealership_id,
        FeedQuestion.state == "open",
        FeedQuestion.kind == "value",
    )
    answered = [one for one in db.scalars(query) if rules.shows(one.field, one.value) is not None]
    close(answered, "answered", actor, now)
    return len(answered)


def close(questions: Iterable[FeedQuestion], state: str, actor: Actor, now: datetime) -> None:
    for one in questions:
        one.state, one.decided_at, one.decided_by = state, now, actor.label[:254]


def ignore(db: Session, question_id: int, actor: Actor, now: datetime) -> FeedQuestion:
    """ "It is fine as it is": the question is not asked again. Raises as `get_open`."""
    question = get_open(db, question_id)
    close([question], "ignored", actor, now)
    _audit_ignored(db, question.dealership_id, [question], actor)
    return question


def ignore_all(
    db: Session, dealership_id: int, question_ids: Sequence[int], actor: Actor, now: datetime
) -> int:
    """The same for the questions that were shown; those closed meanwhile stay as they are."""
    query = select(FeedQuestion).where(
        FeedQuestion.id.in_(question_ids), FeedQuestion.state == "open"
    )
    found = db.scalars(query).all()
    close(found, "ignored", actor, now)
    if found:
        _audit_ignored(db, dealership_id, found, actor)
    return len(found)


def ask_again(db: Session, question_id: int, actor: Actor) -> FeedQuestion:
    """Opens an ignored question again. Raises NotFound; NotAllowed for one with an answer."""
    question = db.scalar(select(FeedQuestion).where(FeedQuestion.id == question_id))
    if question is None:
        raise NotFound("There is no such question.")
    if question.state == "answered":
        raise NotAllowed("A mapping rule answers this question. Change the rule instead.")
    question.state, question.decided_at, question.decided_by = "open", None, None
    audit.record(
        db, actor, "mapping.ask_again", f"{question.field} {question.value}".strip(),
        dealership_id=question.dealership_id,
    )  # fmt: skip
    return question


def _audit_ignored(
    db: Session, dealership_id: int, questions: Sequence[FeedQuestion], actor: Actor
) -> None:
    named: Mapping[str, Any] = {
        "questions": [f"{one.kind} {one.field} {one.value}".strip() for one in questions[:20]],
        "count": len(questions),
    }
    audit.record(
        db, actor, "mapping.ignore", "questions about the feed", named, dealership_id=dealership_id
    )
