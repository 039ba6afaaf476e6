"""Lead settings: what may be typed, what is kept, what the audit says of it (row 168, C53)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import AuditEvent, Dealership, LeadPolicy
from app.services.errors import InputInvalid
from app.services.leads import policy, policy_edit
from app.services.sync.plan import Owner
from tests.factories import ACTOR, dealership

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
OWNERS = {"status_owner": "easycars", "field_owner": "local", "customer_owner": "ask"}
READING = {"reads_per_run": "10", "discovery_gap": "100", "discovery_calls": "500"}


@pytest.fixture
def place(app: Flask, context: None) -> Dealership:
    return dealership()


def save(place: Dealership, act: Callable[..., None], *given: Any) -> None:
    with unit_of_work(place.id) as db:
        act(db, place.id, *given, ACTOR, NOW)


def kept(place: Dealership) -> policy.Policies:
    with reading(place.id) as db:
        return policy.read(db)


def audited(place: Dealership) -> list[dict[str, Any]]:
    with reading(place.id) as db:
        query = select(AuditEvent).where(AuditEvent.action == "leads.policy")
        return [event.details for event in db.scalars(query.order_by(AuditEvent.id))]


@pytest.mark.both_databases
def test_each_form_saves_its_own_part(place: Dealership) -> None:
    save(place, policy_edit.save_owners, OWNERS)
    save(place, policy_edit.save_alarm, {"overdue_minutes": " 45 "})
    save(place, policy_edit.save_reading, READING | {"is_discovery_on": "1"})
    assert kept(place) == policy.Policies(
        status_owner="easycars", field_owner="local", customer_owner="ask",
        overdue_minutes=45, is_alarm_on=False,
        is_discovery_on=True, discovery_gap=100, discovery_calls=500, reads_per_run=10,
    )  # fmt: skip
    policies = kept(place)
    assert policies.owner("status") is Owner.EASYCARS
    assert policies.owner("rating") is Owner.LOCAL
    assert policies.customer("email") is Owner.ASK


def test_the_audit_tells_what_changed_only_and_nothing_twice(place: Dealership) -> None:
    for _ in range(2):
        save(place, policy_edit.save_owners, OWNERS)
    assert audited(place) == [
        {
            "before": {"status_owner": "ask", "field_owner": "ask"},
            "after": {"status_owner": "easycars", "field_owner": "local"},
        }
    ]


@pytest.mark.parametrize(
    ("act", "typed", "fields"),
    [
        (policy_edit.save_owners, OWNERS | {"status_owner": "locked"}, {"status_owner"}),
        (policy_edit.save_owners, {}, set(OWNERS)),
        (policy_edit.save_alarm, {"overdue_minutes": "4"}, {"overdue_minutes"}),
        (policy_edit.save_alarm, {"overdue_minutes": "10081"}, {"overdue_minutes"}),
        (policy_edit.save_alarm, {"overdue_minutes": "two hours"}, {"overdue_minutes"}),
        (policy_edit.save_reading, {"reads_per_run": "9"}, set(READING)),
        (policy_edit.save_reading, READING | {"reads_per_run": "2001"}, {"reads_per_run"}),
        (policy_edit.save_reading, READING | {"discovery_gap": "0"}, {"discovery_gap"}),
        (policy_edit.save_reading, READING | {"discovery_calls": "٣"}, {"discovery_calls"}),
    ],
)
def test_what_cannot_be_used_is_told_at_its_field(
    place: Dealership, act: Callable[..., None], typed: dict[str, str], fields: set[str]
) -> None:
    with pytest.raises(InputInvalid) as caught:
        save(place, act, typed)
    assert set(caught.value.fields) == fields
    assert kept(place) == policy.Policies()


def test_the_forms_key_is_new_each_time_and_not_in_the_audit(place: Dealership) -> None:
    save(place, policy_edit.switch_form, True)
    first = kept(place).form_key
    save(place, policy_edit.switch_form, True)
    assert kept(place).form_key == first, "opening twice keeps the address"
    save(place, policy_edit.renew_form)
    second = kept(place).form_key
    save(place, policy_edit.switch_form, False)
    assert kept(place).form_key is None
    save(place, policy_edit.switch_form, True)
    third = kept(place).form_key
    assert len({first, second, third, None}) == 4
    told = repr(audited(place))
    assert [str(key) in told for key in (first, second, third)] == [False] * 3
    assert audited(place)[2]["after"] == {"form_key": "off"}


def test_who_changed_it_last_is_known(place: Dealership) -> None:
    with reading(place.id) as db:
        assert policy_edit.changed_by(db) == (None, None)
    save(place, policy_edit.save_alarm, {"overdue_minutes": "45"})
    with reading(place.id) as db:
        assert db.scalars(select(LeadPolicy.changed_at)).one() == NOW
