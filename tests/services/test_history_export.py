"""The history as files: filters, formulas, two clocks, flat memory (row 187, T18)."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from app.db import unit_of_work
from app.models import Dealership, SyncItem
from app.services import history_export
from app.services.history import Filters
from app.services.history_export import Place
from tests import factories, run_rows

BEGAN = datetime(2026, 10, 3, 16, 30, tzinfo=UTC)  # 4 October in Sydney, after summer time began


@pytest.fixture
def dealer(any_database: str, context: None) -> Dealership:
    return factories.dealership("Harbour", "harbour")


@pytest.fixture
def place(dealer: Dealership) -> Place:
    return Place(dealer.id, dealer.slug, ZoneInfo("Australia/Sydney"))


def table(lines: Any) -> list[dict[str, str]]:
    text = "".join(lines)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_runs_in_both_times_and_without_formulas(
    dealer: Dealership, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_export, "AT_ONCE", 2)
    wanted = [
        run_rows.run(dealer, created_at=BEGAN, message="=HYPERLINK(1)", failed=3, actor="@cmd")
        for _ in range(5)
    ]
    run_rows.run(dealer, "failed", created_at=BEGAN)
    rows = table(history_export.runs_csv(place, Filters(status="success")))
    assert [int(row["Run"]) for row in rows] == [run.id for run in reversed(wanted)]
    first = rows[0]
    assert first["Began (Australia/Sydney)"] == "2026-10-04 03:30:00"
    assert first["Began (UTC)"] == "2026-10-03T16:30:00Z"
    assert (first["Message"], first["Failed"], first["Duration (s)"]) == (
        "'=HYPERLINK(1)", "3", "60.0",
    )  # fmt: skip
    told = json.loads("".join(history_export.runs_json(place, Filters(status="success"), BEGAN)))
    assert [row["runId"] for row in told["runs"]] == [run.id for run in reversed(wanted)]
    assert told["runs"][0]["startedAtLocal"] == "2026-10-04T03:30:00+11:00"
    assert told["runs"][0]["message"] == "=HYPERLINK(1)"
    nothing = json.loads("".join(history_export.runs_json(place, Filters(stream="leads"), BEGAN)))
    assert (nothing["runs"], nothing["timeZone"]) == ([], "Australia/Sydney")


def test_records_with_before_and_after(dealer: Dealership, place: Place) -> None:
    run = run_rows.run(dealer)
    before = {"price_cents": 2_499_000, "odometer": -5, "colour": "Red"}
    after = {"price_cents": 2_350_050, "odometer": 90_000, "colour": "+Blue"}
    run_rows.item(run, "-A100", before=before, after=after, label="=1+1")
    run_rows.item(run, "A101", "refuse", reason="@no VIN", warnings=[{"text": "odd"}])
    rows = table(history_export.items_csv(place, run))
    assert {row["Field"]: (row["Before"], row["After"]) for row in rows} == {
        "Price": ("24990.00", "23500.50"),
        "Odometer": ("-5", "90000"),
        "Colour": ("Red", "'+Blue"),
        "": ("", ""),
    }
    assert {(row["Record"], row["Name"]) for row in rows[:3]} == {("'-A100", "'=1+1")}
    assert (rows[3]["Reason"], rows[3]["Warnings"]) == ("'@no VIN", "odd")
    told = json.loads("".join(history_export.items_json(place, run, BEGAN)))
    assert told["run"]["runId"] == run.id
    price = {"field": "price_cents", "before": 2_499_000, "after": 2_350_050}
    assert price in told["items"][0]["changes"]


def test_memory_stays_flat_however_many_records(
    context: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_export, "AT_ONCE", 100)
    dealer = factories.dealership()
    place, run = Place(dealer.id, dealer.slug, ZoneInfo("UTC")), run_rows.run(dealer)
    fixed = {"dealership_id": dealer.id, "run_id": run.id, "action": "update", "label": "A car"}
    change = {"before": {"colour": "Red"}, "after": {"colour": "Blue"}}
    with unit_of_work(dealer.id) as session:
        rows = [fixed | change | {"external_id": f"S{number}"} for number in range(2500)]
        session.execute(insert(SyncItem.__table__), rows)
    del rows
    parts = history_export.items_csv(place, run)
    tracemalloc.start()
    sent = sum(len(next(parts)) for _ in range(5))
    _, early = tracemalloc.get_traced_memory()
    sent += sum(map(len, parts))
    _, whole = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent > 2500 * 20
    assert whole < 1.3 * early
