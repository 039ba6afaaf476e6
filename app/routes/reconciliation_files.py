"""Differences as files: CSV and PDF of the filtered list, the change list on paper (row 200)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, g, request, stream_with_context

from app.db import db, reading
from app.parts import parts
from app.routes.access import requires
from app.routes.reconciliation_filters import in_words, wanted_of
from app.services import reconciliation_pdf, reports
from app.services.reconciliation_export import differences_csv

bp = Blueprint("reconciliation_files", __name__)
LIST: Final = "/d/<slug>/reconciliation"


@bp.get(f"{LIST}.csv")
@requires("viewer")
def csv() -> Response:
    """The list as the page shows it, a line for each differing field, streamed."""
    wanted, dealership_id = wanted_of(request.args), g.dealership.id

    def lines() -> Iterator[str]:
        with reading(dealership_id) as session:
            yield from differences_csv(session, wanted)

    made = Response(stream_with_context(lines()), content_type="text/csv; charset=utf-8")
    return _as_file(made, "reconciliation", "csv")


@bp.get(f"{LIST}.pdf")
@requires("viewer")
def pdf() -> Response:
    """The list as the page shows it, on paper."""
    wanted, about = wanted_of(request.args), [", ".join(in_words(wanted_of(request.args)))]
    with reading(g.dealership.id) as session:
        report = reconciliation_pdf.report(session, g.dealership, wanted, about, _now())
    return _printed(report, "reconciliation")


@bp.get(f"{LIST}/change-list.pdf")
@requires("viewer")
def change_list() -> Response:
    """What staff enter in EasyCars, with boxes to tick."""
    with reading(g.dealership.id) as session:
        report = reconciliation_pdf.change_list(session, g.dealership, _now())
    return _printed(report, "change-list")


def _printed(report: reports.Report, name: str) -> Response:
    db.session.rollback()  # no connection is held while it prints
    answer = Response(reports.pdf(report), content_type="application/pdf")
    return _as_file(answer, name, "pdf")


def _as_file(answer: Response, name: str, ending: str) -> Response:
    file_name = f"{name}-{g.dealership.slug}-{_now().date().isoformat()}.{ending}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _now() -> datetime:
    return parts().clock.now()
