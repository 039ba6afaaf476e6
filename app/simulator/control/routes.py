"""HTTP of the control page and of the control for programs."""

from typing import Any

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.simulator.control import levers
from app.simulator.control.levers import BadOption
from app.simulator.easycars.accounts import DEMO_ACCOUNT_NUMBER
from app.simulator.easycars.dirt import DEFECTS
from app.simulator.easycars.stock_book import UnknownVehicle
from app.simulator.scenarios import EVERYONE, NORMAL, SCENARIOS, UnknownScenario
from app.simulator.world import World, WorldFinder

Done = Response | AnyResponse | str


def control(find_world: WorldFinder) -> Blueprint:
    """The page at /, and /control/... for programs."""
    blueprint = Blueprint("control", __name__)
    blueprint.before_request(_refuse_other_sites)
    blueprint.register_error_handler(BadOption, _explained)
    blueprint.register_error_handler(UnknownScenario, _explained)
    blueprint.register_error_handler(UnknownVehicle, _explained)
    _reading(blueprint, find_world)
    _switching(blueprint, find_world)
    _operating(blueprint, find_world)
    return blueprint


def _reading(blueprint: Blueprint, find_world: WorldFinder) -> None:
    @blueprint.get("/")
    def page() -> Done:
        return render_template("control.html", **_page_facts(find_world()))

    @blueprint.get("/control/state")
    def state() -> Done:
        return jsonify(_state(find_world()))

    @blueprint.get("/control/calls")
    def calls() -> Done:
        return jsonify(find_world().calls.as_dict())

    @blueprint.get("/control/leads")
    def leads() -> Done:
        account = levers.account_of(request.args)
        return jsonify(find_world().dealer(account).desk.as_dict())

    @blueprint.get("/control/health")
    def health() -> Done:
        return jsonify(status="ok")


def _switching(blueprint: Blueprint, find_world: WorldFinder) -> None:
    @blueprint.post("/control/scenario")
    def scenario() -> Done:
        options = _options()
        active = find_world().turn(
            levers.text(options, "name"),
            account=levers.text(options, "account", EVERYONE),
            endpoint=options.get("endpoint") or None,
            value=_optional(options, "value"),
            count=_whole(_optional(options, "count")),
            kinds=_kinds(options),
        )
        return _done({"active": active.as_dict()})

    @blueprint.post("/control/normal")
    def normal() -> Done:
        find_world().switch.clear()
        return _done({"active": []})


def _operating(blueprint: Blueprint, find_world: WorldFinder) -> None:
    @blueprint.post("/control/stock")
    def stock() -> Done:
        options = _options()
        act = levers.STOCK_OPERATIONS.get(levers.text(options, "operation"))
        if act is None:
            raise BadOption(f"operation is one of {', '.join(levers.STOCK_OPERATIONS)}.")
        book = find_world().dealer(levers.account_of(options)).book
        return _done(act(find_world(), book, options) | {"vehicles": len(book)})

    @blueprint.post("/control/leads")
    def change_leads() -> Done:
        options = _options()
        act = levers.LEAD_OPERATIONS.get(levers.text(options, "operation"))
        if act is None:
            raise BadOption(f"operation is one of {', '.join(levers.LEAD_OPERATIONS)}.")
        return _done(act(find_world(), options))

    @blueprint.post("/control/settings")
    def settings() -> Done:
        return _done(levers.change_settings(find_world(), _options()))

    @blueprint.post("/control/calls/forget")
    def forget() -> Done:
        find_world().calls.clear()
        return _done({"total": 0})

    @blueprint.post("/control/reset")
    def reset() -> Done:
        world, options = find_world(), _options()
        world.vehicles = int(levers.number(options, "vehicles", world.vehicles))
        world.seed = int(levers.number(options, "seed", world.seed))
        world.start_over()
        return _done(_state(world))


def _refuse_other_sites() -> None:
    """Another site's page in the same browser must not pull levers here."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method != "GET":
        abort(403)


def _options() -> dict[str, Any]:
    if request.is_json:
        given = request.get_json(silent=True)
        if not isinstance(given, dict):
            raise BadOption("The body must be a JSON object.")
        return given
    return request.form.to_dict()


def _optional(options: dict[str, Any], name: str) -> float | None:
    return levers.number(options, name) if options.get(name) not in (None, "") else None


def _whole(value: float | None) -> int | None:
    return None if value is None else max(1, int(value))


def _kinds(options: dict[str, Any]) -> tuple[str, ...]:
    kinds = options.get("kinds") or ()
    if unknown := set(kinds) - set(DEFECTS):
        raise BadOption(f"Unknown kinds {', '.join(sorted(unknown))}. Known: {', '.join(DEFECTS)}.")
    return tuple(kinds)


def _done(result: dict[str, Any]) -> Done:
    return jsonify(result) if request.is_json else redirect("/", 303)


def _explained(error: Exception) -> tuple[Response, int]:
    return jsonify(error=str(error)), 400


def _state(world: World) -> dict[str, Any]:
    return {
        "seed": world.seed,
        "vehicles": world.vehicles,
        "photos": world.photos_mode,
        "token_lifetime": world.tokens.lifetime,
        "active": [active.as_dict() for active in world.switch.active.values()],
        "scenarios": list(SCENARIOS),
        "accounts": [
            {
                "account": d.account,
                "vehicles": len(d.book),
                "version": d.book.version,
                "leads": len(d.desk.leads),
            }
            for d in world.dealers
        ],
    }


def _page_facts(world: World) -> dict[str, Any]:
    groups: dict[str, list[Any]] = {}
    for scenario in SCENARIOS.values():
        if scenario.name != NORMAL:
            groups.setdefault(scenario.group, []).append(scenario)
    rows = [world.dealer().book.item(n) for n in list(world.dealer().book.rows)[:12]]
    return {
        "groups": groups,
        "active": list(world.switch.active.values()),
        "state": _state(world),
        "rows": rows,
        "calls": world.calls.as_dict(paths=False),
        "demo": DEMO_ACCOUNT_NUMBER,
        "desk": world.dealer().desk.as_dict(),
    }
