"""Settings, sync: guards, ownership and padlocks (C3, C7, C18), as people without script use it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading
from app.models import AuditEvent, ExternalLink, SyncPolicy, Vehicle, VehicleEdit
from app.services import sync_policy
from app.services.sync.plan import Owner
from app.services.sync_policy import Policies
from tests.factories_vehicles import link, vehicle
from tests.routes.runs.conftest import World

pytestmark = pytest.mark.usefixtures("any_database")
GUARDS = {
    "removals_count": "5",
    "removals_percent": "50",
    "price_drop_percent": "10",
    "missing_runs": "3",
}


def policies(world: World) -> Policies:
    with world.app.app_context(), reading(world.place.id) as db:
        return sync_policy.read(db)


def rows(world: World, model: Any) -> list[Any]:
    with world.app.app_context(), reading(world.place.id) as db:
        return list(db.scalars(select(model)))


def test_guards_are_saved_shown_and_audited(world: World) -> None:
    client = world.client(world.admin)
    answer = client.post(world.url("settings/sync/guards"), data=GUARDS)
    assert answer.status_code == 303
    found = policies(world)
    assert (found.removals_count, found.removals_percent) == (5, 50)
    assert (found.price_drop_percent, found.missing_runs) == (10, 3)
    text = client.get(world.url("settings/sync")).text
    assert 'name="removals_percent" type="number" autocomplete="off" value="50"' in text
    assert f"by {world.admin.email}" in text
    (event,) = [one for one in rows(world, AuditEvent) if one.action == "guards.change"]
    assert event.details["before"]["removals_count"] == 10
    assert event.details["after"]["removals_count"] == 5


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("removals_count", "many"),
        ("removals_percent", "101"),
        ("price_drop_percent", "0"),
        ("missing_runs", "-1"),
        ("missing_runs", ""),
    ],
)
def test_a_wrong_limit_is_told_and_what_was_typed_stays(
    world: World, field: str, typed: str
) -> None:
    form = GUARDS | {field: typed}
    answer = world.client(world.admin).post(world.url("settings/sync/guards"), data=form)
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    assert (
        'name="removals_count" type="number" autocomplete="off" value="'
        + (form["removals_count"] + '"')
        in answer.text
    )
    assert rows(world, SyncPolicy) == []


def test_the_most_exact_owner_counts(world: World) -> None:
    client = world.client(world.admin)
    form = {
        "owner_default": "easycars",
        "owner_group_price": "local",
        "owner_field_special_price_cents": "ask",
        "owner_group_description": "locked",
    }
    assert client.post(world.url("settings/sync/ownership"), data=form).status_code == 303
    found = policies(world)
    assert found.owner("colour") is Owner.LOCAL
    assert "colour" in found.locked
    assert "price_cents" not in found.locked
    assert found.owner("price_cents") is Owner.LOCAL
    assert found.owner("special_price_cents") is Owner.ASK
    assert found.owner("vin") is Owner.EASYCARS
    text = client.get(world.url("settings/sync")).text
    assert "Single fields: 1 rule" in text
    assert '<option value="locked" selected>' in text


def test_an_unknown_rule_is_refused_and_the_choices_stay(world: World) -> None:
    form = {"owner_default": "local", "owner_group_price": "whoever"}
    answer = world.client(world.admin).post(world.url("settings/sync/ownership"), data=form)
    assert answer.status_code == 422
    assert '<option value="local" selected>' in answer.text
    assert rows(world, SyncPolicy) == []


@pytest.mark.parametrize("path", ["guards", "ownership", "unlock"])
def test_only_administrators_change_policies(world: World, path: str) -> None:
    answer = world.client(world.operator).post(world.url(f"settings/sync/{path}"), data=GUARDS)
    assert answer.status_code == 403


@pytest.fixture
def locked(world: World) -> list[Vehicle]:
    """Two vehicles with three locked fields between them; EasyCars wants other values."""
    with world.app.app_context():
        both = [
            vehicle(world.place, colour="Pink", locked_fields=["colour", "price_cents"]),
            vehicle(world.place, colour="Pink", locked_fields=["colour"]),
        ]
        for one in both:
            link(one, agreed={"colour": "Red", "price_cents": 1_000_000})
    return both


def test_all_locked_fields_are_counted_and_unlocked_with_their_values(
    world: World, locked: list[Vehicle]
) -> None:
    client = world.client(world.admin)
    page = client.get(world.url("settings/sync")).text
    assert "Unlock all 3 locked fields" in page
    assert "Unlock 2 fields" in page
    question = client.get(world.url("settings/sync/unlock")).text
    assert "3 locked fields on 2 vehicles" in question
    form = {"group": "", "expected": "3", "take": "easycars"}
    assert client.post(world.url("settings/sync/unlock"), data=form).status_code == 303
    found = rows(world, Vehicle)
    assert [one.locked_fields for one in found] == [[], []]
    assert [one.colour for one in found] == ["Red", "Red"]
    assert found[0].price_cents == 1_000_000
    assert [edit.kind for edit in rows(world, VehicleEdit)] == ["unlock", "unlock"]
    assert "No field of a vehicle has a padlock" in client.get(world.url("settings/sync")).text


def test_one_group_is_unlocked_and_ours_stays(world: World, locked: list[Vehicle]) -> None:
    client = world.client(world.admin)
    assert (
        "1 locked field of Price" in client.get(world.url("settings/sync/unlock?group=price")).text
    )
    form = {"group": "price", "expected": "1", "take": "mine"}
    client.post(world.url("settings/sync/unlock"), data=form)
    found = rows(world, Vehicle)
    assert [one.locked_fields for one in found] == [["colour"], ["colour"]]
    assert found[0].price_cents == 3_899_000
    assert rows(world, ExternalLink)[0].agreed["price_cents"] == 1_000_000


def test_another_number_than_the_shown_one_unlocks_nothing(
    world: World, locked: list[Vehicle]
) -> None:
    form = {"group": "", "expected": "2", "take": "easycars"}
    answer = world.client(world.admin).post(world.url("settings/sync/unlock"), data=form)
    assert answer.status_code == 422
    assert "2 locked fields were counted, now there are 3" in answer.text
    assert [one.colour for one in rows(world, Vehicle)] == ["Pink", "Pink"]


def test_an_unknown_group_is_not_found(world: World) -> None:
    answer = world.client(world.admin).get(world.url("settings/sync/unlock?group=wheels"))
    assert answer.status_code == 404
