"""What the end of a run says about causes; a good run closes them by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import unit_of_work
from app.models import Vehicle
from app.models.types import utc_now
from app.services import held
from app.services.audit import Actor
from app.services.errors import CredentialsRejected
from app.services.problems import run_causes
from app.services.sync.opening import NUMBERS, SOME
from tests import factories, run_rows
from tests.services.problems.conftest import NOW, Yard
from tests.services.sync.memory import Yard as SyncYard

LATER = NOW + timedelta(minutes=5)
REFUSED = {"error_code": CredentialsRejected.code, "message": "EasyCars refused the account pair."}
SPOKE = {"response_summary": {"calls": [{"path": "x"}]}}


@pytest.mark.parametrize(
    ("code", "cause", "title", "leads_to"),
    [
        ("provider_unavailable", "stock-sync:provider_unavailable",
         "EasyCars did not answer the stock sync", "runs/{}"),
        ("provider_refused", "stock-sync:provider_refused",
         "EasyCars refused what the stock sync asked for", "settings/easycars"),
        ("internal_error", "stock-sync:internal_error",
         "The stock sync stopped because of a fault in Forecourt", "runs/{}"),
        ("heard_of_nowhere", "stock-sync:heard_of_nowhere", "The stock sync failed", "runs/{}"),
    ],
)  # fmt: skip
def test_a_failed_sync_opens_the_problem_of_its_cause(
    yard: Yard, code: str, cause: str, title: str, leads_to: str
) -> None:
    run = yard.ended("failed", error_code=code, message="It did not work.")
    [problem] = yard.open().values()
    assert (problem.cause, problem.title, problem.severity) == (cause, title, "danger")
    assert (problem.detail, problem.path) == ("It did not work.", leads_to.format(run.id))
    assert problem.next_step
    assert (problem.run_id, problem.records[0]["path"]) == (run.id, f"runs/{run.id}")
    assert len(yard.mails()) == 2
    yard.ended("success", LATER)
    assert yard.open() == {}
    assert "ended well" in (yard.every()[cause].resolution or "")


def test_only_what_looks_at_everything_says_something(yard: Yard) -> None:
    partial = (
        {"mode": "preview"}, {"mode": "undo"}, {"mode": "remap"}, {"scope": {SOME: ["S1"]}},
        {"stream": "leads", "scope": {NUMBERS: ["7"]}},
    )  # fmt: skip
    for values in partial:
        yard.ended("failed", error_code="timeout", **values)
    assert yard.every() == {}
    for stream in ("stock", "leads"):
        yard.ended("failed", error_code="timeout", stream=stream)
    for values in partial:
        yard.ended("success", **values)
    assert len(yard.open()) == 2, "what they could do does not prove that a sync can"


def test_neither_a_stop_nor_another_failure_closes_a_problem(yard: Yard) -> None:
    yard.ended("failed", error_code="timeout")
    yard.ended("cancelled")
    yard.ended("failed", error_code="internal_error")
    assert set(yard.open()) == {"stock-sync:timeout", "stock-sync:internal_error"}


def test_a_reconciliation_speaks_for_itself_and_for_the_credentials(yard: Yard) -> None:
    yard.ended("failed", error_code="timeout", mode="reconcile")
    yard.ended("failed", **REFUSED)
    assert set(yard.open()) == {"stock-reconcile:timeout", "easycars-refused"}
    assert yard.open()["stock-reconcile:timeout"].title.startswith("The reconciliation took")
    yard.ended("warning", mode="reconcile", failed=3, **SPOKE)
    assert yard.open() == {}, "what it counts are differences, not rows that cannot be used"


def test_one_stream_does_not_speak_for_the_other(yard: Yard) -> None:
    yard.ended("failed", error_code="timeout", stream="leads")
    yard.ended("success")
    assert set(yard.open()) == {"leads-sync:timeout"}


def test_an_hourly_sync_that_got_no_answer_once_is_no_danger_yet(yard: Yard) -> None:
    for severity, mails in (("warning", 0), ("danger", 2)):
        yard.ended("failed", error_code="provider_unavailable", stream="leads")
        [problem] = yard.open().values()
        assert (problem.severity, len(yard.mails())) == (severity, mails)


@pytest.mark.both_databases
def test_refused_credentials_are_one_problem_of_all_that_use_them(yard: Yard) -> None:
    yard.ended("failed", **REFUSED)
    run = yard.ended("failed", stream="leads", **REFUSED)
    with unit_of_work(yard.place.id) as db:
        run_causes.refused(db, run_causes.DELIVERIES, "Refused.", NOW)
    [problem] = yard.open().values()
    assert (problem.cause, problem.times, problem.affected) == ("easycars-refused", 3, 3)
    assert f"runs/{run.id}" in {one["path"] for one in problem.records}
    assert [one.recipient for one in yard.mails()] == ["admin@harbour.example"]
    yard.ended("success", **SPOKE)
    yard.ended("success", stream="leads")
    assert yard.open()["easycars-refused"].affected == 2, "a run without a call proves nothing"
    yard.ended("success", stream="leads", **SPOKE)
    with unit_of_work(yard.place.id) as db:
        run_causes.let_in(db, run_causes.DELIVERIES, LATER, "Leads were sent again.")
    assert yard.open() == {}


def test_rows_that_cannot_be_used_are_one_problem_until_a_sync_uses_them_all(yard: Yard) -> None:
    run = run_rows.run(yard.place, "warning", failed=22)
    for number in range(22):
        run_rows.item(run, f"X{number:02}", "refuse")
    with unit_of_work(yard.place.id) as db:
        run_causes.after_run(db, run.id, NOW)
    [problem] = yard.open().values()
    assert (problem.cause, problem.severity, problem.affected) == ("stock-rows", "warning", 22)
    assert problem.title == "22 vehicles of EasyCars could not be used"
    assert [one["label"] for one in problem.records[:2]] == ["Vehicle X00", "Vehicle X01"]
    assert (len(problem.records), problem.path) == (20, f"runs/{run.id}?tab=failed")
    yard.ended("success", LATER)
    assert yard.open() == {}


def test_a_real_sync_opens_and_closes_problems_in_its_last_transaction(yard: Yard) -> None:
    """The engine with its memory provider: what it holds waits, and goes when it was decided."""
    sync = SyncYard()
    here = Yard(sync.dealership)
    feed = [{"no": f"S{number}", "make": "Mazda", "price_cents": 2000000} for number in range(3)]
    sync.stream.feed = feed
    sync.sync()
    with unit_of_work(here.place.id) as db:
        db.scalars(select(Vehicle).where(Vehicle.stock_number == "S2")).one().make = "Toyota"
    sync.stream.feed = [feed[0] | {"price_cents": 1}, feed[1], feed[2] | {"make": "Honda"}]
    sync.sync()
    found = here.open()
    assert set(found) == {"held-changes", "conflicts"}
    assert found["conflicts"].title == "1 record changed here and in EasyCars"
    [named] = found["conflicts"].records
    assert (named["label"], named["path"].partition("/")[0]) == ("Vehicle S2", "review")
    problem = found["held-changes"]
    assert (problem.cause, problem.affected) == ("held-changes", 1)
    assert problem.title == "1 vehicle waits for your decision"
    assert here.mails() == [], "held changes have a mail of their own"
    now = utc_now()
    with unit_of_work(here.place.id) as db:
        waiting = held.waiting(db, now)
        assert waiting is not None
        held.keep(db, waiting.run.id, actor=Actor(None, "pat"), now=now)
    here.sweep(now)
    assert set(here.open()) == {"conflicts"}


def test_another_dealership_has_causes_of_its_own(yard: Yard) -> None:
    other = Yard(factories.dealership())
    yard.ended("failed", error_code="timeout")
    other.ended("failed", error_code="timeout")
    other.ended("success")
    assert (len(yard.open()), len(other.open())) == (1, 0)
