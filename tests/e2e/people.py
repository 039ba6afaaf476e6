"""Dealerships and people for a running stack, made through the product's own services."""

from __future__ import annotations

from dataclasses import dataclass

from app import simulator
from app.db import unit_of_work
from app.parts import parts
from app.services import credentials
from app.services.audit import Actor
from app.services.credential_input import CredentialInput
from tests import factories
from tests.e2e.stack import Stack

ACTOR = Actor(None, "test")


@dataclass(frozen=True)
class Place:
    """A dealership with its administrator, and a token of that person."""

    id: int
    slug: str
    email: str
    token: str
    password: str = factories.PASSWORD


def place(stack: Stack, slug: str, *, account: str | None = simulator.DEMO_ACCOUNT_NUMBER) -> Place:
    """A new dealership, connected to a dealer account of the simulator (None: not connected)."""
    with stack.app.app_context():
        made = factories.dealership(name=f"{slug.replace('-', ' ').title()} Motors", slug=slug)
        person = factories.member(made, "admin", f"admin@{slug}.example")
        if account:
            connect(made.id, account)
        token = factories.token(person, made)
        return Place(made.id, slug, person.email, token)


def connect(dealership_id: int, account: str) -> None:
    """Saves the simulator's keys; needs the app's context."""
    keys = {
        "client_id": simulator.DEMO_CLIENT_ID,
        "client_secret": simulator.DEMO_CLIENT_SECRET,
        "account_number": account,
        "account_secret": simulator.account_secret(account),
        "environment": "Test",
    }
    entered = CredentialInput.of(keys, replaces=True)
    made = parts()
    with unit_of_work(dealership_id) as db:
        credentials.save(db, dealership_id, entered, made.crypto, ACTOR, made.clock)
