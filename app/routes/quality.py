"""Data quality: what to mend first, and one click to where it is mended (C44, B-2d.9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    g,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue

from app.db import db, reading
from app.parts import parts
from app.routes.access import may, requires
from app.routes.fragments import page_at
from app.routes.vehicles import Pages, photo_url
from app.services import data_quality
from app.services.data_quality import BY_KEY, PHOTOS, RULES, QualityPage, Rule
from app.services.data_quality_export import quality_csv

bp = Blueprint("quality", __name__)
QUALITY: Final = "/d/<slug>/quality"
PAGE_SIZE: Final = 50
MAX_PAGE: Final = 100_000


@bp.get(QUALITY)
@requires("viewer")
def index() -> ResponseReturnValue:
    """Listed vehicles with issues, worst first; the filter and the page are in the address."""
    issue, page = _issue(), min(max(request.args.get("page", 1, type=int), 1), MAX_PAGE)
    found = data_quality.page_of(db.session(), _newest_year(), issue, page, PAGE_SIZE)
    if not found.rows and page > 1 and found.total:
        return redirect(_address(issue))
    return render_template(
        "quality/index.html",
        found=found,
        pages=_pages(found, issue),
        issue=BY_KEY.get(issue or ""),
        rules=RULES,
        options=_options(found),
        all_url=_address(None),
        export_url=url_for("quality.export", issue=issue),
        mend_url=mend_url,
        photo_url=photo_url,
        page_at=page_at,
    )


@bp.get(f"{QUALITY}.csv")
@requires("viewer")
def export() -> Response:
    """The same list as a file, streamed."""
    issue, year, dealership = _issue(), _newest_year(), g.dealership

    def lines() -> Iterator[str]:
        with reading(dealership.id) as session:
            yield from quality_csv(session, year, issue)

    response = Response(stream_with_context(lines()), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="data-quality-{dealership.slug}-{_now().date().isoformat()}.csv"'
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def mend_url(vehicle_id: int, rule: Rule) -> str:
    """Where the issue is mended: the field in the form, or the photos; for readers the vehicle."""
    if rule.field == PHOTOS:
        place = "upload" if rule.key in ("no-photo", "few-photos") and may("operator") else None
        return url_for("vehicle_photos.index", vehicle_id=vehicle_id, _anchor=place)
    if not may("operator"):
        return url_for("vehicles.one", vehicle_id=vehicle_id)
    return page_at(f"vehicles/{vehicle_id}/edit") + f"#f-{rule.field}"


def _now() -> Any:
    return parts().clock.now()


def _newest_year() -> int:
    """Next year's models are sold this year; one more as the sync's own guard has it."""
    year: int = _now().year
    return year + 2


def _issue() -> str | None:
    issue = request.args.get("issue", "")
    return issue if issue in BY_KEY else None


def _address(issue: str | None, page: int | None = None) -> str:
    return url_for("quality.index", issue=issue, page=page)


def _options(found: QualityPage) -> list[tuple[str, str]]:
    return [
        (rule.key, f"{rule.label}, {found.counts[rule.key]:,}")
        for rule in RULES
        if found.counts[rule.key]
    ]


def _pages(found: QualityPage, issue: str | None) -> Pages:
    page = found.page
    back = None if page <= 1 else _address(issue, page - 1 if page > 2 else None)
    onward = _address(issue, page + 1) if found.last < found.total else None
    noun = "vehicle" if found.total == 1 else "vehicles"
    return Pages(found.first, found.last, found.total, noun, back, onward)
