"""What page and JSON share when a connection is tried: stored values fill in for empty ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import g

from app.db import db, reading, unit_of_work
from app.models import EasyCarsCredential
from app.parts import parts
from app.routes.access import current_actor
from app.services import connection_proof, connection_test, credentials
from app.services.connection_test import Attempt
from app.services.credential_input import CredentialInput
from app.services.credentials import Keys
from app.services.easycars_check import easycars_check

FIRST_ENVIRONMENT: Final = "Test"


@dataclass(frozen=True)
class Tried:
    """An attempt and, when both pairs passed, the proof that Save asks for."""

    attempt: Attempt
    proof: str | None


def try_connection(entered: CredentialInput) -> Tried:
    """Tests the entered values over the stored ones. Raises InputInvalid, EncryptionError.

    No transaction is open while EasyCars is awaited. A test of exactly what is stored is
    remembered on it; nothing else is written but the audit.
    """
    made = parts()
    dealership_id = g.dealership.id
    stored, environment = _stored(dealership_id, entered)
    keys = credentials.merged(stored, entered)
    db.session.rollback()
    attempt = connection_test.attempt(keys, environment, easycars_check(made.outside), made.clock)
    with unit_of_work(dealership_id) as session:
        connection_test.record(session, dealership_id, attempt, current_actor())
        kept = credentials.find(session, dealership_id)
        if kept is not None and _is_stored(kept, keys, environment):
            credentials.note_test(kept, attempt.passed, attempt.at)
    return Tried(attempt, _proof(attempt, keys) if attempt.passed else None)


def proof_time(entered: CredentialInput, proof: str) -> datetime | None:
    """When exactly the values that saving would store passed a test; None without a proof."""
    stored, environment = _stored(g.dealership.id, entered)
    keys = credentials.merged(stored, entered)
    key = parts().settings.secret_key
    return connection_proof.tested_at(proof, key, g.dealership.id, environment, keys)


def _stored(dealership_id: int, entered: CredentialInput) -> tuple[Keys, str]:
    with reading(dealership_id) as session:
        kept = credentials.find(session, dealership_id)
        stored = credentials.readable_keys(kept, parts().crypto)
        return stored, entered.environment or _environment(kept)


def _is_stored(kept: EasyCarsCredential, keys: Keys, environment: str) -> bool:
    """Asked again after the wait: somebody may have saved other values meanwhile."""
    return (keys, environment) == (
        credentials.readable_keys(kept, parts().crypto),
        kept.environment,
    )


def _environment(kept: EasyCarsCredential | None) -> str:
    return kept.environment if kept else FIRST_ENVIRONMENT


def _proof(attempt: Attempt, keys: Keys) -> str:
    key = parts().settings.secret_key
    return connection_proof.issue(key, g.dealership.id, attempt.environment, keys)
