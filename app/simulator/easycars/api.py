"""The HTTP surface of both EasyCars services, below the test and the production prefix."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, request

from app.simulator.easycars import lead_calls, wire
from app.simulator.easycars.accounts import CLIENT_PAIRS
from app.simulator.easycars.calls import ApiCall, Refused, check_account, check_client
from app.simulator.easycars.faults import FAULTS
from app.simulator.easycars.images import serve_photo
from app.simulator.easycars.stock import get_advertisement_stocks
from app.simulator.faults import html
from app.simulator.scenarios import TOKEN_ENDPOINT
from app.simulator.server import CONNECTION_KEY
from app.simulator.world import WorldFinder

SERVICES: dict[str, dict[str, Callable[[ApiCall], bytes]]] = {
    "StockService": {"GetAdvertisementStocks": get_advertisement_stocks},
    "LeadService": {
        "CreateLead": lead_calls.create_lead,
        "UpdateLead": lead_calls.update_lead,
        "GetLeadDetail": lead_calls.get_lead_detail,
        "SearchContacts": lead_calls.search_contacts,
        "CreateQuotation": lead_calls.create_quotation,
    },
}
NOT_FOUND_PAGE = "<!DOCTYPE html><html><title>404</title><h2>404 - File not found.</h2></html>"


def easycars(find_world: WorldFinder) -> Blueprint:
    """Both services and the public photos as one blueprint."""
    blueprint = Blueprint("easycars", __name__)

    @blueprint.post("/TestECService/<service>/<endpoint>")
    @blueprint.post("/ECService/<service>/<endpoint>")
    def api(service: str, endpoint: str) -> Response:
        return answer(_incoming(find_world, service, endpoint))

    @blueprint.get("/test/publicimages/image/<int:account>/<int:image>/<digest>")
    def photo(account: int, image: int, digest: str) -> Response:
        return serve_photo(find_world(), account, image, digest)

    return blueprint


def answer(call: ApiCall) -> Response:
    """Carry the call out, or let the scenario that is on do its worst; then log it."""

    def process() -> Response:
        return _carry_out(call)

    fault = FAULTS.get(call.active.name) if call.active else None
    response = (
        fault(process, call.active, call.world.switch) if fault and call.active else process()
    )
    link = request.environ.get(CONNECTION_KEY)
    call.world.calls.add(
        call.service,
        call.endpoint,
        account=call.fields.get("AccountNumber"),
        status=0 if link is not None and link.was_cut else response.status_code,
        code=g.get("easycars_code"),
        scenario=call.active.name if call.active else None,
    )
    return response


def _incoming(find_world: WorldFinder, service: str, endpoint: str) -> ApiCall:
    world, fields = find_world(), _json_fields()
    number = fields.get("AccountNumber")
    active = world.switch.take(endpoint, number if isinstance(number, str) else None)
    return ApiCall(world, service, endpoint, fields, request.host_url.rstrip("/"), active)


def _json_fields() -> dict[str, Any]:
    try:
        fields = wire.parse(request.get_data() or b"{}")
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _carry_out(call: ApiCall) -> Response:
    if call.service not in SERVICES or call.endpoint not in (
        *SERVICES[call.service],
        TOKEN_ENDPOINT,
    ):
        return html(NOT_FOUND_PAGE, 404)
    try:
        body, code = _process(call), wire.SUCCESS
    except Refused as refused:
        body, code = wire.envelope(code=refused.code, message=refused.message), refused.code
    g.easycars_code = code
    return Response(body, mimetype="application/json")


def _process(call: ApiCall) -> bytes:
    if call.endpoint == TOKEN_ENDPOINT:
        return _request_token(call)
    checked = replace(call, client_id=check_client(call, request.headers.get("Authorization", "")))
    check_account(checked)
    return SERVICES[call.service][call.endpoint](checked)


def _request_token(call: ApiCall) -> bytes:
    """Credentials come in the query string alone; a JSON body is not looked at."""
    client, secret = request.args.get("ClientID", ""), request.args.get("ClientSecret", "")
    for name, value in (("ClientID", client), ("ClientSecret", secret)):
        if not value:
            raise Refused(wire.FAILED, f"{name} is required.")
    if CLIENT_PAIRS.get(client) != secret:
        raise Refused(wire.AUTHENTICATION_FAIL, "Invalid ClientID or ClientSecret.")
    token = {"Token": call.world.tokens.issue(call.service, client)}
    return wire.envelope(token)
