"""Leads reconciled against the simulator over HTTP (rows 195, 197; T5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from app.db import unit_of_work
from app.models import Conflict, Difference, Lead, LeadEvent, LeadPolicy, SyncItem
from app.services.reconciliation import lead_acts, words
from tests.services.reconciliation.rig import Place

pytestmark = [pytest.mark.simulator]


@dataclass
class Known:
    """Three differences of every kind, and leads that both sides have alike."""

    alike: Lead
    newer: Lead
    both: Lead
    person: Lead
    hidden: Lead
    incomplete: Lead
    refused: Lead
    added: list[str]

    @property
    def expected(self) -> set[tuple[str, str, str]]:
        there = {("there_only", "missing", number) for number in self.added}
        here = {
            ("here_only", "missing", key)
            for key in (
                number(self.hidden), f"lead:{self.incomplete.id}", f"lead:{self.refused.id}"
            )
        }  # fmt: skip
        differing = {
            ("differing", "outdated", number(self.newer)),
            ("differing", "conflicting", number(self.both)),
            ("differing", "outdated", number(self.person)),
        }
        return there | here | differing


def number(lead: Lead) -> str:
    assert lead.lead_number is not None
    return lead.lead_number


def save(place: Place, who: str, **values: Any) -> Lead:
    return place.desk.save(name=who, email=f"{who}@example.com", mobile=None, **values)


@pytest.fixture
def known(place: Place) -> Known:
    desk = place.desk
    desk.simulator.scenario("status-readable", account=desk.account)
    with unit_of_work(place.id) as db:
        db.add(LeadPolicy(dealership_id=place.id, is_discovery_on=True, discovery_gap=2))
    sent = [save(place, who) for who in ("alike", "newer", "both", "person", "hidden")]
    desk.send()
    desk.read()
    alike, newer, both, person, hidden = (desk.get(lead) for lead in sent)
    desk.change(both, message="Ours")
    desk.at_easycars(number(both), Notes="Theirs")
    desk.send()
    incomplete = save(place, "incomplete", interest=None)
    desk.send()
    refused = save(place, "refused")
    desk.simulator.scenario("code-7", account=desk.account, endpoint="CreateLead")
    desk.send()
    desk.simulator.scenario("status-readable", account=desk.account)
    desk.at_easycars(number(newer), LeadStatus=30, Rating=3)
    desk.at_easycars(number(person), CustomerCity="Perth")
    desk.simulator.leads("hide", account=desk.account, lead_number=number(hidden))
    added = desk.simulator.leads("create", account=desk.account, count=3)["created"]
    return Known(alike, newer, both, person, hidden, incomplete, refused, added)


def found(place: Place) -> set[tuple[str, str, str]]:
    return {(row.kind, row.severity, row.record_key) for row in place.standing()}


def state_of_leads(place: Place) -> list[Any]:
    columns = [column.name for column in Lead.__table__.columns]
    leads = [[getattr(lead, name) for name in columns] for lead in place.desk.rows(Lead)]
    return [leads, len(place.desk.rows(LeadEvent)), len(place.desk.rows(Conflict))]


@pytest.mark.usefixtures("any_database")
def test_exactly_the_known_differences_are_named_and_nothing_is_changed(
    place: Place, known: Known
) -> None:
    before = state_of_leads(place)
    run = place.reconcile("leads")
    assert found(place) == known.expected
    assert (run.status, run.created, run.missing, run.updated) == ("success", 3, 3, 3)
    assert state_of_leads(place) == before
    assert [item for item in place.desk.rows(SyncItem) if item.run_id == run.id] == []
    newer = place.of(number(known.newer))
    told = {line.label: (line.here, line.there) for line in words.lines(newer)}
    assert told == {"Status": ("New", "In progress"), "Rating": ("", "Hot")}
    assert "Cannot be sent" in (place.of(f"lead:{known.incomplete.id}").note or "")


def test_what_is_taken_is_as_in_easycars_and_found_no_more(place: Place, known: Known) -> None:
    place.reconcile("leads")
    differing = [number(lead) for lead in (known.newer, known.both, known.person)]
    hidden = number(known.hidden)
    done = place.take(*differing, *known.added, hidden)
    assert (done.changed, done.skipped) == (6, {lead_acts.NOTHING_TO_TAKE: 1})
    here = place.desk.get(known.newer)
    assert (here.status, here.rating) == ("in_progress", "hot")
    assert place.desk.get(known.both).message == "Theirs"
    assert place.desk.customer(known.person).city == "Perth"
    assert {row.state for row in place.desk.rows(Conflict)} == {"resolved"}
    numbers = {lead.lead_number for lead in place.desk.rows(Lead)}
    assert set(known.added) < numbers
    taken = [row for row in place.desk.rows(Difference) if row.resolution == "taken"]
    assert {row.record_key for row in taken} == {*differing, *known.added}
    place.reconcile("leads")
    assert {kind for kind, _, _ in found(place)} == {"here_only"}
    assert not place.desk.waits()


def test_what_is_sent_is_as_here_and_found_no_more(place: Place, known: Known) -> None:
    place.reconcile("leads")
    both, refused = number(known.both), f"lead:{known.refused.id}"
    incomplete, hidden = f"lead:{known.incomplete.id}", number(known.hidden)
    done = place.push(both, refused, incomplete, hidden, known.added[0])
    assert done.changed == 2
    assert done.skipped == {
        lead_acts.INCOMPLETE: 1, lead_acts.NOT_SENT_TWICE: 1, lead_acts.NOT_HERE: 1,
    }  # fmt: skip
    assert place.of(both).resolution == place.of(refused).resolution == "pushed"
    place.desk.send()
    there = {lead["LeadNumber"]: lead for lead in place.desk.there()}
    assert there[both]["Notes"] == "Ours"
    assert number(place.desk.get(known.refused)) in there
    place.reconcile("leads")
    standing = {key for _, _, key in found(place)}
    assert standing & {both, refused, number(place.desk.get(known.refused))} == set()


def test_a_value_that_moved_since_is_left_alone(place: Place, known: Known) -> None:
    place.reconcile("leads")
    place.desk.change(known.newer, rating="warm")
    place.desk.send()
    done = place.take(number(known.newer))
    assert (done.changed, done.skipped) == (0, {lead_acts.MOVED: 1})
    assert place.desk.get(known.newer).rating == "warm"


def test_a_run_reads_as_many_leads_as_it_may_and_the_next_goes_on(place: Place) -> None:
    with unit_of_work(place.id) as db:
        db.add(LeadPolicy(dealership_id=place.id, reads_per_run=2))
    leads = [save(place, who) for who in ("one", "two", "three")]
    place.desk.send()
    numbers = [number(place.desk.get(lead)) for lead in leads]
    for lead in numbers:
        place.desk.at_easycars(lead, Notes="Theirs")
    first = place.reconcile("leads")
    assert {key for _, _, key in found(place)} == set(numbers[:2])
    assert "3 are known" in (first.message or "")
    place.reconcile("leads")
    assert {key for _, _, key in found(place)} == set(numbers)
