"""What the pages of trust have to show: conflicts, held rows, twins, rules, a preview."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.models import (
    Conflict,
    Dealership,
    DuplicatePair,
    MappingVersion,
    Photo,
    SyncItem,
    SyncRun,
    Vehicle,
    VehicleMerge,
)
from app.models.types import utc_now
from app.parts import parts
from app.services import duplicates, mapping_versions, sync_settings, vehicle_editing, vehicle_merge
from app.services.mapping import Rules
from app.services.vehicle_editing import Typed
from tests import factories_vehicles
from tests.e2e import kills
from tests.e2e.kills import ENDED
from tests.e2e.people import ACTOR, Place
from tests.e2e.stack import Stack

CENTS = 100


def trouble(stack: Stack, place: Place, account: str) -> None:
    """Edits here, changes there, twins and rules; the next sync meets them all."""
    with stack.app.app_context():
        with unit_of_work(place.id) as db:
            cars = list(db.scalars(select(Vehicle).where(Vehicle.price_cents > 0)))
            cars.sort(key=lambda car: car.id)
            conflict, held, coloured = (car.stock_number for car in cars[2:5])
            _edit(db, cars[2], keep=False)
            _edit(db, db.get_one(Vehicle, _own_photo(db)), keep=True)
            _rules(db, place)
        _twins(place)
    set_there = {conflict: {"Price": 1 + cars[2].price_cents // CENTS}, held: {"Price": 1}}
    set_there[coloured] = {"Colour": "Zanzibar Whimsy"}
    for number, fields in set_there.items():
        stack.simulator.stock("set", account=account, stock_number=number, fields=fields)


def _own_photo(db: Session) -> int:
    """Makes a photo one that was put in by hand; returns its vehicle."""
    photo = db.scalars(select(Photo).order_by(Photo.vehicle_id, Photo.id)).first()
    assert photo is not None
    photo.source_url = None
    return photo.vehicle_id


def _edit(db: Session, car: Vehicle, *, keep: bool) -> None:
    texts = {"short_description": "One owner, all books"}
    if not keep:
        texts = {"price_cents": str((car.price_cents or 0) // CENTS + 250)}
    typed = Typed(texts, keep=tuple(texts) if keep else ())
    vehicle_editing.change(db, car.id, typed, ACTOR, utc_now())


def _rules(db: Session, place: Place) -> None:
    rules = Rules(values={"colour": {"White": "Polar white"}})
    mapping_versions.save(db, place.id, rules, actor=ACTOR, now=utc_now(), note="For the shop")


def _twins(place: Place) -> None:
    """Two pairs: one is merged, one waits."""
    with unit_of_work(place.id) as db:
        dealership = db.get_one(Dealership, place.id)
    vins = ("MR0FZ29G001234567", "MR0FZ29G001234568")
    pairs = [
        [factories_vehicles.vehicle(dealership, vin=vin, source="Manual").id for _ in range(2)]
        for vin in vins
    ]
    with unit_of_work(place.id) as db:
        duplicates.find(db, place.id, utc_now())
        vehicle_merge.merge(db, *pairs[0], {}, actor=ACTOR, now=utc_now())


def afterwards(stack: Stack, place: Place) -> int:
    """A preview that stands, and a yard that was changed after it; returns the preview's id."""
    with stack.client(place.token) as client:
        asked = client.post("/api/admin/easycars/sync/stock", json={"preview": True})
        assert asked.status_code == 202, asked.text
    preview = int(asked.json()["runId"])
    kills.wait_for(stack, preview, lambda run: run.status in ENDED)
    with stack.app.app_context(), unit_of_work(place.id) as db:
        made = parts()
        sync_settings.set_yard(
            db, place.id, "NOWHERE", crypto=made.crypto, actor=ACTOR, clock=made.clock
        )
    return preview


def ids(place: Place) -> dict[str, Any]:
    """Which rows each of these pages shows, as `select` of one id."""
    run = SyncRun.__table__.c
    item = SyncItem.__table__.c
    doubtful = select(run.id).where(run.dealership_id == place.id, run.status == "warning")
    doubtful = doubtful.where(run.mode == "sync").scalar_subquery()
    return {
        "conflict_id": _of(place, Conflict),
        "item_id": select(item.id).where(
            item.run_id == doubtful, item.action == "update", item.entity_id.is_not(None)
        ),
        "pair_id": _of(place, DuplicatePair).where(DuplicatePair.__table__.c.state == "open"),
        "merge_id": _of(place, VehicleMerge),
        "version_number": select(MappingVersion.__table__.c.number).where(
            MappingVersion.__table__.c.dealership_id == place.id
        ),
        "photo_id": _own(place, Photo.__table__.c.id),
        "vehicle_id": _own(place, Photo.__table__.c.vehicle_id),
    }


def _own(place: Place, column: Any) -> Any:
    photo = Photo.__table__.c
    return select(column).where(photo.dealership_id == place.id, photo.source_url.is_(None))


def _of(place: Place, model: Any) -> Any:
    columns = model.__table__.c
    return select(columns.id).where(columns.dealership_id == place.id)
