"""docs/pages.md shows every page there is, as scripts/screenshots.py makes it."""

from __future__ import annotations

from dataclasses import fields

import pytest
from flask import Flask
from PIL import Image

pytest.importorskip("playwright")

from scripts import page_sheets, screenshots
from scripts.screenshot_story import Found

# Parts of pages, files and answers for programs.
NO_PAGES = {
    "context.running", "dashboard.chart", "dashboard.live",
    "health.alive", "health.metrics", "health.ready",
    "history_export.rows_csv", "history_export.rows_json", "history_export.runs_csv",
    "history_export.runs_json", "leads.easycars", "mapping.title", "media.photo",
    "quality.export", "reconciliation.live", "reconciliation.short_address",
    "reconciliation_files.change_list", "reconciliation_files.csv", "reconciliation_files.pdf",
    "runs.card", "runs.parts_of", "static", "sync_leads.live", "sync_settings.preview",
    "sync_stock.live", "vehicles.export",
}  # fmt: skip
# The guides show the first; the others follow a decision and look like the page before it.
ELSEWHERE = {
    "auth.login", "customer_merge.ask_unmerge", "customer_merge.pair", "customer_merge.preview",
    "duplicates.ask_unmerge", "mapping.version", "public_form.show", "public_form.thanks",
    "quotations.one", "vehicle_bulk.result",
}  # fmt: skip
PLACES = {
    "run": "runs/1", "preview": "runs/2", "vehicle": "vehicles/1", "locked": "vehicles/2",
    "conflict": "review/conflicts/1", "pair": "duplicates/1", "lead": "leads/1",
    "difference": "reconciliation/1", "problem": "alerts/1", "customer": "customers/1",
    "photo": "vehicles/1/photos/1/remove", "item": "runs/1/items/1/undo",
    "person": "settings/people/1",
}  # fmt: skip


def test_every_page_of_the_route_table_has_a_sheet(app: Flask) -> None:
    found = Found(**PLACES)
    adapter = app.url_map.bind("localhost")
    shown = set()
    for sheet in page_sheets.SHEETS:
        address = sheet.at(found).partition("?")[0]
        shown.add(adapter.match(f"/d/demo/{address}" if sheet.is_below else address)[0])
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/api/")
    }
    assert pages - shown - NO_PAGES == ELSEWHERE
    assert {field.name for field in fields(Found)} == set(PLACES)


def test_the_document_and_its_pictures_are_as_the_script_makes_them() -> None:
    assert screenshots.DOCUMENT.read_text(encoding="utf-8") == page_sheets.document()
    there = {path.stem for path in screenshots.SHEETS.glob("*.webp")}
    assert there == {sheet.name for sheet in page_sheets.SHEETS}
    assert len(there) == len(page_sheets.SHEETS)


@pytest.mark.parametrize("name", ["dashboard", "all-dealerships"])
def test_a_sheet_holds_four_widths_twice(name: str) -> None:
    wide = sum(size[0] for size in screenshots.SIZES.values())
    gaps = (len(screenshots.SIZES) + 1) * page_sheets.GAP
    with Image.open(screenshots.SHEETS / f"{name}.webp") as sheet:
        assert sheet.width == round((wide + gaps) * page_sheets.SCALE)
        assert (
            sheet.height
            > 2 * max(size[1] for size in screenshots.SIZES.values()) * page_sheets.SCALE
        )
