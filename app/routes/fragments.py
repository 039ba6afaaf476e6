"""Parts of pages in answer to htmx: the part, its toasts, or "nothing new" (house style §2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, g, make_response, render_template, request, session

STOP_POLLING = 286
# Ids are 32 bits wide; a longer number in an address is nobody's, and no question for the database.
LARGEST_ID = 2_147_483_647


def is_fragment() -> bool:
    """Whether htmx asks, and gets a part instead of a page."""
    return request.headers.get("HX-Request") == "true"


def fragment(template: str, status: int = 200, **context: Any) -> Response:
    """The part, and behind it the messages that this request flashed."""
    html = render_template(template, **context)
    if "_flashes" in session:
        html += render_template("_toasts.html")
    made = make_response(html, status)
    made.headers["Cache-Control"] = "no-store"
    made.vary.add("HX-Request")
    return made


def unchanged() -> Response:
    """Nothing new since `?seen=`: the browser leaves element and focus alone, the poll goes on."""
    return Response(status=204, headers={"Cache-Control": "no-store"})


def key_of_page(name: str) -> int | None:
    """`?after=` or `?before=` of a keyset page; what is no id is not there."""
    key = request.args.get(name, type=int)
    return key if key is not None and 0 <= key <= LARGEST_ID else None


def page_at(path: str = "", **query: Any) -> str:
    """The address of a page of this dealership, as contract §5 fixes it; None values are left out.

    For pages of other modules: the address is binding, the name of their view is not.
    """
    given = {name: value for name, value in query.items() if value is not None}
    return f"/d/{g.dealership.slug}/{path}" + (f"?{urlencode(given)}" if given else "")


def ids_given(name: str) -> list[int]:
    """The numbers of a repeated field of form or address, without what cannot be an id."""
    found = request.values.getlist(name, type=int)
    return [number for number in found if 0 <= number <= LARGEST_ID]
