"""Data Reconciliation: list, acts on one and on many, change list, files (rows 192-200)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Dealership, Difference, SyncRun
from app.models.types import utc_now
from tests import factories, run_rows
from tests.factories_differences import difference, unsaved
from tests.factories_vehicles import vehicle
from tests.reading import words
from tests.routes.test_vehicles import SeparateClient

pytestmark = pytest.mark.usefixtures("any_database")
LIST = "/d/harbour/reconciliation"


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour", name="Žižková & synové")


@pytest.fixture
def browser(in_app: Flask, place: Dealership) -> FlaskClient:
    return person_of(in_app, place, "operator")


def person_of(app: Flask, place: Dealership, role: str) -> FlaskClient:
    return factories.sign_in(app.test_client(), factories.member(place, role))


def page(client: FlaskClient, path: str = "", status: int = 200) -> str:
    answer = client.get(LIST + path)
    assert answer.status_code == status, answer.text
    return answer.text


def sent(client: FlaskClient, path: str, status: int = 303, **form: Any) -> Any:
    answer = client.post(LIST + path, data=form)
    assert answer.status_code == status, words(answer.text)
    return answer


def statuses(place: Dealership) -> dict[str, str]:
    with reading(place.id) as session:
        found = session.execute(select(Difference.label, Difference.status))
        return {row.label: row.status for row in found}


def some_of_everything(place: Dealership) -> None:
    difference(place, "there_only", label="Only there")
    difference(place, "here_only", label="Only here at hand", external_id=None, record_key="v:1")
    difference(place, label="Plainly other", fields={"colour": {"here": "Red", "there": "Blue"}})
    difference(place, label="Disputed", severity="conflicting", external_id="S77_%")
    difference(place, stream="leads", label="Nguyễn Văn Đặng")
    difference(place, status="ignored", label="Left alone", reason="Sold to the trade")


# What the address asks for → which of them the list and the file show.
FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({}, {"Only there", "Only here at hand", "Plainly other", "Disputed", "Nguyễn Văn Đặng"}),
    ({"stream": "leads"}, {"Nguyễn Văn Đặng"}),
    ({"kind": "there_only"}, {"Only there"}),
    ({"kind": "here_only", "stream": "stock"}, {"Only here at hand"}),
    ({"severity": "conflicting"}, {"Disputed"}),
    ({"q": "s77_%"}, {"Disputed"}),
    ({"q": "nguyễn"}, {"Nguyễn Văn Đặng"}),
    ({"status": "ignored"}, {"Left alone"}),
    ({"status": "resolved"}, set()),
    (
        {"kind": "nonsense", "status": "\0", "severity": "missing"},
        {"Only there", "Only here at hand"},
    ),
]


def test_filters_are_in_the_address_and_in_the_files(
    browser: FlaskClient, place: Dealership
) -> None:
    some_of_everything(place)
    labels = set(statuses(place))
    for asked, shown in FILTERS:
        query = f"?{urlencode(asked)}"
        text = words(page(browser, query))
        rows = list(csv.reader(io.StringIO(browser.get(f"{LIST}.csv{query}").text)))
        assert {row[6] for row in rows[1:]} == shown, asked
        assert {label for label in labels if label in text} == shown, asked


def test_the_list_tells_kind_severity_numbers_and_what_leads_lack(
    browser: FlaskClient, place: Dealership
) -> None:
    some_of_everything(place)
    run_rows.credential(place)
    run_rows.run(place, mode="reconcile")
    html = page(browser)
    text = words(html)
    assert "5 open differences between here and EasyCars" in text
    for said in (
        "Open 5 ", "Ignored 1 ", "2 missing", "2 outdated", "1 conflicting", "Only in EasyCars",
        "Red here, Blue in EasyCars", "EasyCars has no list of leads", "Next weekly run",
    ):  # fmt: skip
        assert said in text, said
    for tile, number in re.findall(r'href="([^"]+)"><span class="fc-stat-value">(\d+)', html):
        listed = words(browser.get(tile.replace("&amp;", "&")).text)
        assert f"Filters, {number} difference" in listed, tile


@pytest.mark.parametrize(
    ("made", "compared", "query", "kind"),
    [
        (0, False, "", "nothing-yet"),
        (0, True, "", "all-done"),
        (1, True, "?q=nobody-is-called-so", "no-match"),
        (1, True, "", None),
    ],
)
def test_empty_states(
    browser: FlaskClient, place: Dealership, made: int, compared: bool, query: str, kind: str | None
) -> None:
    for _ in range(made):
        difference(place)
    if compared:
        run_rows.run(place, mode="reconcile")
    found = re.findall(r'data-empty="([a-z-]+)"', page(browser, query))
    assert found == ([kind] if kind else [])


def test_pages_go_on_by_key(browser: FlaskClient, place: Dealership) -> None:
    with unit_of_work(place.id) as session:
        session.add_all(unsaved(place, label=f"Number {number:02}") for number in range(51))
    first = page(browser)
    assert "50 of 51 differences" in words(first)
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    second = browser.get(older[1]).text
    assert "Number 00" in second
    assert "Number 01" not in second
    newer = re.search(r'href="([^"]+)" rel="prev"', second)
    assert newer is not None
    assert "Number 50" in browser.get(newer[1]).text


def test_ignoring_asks_why_and_can_be_undone(browser: FlaskClient, place: Dealership) -> None:
    row = difference(place, label="Trade car")
    refused = sent(browser, f"/{row.id}", 422, act="ignore", reason="  ").text
    assert "Say why, so that others know." in words(refused)
    assert statuses(place) == {"Trade car": "open"}
    answer = sent(browser, f"/{row.id}", act="ignore", reason="Sold <b>", kind="differing")
    assert answer.location == f"{LIST}?kind=differing"
    told = page(browser, "?kind=differing")
    assert f'form="undo-form" formaction="{LIST}/{row.id}"' in told
    assert statuses(place) == {"Trade car": "ignored"}
    assert "Reason: Sold &lt;b&gt;" in page(browser, "?status=ignored")
    sent(browser, f"/{row.id}", act="reopen")
    assert statuses(place) == {"Trade car": "open"}


def test_what_easycars_cannot_do_stays_in_sight_with_the_way_round(
    browser: FlaskClient, place: Dealership
) -> None:
    car = vehicle(place)
    row = difference(place, entity_id=car.id, label="Hilux", external_id="S9")
    html = page(browser, f"/{row.id}")
    push = re.search(rf'<button[^>]*id="push-{row.id}"[^>]*>', html)
    assert push is not None
    assert "disabled" in push[0]
    assert "EasyCars takes no vehicles from other programs" in words(html)
    assert f'href="/d/harbour/vehicles/{car.id}"' in html
    sent(browser, f"/{row.id}", act="list", back="one")
    listed = words(page(browser, "/change-list"))
    assert "1 record to change in EasyCars by hand" in listed
    assert "Hilux S9" in listed
    assert "$13,490 $12,990" in listed, "what EasyCars has now, then what is to be entered"
    lead = difference(place, stream="leads")
    assert "Choose what to do" in sent(browser, f"/{lead.id}", 422, act="list").text


def test_what_easycars_shows_is_ticked_off_the_change_list(
    browser: FlaskClient, place: Dealership
) -> None:
    shown = {"status": "resolved", "resolution": "shown", "resolved_at": utc_now()}
    difference(place, label="Entered at last", **shown)
    text = words(page(browser, "/change-list"))
    assert "Nothing is to be entered" in text
    assert "Entered in the last 7 days" in text
    assert "Entered at last" in text


def test_many_are_asked_with_numbers_and_done_exactly(
    browser: FlaskClient, place: Dealership
) -> None:
    some_of_everything(place)
    asked = {"action": "ignore", "select": "all", "expected": "4", "stream": "stock"}
    question = page(browser, f"/decide?{urlencode(asked)}")
    assert "Ignore 4 differences" in words(question)
    assert "All 4 differences that match: Open, Vehicles." in words(question)
    difference(place, label="Came meanwhile")
    moved = sent(browser, "/decide", 409, **asked, reason="All known")
    assert "4 differences were counted, now it is 5" in words(moved.text)
    assert "All known" in moved.text
    assert set(statuses(place).values()) == {"open", "ignored"}
    sent(browser, "/decide", 303, **asked | {"expected": "5"}, reason="All known")
    assert [name for name, is_ in statuses(place).items() if is_ == "open"] == ["Nguyễn Văn Đặng"]


def test_what_is_not_possible_is_counted_before(browser: FlaskClient, place: Dealership) -> None:
    one, other = difference(place, label="A"), difference(place, label="B", status="listed")
    ticked = f"select=ticked&id={one.id}&id={other.id}"
    text = words(page(browser, f"/decide?action=push&{ticked}"))
    assert "Push 1 difference to EasyCars" in text
    assert "Not possible for 1 of 2: It is on the change list already." in text
    for query, said in (
        ("action=take&select=ticked", "No difference is chosen"),
        (f"action=nonsense&{ticked}", "Choose what to do"),
        ("action=take&select=all&expected=x", "The selection cannot be read"),
    ):
        assert said in words(page(browser, f"/decide?{query}")), query


def test_a_viewer_reads_and_acts_on_nothing(in_app: Flask, place: Dealership) -> None:
    viewer = person_of(in_app, place, "viewer")
    row = difference(place, label="Seen")
    for path in ("", f"/{row.id}", "/change-list"):
        html = page(viewer, path)
        assert 'name="act" value="ignore"' not in html
        assert "bulk-form" not in html
    for path in ("", "/decide", f"/{row.id}", "/weekly"):
        sent(viewer, path, 403)
    assert statuses(place) == {"Seen": "open"}


def test_the_button_starts_both_comparisons(browser: FlaskClient, place: Dealership) -> None:
    assert "EasyCars is not connected." in words(page(browser))
    run_rows.credential(place)
    assert browser.get("/d/harbour/reconcile").location == LIST
    sent(browser, "")
    with reading(place.id) as session:
        runs = [(run.stream, run.mode, run.status) for run in session.scalars(select(SyncRun))]
    assert sorted(runs) == [("leads", "reconcile", "queued"), ("stock", "reconcile", "queued")]
    html = page(browser)
    assert html.count('data-testid="run-card"') == 2
    assert "A comparison is running" in words(html)
    version = re.search(r'data-version="(\w+)"', html)
    assert version is not None
    assert browser.get(f"{LIST}/live?seen={version[1]}").status_code == 204
    assert browser.get(f"{LIST}/live?seen=other&listed=old").text.count("Show it as it is now") == 1


def test_the_weekly_run_is_set_by_administrators(in_app: Flask, place: Dealership) -> None:
    admin = person_of(in_app, place, "admin")
    wrong = sent(admin, "/weekly", 422, enabled="1", weekday="9", hour="5").text
    assert 'id="f-weekday-error"' in wrong
    assert '<option value="5" selected>05:00' in wrong
    sent(admin, "/weekly", enabled="1", weekday="2", hour="5")
    assert "It runs every Wednesday at 05:00" in words(page(admin))
    sent(admin, "/weekly", weekday="2", hour="5")
    assert "The weekly run is off." in words(page(admin))
    operator = person_of(in_app, place, "operator")
    sent(operator, "/weekly", 403, weekday="2", hour="5")


def test_the_file_holds_no_formula(browser: FlaskClient, place: Dealership) -> None:
    nasty = "=HYPERLINK(1)"
    fields = {"colour": {"here": "@SUM", "there": "+1"}, "model": {"here": "-1", "there": "ok"}}
    difference(place, label=nasty, external_id="\tS1", fields=fields, note="=1")
    answer = browser.get(f"{LIST}.csv")
    assert answer.text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 3, "a line for each field"
    for cell in (cell for row in rows[1:] for cell in row):
        assert not cell.startswith(("=", "+", "-", "@", "\t")), cell


def test_the_pdf_holds_the_filtered_list_and_its_totals(
    browser: FlaskClient, place: Dealership
) -> None:
    some_of_everything(place)
    answer = browser.get(f"{LIST}.pdf?stream=stock")
    assert answer.content_type == "application/pdf"
    pages = PdfReader(io.BytesIO(answer.data)).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    for said in (
        "Data reconciliation", "Žižková & synové", "Open, Vehicles", "Differences 4", "Missing 2",
        "Conflicting 1", "Vehicles: Only in EasyCars", "Colour: Red here, Blue in EasyCars",
        "Vehicles last compared: never", "Page 1 of 1",
    ):  # fmt: skip
        assert said in text, said
    assert "Nguyễn" not in text
    listed = PdfReader(io.BytesIO(browser.get(f"{LIST}/change-list.pdf").data))
    assert "Nothing is on the change list." in listed.pages[0].extract_text()
