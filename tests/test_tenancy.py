"""The wall between dealerships: every way to a row, with a scope, without one, and past it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import (
    bindparam,
    create_engine,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    union,
    update,
)
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from app.db import ALL_DEALERSHIPS, TenantScopeMissing, scope
from app.models import AuditEvent, Dealership, MediaObject, Photo, Vehicle

pytestmark = pytest.mark.both_databases
V, P = Vehicle.__table__, Photo.__table__


@dataclass
class Two:
    """Two dealerships with one vehicle, one photo and one audit event each."""

    engine: Any
    ours: int
    theirs: int
    our_vehicle: int
    their_vehicle: int

    def session(self, dealership: int | str | None) -> Session:
        session = Session(self.engine)
        if dealership is not None:
            scope(session, dealership)
        return session


@pytest.fixture
def two(database_url: str) -> Iterator[Two]:
    engine = create_engine(database_url)
    with Session(engine) as session, session.begin():
        scope(session, ALL_DEALERSHIPS)
        ids = [fill(session, slug) for slug in ("ours", "theirs")]
    yield Two(engine, ids[0][0], ids[1][0], ids[0][1], ids[1][1])
    engine.dispose()


def fill(session: Session, slug: str) -> tuple[int, int]:
    dealership = Dealership(slug=slug, name=slug)
    session.add(dealership)
    session.flush()
    vehicle = Vehicle(dealership_id=dealership.id, title=slug)
    session.add_all([vehicle, AuditEvent(dealership_id=dealership.id, actor="x", action=slug)])
    session.flush()
    session.add(Photo(dealership_id=dealership.id, vehicle_id=vehicle.id, source_url=slug))
    return dealership.id, vehicle.id


A = aliased(Vehicle)
ORM_READS: dict[str, Callable[[], Any]] = {
    "entity": lambda: select(Vehicle.title),
    "whole rows": lambda: select(Vehicle.title).select_from(Vehicle),
    "alias": lambda: select(A.title),
    "join by relation": lambda: select(Photo.source_url).join(Photo.vehicle),
    "join by relation of an alias": lambda: select(A.title).join(A.photos),
    "outer join from a shared table": lambda: (
        select(Vehicle.title)
        .select_from(Dealership)
        .outerjoin(Vehicle, Vehicle.dealership_id == Dealership.id)
        .where(Vehicle.id.is_not(None))
    ),
    "exists": lambda: select(Dealership.slug).where(
        exists().where(Vehicle.dealership_id == Dealership.id)
    ),
    "relation exists": lambda: select(Vehicle.title).where(Vehicle.photos.any()),
    "relation has": lambda: select(Photo.source_url).where(Photo.vehicle.has(Vehicle.id > 0)),
    "in subquery": lambda: select(Dealership.slug).where(
        Dealership.id.in_(select(Vehicle.dealership_id))
    ),
    "scalar subquery": lambda: select(select(func.max(Vehicle.title)).scalar_subquery()),
    "from subquery": lambda: select(select(Vehicle.title).subquery().c.title),
    "cte": lambda: select(select(Vehicle.title).cte().c.title),
    "union": lambda: union(select(Vehicle.title), select(Photo.source_url)),
    "own filter on everybody": lambda: select(Vehicle.title).where(Vehicle.dealership_id > 0),
    "aggregate": lambda: select(func.max(Vehicle.title)),
    "optional owner": lambda: select(AuditEvent.action),
}


@pytest.mark.parametrize("name", ORM_READS)
def test_orm_reads_see_only_their_dealership(two: Two, name: str) -> None:
    with two.session(two.ours) as session:
        assert set(session.scalars(ORM_READS[name]())) == {"ours"}
    with two.session(two.theirs) as session:  # the same statement, from the cache
        assert set(session.scalars(ORM_READS[name]())) == {"theirs"}


@pytest.mark.parametrize("name", ORM_READS)
def test_orm_reads_without_scope_raise(two: Two, name: str) -> None:
    with two.session(None) as session, pytest.raises(TenantScopeMissing, match="scope"):
        session.execute(ORM_READS[name]())


@pytest.mark.parametrize("name", ORM_READS)
def test_system_scope_sees_all(two: Two, name: str) -> None:
    expected = {"theirs"} if name in ("aggregate", "scalar subquery") else {"ours", "theirs"}
    with two.session(ALL_DEALERSHIPS) as session:
        assert set(session.scalars(ORM_READS[name]())) == expected


def test_scopes_that_alternate_never_mix(two: Two) -> None:
    """The trap: criteria made by a closure, kept in the statement cache with the first id."""
    statement = select(Vehicle.title)
    for dealership, title in [(two.ours, "ours"), (two.theirs, "theirs")] * 20:
        with two.session(dealership) as session:
            assert session.scalars(statement).all() == [title]
            assert session.scalars(select(Vehicle)).one().photos[0].source_url == title


def test_a_kept_core_statement_is_checked_at_every_call(two: Two) -> None:
    statement = select(V.c.title).where(V.c.dealership_id == bindparam("whose"))
    with two.session(two.ours) as session:
        for _ in range(2):
            assert session.scalars(statement, {"whose": two.ours}).all() == ["ours"]
            with pytest.raises(TenantScopeMissing, match="another dealership"):
                session.scalars(statement, {"whose": two.theirs})
    with two.session(two.theirs) as session:
        assert session.scalars(statement, {"whose": two.theirs}).all() == ["theirs"]


def test_get_finds_only_own_rows(two: Two) -> None:
    with two.session(two.ours) as session:
        assert session.get(Vehicle, two.our_vehicle) is not None
        assert session.get(Vehicle, two.their_vehicle) is None
    with two.session(None) as session, pytest.raises(TenantScopeMissing):
        session.get(Vehicle, two.our_vehicle)


def test_get_forgets_rows_when_the_scope_changes(two: Two) -> None:
    with two.session(two.theirs) as session:
        assert session.get(Vehicle, two.their_vehicle) is not None
        scope(session, two.ours)
        assert session.get(Vehicle, two.their_vehicle) is None
    with two.session(ALL_DEALERSHIPS) as session:
        session.scalars(select(Vehicle)).all()
        scope(session, two.ours)
        assert session.get(Vehicle, two.their_vehicle) is None


def test_scope_does_not_change_over_unsaved_rows(two: Two) -> None:
    with two.session(two.ours) as session:
        session.add(Vehicle(dealership_id=two.ours))
        with pytest.raises(TenantScopeMissing, match="unsaved"):
            scope(session, two.theirs)


@pytest.mark.parametrize("option", [None, joinedload, selectinload])
def test_relations_never_load_a_foreign_row(two: Two, option: Any) -> None:
    """Even where a row was linked to another dealership's by mistake."""
    with two.session(ALL_DEALERSHIPS) as session, session.begin():
        session.execute(update(Photo).values(vehicle_id=two.their_vehicle))
        strange = MediaObject(
            dealership_id=two.theirs, sha256="0", content_type="x", size=1, width=1, height=1
        )
        session.add(strange)
        session.flush()
        session.execute(update(Photo).values(media_id=strange.id))
    query = select(Photo).options(option(Photo.media), option(Photo.vehicle)) if option else None
    with two.session(two.ours) as session:
        photo = session.scalars(select(Photo) if query is None else query).unique().one()
        assert photo.vehicle is None
        assert photo.media is None


def test_relations_of_an_inserted_row_are_narrowed_too(two: Two) -> None:
    with two.session(two.ours) as session:
        photo = Photo(dealership_id=two.ours, vehicle_id=two.their_vehicle, source_url="new")
        session.add(photo)
        session.flush()
        assert photo.vehicle is None


ORM_WRITES: dict[str, Callable[[], Any]] = {
    "update": lambda: update(Vehicle).values(title="gone"),
    "delete": lambda: delete(Vehicle),
    "update by subquery": lambda: (
        update(Vehicle).where(Vehicle.id.in_(select(Photo.vehicle_id))).values(title="gone")
    ),
}


@pytest.mark.parametrize("name", ORM_WRITES)
def test_orm_bulk_writes_change_only_their_dealership(two: Two, name: str) -> None:
    with two.session(two.ours) as session, session.begin():
        session.execute(ORM_WRITES[name]())
    assert titles(two) - {"gone"} == {"theirs"}
    with two.session(None) as session, pytest.raises(TenantScopeMissing):
        session.execute(ORM_WRITES[name]())


def titles(two: Two) -> set[str]:
    with two.session(ALL_DEALERSHIPS) as session:
        return set(session.scalars(select(Vehicle.title)))


CORE_WITHOUT_DEALERSHIP: dict[str, Callable[[], Any]] = {
    "select": lambda: select(V),
    "select a column": lambda: select(V.c.title).where(V.c.id == 1),
    "count": lambda: select(func.count()).select_from(V),
    "alias": lambda: select(V.alias().c.title),
    "not equal is no tie": lambda: select(V.c.title).where(V.c.dealership_id != 1),
    "greater is no tie": lambda: select(V.c.title).where(V.c.dealership_id > 0),
    "two tables tied only to each other": lambda: select(V.c.title).where(
        V.c.dealership_id == P.c.dealership_id
    ),
    "one of two tables untied": lambda: (
        select(V.c.title, P.c.id).join(P, P.c.vehicle_id == V.c.id).where(V.c.dealership_id == 1)
    ),
    "update": lambda: update(V).values(title="gone"),
    "delete": lambda: delete(V),
    "inside an orm query": lambda: select(Vehicle.title).where(
        Vehicle.id.in_(select(P.c.vehicle_id))
    ),
    "same table inside an orm query": lambda: select(Vehicle.title).where(
        Vehicle.id.in_(select(V.c.id))
    ),
    "joined to an orm entity": lambda: select(Vehicle.title).join(P, P.c.vehicle_id == Vehicle.id),
    "insert from select": lambda: insert(V).from_select(["title"], select(P.c.source_url)),
    "text": lambda: text("SELECT title FROM vehicle"),
    "orm rows from text": lambda: select(Vehicle).from_statement(text("SELECT * FROM vehicle")),
    "optional owner": lambda: select(AuditEvent.__table__.c.action),
}


@pytest.mark.parametrize("name", CORE_WITHOUT_DEALERSHIP)
@pytest.mark.parametrize("scoped", [True, False])
def test_core_statements_must_name_the_dealership(two: Two, name: str, scoped: bool) -> None:
    with two.session(two.ours if scoped else None) as session, pytest.raises(TenantScopeMissing):
        session.execute(CORE_WITHOUT_DEALERSHIP[name]())


CORE_WITH_DEALERSHIP: dict[str, Callable[[int], Any]] = {
    "value": lambda d: select(V.c.title).where(V.c.dealership_id == d),
    "value first": lambda d: select(V.c.title).where(bindparam(None, d) == V.c.dealership_id),
    "list": lambda d: select(V.c.title).where(V.c.dealership_id.in_([d])),
    "through a join": lambda d: (
        select(V.c.title)
        .join(P, (P.c.vehicle_id == V.c.id) & (P.c.dealership_id == V.c.dealership_id))
        .where(P.c.dealership_id == d)
    ),
    "text": lambda d: text("SELECT title FROM vehicle WHERE dealership_id = :d").bindparams(d=d),
}


@pytest.mark.parametrize("name", CORE_WITH_DEALERSHIP)
@pytest.mark.parametrize("scoped", [True, False])
def test_core_statements_that_name_it_pass(two: Two, name: str, scoped: bool) -> None:
    with two.session(two.ours if scoped else None) as session:
        assert session.scalars(CORE_WITH_DEALERSHIP[name](two.ours)).all() == ["ours"]


@pytest.mark.parametrize("name", [name for name in CORE_WITH_DEALERSHIP if name != "text"])
def test_core_statements_cannot_name_another_one(two: Two, name: str) -> None:
    with two.session(two.ours) as session, pytest.raises(TenantScopeMissing, match="another"):
        session.execute(CORE_WITH_DEALERSHIP[name](two.theirs))


def test_values_sent_with_the_call_are_checked(two: Two) -> None:
    statement = select(V.c.title).where(V.c.dealership_id == bindparam("whose"))
    with two.session(two.ours) as session:
        assert session.scalars(statement, {"whose": two.ours}).all() == ["ours"]
        with pytest.raises(TenantScopeMissing, match="another"):
            session.execute(statement, {"whose": two.theirs})


def test_core_beside_a_narrowed_entity_is_tied_to_it(two: Two) -> None:
    statement = select(P.c.source_url).join(
        Vehicle, (P.c.vehicle_id == Vehicle.id) & (P.c.dealership_id == Vehicle.dealership_id)
    )
    with two.session(two.ours) as session:
        assert session.scalars(statement).all() == ["ours"]


INSERTS: dict[str, Callable[[Session, dict[str, Any]], Any]] = {
    "orm values": lambda s, row: s.execute(insert(Vehicle).values(**row)),
    "core values": lambda s, row: s.execute(insert(V).values(**row)),
    "many values": lambda s, row: s.execute(insert(V).values([row, row])),
    "rows with the call": lambda s, row: s.execute(insert(Vehicle), [row, row]),
    "unit of work": lambda s, row: (s.add(Vehicle(**row)), s.flush()),
}


@pytest.mark.parametrize("name", INSERTS)
def test_rows_of_another_dealership_are_not_inserted(two: Two, name: str) -> None:
    row = {"title": "planted", "source": "Manual", "lifecycle": "listed", "currency": "AUD"}
    with two.session(two.ours) as session, pytest.raises(TenantScopeMissing):
        INSERTS[name](session, row | {"dealership_id": two.theirs})
    assert "planted" not in titles(two)
    with two.session(two.ours) as session:
        INSERTS[name](session, row | {"dealership_id": two.ours})
        session.commit()
    assert "planted" in titles(two)


@pytest.mark.parametrize("act", ["change", "delete"])
def test_a_flush_leaves_foreign_rows_alone(two: Two, act: str) -> None:
    with two.session(ALL_DEALERSHIPS) as session:
        theirs = session.get_one(Vehicle, two.their_vehicle)
        session.expunge_all()
        scope(session, two.ours)
        session.add(theirs)
        if act == "delete":
            session.delete(theirs)
        else:
            theirs.title = "taken"
        with pytest.raises(TenantScopeMissing):
            session.flush()


def test_shared_tables_need_no_scope(two: Two) -> None:
    with two.session(None) as session:
        assert session.scalars(select(Dealership.slug).order_by(Dealership.slug)).all() == [
            "ours",
            "theirs",
        ]
        assert session.scalar(text("SELECT 1")) == 1
