"""What a run is called, by mode and scope; what its phases mean when nobody outside is asked."""

from __future__ import annotations

from typing import Any

import pytest

from app.models import SyncRun
from app.services import run_words


def run(**values: Any) -> SyncRun:
    given = {"id": 7, "stream": "stock", "mode": "sync", "trigger": "person", "actor": "anna"}
    return SyncRun(**(given | {"scope": {}, "phase": "fetching"} | values))


@pytest.mark.parametrize(
    ("values", "title", "label", "phase"),
    [
        ({}, "Stock sync 7", "Sync", "Reading from EasyCars"),
        ({"mode": "preview"}, "Stock preview 7", "Preview", "Reading from EasyCars"),
        (
            {"mode": "preview", "phase": "applying"},
            "Stock preview 7",
            "Preview",
            "Comparing, nothing is saved",
        ),
        ({"scope": {"applies": 5}}, "Stock sync 7", "Preview 5 applied", "Reading what is stored"),
        ({"stream": "leads"}, "Lead sync 7", "Sync", "Reading from EasyCars"),
        (
            {"stream": "leads", "scope": {"numbers": ["000231"]}},
            "Lead sync 7",
            "Lead 000231 by number",
            "Reading from EasyCars",
        ),
        (
            {"stream": "leads", "direction": "outbound"},
            "Lead delivery 7",
            "Delivery",
            "Sending to EasyCars",
        ),
        ({"mode": "remap"}, "Mapping run 7", "Mapping run", "Reading what is stored"),
        (
            {"mode": "undo", "scope": {"undoes": 3}, "phase": "connecting"},
            "Undo of run 3",
            "Undo of run 3",
            "Getting ready",
        ),
    ],
)
def test_a_run_is_called_by_what_it_does(
    values: dict[str, Any], title: str, label: str, phase: str
) -> None:
    made = run(**values)
    assert (run_words.title(made), run_words.label(made)) == (title, label)
    assert run_words.phase(made) == phase


def test_an_apply_names_its_preview() -> None:
    made = run(parent_id=5, scope={"applies": 5})
    assert run_words.started_by(made) == "Started by anna, applies preview 5"
