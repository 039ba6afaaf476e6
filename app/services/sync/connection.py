"""Opening the way to a provider for one run: keys, environment, filters, scope."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, StreamState, SyncRun
from app.services import credentials
from app.services.credential_encryption import CredentialEncryptionService
from app.services.sync import registry
from app.services.sync.opening import APPLIES, is_asking
from app.services.sync.payload import facts_of
from app.services.sync.protocol import Ask, Keys, Provider, Stream

if TYPE_CHECKING:
    from app.services.http import Outside


@dataclass(frozen=True, slots=True)
class Connection:
    """All that a run needs to fetch. `scope` says whose stock was asked for (trap T15)."""

    provider: Provider
    stream: Stream
    keys: Keys
    ask: Ask
    scope: dict[str, str]
    calls: list[dict[str, Any]] = field(default_factory=list)


def open_connection(db: Session, run: SyncRun, crypto: CredentialEncryptionService) -> Connection:
    """Reads and opens the dealership's keys; they stay in memory for this run only (B-2b.2).

    A run that reads what is stored gets no keys. Raises NotConfigured, EncryptionError or NotFound.
    """
    provider = registry.provider(run.provider)
    stream = registry.stream(run.provider, run.stream)
    if not provider.secret_fields:
        return Connection(provider, stream, {}, Ask("Test"), {"environment": "Test"})
    if not is_asking(run.mode, run.scope):
        environment = _environment(db, run)
        return Connection(provider, stream, {}, Ask(environment), {"environment": environment})
    keys, credential = credentials.keys_for(db, run.dealership_id, crypto)
    filters = {"yard_code": credential.yard_code} if credential.yard_code else {}
    scope = scope_of(credential, keys)
    return Connection(provider, stream, keys, Ask(credential.environment, filters), scope)


def scope_of(credential: EasyCarsCredential, keys: Keys) -> dict[str, str]:
    """Whose stock a sync with these credentials asks for; no secret can be read from it."""
    account = keys.get("account_number")
    return {
        "environment": credential.environment,
        "yard": credential.yard_code or "",
        "account": sha256(account.reveal().encode()).hexdigest()[:12] if account else "",
    }


def _environment(db: Session, run: SyncRun) -> str:
    """Where the records of a run without keys belong: its preview's, or the last good sync's."""
    if run.scope.get(APPLIES) and (facts := facts_of(db, int(run.scope[APPLIES]))):
        return facts.environment
    query = select(StreamState.environment).where(
        StreamState.dealership_id == run.dealership_id,
        StreamState.provider == run.provider,
        StreamState.stream == run.stream,
    )
    found = db.scalar(query.order_by(StreamState.last_success_at.desc()).limit(1))
    return found or "Test"


def connect(connection: Connection, outside: Outside) -> AbstractContextManager[Any]:
    """Opens the provider's Api; every call is noted in `connection.calls`."""
    recorded = outside.recording(connection.calls.append)
    return connection.provider.connect(connection.keys, connection.ask.environment, recorded)
