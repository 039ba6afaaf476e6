"""From the button to a clean list: pages, real runs, and EasyCars over HTTP (rows 193-197)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import current_app
from flask.testing import FlaskClient

from app.models import SyncRun
from tests import factories
from tests.reading import words
from tests.routes.test_vehicles import SeparateClient
from tests.services.reconciliation.rig import Place

pytestmark = [pytest.mark.simulator]


@pytest.fixture
def browser(place: Place) -> FlaskClient:
    current_app.test_client_class = SeparateClient
    person = factories.member(place.desk.place, "operator")
    return factories.sign_in(current_app.test_client(), person)


def test_differences_are_found_acted_on_and_gone(place: Place, browser: FlaskClient) -> None:
    """A dearer one is taken, an edited one is listed and entered, a new one comes in by one."""
    dearer, edited, *_ = place.settle()
    place.at_easycars(dearer, Price=99_990)
    place.edit(edited, colour="Puce")
    [added] = place.stock("add", count=1)["added"]
    place.in_stock(added)
    page = f"/d/{place.desk.place.slug}/reconciliation"

    def press(path: str = "", **form: Any) -> None:
        answer = browser.post(page + path, data=form)
        assert answer.status_code == 303, words(answer.text)
        for run in place.desk.rows(SyncRun):
            if run.status == "queued":
                place.execute(run.id)

    def listed(query: str = "") -> str:
        return words(browser.get(page + query).text)

    press()
    text = listed()
    assert "3 open differences between here and EasyCars" in text
    assert "Puce here" in text
    assert "$99,990 in EasyCars" in text
    press(f"/{place.of(dearer).id}", act="take")
    press("/decide", action="take", select="ticked", id=place.of(added).id, expected=1)
    press(f"/{place.of(edited).id}", act="list")
    assert place.vehicle(dearer).price_cents == 9_999_000
    assert place.vehicle(added) is not None
    assert "No open difference" in listed()
    assert "Puce" in listed("/change-list")
    place.at_easycars(edited, Colour="Puce")
    press()
    assert "0 records to change in EasyCars by hand" in listed("/change-list")
    assert re.search(r"Entered in the last 7 days .* EasyCars showed it", listed("/change-list"))
    assert "EasyCars shows it" in listed("?status=resolved")
