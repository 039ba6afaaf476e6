"""The one statement around every page says what each service says by itself, of one dealership."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.db import reading, unit_of_work
from app.models import Conflict, Dealership, DuplicatePair, FeedQuestion, LeadPolicy, Problem
from app.services import review, surroundings
from app.services.leads import listing
from app.services.problems import listing as problems
from tests import factories, factories_leads, factories_vehicles, run_rows

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("context")]
NOW = run_rows.START + timedelta(days=1)


def busy(minutes: int) -> Dealership:
    """A dealership where something of everything is open."""
    place = factories.dealership()
    first, second = (factories_vehicles.vehicle(place) for _ in range(2))
    link = factories_vehicles.link(first)
    run_rows.credential(place)
    run_rows.item(run_rows.run(place, held=1), "X1", "hold")
    run_rows.run(place, "running", stream="leads")
    factories_leads.lead(place, created_at=NOW - timedelta(minutes=60))
    at: dict[str, Any] = {"dealership_id": place.id}
    fed = at | {"provider": "easycars", "stream": "stock"}
    with unit_of_work(place.id) as db:
        db.add(LeadPolicy(**at, overdue_minutes=minutes))
        db.add(DuplicatePair(**at, first_id=first.id, second_id=second.id, score=90))
        db.add(FeedQuestion(**fed, kind="value", field="colour", value="WHTE"))
        for field in ("colour", "price_cents"):
            db.add(
                Conflict(
                    **fed, entity="vehicle", entity_id=first.id, link_id=link.id,
                    external_id="X1", field=field, remote="x",
                )
            )  # fmt: skip
        for cause, until in (("a", None), ("b", NOW), ("c", NOW + timedelta(hours=1))):
            db.add(
                Problem(
                    **at, cause=cause, severity="danger", title="t", detail="", next_step="",
                    path="leads", link="Leads", snoozed_until=until,
                )
            )  # fmt: skip
    return place


def test_it_counts_as_the_services_do_and_one_dealership_only() -> None:
    place, _other = busy(minutes=59), busy(minutes=59)
    with reading(place.id) as db:
        around = surroundings.read(db, NOW)
        assert surroundings.to_review(db, around, NOW) == review.waiting(db, NOW).total == 4
        assert around.problems == len(problems.pressing(db, NOW)) == 2
        due = listing.deadline(db, NOW)
        assert surroundings.leads_needing(db, around, NOW) == listing.needing(db, due) == 1
        assert (around.environment, around.conflicts, around.held) == ("Test", 1, 1)
        assert around.active_run is not None


def test_a_dealership_with_more_time_has_no_late_lead() -> None:
    place = busy(minutes=61)
    with reading(place.id) as db:
        assert surroundings.leads_needing(db, surroundings.read(db, NOW), NOW) == 0


def test_an_empty_dealership_has_nothing_around() -> None:
    with reading(factories.dealership().id) as db:
        around = surroundings.read(db, NOW)
        assert around == surroundings.Surroundings(0, 0, 0, 0, None, None, None, None)
        assert surroundings.to_review(db, around, NOW) == 0
        assert surroundings.leads_needing(db, around, NOW) == 0
