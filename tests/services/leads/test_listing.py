"""The list of leads: tabs, filters, search, overdue, and what a lead waits for (C53, row 141)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db import reading
from app.models import Dealership, LeadPolicy
from app.services.leads import listing
from app.services.leads.listing import LeadFilter, LeadPage
from tests import factories
from tests.factories import _saved
from tests.factories_leads import customer, lead, message, sent_lead
from tests.factories_vehicles import NOON

pytestmark = pytest.mark.usefixtures("any_database", "context")
NOW = NOON + timedelta(hours=10)
FRESH = NOW - timedelta(minutes=5)


@pytest.fixture
def place(context: None) -> Dealership:
    return factories.dealership()


def page(place: Dealership, now: datetime = NOW, **wanted: Any) -> LeadPage:
    with reading(place.id) as session:
        return listing.page_of(session, LeadFilter(**wanted), now)


def names(found: LeadPage) -> list[str]:
    return [row.lead.customer.name for row in found.rows]


@pytest.fixture
def mixed(place: Dealership) -> Dealership:
    """Each lead is called after what it is; the last one is the newest."""

    def of(name: str, make: Any = lead, **values: Any) -> None:
        make(place, customer=customer(place, name=name), **values)

    of("Late", sync_state="waiting")
    of("Fresh", created_at=FRESH, sync_state="failed")
    of("Answered", sent_lead, responded_at=NOON, status="in_progress")
    of("Won", sent_lead, status="won")
    of("Deleted", sync_state="cannot_be_sent", status="deleted")
    lead(factories.dealership())
    return place


TABS = {
    "open": ["Answered", "Fresh", "Late"],
    "overdue": ["Late"],
    "unsent": ["Deleted", "Fresh", "Late"],
    "closed": ["Deleted", "Won"],
    "all": ["Deleted", "Won", "Answered", "Fresh", "Late"],
}


def test_each_tab_has_its_leads_newest_first_and_counts_them(mixed: Dealership) -> None:
    assert {tab: names(page(mixed, tab=tab)) for tab in listing.TABS} == TABS
    found = page(mixed, tab="closed")
    assert found.counts == {tab: len(leads) for tab, leads in TABS.items()}
    assert found.total == 2


def test_counts_of_all_tabs_follow_the_other_filters(mixed: Dealership) -> None:
    found = page(mixed, tab="closed", sync_state="sent")
    assert names(found) == ["Won"]
    assert found.counts == {"open": 1, "overdue": 0, "unsent": 0, "closed": 1, "all": 2}


@pytest.mark.parametrize(
    ("values", "is_overdue"),
    [
        ({"created_at": NOW - timedelta(minutes=121)}, True),
        ({"created_at": NOW - timedelta(minutes=119)}, False),
        ({"responded_at": NOON}, False),
        ({"status": "in_progress"}, False),
    ],
)
def test_overdue_is_new_without_response_and_too_old(
    place: Dealership, values: dict[str, Any], is_overdue: bool
) -> None:
    lead(place, **values)
    found = page(place)
    assert [row.is_overdue for row in found.rows] == [is_overdue]
    assert found.counts["overdue"] == int(is_overdue)
    assert len(page(place, is_overdue=True).rows) == int(is_overdue)
    assert len(page(place, is_overdue=False).rows) == int(not is_overdue)


def test_each_dealership_has_its_own_minutes(place: Dealership) -> None:
    lead(place, created_at=FRESH)
    _saved(LeadPolicy(dealership_id=place.id, overdue_minutes=4))
    assert page(place).counts["overdue"] == 1


@pytest.fixture
def known(place: Dealership) -> Dealership:
    anna = customer(place, name="Anna O'Brien", email="anna@harbour.example", mobile="0412 345 678")
    sent_lead(place, customer=anna, lead_number="000231", stock_number="B77", source="EasyCars")
    lead(place, customer=customer(place, name="Ben 50%", email=None, mobile="03 9000 1111"))
    return place


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"q": "anna"}, "Anna O'Brien"),
        ({"q": "o'brien HARBOUR"}, "Anna O'Brien"),
        ({"q": "anna ben"}, None),
        ({"q": "0412 345 678"}, "Anna O'Brien"),
        ({"q": "+61 412345678"}, "Anna O'Brien"),
        ({"q": "(03) 9000-1111"}, "Ben 50%"),
        ({"q": "000231"}, "Anna O'Brien"),
        ({"q": "b77"}, "Anna O'Brien"),
        ({"q": "50%"}, "Ben 50%"),
        ({"q": "_"}, None),
        ({"stock_number": "B77"}, "Anna O'Brien"),
        ({"stock_number": "B7"}, None),
        ({"source": "Web"}, "Ben 50%"),
        ({"sync_state": "sent"}, "Anna O'Brien"),
        ({"status": "won"}, None),
    ],
)
def test_filters_and_search(
    known: Dealership, wanted: dict[str, Any], expected: str | None
) -> None:
    assert names(page(known, **wanted)) == ([expected] if expected else [])


def test_pages_follow_each_other(place: Dealership) -> None:
    who = customer(place)
    ids = [lead(place, customer=who).id for _ in range(5)]
    with reading(place.id) as session:
        pages = [listing.page_of(session, LeadFilter(), NOW, at, 2) for at in (1, 2, 3)]
    shown = [[row.lead.id for row in one.rows] for one in pages]
    assert shown == [ids[4:2:-1], ids[2:0:-1], ids[:1]]
    ranges = [(one.first, one.last, one.has_more) for one in pages]
    assert ranges == [(1, 2, True), (3, 4, True), (5, 5, False)]


def test_who_stands_behind_another_waits_at_least_as_long(place: Dealership) -> None:
    first, second, alone = lead(place), lead(place), sent_lead(place)
    later = NOW + timedelta(seconds=40)
    message(first, attempts=3, next_try_at=later, last_error="EasyCars did not answer.")
    message(second, next_try_at=NOW)
    found = {row.lead.id: row.waiting for row in page(place).rows}
    assert found[alone.id] is None
    assert [found[one.id].attempts for one in (first, second)] == [3, 0]
    assert {found[one.id].next_try_at for one in (first, second)} == {later}
    assert {found[one.id].last_error for one in (first, second)} == {"EasyCars did not answer."}


def test_needing_counts_each_lead_once_and_not_what_goes_by_itself(mixed: Dealership) -> None:
    lead(mixed, sync_state="failed")
    lead(mixed, created_at=FRESH, sync_state="not_configured")
    with reading(mixed.id) as session:
        assert listing.needing(session, listing.deadline(session, NOW)) == len(
            ["Late", "Fresh", "Deleted", "failed and late"]
        )
