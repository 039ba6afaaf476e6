"""Syncs over JSON (contract §4, rows 299 to 302, 316)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factories, run_rows
from tests.routes.runs.conftest import NOW, NotingQueue, World, counted_queries
from tests.routes.runs.test_preview_page import preview_of

ROOT = "/api/admin/easycars/sync"
SUMMARY = {
    "runId", "kind", "mode", "status", "created", "updated", "unchanged", "failed", "held",
    "missing", "conflicts", "photosKept", "photosNew", "photosFailed", "durationMs", "startedAt",
    "completedAt", "message",
}  # fmt: skip


def bearer(world: World, *scopes: str) -> dict[str, str]:
    with world.app.app_context():
        return factories.bearer(world.admin, world.place, scopes or ("sync:read", "sync:write"))


def test_a_start_is_accepted_at_once(world: World, queue: NotingQueue) -> None:
    answer = world.app.test_client().post(f"{ROOT}/stock", headers=bearer(world))
    assert answer.status_code == 202
    body = answer.get_json()
    assert body["jobId"] == f"sync-{body['runId']}-0"
    assert body["message"] == "Stock synchronization started"
    assert body["estimatedDurationSeconds"] == 60
    assert queue.enqueued == [body["runId"]]


def test_leads_are_started_alike_and_have_no_preview(world: World, queue: NotingQueue) -> None:
    client, headers = world.app.test_client(), bearer(world)
    refused = client.post(f"{ROOT}/leads", json={"preview": True}, headers=headers)
    assert (refused.status_code, list(refused.get_json()["errors"])) == (400, ["preview"])
    answer = client.post(f"{ROOT}/leads", json={"preview": False}, headers=headers)
    body = answer.get_json()
    assert (answer.status_code, body["message"]) == (202, "Lead synchronization started")
    assert queue.enqueued == [body["runId"]]
    again = client.post(f"{ROOT}/leads", headers=headers)
    assert (again.status_code, again.get_json()["existingRunId"]) == (409, body["runId"])
    log = client.get(f"{ROOT}/logs/{body['runId']}", headers=headers).get_json()
    assert (log["syncType"], log["syncDirection"], log["trigger"]) == ("Lead", "Inbound", "api")
    assert client.post(f"{ROOT}/stock", headers=headers).status_code == 202


def test_rows_of_leads_name_leads(world: World) -> None:
    run = world.run(stream="leads", created=1)
    world.item(run, "000231", "create", entity_id=9)
    answer = world.app.test_client().get(f"{ROOT}/logs/{run.id}/items", headers=bearer(world))
    (row,) = answer.get_json()["items"]
    assert (row["leadId"], row["vehicleId"]) == (9, None)


def test_deliveries_are_no_lead_sync(world: World) -> None:
    sync = world.run(stream="leads", created=1)
    world.run(stream="leads", direction="outbound", created=2)
    body = world.app.test_client().get(f"{ROOT}/status", headers=bearer(world)).get_json()
    assert body["lastLeadSync"]["id"] == sync.id
    assert body["recentLogs"][0]["syncDirection"] == "Outbound"


def test_the_estimate_is_the_median_of_the_last_runs(world: World) -> None:
    for seconds in (10, 20, 90):
        world.run(completed_at=run_rows.START + timedelta(seconds=seconds))
    answer = world.app.test_client().post(f"{ROOT}/stock", headers=bearer(world))
    assert answer.get_json()["estimatedDurationSeconds"] == 20


def test_a_second_start_is_told_the_first_ones_id(world: World) -> None:
    run = world.run("running")
    answer = world.app.test_client().post(f"{ROOT}/stock", headers=bearer(world))
    assert answer.status_code == 409
    assert answer.get_json()["existingRunId"] == run.id
    assert answer.content_type == "application/problem+json"


def test_the_sixth_start_says_when_to_come_back(world: World) -> None:
    for minutes in range(5):
        world.run(
            trigger="api", user_id=world.admin.id, created_at=NOW - timedelta(minutes=30 - minutes)
        )
    answer = world.app.test_client().post(f"{ROOT}/stock", headers=bearer(world))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1800"


def test_not_configured_is_400(bare: World, queue: NotingQueue) -> None:
    answer = bare.app.test_client().post(f"{ROOT}/stock", headers=bearer(bare))
    assert (answer.status_code, answer.get_json()["errorCode"]) == (400, "not_configured")
    assert queue.enqueued == []


@pytest.mark.parametrize(
    ("body", "mode"), [({"preview": True}, "preview"), ({"preview": False}, "sync"), ({}, "sync")]
)
def test_programs_get_what_they_ask_for(
    world: World, queue: NotingQueue, body: dict[str, bool], mode: str
) -> None:
    client, headers = world.app.test_client(), bearer(world)
    answer = client.post(f"{ROOT}/stock", json=body, headers=headers)
    assert answer.status_code == 202
    assert ("preview" in answer.get_json()["message"]) is bool(body.get("preview"))
    log = client.get(f"{ROOT}/logs/{answer.get_json()['runId']}", headers=headers)
    assert log.get_json()["mode"] == mode


def test_a_preview_is_applied_once(world: World, queue: NotingQueue) -> None:
    run = preview_of(world)
    client, headers = world.app.test_client(), bearer(world)
    answer = client.post(f"{ROOT}/runs/{run.id}/apply", headers=headers)
    body = answer.get_json()
    assert answer.status_code == 202
    assert queue.enqueued == [body["runId"]]
    log = client.get(f"{ROOT}/logs/{body['runId']}", headers=headers).get_json()
    assert (log["mode"], log["appliesRunId"], log["trigger"]) == ("sync", run.id, "api")
    again = client.post(f"{ROOT}/runs/{run.id}/apply", headers=headers)
    assert (again.status_code, again.get_json()["errorCode"]) == (403, "forbidden")
    assert "applied already" in again.get_json()["message"]
    missing = client.post(f"{ROOT}/runs/{run.id + 999}/apply", headers=headers)
    assert missing.status_code == 404


def test_reading_scope_does_not_start(world: World) -> None:
    client, reader = world.app.test_client(), bearer(world, "sync:read")
    assert client.post(f"{ROOT}/stock", headers=reader).status_code == 403
    assert client.get(f"{ROOT}/status", headers=reader).status_code == 200


def test_status_has_both_kinds_and_the_last_ten(world: World) -> None:
    for _ in range(11):
        stock = world.run(created=5, updated=140, unchanged=5)
    leads = world.run("failed", stream="leads")
    active = world.run("running", stream="leads", created_at=NOW)
    body = world.app.test_client().get(f"{ROOT}/status", headers=bearer(world)).get_json()
    assert (body["isConfigured"], body["isSyncing"]) == (True, True)
    assert body["activeRunId"] == active.id
    assert body["lastStockSync"]["id"] == stock.id
    assert body["lastStockSync"]["recordsProcessed"] == 150
    assert body["lastStockSync"]["durationMs"] == 60_000
    assert body["lastStockSync"]["startedAt"] == "2026-03-10T01:00:00Z"
    assert (body["lastLeadSync"]["id"], body["lastLeadSync"]["status"]) == (leads.id, "Failed")
    assert [log["id"] for log in body["recentLogs"]][:2] == [active.id, leads.id]
    assert len(body["recentLogs"]) == 10


def test_status_before_anything_happened(bare: World) -> None:
    body = bare.app.test_client().get(f"{ROOT}/status", headers=bearer(bare)).get_json()
    assert body["isConfigured"] is False
    assert (body["lastStockSync"], body["lastLeadSync"], body["recentLogs"]) == (None, None, [])


def test_status_asks_few_questions(world: World) -> None:
    world.run()
    headers = bearer(world)
    client = world.app.test_client()
    client.get(f"{ROOT}/status", headers=headers)
    with counted_queries() as seen:
        client.get(f"{ROOT}/status", headers=headers)
    assert len([text for text in seen if text.startswith("SELECT")]) <= 13


def test_logs_are_paged_and_filtered(world: World) -> None:
    runs = [world.run("success") for _ in range(25)]
    failed = world.run("failed")
    lead = world.run("success", stream="leads")
    client, headers = world.app.test_client(), bearer(world)
    body = client.get(f"{ROOT}/logs", headers=headers).get_json()
    assert body["pagination"] == {
        "currentPage": 1, "pageSize": 20, "totalRecords": 27, "totalPages": 2,
    }  # fmt: skip
    assert [log["id"] for log in body["logs"]][:3] == [lead.id, failed.id, runs[-1].id]
    assert body["logs"][0].keys() >= SUMMARY
    cases = {
        "syncType=Lead": [lead.id],
        "status=Failed": [failed.id],
        f"q={failed.id}": [failed.id],
        "syncType=Stock&pageSize=2&page=2": [runs[-2].id, runs[-3].id],
        "from=2030-01-01": [],
        "from=2026-03-10&to=2026-03-10&status=Failed": [failed.id],
    }
    for query, expected in cases.items():
        found = client.get(f"{ROOT}/logs?{query}", headers=headers).get_json()["logs"]
        assert [log["id"] for log in found] == expected, query


@pytest.mark.parametrize(
    "query",
    ["pageSize=101", "pageSize=0", "page=0", "syncType=Boats", "status=Fine", "from=yesterday",
     "to=9999-12-31"],
)  # fmt: skip
def test_what_cannot_be_asked_is_400(world: World, query: str) -> None:
    answer = world.app.test_client().get(f"{ROOT}/logs?{query}", headers=bearer(world))
    assert answer.status_code == 400
    assert answer.get_json()["errors"].keys() == {query.partition("=")[0]}


def test_a_log_carries_payloads_and_traces_only_for_system(world: World) -> None:
    run = world.run(
        "failed",
        message="Refused.",
        error_details="Traceback …",
        request_payload={"yard": "B"},
        response_summary={"records": 0},
    )
    client = world.app.test_client()
    body = client.get(f"{ROOT}/logs/{run.id}", headers=bearer(world)).get_json()
    assert body.keys() >= SUMMARY | {"id", "dealershipId", "syncType", "syncDirection"}
    assert (body["errorMessage"], body["errorDetails"]) == ("Refused.", None)
    assert (body["requestPayload"], body["responseSummary"]) == ({"yard": "B"}, {"records": 0})
    with world.app.app_context():
        system = factories.user(is_system=True)
    seen = world.client(system).get(f"{ROOT}/logs/{run.id}?dealership=harbour").get_json()
    assert seen["errorDetails"] == "Traceback …"


def test_items_have_the_contracts_shape(world: World) -> None:
    run = world.run(updated=2, failed=1)
    world.item(run, "A1", before={"price_cents": 1}, after={"price_cents": 2}, entity_id=9)
    world.item(run, "A2", before={"make": "x"}, after={"make": "y"})
    world.item(run, "A3", "refuse", reason="No stock number.")
    client, headers = world.app.test_client(), bearer(world)
    body = client.get(f"{ROOT}/logs/{run.id}/items?pageSize=2", headers=headers).get_json()
    assert body["pagination"]["totalRecords"] == 3
    assert body["items"][0] == {
        "externalId": "A1", "label": "Vehicle A1", "action": "update",
        "vehicleId": 9, "leadId": None,
        "changes": [{"field": "price_cents", "before": 1, "after": 2}], "reason": None,
        "warnings": [],
    }  # fmt: skip
    for action in ("refuse", "failed"):
        only = client.get(f"{ROOT}/logs/{run.id}/items?action={action}", headers=headers)
        assert [item["reason"] for item in only.get_json()["items"]] == ["No stock number."]


def test_cancel(world: World) -> None:
    client, headers = world.app.test_client(), bearer(world)
    running = world.run("running")
    answer = client.post(f"{ROOT}/runs/{running.id}/cancel", headers=headers)
    assert (answer.status_code, answer.get_json()["status"]) == (202, "InProgress")
    ended = world.run("success")
    answer = client.post(f"{ROOT}/runs/{ended.id}/cancel", headers=headers)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "Success")


def test_another_dealerships_run_does_not_exist(world: World) -> None:
    with world.app.app_context():
        other = factories.dealership()
        run = run_rows.run(other, "running")
    client, headers = world.app.test_client(), bearer(world)
    for path in (f"logs/{run.id}", f"logs/{run.id}/items", f"logs/{10**14}"):
        assert client.get(f"{ROOT}/{path}", headers=headers).status_code == 404
    assert client.post(f"{ROOT}/runs/{run.id}/cancel", headers=headers).status_code == 404
