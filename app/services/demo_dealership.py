"""The demonstration dealership that a fresh machine starts with (contract §1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy.orm import Session

from app.config import Settings
from app.models import Dealership
from app.services import accounts, credentials, dealerships, people, schedules
from app.services.audit import Actor
from app.services.credential_encryption import CredentialEncryptionService
from app.services.credential_input import CredentialInput
from app.services.ports import Clock
from app.tenancy import scope

SLUG: Final = "demo"
NAME: Final = "Harbour City Motors"
EMAIL: Final = "admin@harbourcity.example"
PERSON: Final = "Sam Administrator"
ACTOR: Final = Actor(None, "first start")


def seed(
    db: Session,
    keys: Mapping[str, str],
    *,
    settings: Settings,
    crypto: CredentialEncryptionService,
    clock: Clock,
) -> str | None:
    """Makes dealership, administrator, credentials and schedule, unless they are there.

    `keys`: the simulator's, by field name. Returns the administrator's password when the account
    was made now. A dealership that somebody changed since is left as it is.
    """
    if accounts.by_email(db, EMAIL) is not None:
        return None
    dealership = dealerships.create(db, ACTOR, name=NAME, slug=SLUG, timezone="Australia/Sydney")
    scope(db, dealership.id)
    added = people.add(db, ACTOR, dealership.id, email=EMAIL, role="admin", name=PERSON)
    _connect(db, dealership, keys, crypto, clock)
    schedules.ensure(db, dealership, "easycars", "stock", settings, clock.now())
    return added.password.reveal() if added.password else None


def _connect(
    db: Session,
    dealership: Dealership,
    keys: Mapping[str, str],
    crypto: CredentialEncryptionService,
    clock: Clock,
) -> None:
    entered = CredentialInput.of({**keys, "environment": "Test"}, replaces=True)
    credentials.save(db, dealership.id, entered, crypto, ACTOR, clock)
