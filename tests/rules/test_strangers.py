"""House rule: another dealership's people get 404, everywhere, by every method.

The addresses come from the route table, so a new route is tried by itself. A new id in an address
needs a sample here, made for the dealership that the stranger must not see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule as Route

from app.db import unit_of_work
from app.models import (
    ApiToken,
    Conflict,
    Customer,
    CustomerMerge,
    Dealership,
    Difference,
    DuplicatePair,
    EasyCarsCredential,
    ExternalLink,
    FeedQuestion,
    Lead,
    MappingVersion,
    MediaObject,
    Photo,
    Problem,
    Quotation,
    SyncItem,
    SyncRun,
    User,
    Vehicle,
    VehicleMerge,
)
from app.models.types import utc_now
from app.routes.access import rule_of
from tests import factories


class Theirs:
    """A dealership with one row of everything that has an id in an address."""

    def __init__(self) -> None:
        self.place: Dealership = factories.dealership(slug="theirs")
        self.person: User = factories.member(self.place, "admin", "owner@example.com")
        with unit_of_work(self.place.id) as session:
            for name, make in ROWS.items():
                row = make(self)
                session.add(row)
                session.flush()
                setattr(self, name, row)


# What a merge remembers, as little of it as its page reads.
MERGED: dict[str, Any] = {"kept": {"values": {}}, "links": {}}

ROWS: dict[str, Callable[[Any], Any]] = {
    "vehicle": lambda t: Vehicle(dealership_id=t.place.id, title="Their car"),
    "twin": lambda t: Vehicle(dealership_id=t.place.id, title="Their car again"),
    "pair": lambda t: DuplicatePair(
        dealership_id=t.place.id, first_id=t.vehicle.id, second_id=t.twin.id, score=90
    ),
    "merge": lambda t: VehicleMerge(
        dealership_id=t.place.id,
        kept_id=t.vehicle.id,
        merged_id=t.twin.id,
        before=MERGED,
        after=MERGED,
    ),
    "media": lambda t: MediaObject(
        dealership_id=t.place.id,
        sha256="0" * 64,
        content_type="image/jpeg",
        size=1,
        width=1,
        height=1,
    ),
    "photo": lambda t: Photo(
        dealership_id=t.place.id, vehicle_id=t.vehicle.id, media_id=t.media.id, state="stored"
    ),
    "run": lambda t: SyncRun(
        dealership_id=t.place.id,
        provider="easycars",
        stream="stock",
        trigger="person",
        status="warning",
        started_at=utc_now(),
        completed_at=utc_now(),
    ),
    "item": lambda t: SyncItem(
        dealership_id=t.place.id, run_id=t.run.id, external_id="X1", label="X1", action="failed"
    ),
    "link": lambda t: ExternalLink(
        dealership_id=t.place.id,
        provider="easycars",
        stream="stock",
        environment="Test",
        external_id="X1",
        entity="vehicle",
        entity_id=t.vehicle.id,
        content_hash=b"0" * 16,
    ),
    "customer": lambda t: Customer(dealership_id=t.place.id, name="Their customer"),
    "other_customer": lambda t: Customer(dealership_id=t.place.id, name="Their other customer"),
    "customer_merge": lambda t: CustomerMerge(
        dealership_id=t.place.id, kept_id=t.customer.id, merged_id=t.other_customer.id
    ),
    "lead": lambda t: Lead(
        dealership_id=t.place.id, customer_id=t.customer.id, external_ref="FC-theirs"
    ),
    "quotation": lambda t: Quotation(dealership_id=t.place.id, lead_id=t.lead.id),
    "conflict": lambda t: Conflict(
        dealership_id=t.place.id,
        provider="easycars",
        stream="stock",
        entity="vehicle",
        entity_id=t.vehicle.id,
        link_id=t.link.id,
        external_id="X1",
        field="colour",
        remote="Red",
    ),
    "credential": lambda t: EasyCarsCredential(
        dealership_id=t.place.id,
        account_number_encrypted="x",
        account_secret_encrypted="x",
        environment="Test",
    ),
    "mapping": lambda t: MappingVersion(dealership_id=t.place.id, number=1),
    "question": lambda t: FeedQuestion(
        dealership_id=t.place.id,
        provider="easycars",
        stream="stock",
        kind="value",
        field="colour",
        value="WHTE",
    ),
    "difference": lambda t: Difference(
        dealership_id=t.place.id,
        stream="stock",
        kind="there_only",
        severity="missing",
        record_key="X1",
        label="Their difference",
        fingerprint="0" * 32,
    ),
    "problem": lambda t: Problem(
        dealership_id=t.place.id,
        cause="leads-overdue",
        severity="danger",
        title="Their problem",
        detail="",
        next_step="",
        path="leads",
        link="Leads",
    ),
    "token": lambda t: ApiToken(
        dealership_id=t.place.id,
        user_id=t.person.id,
        prefix="fct_theirs",
        token_hash="0" * 64,
        scopes=["admin"],
    ),
}

# What stands for each part of an address. A route with a new part fails the first test below.
SAMPLES: dict[str, Callable[[Theirs], Any]] = {
    "slug": lambda t: t.place.slug,
    "user_id": lambda t: t.person.id,
    "dealership_id": lambda t: t.place.id,
    "vehicle_id": lambda t: t.vehicle.id,
    "lead_id": lambda t: t.lead.id,
    "customer_id": lambda t: t.customer.id,
    "other_customer_id": lambda t: t.other_customer.id,
    "customer_merge_id": lambda t: t.customer_merge.id,
    "quotation_id": lambda t: t.quotation.id,
    "pair_id": lambda t: t.pair.id,
    "merge_id": lambda t: t.merge.id,
    "photo_id": lambda t: t.photo.id,
    "media_id": lambda t: t.media.id,
    "run_id": lambda t: t.run.id,
    "item_id": lambda t: t.item.id,
    "credential_id": lambda t: t.credential.id,
    "conflict_id": lambda t: t.conflict.id,
    "token_id": lambda t: t.token.id,
    "version_number": lambda t: t.mapping.number,
    "question_id": lambda t: t.question.id,
    "problem_id": lambda t: t.problem.id,
    "difference_id": lambda t: t.difference.id,
    "sha256": lambda t: t.media.sha256,
    "size": lambda _: "medium",
    "stream": lambda _: "stock",
    "filename": lambda _: "x",
    "field": lambda _: "price_cents",
    "form_key": lambda _: "a-key-of-a-public-form",
}


@pytest.fixture
def theirs(app: Flask) -> Theirs:
    with app.app_context():
        return Theirs()


def closed(app: Flask) -> list[Route]:
    return [
        route
        for route in app.url_map.iter_rules()
        if (rule := rule_of(app, route.endpoint)) is not None and rule.kind != "open"
    ]


def addresses(app: Flask, routes: list[Route], values: dict[str, Any]) -> list[tuple[str, str]]:
    adapter = app.url_map.bind("localhost")
    with app.test_request_context():
        return [
            (method, adapter.build(route.endpoint, {n: values[n] for n in route.arguments}, method))
            for route in routes
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"})
        ]


def sampled(theirs: Theirs) -> dict[str, Any]:
    return {name: sample(theirs) for name, sample in SAMPLES.items()}


def test_every_part_of_an_address_has_a_sample(app: Flask) -> None:
    parts = {part for route in app.url_map.iter_rules() for part in route.arguments}
    assert parts - set(SAMPLES) == set()


@pytest.mark.both_databases
def test_strangers_get_404_on_every_page_of_a_dealership(app: Flask, theirs: Theirs) -> None:
    with app.app_context():
        stranger = factories.member(factories.dealership(), "admin")
        client = factories.sign_in(app.test_client(), stranger)
    routes = [route for route in closed(app) if "slug" in route.arguments]
    asked = addresses(app, routes, sampled(theirs))
    assert len(asked) > 10
    for method, url in asked:
        answer = client.open(url, method=method)
        assert answer.status_code == 404, (method, url)
        assert theirs.place.name not in answer.text


@pytest.mark.both_databases
def test_their_ids_give_404_under_an_own_dealership(app: Flask, theirs: Theirs) -> None:
    """The stranger's own address, with an id of somebody else in it."""
    with app.app_context():
        place = factories.dealership(slug="ours")
        client = factories.sign_in(app.test_client(), factories.member(place, "admin"))
    routes = [route for route in closed(app) if "slug" in route.arguments and named_rows(route)]
    for method, url in addresses(app, routes, sampled(theirs) | {"slug": "ours"}):
        answer = client.open(url, method=method)
        assert answer.status_code == 404, (method, url)


def named_rows(route: Route) -> set[str]:
    """The parts of an address that name a row; a stream or a size names none."""
    return {part for part in route.arguments if part.endswith("_id") or part == "sha256"}


@pytest.mark.both_databases
def test_json_routes_answer_404_for_ids_of_others(app: Flask, theirs: Theirs) -> None:
    with app.app_context():
        place = factories.dealership(slug="ours")
        person = factories.member(place, "admin")
        headers = factories.bearer(person, place)
        signed_in = factories.sign_in(app.test_client(), person)
    routes = [
        route for route in closed(app) if route.rule.startswith("/api/") and named_rows(route)
    ]
    asked = addresses(app, routes, sampled(theirs))
    assert asked
    for method, url in asked:
        for client, with_token in ((app.test_client(), headers), (signed_in, {})):
            answer = open_json(client, method, url, with_token)
            assert answer.status_code == 404, (method, url, answer.text)


@pytest.mark.both_databases
def test_json_routes_answer_404_for_a_named_foreign_dealership(app: Flask, theirs: Theirs) -> None:
    with app.app_context():
        place = factories.dealership(slug="ours")
        person = factories.member(place, "admin")
        headers = factories.bearer(person, place)
        signed_in = factories.sign_in(app.test_client(), person)
    routes = [
        route
        for route in closed(app)
        if getattr(rule_of(app, route.endpoint), "kind", "") == "json"
    ]
    for method, url in addresses(app, routes, sampled(theirs)):
        for client, with_token in ((app.test_client(), headers), (signed_in, {})):
            answer = open_json(client, method, url, with_token | {"X-Dealership": "theirs"})
            assert answer.status_code == 404, (method, url)
            assert (
                open_json(client, method, f"{url}?dealership=theirs", with_token).status_code == 404
            )


def open_json(client: FlaskClient, method: str, url: str, headers: dict[str, str]) -> Any:
    body = None if method == "GET" else {}
    return client.open(url, method=method, headers=headers, json=body)


@pytest.mark.both_databases
def test_the_owner_does_not_get_404(app: Flask, theirs: Theirs) -> None:
    """The other side of the rule: these addresses exist, so the 404s above mean the wall."""
    with app.app_context():
        client = factories.sign_in(app.test_client(), theirs.person)
        headers = factories.bearer(theirs.person, theirs.place)
    pages = [route for route in closed(app) if "slug" in route.arguments]
    for method, url in addresses(app, pages, sampled(theirs)):
        if method == "GET":
            assert client.get(url).status_code != 404, url
    json_routes = [
        route
        for route in closed(app)
        if getattr(rule_of(app, route.endpoint), "kind", "") == "json" and named_rows(route)
    ]
    for method, url in addresses(app, json_routes, sampled(theirs)):
        if method == "GET":
            assert app.test_client().get(url, headers=headers).status_code != 404, url


def test_only_system_people_enter_system_pages(app: Flask, theirs: Theirs) -> None:
    with app.app_context():
        client = factories.sign_in(app.test_client(), theirs.person)
        system = factories.sign_in(app.test_client(), factories.user(is_system=True))
    routes = [
        route
        for route in closed(app)
        if getattr(rule_of(app, route.endpoint), "role", "") == "system"
    ]
    asked = [pair for pair in addresses(app, routes, sampled(theirs)) if "/system" in pair[1]]
    assert asked
    for method, url in asked:
        assert client.open(url, method=method).status_code == 403, (method, url)
        if method == "GET":
            assert system.get(url).status_code == 200, url
