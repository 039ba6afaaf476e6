"""A dealership with a viewer and an operator in their browsers, and forms filled as browsers do."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Context
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading
from app.models import AuditEvent, Dealership, User, Vehicle, VehicleEdit
from tests import factories


class SeparateClient(FlaskClient):
    """Each request has a context of its own, although the test around it holds one for its rows."""

    def open(self, *args: Any, **rest: Any) -> Any:
        return Context().run(super().open, *args, **{"buffered": True, **rest})


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour")


@pytest.fixture
def operator(place: Dealership) -> User:
    return factories.member(place, "operator", "olga@example.com")


@pytest.fixture
def browser(in_app: Flask, operator: User) -> FlaskClient:
    return factories.sign_in(in_app.test_client(), operator)


@pytest.fixture
def viewers_browser(in_app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(in_app.test_client(), factories.member(place, "viewer"))


class Form(HTMLParser):
    """The controls of one form, as a browser without script would send them."""

    def __init__(self, html: str, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside, self.sent = form_id, False, []
        self.area: str | None = None
        self.select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        elif self.inside and tag == "option":
            self._option(given)
        elif self.inside and "name" in given:
            self._control(tag, given)

    def _control(self, tag: str, given: dict[str, str]) -> None:
        ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
        if tag in ("input", "textarea", "select") and ticked:
            self.sent.append((given["name"], given.get("value", "")))
        self.area = given["name"] if tag == "textarea" else None
        self.select = given["name"] if tag == "select" else None

    def _option(self, given: dict[str, str]) -> None:
        if self.select and "selected" in given:
            self.sent[-1] = (self.select, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea":
            self.area = None
        elif tag == "select":
            self.select = None

    def handle_data(self, data: str) -> None:
        if self.area:
            text = data.removeprefix("\n").replace("\n", "\r\n")
            self.sent[-1] = (self.area, self.sent[-1][1] + text)


def filled(html: str, form_id: str, **typed: Any) -> dict[str, list[str]]:
    """What the form sends after some fields were typed over; None takes a tick away."""
    sent: dict[str, list[str]] = {}
    for name, value in Form(html, form_id).sent:
        sent.setdefault(name, []).append(value)
    assert sent, f"no form {form_id} on the page"
    for name, value in typed.items():
        sent.pop(name, None)
        if value is not None:
            sent[name] = value if isinstance(value, list) else [value]
    return sent


def stored(place: Dealership, vehicle_id: int) -> Vehicle:
    with reading(place.id) as session:
        return session.scalars(select(Vehicle).where(Vehicle.id == vehicle_id)).one()


def edits(place: Dealership, vehicle_id: int | None = None) -> list[VehicleEdit]:
    query = select(VehicleEdit).order_by(VehicleEdit.id)
    if vehicle_id is not None:
        query = query.where(VehicleEdit.vehicle_id == vehicle_id)
    with reading(place.id) as session:
        return list(session.scalars(query))


def audited(place: Dealership) -> list[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.dealership_id == place.id).order_by(AuditEvent.id)
    with reading(place.id) as session:
        return list(session.scalars(query))
