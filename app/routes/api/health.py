"""GET /api/admin/easycars/health: 200 ok or degraded, 503 down, one entry per part (row 217)."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, Response, g

from app.adapters.health_checks import checks
from app.db import db
from app.parts import parts
from app.routes.access import api_requires
from app.routes.api.common import ApiModel, moment, ok
from app.routes.api.openapi import describe
from app.services import health
from app.services.health import Part

bp = Blueprint("api_health", __name__)


class HealthPart(ApiModel):
    state: Literal["ok", "degraded", "down"]
    message: str
    cure: str | None
    details: dict[str, Any]


class Health(ApiModel):
    """`parts`: database, migrations, redis, queue, workers, scheduler, easycars, media, disk and
    runs."""

    status: Literal["ok", "degraded", "down"]
    checked_at: str
    took_ms: int
    parts: dict[str, HealthPart]


@bp.get("/api/admin/easycars/health")
@describe("Health of the installation", answers={200: Health, 503: Health})
@api_requires("viewer", scope="sync:read")
def show() -> Response:
    """Answers within four seconds whatever is down, and calls nobody outside."""
    db.session.rollback()
    report = health.gather(checks(parts(), g.dealership.id))
    body = {
        "status": report.status,
        "checkedAt": moment(parts().clock.now()),
        "tookMs": report.took_ms,
        "parts": {name: _part(part) for name, part in report.parts.items()},
    }
    return ok(body, 503 if report.status == "down" else 200)


def _part(part: Part) -> dict[str, Any]:
    return {
        "state": part.state,
        "message": part.words,
        "cure": part.cure or None,
        "details": dict(part.details),
    }
