"""Re-map: stored records through new rules, without a call, a removal or a needless write (C10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, MappingVersion, StreamState, SyncRun
from tests.services.sync.memory import Yard
from tests.services.sync.test_engine import car, row_versions
from tests.services.sync.test_preview import edit

pytestmark = [pytest.mark.both_databases]
WHITE = {"colour": {"WHTE": "White"}}


@pytest.fixture
def yard(app: Flask) -> Iterator[Yard]:
    with app.app_context():
        yield Yard(batch_size=10)


def rule(yard: Yard, **values: Any) -> None:
    with unit_of_work(yard.dealership.id) as db:
        number = len(db.scalars(select(MappingVersion.id)).all()) + 1
        rules = {"values": values, "title": None, "defaults": {}}
        db.add(MappingVersion(dealership_id=yard.dealership.id, number=number, rules=rules))


def remap(yard: Yard) -> SyncRun:
    """Nobody is asked: a feed that breaks breaks nothing here."""

    def unreachable(_start: int) -> None:
        raise AssertionError("EasyCars was asked")

    yard.stream.before_page = unreachable
    run = yard.execute(yard.open("remap"))
    yard.stream.before_page = lambda _start: None
    return run


def stock(yard: Yard) -> None:
    yard.stream.feed = [car(n, colour="WHTE" if n < 25 else "Red") for n in range(60)]
    yard.sync()


def test_new_rules_reach_what_is_stored(yard: Yard) -> None:
    stock(yard)
    rule(yard, **WHITE)
    run = remap(yard)
    assert (run.status, run.total, run.updated, run.unchanged) == ("success", 60, 25, 35)
    assert run.message == (
        "Read 60 vehicles again with the mapping rules: 25 updated, 35 unchanged."
    )
    assert yard.vehicles()["S1"].colour == "White"
    assert {item.action for item in yard.items(run)} == {"update"}
    assert yard.sync().unchanged == 60


def test_without_new_rules_no_row_moves(yard: Yard) -> None:
    stock(yard)
    before = row_versions(yard)
    run = remap(yard)
    assert (run.status, run.updated, run.unchanged) == ("success", 0, 60)
    assert run.message.endswith("nothing changed.")
    assert row_versions(yard) == before


def test_going_back_restores_the_received_values(yard: Yard) -> None:
    stock(yard)
    rule(yard, **WHITE)
    remap(yard)
    rule(yard)
    assert remap(yard).updated == 25
    assert yard.vehicles()["S1"].colour == "WHTE"


def test_an_edit_by_hand_stays(yard: Yard) -> None:
    stock(yard)
    edit(yard, "S1", colour="Pink")
    edit(yard, "S2", colour="Pink", locked_fields=["colour"])
    rule(yard, **WHITE)
    run = remap(yard)
    assert [yard.vehicles()[number].colour for number in ("S1", "S2")] == ["Pink", "Pink"]
    assert run.conflicts == 1


def test_a_missing_vehicle_stays_missing_and_comes_back_with_the_new_rules(yard: Yard) -> None:
    stock(yard)
    everything, yard.stream.feed = yard.stream.feed, yard.stream.feed[1:]
    yard.sync()
    rule(yard, **WHITE)
    run = remap(yard)
    assert (run.total, run.missing) == (59, 0)
    assert yard.vehicles()["S0"].lifecycle == "missing"
    assert yard.vehicles()["S0"].colour == "WHTE"
    yard.stream.feed = everything
    yard.sync()
    assert (yard.vehicles()["S0"].lifecycle, yard.vehicles()["S0"].colour) == ("listed", "White")


def test_a_remap_is_no_sync(yard: Yard) -> None:
    stock(yard)
    with reading(yard.dealership.id) as db:
        before = db.scalars(select(StreamState.last_success_at)).one()
        hashes = db.scalars(select(ExternalLink.content_hash).order_by(ExternalLink.id)).all()
    handed_over: list[int] = []
    yard.after_sync = handed_over.append
    rule(yard, **WHITE)
    remap(yard)
    with reading(yard.dealership.id) as db:
        assert db.scalars(select(StreamState.last_success_at)).one() == before
        links = db.scalars(select(ExternalLink.content_hash).order_by(ExternalLink.id)).all()
    assert links == hashes
    assert handed_over == []


def test_nothing_stored_is_said(yard: Yard) -> None:
    run = remap(yard)
    assert (run.status, run.total) == ("success", 0)
    assert run.message == "There are no stored records to read again yet."
