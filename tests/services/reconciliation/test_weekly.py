"""The weekly reconciliation: its schedule, its mail, and what is forgotten (row 199)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Dealership, Difference, OutboxMessage, Schedule, SyncRun
from app.parts import parts
from app.services import outbox_delivery
from app.services.errors import InputInvalid
from app.services.ports import Mail
from app.services.reconciliation import keeping, weekly
from app.services.reconciliation.weekly import Weekly
from app.services.sync import runs
from tests.factories import ACTOR, member
from tests.services.reconciliation.rig import Place

pytestmark = [pytest.mark.simulator]
# Sunday 22 November 2026, three o'clock in Sydney.
DUE = datetime(2026, 11, 21, 16, tzinfo=UTC)


@pytest.fixture
def sunday(place: Place) -> Place:
    """A week before it is due, the first tick has made the schedule; now it is due."""
    place.desk.clock.moment = DUE - timedelta(days=3)
    assert tick(place) == []
    place.desk.clock.moment = DUE
    return place


def tick(place: Place) -> list[int]:
    made = parts()
    with unit_of_work(ALL_DEALERSHIPS) as db:
        return weekly.start_due(
            db, settings=made.settings, queue=made.queue, clock=place.desk.clock
        )


def save(place: Place, **values: Any) -> Weekly:
    given = {"enabled": True, "weekday": 6, "hour": 3} | values
    with unit_of_work(place.id) as db:
        home = db.get_one(Dealership, place.id)
        return weekly.save(db, home, actor=ACTOR, clock=place.desk.clock, **given)


def mails(place: Place) -> list[OutboxMessage]:
    return [row for row in place.desk.rows(OutboxMessage) if row.kind == "mail"]


def test_it_starts_both_once_on_sunday_at_three(sunday: Place) -> None:
    started = tick(sunday)
    found = [run for run in sunday.desk.rows(SyncRun) if run.id in started]
    assert {(run.stream, run.mode, run.trigger) for run in found} == {
        ("stock", "reconcile", "schedule"), ("leads", "reconcile", "schedule"),
    }  # fmt: skip
    sunday.desk.clock.pass_(60)
    assert tick(sunday) == []
    assert {row.next_run_at for row in sunday.desk.rows(Schedule)} == {DUE + timedelta(days=7)}


def test_it_waits_for_a_sync_that_is_at_work(sunday: Place) -> None:
    with unit_of_work(sunday.id) as db:
        db.add(
            SyncRun(
                dealership_id=sunday.id, provider="easycars", stream="stock", trigger="schedule"
            )
        )
    assert len(tick(sunday)) == 1
    (sync,) = [run for run in sunday.desk.rows(SyncRun) if run.mode == "sync"]
    with unit_of_work(sunday.id) as db:
        runs.cancel(db, runs.get(db, sync.id), sunday.desk.clock)
    sunday.desk.clock.pass_(60)
    (late,) = tick(sunday)
    assert {run.id: run.stream for run in sunday.desk.rows(SyncRun)}[late] == "stock"


def test_it_has_a_switch_a_day_and_an_hour_of_its_own(sunday: Place) -> None:
    assert save(sunday, enabled=False).next_at is None
    assert tick(sunday) == []
    changed = save(sunday, weekday=0, hour=22)
    assert (changed.enabled, changed.weekday, changed.hour) == (True, 0, 22)
    assert changed.next_at == datetime(2026, 11, 23, 11, tzinfo=UTC)
    with pytest.raises(InputInvalid) as refused:
        save(sunday, weekday=7, hour=24)
    assert set(refused.value.fields) == {"weekday", "hour"}


def test_one_mail_says_what_was_found_and_none_when_nothing_was(sunday: Place) -> None:
    sunday.sync()
    member(sunday.desk.place, "operator", "olga@example.com")
    member(sunday.desk.place, "viewer", "vera@example.com")
    for run_id in tick(sunday):
        assert sunday.execute(run_id).status == "success"
    assert mails(sunday) == []
    for number in sunday.stock("add", count=2)["added"]:
        sunday.in_stock(number)
    sunday.desk.clock.moment = DUE + timedelta(days=7)
    for run_id in tick(sunday):
        sunday.execute(run_id)
    (mail,) = mails(sunday)
    assert mail.recipient == "olga@example.com"
    sent: list[Mail] = []
    ways = outbox_delivery.senders(_Keeping(sent), "https://forecourt.example")
    outbox_delivery.deliver_due(ways, sunday.desk.clock)
    assert "2 vehicles differ from EasyCars" in sent[0].subject
    assert "2 missing" in sent[0].text
    assert f"/d/{sunday.desk.place.slug}/reconciliation?stream=stock" in sent[0].text
    for row in sunday.standing():
        assert row.label in sent[0].text


class _Keeping:
    def __init__(self, sent: list[Mail]) -> None:
        self.sent = sent

    def send(self, mail: Mail) -> None:
        self.sent.append(mail)


def test_a_person_who_looks_gets_no_mail(place: Place) -> None:
    member(place.desk.place, "operator")
    assert place.reconcile().created == 12
    assert mails(place) == []


def test_resolved_differences_are_forgotten_after_ninety_days(place: Place) -> None:
    now = place.desk.clock.now()
    for age, status in ((91, "resolved"), (89, "resolved"), (91, "open")):
        _difference(place, f"{status} {age}", status, now - timedelta(days=age))
    with unit_of_work(ALL_DEALERSHIPS) as db:
        assert keeping.prune(db, now) == 1
    with reading(place.id):
        assert {row.record_key for row in place.desk.rows(Difference)} == {
            "resolved 89", "open 91",
        }  # fmt: skip


def _difference(place: Place, key: str, status: str, at: datetime) -> None:
    with unit_of_work(place.id) as db:
        db.add(
            Difference(
                dealership_id=place.id, stream="stock", kind="here_only", severity="missing",
                record_key=key, label=key, fingerprint="f", status=status, first_seen_at=at,
                resolved_at=at if status == "resolved" else None,
            )
        )  # fmt: skip
