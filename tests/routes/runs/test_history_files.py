"""Files of the history and of a run, retry of what failed, the support bundle, days kept."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading
from app.models import AuditEvent, SyncRun
from tests import factories, factories_leads
from tests.reading import words
from tests.routes.runs.conftest import NotingQueue, World

CANARIES = ("Zebulon Quigley", "zeb.quigley@example.net", "0412 345 987", "+61 2 9876 1234")


def audited(world: World, action: str) -> list[AuditEvent]:
    with world.app.app_context(), reading(world.place.id) as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


def test_the_file_obeys_the_pages_filters_and_has_the_dealerships_day(world: World) -> None:
    evening = datetime(2026, 3, 4, 13, 30, tzinfo=UTC)  # 5 March in Sydney
    wanted = world.run("failed", created_at=evening)
    world.run("failed", created_at=datetime(2026, 3, 3, 1, tzinfo=UTC))
    world.run("success", created_at=evening)
    client = world.client(world.viewer)
    query = "status=failed&from=2026-03-05"
    page = client.get(world.url(f"history?{query}")).text
    assert f'href="{world.url("history.csv")}?from=2026-03-05&amp;status=failed"' in page
    answer = client.get(world.url(f"history.json?{query}"))
    assert [run["runId"] for run in json.loads(answer.text)["runs"]] == [wanted.id]
    name = answer.headers["Content-Disposition"]
    assert name == 'attachment; filename="history-harbour-2026-03-10.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    lines = client.get(world.url(f"history.csv?{query}")).text.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["\ufeffRun", str(wanted.id)]


def test_the_rows_of_a_run_as_files(world: World) -> None:
    run = world.run(updated=1)
    world.item(run, "A100", before={"colour": "Red"}, after={"colour": "Blue"})
    client = world.client(world.viewer)
    assert world.url(f"runs/{run.id}/rows.csv") in client.get(world.url(f"runs/{run.id}")).text
    lines = client.get(world.url(f"runs/{run.id}/rows.csv")).text.splitlines()
    assert lines[1] == "A100,Vehicle A100,update,Colour,Red,Blue,,"
    told = json.loads(client.get(world.url(f"runs/{run.id}/rows.json")).text)
    assert told["items"][0]["changes"] == [{"field": "colour", "before": "Red", "after": "Blue"}]


# -- Retry failed ----------------------------------------------------------------------------------


def test_the_button_starts_a_run_of_what_failed_only(world: World, queue: NotingQueue) -> None:
    run = world.run("warning", failed=2, updated=1)
    world.item(run, "A100", "refuse", reason="No VIN.")
    world.item(run, "(row 7)", "refuse", reason="No number.")
    assert "Retry failed" not in world.client(world.viewer).get(world.url(f"runs/{run.id}")).text
    client = world.client(world.operator)
    assert "Retry failed" in client.get(world.url(f"runs/{run.id}")).text
    answer = client.post(world.url(f"runs/{run.id}/retry-failed"))
    (started,) = queue.enqueued
    assert (answer.status_code, answer.location) == (303, world.url(f"runs/{started}"))
    with world.app.app_context(), reading(world.place.id) as session:
        again = session.get_one(SyncRun, started)
    assert (again.scope, again.parent_id, again.trigger) == (
        {"some": {"failed_of": run.id}}, run.id, "retry",
    )  # fmt: skip
    history = words(client.get(world.url("history")).text)
    assert f"Failed of run {run.id} again" in history
    # A second click leads to the run that works.
    answer = client.post(world.url(f"runs/{run.id}/retry-failed"))
    assert answer.location == world.url(f"runs/{started}")


@pytest.mark.parametrize(
    ("values", "rows", "why"),
    [
        ({"status": "running", "failed": 1}, ["A1"], "has not ended yet"),
        ({"mode": "preview", "failed": 1}, ["A1"], "Only what failed in a sync"),
        ({"failed": 0}, [], "No record failed"),
        ({"failed": 1}, ["(row 3)"], "have no number"),
    ],
)
def test_what_cannot_be_tried_again_says_why(
    world: World, queue: NotingQueue, values: dict[str, Any], rows: list[str], why: str
) -> None:
    run = world.run(**values)
    for row in rows:
        world.item(run, row, "refuse")
    with world.app.app_context():
        headers = factories.bearer(world.operator, world.place, ["sync:write"])
    address = f"/api/admin/easycars/sync/runs/{run.id}/retry"
    answer = world.app.test_client().post(address, headers=headers)
    assert (answer.status_code, answer.json["errorCode"]) == (409, "not_possible")
    assert why in answer.json["message"]
    assert queue.enqueued == []


def test_programs_retry_alike(world: World, queue: NotingQueue) -> None:
    run = world.run("warning", stream="leads", failed=1)
    world.item(run, "000231", "refuse")
    with world.app.app_context():
        headers = factories.bearer(world.operator, world.place, ["sync:write"])
    address = f"/api/admin/easycars/sync/runs/{run.id}/retry"
    answer = world.app.test_client().post(address, headers=headers)
    assert answer.status_code == 202
    assert (answer.json["runId"], answer.json["records"]) == (queue.enqueued[0], 1)


# -- The support bundle ----------------------------------------------------------------------------


@pytest.fixture
def leaky(world: World) -> Any:
    """A run of leads in which persons stand wherever they can."""
    name, mail, phone, landline = CANARIES
    with world.app.app_context():
        person = factories_leads.customer(world.place, name=name, email=mail, mobile=phone)
        lead = factories_leads.lead(world.place, customer=person)
    run = world.run(
        "warning", stream="leads", failed=1, updated=1, actor=mail,
        message=f"{name.upper()} could not be read.", error_details=f"Traceback for {name}",
        response_summary={"calls": [{"path": "/GetLeadDetail", "note": f"call {landline}"}]},
        scope={"numbers": ["000231"], "discarded_by": mail, "asked": {"account": "abc123def456"}},
    )  # fmt: skip
    world.item(
        run, "000231", "update", entity_id=lead.id, label=f"{name}, 2021 Mazda",
        before={"message": f"Ring {phone}", "rating": "cold", "mobile": landline, "odd": name},
        after={"message": name, "rating": "hot", "name": name, "email": mail},
        reason=f"Told by {name}, {phone}.", warnings=[{"field": "email", "text": mail}],
    )  # fmt: skip
    return run


def bundle(world: World, person: Any, run: Any) -> dict[str, str]:
    answer = world.client(person).post(world.url(f"runs/{run.id}/support"))
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    assert f"support-run-{run.id}-harbour-2026-03-10.zip" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


@pytest.mark.both_databases
def test_the_support_bundle_tells_much_and_names_nobody(world: World, leaky: Any) -> None:
    found = bundle(world, world.admin, leaky)
    whole = "\n".join(found.values())
    for canary in (*CANARIES, "ZEBULON", "Quigley", "abc123def456", "Traceback"):
        assert canary not in whole, canary
    assert set(found) == {
        "README.txt", "run.json", "calls.json", "items.jsonl", "settings.json", "counts.json",
        "versions.json",
    }  # fmt: skip
    item = json.loads(found["items.jsonl"])
    assert (item["externalId"], item["label"], item["reason"]) == (
        "000231", "[left out]", "Told by [name], [phone].",
    )  # fmt: skip
    assert item["after"] == {
        "message": "[left out]", "rating": "hot", "name": "[left out]", "email": "[left out]",
    }  # fmt: skip
    run = json.loads(found["run.json"])
    assert (run["summary"]["runId"], run["startedBy"]) == (leaky.id, "[mail]")
    assert json.loads(found["settings.json"])["connection"]["environment"] == "Test"
    assert json.loads(found["versions.json"])["migration"]
    assert json.loads(found["counts.json"])["itemsOfRun"] == {"update": 1}
    (event,) = audited(world, "support.bundle")
    assert event.details == {"runId": leaky.id}


def test_only_the_system_role_gets_the_trace_and_operators_get_no_bundle(
    world: World, leaky: Any
) -> None:
    with world.app.app_context():
        system = factories.user(is_system=True)
    trace = json.loads(bundle(world, system, leaky)["run.json"])["errorDetails"]
    assert trace == "Traceback for [name]"
    refused = world.client(world.operator).post(world.url(f"runs/{leaky.id}/support"))
    assert refused.status_code == 403
    page = world.client(world.operator).get(world.url(f"runs/{leaky.id}")).text
    assert "support-bundle" not in page
    assert len(audited(world, "support.bundle")) == 1


# -- How long runs are kept ------------------------------------------------------------------------


def test_days_are_set_by_an_admin_and_what_was_typed_stays(world: World) -> None:
    client = world.client(world.admin)
    page = words(client.get(world.url("settings/history")).text)
    assert "Nothing was cleared yet" in page
    assert "What stays, however old" in page
    wrong = client.post(world.url("settings/history"), data={"days": "7 weeks"})
    assert wrong.status_code == 422
    assert 'value="7 weeks"' in wrong.text
    assert "Enter whole days from 30 to 3650" in words(wrong.text)
    done = client.post(world.url("settings/history"), data={"days": " 365 "})
    assert done.location == world.url("settings/history")
    (event,) = audited(world, "history.keep")
    assert event.details == {"before": 90, "after": 365}
    world.run()
    assert "Syncs are kept for 365 days" in words(client.get(world.url("history")).text)
    assert world.client(world.operator).get(world.url("settings/history")).status_code == 403
