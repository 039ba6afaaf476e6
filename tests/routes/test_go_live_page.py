"""The go-live checklist: states from real data, a person's word, sign-off (C67, B-2d.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.db import reading, unit_of_work
from app.models import AuditEvent, Dealership, GoLiveStep, OutboxMessage, Schedule, User
from app.models.types import utc_now
from app.services import duplicates, go_live
from tests import factories, run_rows
from tests.factories_vehicles import vehicle
from tests.reading import words

pytestmark = pytest.mark.usefixtures("any_database")
PAGE = "/d/harbour/go-live"
VIN = "MR0FZ29G001234567"


class SeparateClient(FlaskClient):
    """Each request has a context of its own, although the test around it holds one for its rows."""

    def open(self, *args: Any, **rest: Any) -> Any:
        return Context().run(super().open, *args, **{"buffered": True, **rest})


@pytest.fixture
def place(app: Flask) -> Iterator[Dealership]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield factories.dealership(slug="harbour", name="Harbour Motors")


@pytest.fixture
def person(place: Dealership) -> User:
    return factories.member(place, "admin", "anna@example.com")


@pytest.fixture
def admin(app: Flask, person: User) -> FlaskClient:
    return factories.sign_in(app.test_client(), person)


def states(place: Dealership, now: datetime | None = None) -> dict[str, str]:
    with reading(place.id) as session:
        found = go_live.checklist(session, session.get_one(Dealership, place.id), now or utc_now())
    return {step.key: step.state for step in found.steps}


def page(client: FlaskClient, path: str = PAGE, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    ids = re.findall(r'\sid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids)), "ids are unique"
    return answer.text


def schedule(place: Dealership, **values: Any) -> None:
    given = {"provider": "easycars", "stream": "stock", "cron": "0 2 * * *"} | values
    with unit_of_work(place.id) as session:
        session.add(Schedule(dealership_id=place.id, **given))


def imported(place: Dealership, **values: Any) -> Any:
    return run_rows.run(place, created=12, total=12, **values)


def everything_done(place: Dealership) -> Any:
    run_rows.credential(place, test_passed=True)
    schedule(place)
    return imported(place)


def test_a_new_dealership_begins_with_its_credentials(place: Dealership, person: User) -> None:
    assert states(place) == {
        "connect": "todo",
        "preview": "waiting",
        "approve": "waiting",
        "duplicates": "waiting",
        "schedule": "todo",
        "notify": "todo",
    }


def test_each_step_follows_from_the_data(place: Dealership, person: User) -> None:
    run_rows.credential(place, test_passed=False)
    assert states(place)["connect"] == "todo"
    with unit_of_work(place.id) as session:
        session.execute(
            update(run_rows.EasyCarsCredential).values(test_passed=True, tested_at=utc_now())
        )
    assert (states(place)["connect"], states(place)["preview"]) == ("done", "todo")
    run_rows.run(place, "failed", mode="preview", created=12)
    run_rows.run(place, mode="preview", created=0)
    assert states(place)["preview"] == "todo", "a preview that failed or saw nothing shows nothing"
    run_rows.run(place, mode="preview", created=12)
    assert (states(place)["preview"], states(place)["approve"]) == ("done", "todo")
    run_rows.run(place, "failed", created=3)
    assert states(place)["approve"] == "todo"
    imported(place)
    assert (states(place)["approve"], states(place)["duplicates"]) == ("done", "done")
    schedule(place)
    assert states(place)["schedule"] == "done"


def test_held_changes_of_the_import_are_to_decide(place: Dealership, person: User) -> None:
    now = utc_now()
    run = imported(place, status="warning", held=1, created_at=now - timedelta(minutes=5))
    item = run_rows.item(run, "S1", "hold", after={"price_cents": 0})
    assert states(place, now)["approve"] == "todo"
    with unit_of_work(place.id) as session:
        session.merge(item).decision = "kept"
    assert states(place, now)["approve"] == "done"


def test_duplicates_are_decided_or_looked_at(
    place: Dealership, person: User, admin: FlaskClient
) -> None:
    imported(place)
    for _ in range(2):
        vehicle(place, vin=VIN)
    with unit_of_work(place.id) as session:
        duplicates.find(session, place.id, utc_now())
    assert states(place)["duplicates"] == "todo"
    assert "1 pair of vehicles may be the same car" in words(page(admin))
    admin.post(f"{PAGE}/confirm", data={"step": "duplicates"})
    assert states(place)["duplicates"] == "done"
    assert "Looked at by anna@example.com; 1 still open." in words(page(admin))


def test_a_schedule_is_on_or_off_on_purpose(
    place: Dealership, person: User, admin: FlaskClient
) -> None:
    schedule(place, enabled=False)
    assert states(place)["schedule"] == "todo"
    admin.post(f"{PAGE}/confirm", data={"step": "schedule"})
    assert states(place)["schedule"] == "done"
    with unit_of_work(place.id) as session:
        pause = {"enabled": True, "paused_until": utc_now() + timedelta(days=1)}
        session.execute(update(Schedule).values(**pause, pause_reason="Refused three times"))
    assert states(place)["schedule"] == "todo"
    assert "Paused: Refused three times" in words(page(admin))


def test_a_test_mail_goes_to_who_asks(place: Dealership, person: User, admin: FlaskClient) -> None:
    admin.post(f"{PAGE}/test-mail")
    with reading(place.id) as session:
        mail = session.scalar(select(OutboxMessage))
    assert (mail.recipient, mail.kind, mail.state) == ("anna@example.com", "mail", "waiting")
    assert "Harbour Motors" in mail.payload["subject"]
    assert states(place)["notify"] == "todo"
    assert "is on its way" in words(page(admin))
    with unit_of_work(place.id) as session:
        session.execute(update(OutboxMessage).values(state="sent", sent_at=utc_now()))
    assert states(place)["notify"] == "done"


def test_a_step_is_skipped_for_a_reason_only(
    place: Dealership, person: User, admin: FlaskClient
) -> None:
    answer = admin.post(f"{PAGE}/skip", data={"step": "notify", "reason": "  "})
    assert answer.status_code == 422
    assert "Say why this step is skipped." in answer.text
    assert 'href="#f-reason-notify"' in answer.text
    admin.post(f"{PAGE}/skip", data={"step": "notify", "reason": "We <b>call</b>"})
    assert states(place)["notify"] == "skipped"
    html = page(admin)
    assert "Skipped by anna@example.com: We &lt;b&gt;call&lt;/b&gt;" in html
    admin.post(f"{PAGE}/reopen", data={"step": "notify"})
    assert states(place)["notify"] == "todo"
    admin.post(f"{PAGE}/skip", data={"step": "connect", "reason": "No"})
    assert states(place)["connect"] == "todo", "nothing can be signed without it"
    assert admin.post(f"{PAGE}/skip", data={"step": "x", "reason": "y"}).status_code == 404


def test_signing_off_needs_every_step_and_names_person_date_and_run(
    place: Dealership, person: User, admin: FlaskClient
) -> None:
    run = everything_done(place)
    admin.post(f"{PAGE}/sign-off")
    assert "cannot go live yet: check who gets mail first" in words(page(admin))
    admin.post(f"{PAGE}/confirm", data={"step": "notify"})
    dashboard = page(admin, "/d/harbour/")
    assert 'id="go-live"' in dashboard
    assert "All 6 steps are done. Sign off to go live." in words(dashboard)
    admin.post(f"{PAGE}/sign-off")
    with reading(place.id) as session:
        row = session.scalar(select(GoLiveStep).where(GoLiveStep.step == "signed_off"))
        actions = list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))
    assert (row.run_id, row.user_id, row.actor) == (run.id, person.id, "anna@example.com")
    assert abs(row.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert actions == ["go_live.confirm", "go_live.sign_off"]
    text = words(page(admin))
    assert f"Signed off by anna@example.com for run {run.id}." in text
    dashboard = page(admin, "/d/harbour/")
    assert 'id="go-live"' not in dashboard
    assert f'href="{PAGE}"' not in dashboard, "it leaves the navigation"
    admin.post(f"{PAGE}/reopen", data={"step": "signed_off"})
    assert f'href="{PAGE}"' in page(admin, "/d/harbour/")


def test_others_see_where_it_stands_and_decide_nothing(
    app: Flask, place: Dealership, person: User
) -> None:
    client = factories.sign_in(app.test_client(), factories.member(place, "operator"))
    html = page(client)
    assert "0 of 6 steps done. Next: connect EasyCars." in words(html)
    assert "This needs the role admin." in html
    assert "Skip this step" not in html
    for act in ("skip", "confirm", "reopen", "sign-off", "test-mail"):
        assert client.post(f"{PAGE}/{act}").status_code == 403
