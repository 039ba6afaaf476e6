"""Why is it so? The origin and history of one field of a vehicle (U7)."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app.db import db
from app.routes.access import may, requires
from app.routes.fragments import fragment, is_fragment, page_at
from app.services import vehicle_origin, vehicles

bp = Blueprint("vehicle_origin", __name__)
AT_ONCE: Final = 50


@bp.get("/d/<slug>/vehicles/<int:vehicle_id>/why/<field>")
@requires("viewer")
def why(vehicle_id: int, field: str) -> ResponseReturnValue:
    """The answer as a page; for htmx only the answer itself, to stand below the field."""
    session = db.session()
    vehicle = vehicles.get(session, vehicle_id)
    found = vehicle_origin.why(session, vehicle, field)
    known: dict[str, Any] = {
        "vehicle": vehicle,
        "why": found,
        "page_at": page_at,
        "may": may,
        "at_once": AT_ONCE,
    }
    if is_fragment():
        return fragment("vehicles/_why.html", is_part=True, **known)
    return render_template("vehicles/why.html", is_part=False, **known)
