"""The parts that `create_app` puts together, reachable from routes, jobs and commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from flask import current_app

from app.config import Settings
from app.services.credential_encryption import CredentialEncryptionService
from app.services.http import Outside
from app.services.ports import Clock, JobQueue, Mailer, MediaStore


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Parts:
    """`outside` is the only way to other people's servers (tokens and breaker within)."""

    settings: Settings
    clock: Clock
    queue: JobQueue
    crypto: CredentialEncryptionService
    outside: Outside
    media: MediaStore
    mailer: Mailer


def parts() -> Parts:
    return cast(Parts, current_app.extensions["forecourt"])
