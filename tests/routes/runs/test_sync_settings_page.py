"""Settings, sync: interval with preview, pause, yard, photos, zone; each audited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import AuditEvent, Dealership, EasyCarsCredential, Schedule
from app.parts import parts
from app.services import credentials
from app.services.audit import Actor
from app.services.credential_input import CredentialInput
from tests.routes.runs.conftest import NOW, World


def stored(world: World, model: Any) -> Any:
    with world.app.app_context(), reading(world.place.id) as db:
        if model is Dealership:
            return db.get(Dealership, world.place.id)
        return db.scalars(select(model)).first()


def audited(world: World, action: str) -> AuditEvent:
    with world.app.app_context(), reading(world.place.id) as db:
        return db.scalars(select(AuditEvent).where(AuditEvent.action == action)).one()


@pytest.mark.parametrize(
    ("form", "cron", "words"),
    [
        ({"interval": "hourly"}, "0 * * * *", "At the start of every hour"),
        ({"interval": "daily"}, "0 2 * * *", "At 02:00 every day"),
        ({"interval": "custom", "cron": " 30  5 * * 1-6"}, "30 5 * * 1-6", "05:30"),
    ],
)
def test_an_interval_is_saved_and_told_in_words(
    world: World, form: dict[str, str], cron: str, words: str
) -> None:
    client = world.client(world.admin)
    answer = client.post(world.url("settings/sync"), data={**form, "enabled": "1"})
    assert answer.status_code == 303
    schedule = stored(world, Schedule)
    assert (schedule.cron, schedule.enabled) == (cron, True)
    text = client.get(world.url("settings/sync")).text
    assert words in text
    assert f"by {world.admin.email}" in text
    assert audited(world, "schedule.changed").user_id == world.admin.id


def test_switching_off_is_saved_and_shown_on_the_sync_page(world: World) -> None:
    client = world.client(world.admin)
    client.post(world.url("settings/sync"), data={"interval": "daily"})
    assert stored(world, Schedule).enabled is False
    assert "Automatic sync is off." in client.get(world.url("sync/stock")).text


def test_the_preview_shows_the_next_three_times_in_the_dealerships_zone(world: World) -> None:
    client = world.client(world.admin)
    query = "settings/sync/preview?interval=custom&cron=30+5+*+*+*"
    part = client.get(world.url(query), headers={"HX-Request": "true"}).text
    # 10 March 2026, 13:00 in Sydney: the next ones are the 11th to the 13th at 05:30 AEDT.
    assert [f"{day} Mar, 05:30 AEDT" in part for day in (11, 12, 13)] == [True] * 3
    form = {"interval": "custom", "cron": "30 5 * * *", "enabled": "1", "do": "preview"}
    page = client.post(world.url("settings/sync"), data=form)
    assert page.status_code == 200
    assert "12 Mar, 05:30 AEDT" in page.text
    assert stored(world, Schedule) is None


@pytest.mark.parametrize("do", ["", "preview"])
def test_a_line_that_cannot_be_read_is_told_at_the_field(world: World, do: str) -> None:
    form = {"interval": "custom", "cron": "every tuesday", "enabled": "1", "do": do}
    answer = world.client(world.admin).post(world.url("settings/sync"), data=form)
    assert answer.status_code == 422
    assert 'href="#f-cron"' in answer.text
    assert 'value="every tuesday"' in answer.text
    assert "<title>Error: " in answer.text
    assert stored(world, Schedule) is None


def test_leads_have_a_schedule_of_their_own_on_the_same_page(world: World) -> None:
    client = world.client(world.admin)
    page = client.get(world.url("settings/sync")).text
    assert page.count('name="leads_interval" value="hourly" checked') == 1
    form = {"leads_interval": "custom", "leads_cron": "15 * * * *"}
    answer = client.post(world.url("settings/sync?stream=leads"), data=form)
    assert answer.location == world.url("settings/sync#leads-schedule")
    schedule = stored(world, Schedule)
    assert (schedule.stream, schedule.cron, schedule.enabled) == ("leads", "15 * * * *", False)
    page = client.get(world.url("settings/sync")).text
    assert "At minute 15 of every hour" in page
    assert "At 02:00 every day" in page, "the stock's schedule is untouched"
    assert "Automatic sync is off." in client.get(world.url("sync/leads")).text


def test_a_lead_schedule_that_cannot_be_read_keeps_what_was_typed(world: World) -> None:
    client = world.client(world.admin)
    form = {"leads_interval": "custom", "leads_cron": "often", "leads_enabled": "1"}
    answer = client.post(world.url("settings/sync?stream=leads"), data=form)
    assert answer.status_code == 422
    assert 'href="#f-leads_cron"' in answer.text
    assert 'value="often"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 1, "the stock's form has nothing wrong"
    assert stored(world, Schedule) is None
    query = "settings/sync/preview?stream=leads&leads_interval=custom&leads_cron=30+5+*+*+*"
    part = client.get(world.url(query), headers={"HX-Request": "true"}).text
    assert 'id="leads_schedule-preview"' in part
    assert "11 Mar, 05:30 AEDT" in part


def test_a_pause_has_reason_and_end_and_can_be_ended(world: World) -> None:
    client = world.client(world.admin)
    # 12:00 on 12 March in Sydney is 01:00 in UTC.
    form = {"until": "2026-03-12T12:00", "reason": "Stocktake"}
    assert client.post(world.url("settings/sync/pause"), data=form).status_code == 303
    assert stored(world, Schedule).paused_until.isoformat() == "2026-03-12T01:00:00+00:00"
    page = client.get(world.url("settings/sync")).text
    assert "Stocktake" in page
    assert "Go on now" in page
    client.post(world.url("settings/sync/resume"))
    assert stored(world, Schedule).paused_until is None
    assert audited(world, "schedule.resumed")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"until": "soon", "reason": "x"}, "f-until"),
        ({"until": "2020-01-01T10:00", "reason": "x"}, "f-until"),
        ({"until": "9999-12-31T23:59", "reason": " "}, "f-reason"),
    ],
)
def test_a_pause_without_end_or_reason_is_refused(
    world: World, form: dict[str, str], field: str
) -> None:
    answer = world.client(world.admin).post(world.url("settings/sync/pause"), data=form)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text


def test_the_yard_is_saved_with_a_warning_and_keeps_the_keys(bare: World) -> None:
    with bare.app.app_context(), unit_of_work(bare.place.id) as db:
        entered = CredentialInput.of(
            {"account_number": "EC114575", "account_secret": "invented", "environment": "Test"}
        )
        made = parts()
        credentials.save(db, bare.place.id, entered, made.crypto, Actor(None, "test"), made.clock)
    before = stored(bare, EasyCarsCredential)
    client = bare.client(bare.admin)
    page = client.get(bare.url("settings/sync")).text
    assert "asked what to do with the vehicles of other yards" in page
    client.post(bare.url("settings/sync/yard"), data={"yard_code": "B7"})
    after = stored(bare, EasyCarsCredential)
    assert after.yard_code == "B7"
    with bare.app.app_context():
        crypto = parts().crypto
        assert credentials.open_keys(after, crypto) == credentials.open_keys(before, crypto)
    assert audited(bare, "credentials.update").details["yardCode"] == "B7"
    client.post(bare.url("settings/sync/yard"), data={"yard_code": ""})
    assert stored(bare, EasyCarsCredential).yard_code is None


def test_a_yard_that_is_too_long_is_told_at_the_field(world: World) -> None:
    answer = world.client(world.admin).post(
        world.url("settings/sync/yard"), data={"yard_code": "x" * 51}
    )
    assert answer.status_code == 422
    assert 'href="#f-yard_code"' in answer.text


def test_photos_are_switched(world: World) -> None:
    client = world.client(world.admin)
    client.post(world.url("settings/sync/photos"), data={})
    assert stored(world, Dealership).settings["photos_enabled"] is False
    client.post(world.url("settings/sync/photos"), data={"photos": "1"})
    assert stored(world, Dealership).settings["photos_enabled"] is True


def test_a_new_zone_moves_the_next_run(world: World) -> None:
    client = world.client(world.admin)
    client.post(world.url("settings/sync"), data={"interval": "daily", "enabled": "1"})
    before = stored(world, Schedule).next_run_at
    client.post(world.url("settings/sync/timezone"), data={"timezone": "Australia/Perth"})
    assert stored(world, Schedule).next_run_at - before == timedelta(hours=3)
    answer = client.post(world.url("settings/sync/timezone"), data={"timezone": "Mars/Olympus"})
    assert answer.status_code == 422
    assert audited(world, "dealership.timezone").details == {
        "before": "Australia/Sydney", "after": "Australia/Perth",
    }  # fmt: skip
    assert before > NOW


def test_the_installations_switch_is_shown_when_it_is_off(world: World) -> None:
    from app.models import SystemSetting

    with world.app.app_context(), unit_of_work() as db:
        db.add(SystemSetting(key="auto_sync_enabled", value=False))
    client = world.client(world.admin)
    assert "Automatic sync is off everywhere" in client.get(world.url("settings/sync")).text
    assert "switched off for all dealerships" in client.get(world.url("sync/stock")).text


@pytest.mark.parametrize("path", ["", "/pause", "/resume", "/yard", "/photos", "/timezone"])
def test_only_administrators_change_it(world: World, path: str) -> None:
    assert world.client(world.operator).post(world.url(f"settings/sync{path}")).status_code == 403
