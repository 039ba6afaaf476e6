"""How a dealership stands: one sentence, each part with its page, the tone of the worst."""

from __future__ import annotations

from typing import Any

import pytest

from app.models import Problem
from app.services import standing
from app.services.standing import Facts

FINE: dict[str, Any] = {
    "is_configured": True, "age": "up_to_date", "stock_run": 7, "has_failed": False,
    "overdue": 0, "stuck": 0, "pressing": (),
}  # fmt: skip


def problem(cause: str, path: str = "somewhere", severity: str = "warning") -> Problem:
    return Problem(cause=cause, path=path, severity=severity)


HELD, ROWS = problem("held-changes", "review"), problem("stock-rows", "runs/7?tab=failed")
URGENT = problem("easycars-refused", severity="danger")


@pytest.mark.parametrize(
    ("facts", "sentence", "paths", "tone"),
    [
        ({}, "Your stock is up to date.", ["sync/stock"], "success"),
        ({"is_configured": False}, "EasyCars is not connected, so no stock comes in.",
         ["settings/easycars"], "warning"),
        ({"age": None, "stock_run": None}, "Your stock has not been synced yet.",
         ["sync/stock"], "neutral"),
        ({"age": None, "has_failed": True}, "No sync has succeeded yet: the last one failed.",
         ["runs/7"], "danger"),
        ({"has_failed": True}, "The last stock sync failed; what you see is older.",
         ["runs/7"], "danger"),
        ({"age": "late"}, "Your stock is late: a scheduled sync has been missed.",
         ["sync/stock"], "warning"),
        ({"pressing": [HELD]}, "Your stock is up to date; some vehicles need a look.",
         ["sync/stock", "review"], "warning"),
        ({"pressing": [HELD, ROWS]}, "Your stock is up to date; some vehicles need a look.",
         ["sync/stock", "alerts"], "warning"),
        ({"pressing": [ROWS], "age": "stale"},
         "Your stock is stale: scheduled syncs have been missed. Some vehicles need a look.",
         ["sync/stock", "runs/7?tab=failed"], "danger"),
        ({"overdue": 1, "stuck": 2},
         "Your stock is up to date. 1 lead waits for an answer. 2 leads did not reach EasyCars.",
         ["sync/stock", "leads?tab=overdue", "leads?tab=unsent"], "danger"),
        ({"pressing": [problem("photos-failing")]},
         "Your stock is up to date. 1 problem is open.", ["sync/stock", "alerts"], "warning"),
        ({"pressing": [URGENT, HELD, problem("mails-undelivered")]},
         "Your stock is up to date; some vehicles need a look. 2 more problems are open.",
         ["sync/stock", "review", "alerts"], "danger"),
        ({"has_failed": True, "pressing": [problem("stock-sync:timeout", severity="danger")]},
         "The last stock sync failed; what you see is older.", ["runs/7"], "danger"),
        ({"pressing": [problem("leads-overdue", severity="danger")], "overdue": 3},
         "Your stock is up to date. 3 leads wait for an answer.",
         ["sync/stock", "leads?tab=overdue"], "danger"),
    ],
)  # fmt: skip
def test_the_sentence(facts: dict[str, Any], sentence: str, paths: list[str], tone: str) -> None:
    found = standing.health(Facts(**(FINE | facts)))
    assert (found.sentence, found.tone) == (sentence, tone)
    assert [part.path for part in found.parts] == paths
