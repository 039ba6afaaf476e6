"""Reports on paper: tagged, numbered, in any letters, and data stays data (row 200)."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from pypdf import PdfReader

from app.services import reports
from app.services.reports import Column, Report, Section

MADE = datetime(2026, 11, 21, 13, 30, tzinfo=UTC)
NAMES = ("Kateřina Žižková", "Łukasz Wąs", "Nguyễn Văn Đặng", "Ødegård & Sønner", "Ελένη Жукова")
MARKUP = '#panic() $x^2$ *b* _i_ `c` @ref <label> // \\ #import "x" [y] = z'


def report(*cells: str, **facts: Any) -> Report:
    columns = [Column("Record", 2), Column("Number", 1, is_number=True)]
    rows = [(cell, str(index)) for index, cell in enumerate(cells)]
    given: dict[str, Any] = {
        "title": "Data reconciliation",
        "dealership": "Žižková & synové",
        "made_at": MADE,
        "zone": "Australia/Sydney",
        "sections": [Section("Vehicles: only here", columns, rows)],
    }
    return Report(**given | facts)


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf), strict=True)


def text_of(reader: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_pages_carry_number_date_and_headings_and_data_stays_data() -> None:
    rows = [*NAMES, MARKUP, "first line\nsecond line", *(f"Row {index}" for index in range(90))]
    made = reports.pdf(
        report(*rows, totals=[("Differences", 1234)], about=["Only open ones"], notes=[MARKUP])
    )
    reader = read(made)
    pages = [" ".join(page.extract_text().split()) for page in reader.pages]
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Record Number" in page, "the heading of the table is on every page"
        assert "Žižková & synové" in page
        assert "22 November 2026, 00:30 AEDT" in page, "the day of the dealership, not of UTC"
    whole = text_of(reader)
    for said in (*NAMES, "Differences 1234", "Only open ones", "Row 89"):
        assert said in whole
    assert whole.replace(" ", "").count(MARKUP.replace(" ", "")) == 2


def test_it_is_tagged_for_screen_readers() -> None:
    made = reports.pdf(report("Kateřina"))
    root: Any = read(made).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en-AU"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    metadata = read(made).metadata
    assert metadata is not None
    assert metadata.title == "Data reconciliation, Žižková & synové"
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    kinds = tags(root["/StructTreeRoot"])
    assert {"/Document", "/H1", "/H2", "/Table", "/TR", "/TH", "/TD"} <= kinds


def tags(node: Any) -> set[str]:
    """The structure types below a node of the structure tree."""
    if isinstance(node, list):
        return set().union(*(tags(part.get_object()) for part in node))
    if not isinstance(node, dict):
        return set()
    return {str(node.get("/S"))} | tags(node.get("/K", []).get_object() if "/K" in node else [])


def test_no_letter_stops_the_report() -> None:
    """Letters without a picture become boxes; marks that turn or hide text are left out."""
    reader = read(reports.pdf(report("李小龙", "a\x07b\x00", "\u202egnip", "\ud800", "", "Łukasz")))
    root: Any = reader.trailer["/Root"]
    assert "ab 1 gnip 2" in text_of(reader)
    assert "Łukasz" in text_of(reader)
    assert root["/MarkInfo"]["/Marked"]


def test_a_printer_that_takes_too_long_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.reports.printed.LONGEST_S", 0.01)
    with pytest.raises(reports.PrintFailed, match="took too long"):
        reports.pdf(report("A row"))
