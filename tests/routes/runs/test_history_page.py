"""Sync History: columns, filters in the address, keyset pages, two kinds of empty (story 4.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from app.db import unit_of_work
from app.models import Vehicle
from app.routes import history as history_page
from app.services import history
from tests import factories_leads
from tests.reading import words
from tests.routes.runs.conftest import World, counted_queries


def shown(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"View Details of run (\d+)", text)]


def test_columns_and_newest_first(world: World) -> None:
    first, second = world.run(created=3), world.run("failed", stream="leads")
    text = world.client(world.viewer).get(world.url("history")).text
    for heading in ("Timestamp", "Type", "Direction", "Status", "Records", "Duration", "Actions"):
        assert f">{heading}</th>" in text
    assert shown(text) == [second.id, first.id]
    assert "Inbound" in text
    assert "Lead" in text


def test_nothing_yet_and_nothing_matches_are_told_apart(world: World) -> None:
    client = world.client(world.viewer)
    empty = client.get(world.url("history")).text
    assert "No syncs found" in empty
    assert world.url("sync/stock") in empty
    world.run("success")
    none = client.get(world.url("history?status=failed")).text
    assert "Nothing matches" in none
    assert "Clear filters" in none
    assert "No syncs found" not in none


def test_each_filter_lets_only_its_runs_through(world: World) -> None:
    days = [datetime(2026, 3, day, 1, tzinfo=UTC) for day in (1, 5, 9)]
    stock = world.run("success", created_at=days[0])
    failed = world.run("failed", created_at=days[1], trigger="schedule")
    leads = world.run("warning", created_at=days[2], stream="leads")
    client = world.client(world.viewer)
    cases = {
        "type=leads": [leads],
        "type=stock": [failed, stock],
        "status=failed": [failed],
        "trigger=schedule": [failed],
        "from=2026-03-05": [leads, failed],
        "to=2026-03-05": [failed, stock],
        "from=2026-03-02&to=2026-03-08": [failed],
        "status=nonsense&from=yesterday": [leads, failed, stock],
    }
    for query, expected in cases.items():
        found = shown(client.get(world.url(f"history?{query}")).text)
        assert found == [run.id for run in expected], query


def test_days_are_the_dealerships_own(world: World) -> None:
    evening = world.run(created_at=datetime(2026, 3, 4, 13, 30, tzinfo=UTC))  # 5 March, 00:30 AEDT
    client = world.client(world.viewer)
    assert shown(client.get(world.url("history?from=2026-03-05&to=2026-03-05")).text) == [
        evening.id
    ]
    assert shown(client.get(world.url("history?to=2026-03-04")).text) == []


@pytest.mark.both_databases
def test_a_record_finds_the_runs_that_touched_it(world: World) -> None:
    with world.app.app_context(), unit_of_work(world.place.id) as session:
        car = Vehicle(
            dealership_id=world.place.id, title="Car", stock_number="A100", vin="6T1BF3EK00X000001"
        )
        session.add(car)
    touched, other = world.run(), world.run()
    world.item(touched, "A100", entity_id=car.id)
    world.item(other, "B200")
    client = world.client(world.viewer)
    for query in ("A100", "a100", "6T1BF3EK00X000001", "6t1bf3ek00x000001", str(touched.id)):
        assert shown(client.get(world.url(f"history?q={query}")).text) == [touched.id], query
    assert shown(client.get(world.url("history?q=%00'--")).text) == []


@pytest.mark.both_databases
def test_a_lead_a_person_and_a_reference_find_their_runs(world: World) -> None:
    with world.app.app_context():
        person = factories_leads.customer(world.place, email="Robin@Example.com")
        lead = factories_leads.sent_lead(world.place, customer=person, lead_number="000777")
        factories_leads.sent_lead(world.place, lead_number="000778")
    read, sent = world.run(stream="leads"), world.run(stream="leads", direction="outbound")
    asked = world.run(request_id="ref-wanted-1")
    world.item(read, "000777", entity_id=lead.id)
    world.item(sent, f"lead-{lead.id}", entity_id=lead.id)
    world.item(asked, "A1", entity_id=lead.id)  # a vehicle with the same id
    client = world.client(world.viewer)
    cases = {
        "000777": [sent, read],
        "robin@example.COM": [sent, read],
        "ref-wanted-1": [asked],
        f"sync-{asked.id}-0": [asked],
        "nobody@example.com": [],
    }
    for query, expected in cases.items():
        found = shown(client.get(world.url("history"), query_string={"q": query}).text)
        assert found == [run.id for run in expected], query


def test_beyond_the_limit_nothing_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_COUNTED", 30)
    monkeypatch.setattr(history_page, "MOST_COUNTED", 30)
    runs = [world.run() for _ in range(60)]
    client = world.client(world.viewer)
    first = client.get(world.url("history")).text
    assert "1 to 25 of more than 30 syncs" in first
    assert "Filters, more than 30 syncs" in words(first)
    last = client.get(way(first, "Oldest")).text
    assert shown(last) == [run.id for run in runs[24::-1]]
    assert "25 of more than 30 syncs" in words(last)
    assert 'rel="next"' not in last
    before = client.get(way(last, "Newer")).text
    assert shown(before) == [run.id for run in runs[49:24:-1]]
    assert shown(client.get(way(before, "Newest")).text) == shown(first)


def way(page: str, name: str) -> str:
    """Where a button below the list leads."""
    found = re.search(rf'href="([^"]+)"[^>]*>((?!</a>).)*\b{name}<', page, re.DOTALL)
    assert found, name
    return found[1].replace("&amp;", "&")


def test_pages_keep_the_filters_and_say_where_one_is(world: World) -> None:
    runs = [world.run("success") for _ in range(30)]
    world.run("failed")
    client = world.client(world.viewer)
    page = client.get(world.url("history?status=success")).text
    assert "1 to 25 of 30 syncs" in page
    older = page.rpartition('rel="next">')[0].rpartition('href="')[2].partition('"')[0]
    page = client.get(older.replace("&amp;", "&")).text
    assert "26 to 30 of 30 syncs" in page
    assert shown(page) == [run.id for run in reversed(runs[:5])]
    newer = page.rpartition('rel="prev">')[0].rpartition('href="')[2].partition('"')[0]
    assert "1 to 25 of 30 syncs" in client.get(newer.replace("&amp;", "&")).text


def test_a_longer_history_asks_no_more_questions(world: World) -> None:
    world.run()
    client = world.client(world.viewer)
    client.get(world.url("history"))
    with counted_queries() as short:
        client.get(world.url("history"))
    for _ in range(30):
        world.run()
    with counted_queries() as long:
        client.get(world.url("history"))
    assert len(long) == len(short) <= 8


def test_a_stranger_sees_nothing(world: World) -> None:
    assert world.client(world.stranger).get(world.url("history")).status_code == 404
