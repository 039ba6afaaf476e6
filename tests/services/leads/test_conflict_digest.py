"""New conflicts of leads: one digest of the run, or of the delivery, that met them (row 209)."""

from __future__ import annotations

import pytest

from app.models import Conflict, OutboxMessage, SyncRun
from tests import factories
from tests.services.leads.rig import Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]


MET_BY = {"run": "Lead sync", "delivery": "Lead delivery", "idle delivery": "Sending leads"}


@pytest.mark.parametrize("met_by", MET_BY)
def test_two_fields_of_one_lead_are_one_mail(desk: Desk, met_by: str) -> None:
    """A delivery that sends nothing is told as no run; its conflicts are told all the same."""
    factories.member(desk.place, "admin", "boss@example.com")
    lead = desk.save(rating="cold")
    desk.send()
    desk.read()
    desk.clock.pass_(60)
    desk.at_easycars("000001", Notes="Theirs", Rating=3)
    ours = {"message": "Ours", "rating": "warm"}
    desk.change(lead, **ours | ({"interest": "lease"} if met_by == "delivery" else {}))
    if met_by == "run":
        desk.read()
    else:
        desk.send()
    (told,) = digests(desk)
    assert told.recipient == "boss@example.com"
    assert "1 lead changed here and in EasyCars" in told.payload["subject"]
    assert told.payload["paragraphs"][0].startswith(MET_BY[met_by])
    (row,) = told.payload["rows"]
    assert sorted(row.split("(000001): ")[1].split(", ")) == ["Message", "Rating"]
    assert {conflict.run_id for conflict in desk.rows(Conflict)} == {told.run_id}
    assert [run.conflicts for run in desk.rows(SyncRun) if run.id == told.run_id] == (
        [] if met_by == "idle delivery" else [1]
    )
    desk.clock.pass_(60)
    desk.read()
    assert len(digests(desk)) == 1


def digests(desk: Desk) -> list[OutboxMessage]:
    return [mail for mail in desk.rows(OutboxMessage) if mail.key.startswith("conflicts:")]
