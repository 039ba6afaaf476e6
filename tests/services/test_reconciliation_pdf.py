"""What the reports of differences say (row 200), and the change list on paper (T6)."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from flask import Flask
from pypdf import PdfReader

from app.db import reading
from app.services import reconciliation_pdf, reports
from app.services.reconciliation.listing import Wanted
from tests import factories, run_rows
from tests.factories_differences import difference

NOW = datetime(2026, 11, 21, 13, 30, tzinfo=UTC)
LONG = {"description": {"here": "One owner. " * 5000, "there": ""}}


def test_totals_count_what_is_not_printed_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation_pdf, "MOST_ROWS", 2)
    with app.app_context():
        place = factories.dealership(timezone="Australia/Perth")
        run_rows.run(place, mode="reconcile", stream="leads")
        for kind in ("there_only", "here_only", "differing", "differing"):
            difference(place, kind, fields=LONG, first_seen_at=NOW)
        with reading(place.id) as session:
            told = reconciliation_pdf.report(session, place, Wanted(), ["Open"], NOW)
    assert dict(told.totals) == {
        "Differences": 4, "Only in EasyCars": 1, "Only here": 1, "Different": 2,
        "Missing": 2, "Outdated": 2, "Conflicting": 0,
    }  # fmt: skip
    assert any("The first 2 of 4 differences are printed." in note for note in told.notes)
    assert any("EasyCars has no list of leads" in note for note in told.notes)
    assert told.about[1:] == [
        "Vehicles last compared: never",
        "Leads last compared: 10 March 2026, 09:01 AWST",
    ]
    [printed] = told.sections
    assert printed.heading == "Vehicles: Different"
    assert len(printed.rows) == 2
    _record, severity, differs, first_seen = printed.rows[0]
    assert severity == "Outdated"
    assert differs.endswith("… here, Not given in EasyCars")
    assert len(differs) < 300
    assert first_seen == "21/11/2026"


def test_the_change_list_has_a_box_and_both_values_for_each_field(app: Flask) -> None:
    fields = {"colour": {"here": "Žlutá", "there": "Yellow"}, "make": {"here": "", "there": "BMW"}}
    with app.app_context():
        place = factories.dealership()
        difference(place, status="listed", label="Škoda Kodiaq", external_id="S9", fields=fields)
        difference(place, label="Still open")
        with reading(place.id) as session:
            told = reconciliation_pdf.change_list(session, place, NOW)
    text = " ".join(PdfReader(io.BytesIO(reports.pdf(told))).pages[0].extract_text().split())
    assert "S9, Škoda Kodiaq" in text
    assert "\u2610 Colour Yellow Žlutá" in text
    assert "\u2610 Make BMW Not given" in text
    assert "Still open" not in text
    assert dict(told.totals) == {"Records to change in EasyCars": 1}
