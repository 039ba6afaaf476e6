"""The EasyCars credentials for programs (contract §4, stories 1.3 and 1.4).

Programs save without the proof of a test: the contract's body has no place for it. The settings
page asks for one. Both test paths are served, since the requirements name two (trap T9).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g
from pydantic import Field, SecretStr

from app.db import db, unit_of_work
from app.models import EasyCarsCredential
from app.parts import parts
from app.routes.access import api_requires, current_actor
from app.routes.api.common import ApiModel, moment, no_content, ok, read_body
from app.routes.api.openapi import describe
from app.routes.connection import Tried, try_connection
from app.routes.errors import Problem, answer
from app.services import credential_removal, credentials
from app.services.credential_encryption import EncryptionError
from app.services.credential_input import CredentialInput

bp = Blueprint("api_credentials", __name__)
ROOT = "/api/admin/easycars"


class CredentialBody(ApiModel):
    """What is sent. `clientId` and `clientSecret` only when the token needs another pair."""

    account_number: SecretStr | None = Field(None, description="At most 50 characters")
    account_secret: SecretStr | None = Field(None, description="At most 100; empty keeps it")
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    environment: str | None = Field(None, description="Test or Production; Test at first")
    yard_code: str | None = Field(None, description="Only this yard; empty removes the filter")

    def entered(self, *, replaces: bool = False) -> CredentialInput:
        """A null client pair removes the stored one; an absent one keeps it."""
        given = {name: _text(value) for name, value in self if name in self.model_fields_set}
        if "yard_code" in given:
            given["yard_code"] = given["yard_code"] or ""
        dropped = {"client_id", "client_secret"} <= {
            name for name in self.model_fields_set if getattr(self, name) is None
        }
        return CredentialInput.of(given, drop_client_pair=dropped, replaces=replaces)


class CredentialMetadata(ApiModel):
    """What may be read: never a secret, of the account number the last three characters."""

    id: int
    dealership_id: int
    account_number: str = Field(description="Masked: *** and its last three characters")
    has_client_pair: bool
    environment: str
    yard_code: str | None
    is_active: bool
    tested_at: datetime | None
    test_passed: bool | None
    created_at: datetime
    updated_at: datetime
    last_synced_at: datetime | None


class ConnectionResult(ApiModel):
    """`success`: a token came and the account was not refused."""

    success: bool
    message: str
    environment: str
    access: str = Field(description="passed, refused or not_verified")
    account: str = Field(description="passed, refused or not_verified")
    tested_at: datetime
    token_expires_at: datetime | None


class AccountNumber(ApiModel):
    account_number: str


def _text(value: Any) -> str | None:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@bp.post(f"{ROOT}/test-connection")
@bp.post(f"{ROOT}/credentials/test-connection")
@describe(
    "Test a connection",
    body=CredentialBody,
    answers={200: ConnectionResult},
    tag="easycars credentials",
)
@api_requires("admin", scope="admin")
def test_connection() -> Response:
    """Values that are not given are taken from the stored credentials. Answers within 10
    seconds, saves nothing. Refused keys answer 401 with errorCode AUTHENTICATION_FAIL."""
    tried = try_connection(read_body(CredentialBody).entered())
    return _reached(tried) if tried.attempt.reached else _not_reached(tried)


def _reached(tried: Tried) -> Response:
    return ok(_result(tried, success=True))


def _not_reached(tried: Tried) -> Response:
    found = tried.attempt.found
    extra = ConnectionResult.model_validate(_result(tried, success=False))
    members = extra.model_dump(mode="json", by_alias=True)
    del members["message"]
    code = found.error_code or "provider_error"
    return answer(Problem(found.status, code, tried.attempt.message, extra=members))


def _result(tried: Tried, *, success: bool) -> dict[str, Any]:
    attempt = tried.attempt
    return {
        "success": success,
        "message": attempt.message,
        "environment": attempt.environment,
        "access": attempt.found.access.state,
        "account": attempt.found.account.state,
        "testedAt": moment(attempt.at),
        "tokenExpiresAt": moment(attempt.found.token_expires_at),
    }


@bp.post(f"{ROOT}/credentials")
@describe("Save the credentials", body=CredentialBody, answers={201: CredentialMetadata})
@api_requires("admin", scope="admin")
def create() -> Response:
    """Creates them, or replaces all that is stored. No test is asked for; run one first."""
    return ok(_save(replaces=True), 201)


@bp.get(f"{ROOT}/credentials")
@describe("Read what is known about the credentials", answers={200: CredentialMetadata})
@api_requires("admin", scope="admin")
def show() -> Response:
    """404 when the dealership has none."""
    return ok(_metadata(credentials.get(db.session(), g.dealership.id)))


@bp.put(f"{ROOT}/credentials/<int:credential_id>")
@describe("Change the credentials", body=CredentialBody, answers={200: CredentialMetadata})
@api_requires("admin", scope="admin")
def update(credential_id: int) -> Response:
    """Empty values keep what is stored; `"clientId": null, "clientSecret": null` removes that
    pair. A changed key or environment makes the last test void."""
    credentials.get(db.session(), g.dealership.id, credential_id)
    return ok(_save(replaces=False))


@bp.delete(f"{ROOT}/credentials/<int:credential_id>")
@describe("Delete the credentials", answers={204: None})
@api_requires("admin", scope="admin")
def delete(credential_id: int) -> Response:
    """Stops the schedules and active runs of EasyCars; history and vehicles stay."""
    with unit_of_work(g.dealership.id) as session:
        credential_removal.delete(
            session, g.dealership.id, credential_id, current_actor(), parts().clock
        )
    return no_content()


@bp.post(f"{ROOT}/credentials/<int:credential_id>/reveal")
@describe("Read the whole account number", answers={200: AccountNumber})
@api_requires("admin", scope="admin")
def reveal(credential_id: int) -> Response:
    """Written to the audit. The secrets cannot be read at all."""
    with unit_of_work(g.dealership.id) as session:
        number = credentials.reveal(
            session, g.dealership.id, credential_id, parts().crypto, current_actor()
        )
    return ok({"accountNumber": number.reveal()})


def _save(*, replaces: bool) -> dict[str, Any]:
    entered = read_body(CredentialBody).entered(replaces=replaces)
    made = parts()
    with unit_of_work(g.dealership.id) as session:
        saved = credentials.save(
            session, g.dealership.id, entered, made.crypto, current_actor(), made.clock
        )
        return _metadata(saved)


def _metadata(credential: EasyCarsCredential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "dealershipId": credential.dealership_id,
        "accountNumber": "***" + _ending(credential),
        "hasClientPair": credential.client_id_encrypted is not None,
        "environment": credential.environment,
        "yardCode": credential.yard_code,
        "isActive": credential.is_active,
        "testedAt": moment(credential.tested_at),
        "testPassed": credential.test_passed,
        "createdAt": moment(credential.created_at),
        "updatedAt": moment(credential.updated_at),
        "lastSyncedAt": moment(credential.last_synced_at),
    }


def _ending(credential: EasyCarsCredential) -> str:
    """Metadata stays readable when a lost key makes the number unreadable."""
    try:
        return credentials.ending(credential, parts().crypto)
    except EncryptionError:
        return ""
