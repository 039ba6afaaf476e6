"""The search box of the top bar (C33): one hit opens, several are listed by kind."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from app.db import db
from app.parts import parts
from app.routes.access import requires
from app.routes.fragments import page_at
from app.services import search

bp = Blueprint("search", __name__)


@bp.get("/d/<slug>/search")
@requires("viewer")
def index() -> ResponseReturnValue:
    """`?q=`: a stock number, VIN, rego, lead number, mail, phone, run or request id, or words.

    `?all=1` lists the hits also when there is one that can only be meant.
    """
    found = search.search(db.session(), request.args.get("q", ""), parts().clock.now())
    if found.the_one is not None and "all" not in request.args:
        return redirect(page_at(found.the_one.path), 303)
    return render_template("search/index.html", found=found)
