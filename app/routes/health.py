"""For the machines that watch: liveness, readiness, Prometheus (contract §4)."""

from __future__ import annotations

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from app.adapters.health_checks import checks
from app.adapters.metrics import InstallationCollector
from app.parts import parts
from app.routes.access import open_to_all
from app.routes.api.common import ok
from app.services import health

bp = Blueprint("health", __name__)
NEEDED = ("database", "migrations")
READY_WITHIN_S = 4.0


@bp.get("/healthz")
@open_to_all("says only that the process answers")
def alive() -> Response:
    """The process answers; asks nothing else, or a slow database would restart it."""
    return ok({"status": "ok"})


@bp.get("/readyz")
@open_to_all("says only whether requests can be served")
def ready() -> Response:
    """200 when requests can be served. Without Redis pages still work, so it is not asked."""
    every = checks(parts())
    report = health.gather({name: every[name] for name in NEEDED}, READY_WITHIN_S)
    well = all(part.state == "ok" for part in report.parts.values())
    states = {name: part.state for name, part in report.parts.items()}
    return ok({"status": "ok" if well else "down", "parts": states}, 200 if well else 503)


@bp.get("/metrics")
@open_to_all("sums over the whole installation, no names and no dealership")
def metrics() -> Response:
    """Prometheus text, collected from database and Redis at the moment of asking."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(InstallationCollector(parts()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
