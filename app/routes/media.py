"""Photos of the dealership, streamed from the media store; never from somebody else's server."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from app.db import db
from app.parts import parts
from app.routes.access import requires
from app.services.photos import serving
from app.services.ports import MediaUnavailable

bp = Blueprint("media", __name__)
A_DAY: Final = 86_400
# Drawn in colours that are readable on light and dark; fixed 4:3 as every frame.
PLACEHOLDER: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" role="img" '
    'aria-label="No photo"><rect width="400" height="300" fill="#8a93a2" fill-opacity=".18"/>'
    '<path d="M120 190v-30l24-34h92l36 34 16 8v22h-22m-100 0h60m-106 0h-0" fill="none" '
    'stroke="#8a93a2" stroke-width="8" stroke-linejoin="round"/>'
    '<circle cx="153" cy="192" r="17" fill="none" stroke="#8a93a2" stroke-width="8"/>'
    '<circle cx="249" cy="192" r="17" fill="none" stroke="#8a93a2" stroke-width="8"/></svg>'
)


@bp.get("/d/<slug>/media/<int:photo_id>/<size>")
@requires("viewer")
def photo(photo_id: int, size: str) -> Response:
    """One size of a photo (small, medium, large, original); a drawing when its file is missing."""
    found = serving.find(db.session(), photo_id, size)
    if found.etag and request.if_none_match.contains(found.etag):
        return _keep(Response(status=304), found.etag)
    try:
        opened = serving.content(found, parts().media)
    except MediaUnavailable:
        opened = None
    if opened is None or found.etag is None:
        return _placeholder()
    content_type, length, chunks = opened
    response = Response(chunks, content_type=content_type)
    response.content_length = length
    return _keep(response, found.etag)


def _keep(response: Response, etag: str) -> Response:
    """The browser keeps it for a day and then asks; no shared cache may."""
    response.set_etag(etag)
    response.headers["Cache-Control"] = f"private, max-age={A_DAY}"
    return response


def _placeholder() -> Response:
    response = Response(PLACEHOLDER, content_type="image/svg+xml")
    response.headers["Cache-Control"] = "no-store"
    return response
