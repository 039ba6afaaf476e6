"""Merged customers and EasyCars: nothing goes to and fro, later leads go to the kept one."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.db import unit_of_work
from app.models import CustomerMerge, ExternalLink, Lead
from app.services.leads import customer_merge, customer_unmerge
from tests.factories import ACTOR
from tests.services.leads.rig import Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]


@pytest.fixture
def merged(desk: Desk) -> tuple[Lead, Lead, CustomerMerge]:
    """Mei under two addresses, both at EasyCars, merged here with a value of the other one."""
    first = desk.save(name="Mei Khan", email="mei@work.example", mobile=None)
    desk.send()
    other = desk.save(name="Mei A. Khan", email="mei@home.example", mobile=None)
    desk.send()
    desk.read()
    with unit_of_work(desk.place.id) as db:
        record = customer_merge.merge(
            db, first.customer_id, other.customer_id, {"name": "merged"}, actor=ACTOR,
            means=desk.means,
        )  # fmt: skip
    return first, other, record


def names(desk: Desk) -> list[str]:
    found = desk.simulator.leads(account=desk.account)["customers"]
    return [row["Name"] for row in found]


def test_syncs_settle_after_a_merge_and_after_an_unmerge(
    desk: Desk, merged: tuple[Lead, Lead, CustomerMerge]
) -> None:
    first, other, record = merged
    desk.send()
    assert names(desk) == ["Mei A. Khan", "Mei A. Khan"]
    for _ in range(2):
        run = desk.read()
        desk.send()
        assert (run.conflicts, run.updated, desk.waits()) == (0, 0, False)
    assert desk.get(other).customer_id == first.customer_id
    with unit_of_work(desk.place.id) as db:
        customer_unmerge.unmerge(db, record.id, actor=ACTOR, means=desk.means)
    desk.send()
    assert names(desk) == ["Mei Khan", "Mei A. Khan"]
    run = desk.read()
    assert (run.conflicts, run.updated, desk.waits()) == (0, 0, False)
    assert desk.get(other).customer_id == other.customer_id


def test_a_new_lead_of_the_merged_number_goes_to_the_kept_customer(
    desk: Desk, merged: tuple[Lead, Lead, CustomerMerge]
) -> None:
    """The merged one's number stays with it; what EasyCars says of it changes nobody."""
    first, other, _ = merged
    (number,) = desk.simulator.leads("create", account=desk.account)["created"]
    theirs = desk.there()[-1]["CustomerNo"]
    with unit_of_work(desk.place.id) as db:
        link = db.scalars(
            select(ExternalLink).where(
                ExternalLink.entity == "customer", ExternalLink.entity_id == other.customer_id
            )
        ).one()
        link.external_id = theirs
    run = desk.read(numbers=[number])
    new = desk.rows(Lead)[-1]
    assert (run.created, new.lead_number, new.customer_id) == (1, number, first.customer_id)
    assert desk.customer(new).name == "Mei A. Khan"
