"""Keeping what a person typed while the sign-in ended: encrypted, theirs alone, half an hour (C82).

Passwords, secrets and tokens are never kept, whatever form they stand in. The way in and out of
pages is in app/routes/kept.py; the decision in ADR 22.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.models import KeptForm, User
from app.services.credential_encryption import CredentialEncryptionService, EncryptionError

LASTS: Final = timedelta(minutes=30)
# Characters of all names and values together; the longest real form has a tenth of it.
MOST: Final = 200_000
MOST_FORMS: Final = 10
PER_PERSON: Final = 10
NEVER_WORDS: Final = ("password", "secret", "token", "client_id", "account_number", "credential")
NEVER_NAMES: Final = frozenset({"current", "new", "code"})


@dataclass(frozen=True, slots=True)
class Form:
    """One form: where it is posted to, and its (name, value) pairs in their order."""

    action: str
    fields: tuple[tuple[str, str], ...]


def is_keepable(name: str) -> bool:
    """Whether a field of this name may be kept: no password, secret or token."""
    lowered = name.lower()
    return lowered not in NEVER_NAMES and not any(word in lowered for word in NEVER_WORDS)


def cleaned(forms: Iterable[Form]) -> list[Form]:
    """The forms without what is never kept; those with nothing left are gone."""
    found = []
    for form in forms:
        fields = tuple(pair for pair in form.fields if is_keepable(pair[0]))
        if any(value.strip() for _, value in fields):
            found.append(Form(form.action, fields))
    return found[:MOST_FORMS]


def keep(
    db: Session,
    user_id: int,
    forms: Sequence[Form],
    *,
    crypto: CredentialEncryptionService,
    now: datetime,
) -> str | None:
    """Keeps the forms of a page and answers the token of its address.

    None when nothing was typed, when it is more than MOST, or the account is closed.
    """
    kept = cleaned(forms)
    size = sum(len(name) + len(value) for form in kept for name, value in form.fields)
    person = db.get(User, user_id)
    if not kept or size > MOST or person is None or not person.is_active:
        return None
    _make_room(db, user_id, now)
    token = secrets.token_urlsafe(24)
    body = orjson.dumps([[form.action, form.fields] for form in kept]).decode()
    sealed = crypto.encrypt(body, _place(user_id, _digest(token)))
    row = KeptForm(
        user_id=user_id, token_hash=_digest(token), sealed=sealed, expires_at=now + LASTS
    )
    db.add(row)
    return token


def find(
    db: Session, user_id: int, token: str, *, crypto: CredentialEncryptionService, now: datetime
) -> list[Form] | None:
    """What this person typed; None when it is over, unknown or somebody else's."""
    row = db.scalar(
        select(KeptForm).where(
            KeptForm.token_hash == _digest(token),
            KeptForm.user_id == user_id,
            KeptForm.expires_at > now,
        )
    )
    if row is None:
        return None
    try:
        body = crypto.decrypt(row.sealed, _place(user_id, row.token_hash)).reveal()
    except EncryptionError:
        return None  # the key was changed within the half hour
    return [
        Form(action, tuple((name, value) for name, value in fields))
        for action, fields in orjson.loads(body)
    ]


def forget(db: Session, user_id: int, token: str) -> None:
    """Removes what was kept: its form was sent."""
    db.execute(
        delete(KeptForm).where(KeptForm.token_hash == _digest(token), KeptForm.user_id == user_id)
    )


def prune(db: Session, now: datetime) -> int:
    """Removes what nobody came back for; how many."""
    gone = db.execute(delete(KeptForm).where(KeptForm.expires_at <= now))
    return int(getattr(gone, "rowcount", 0))


def _make_room(db: Session, user_id: int, now: datetime) -> None:
    """What is over goes, and of each person's the oldest above PER_PERSON."""
    prune(db, now)
    newest = select(KeptForm.id).where(KeptForm.user_id == user_id).order_by(KeptForm.id.desc())
    too_many = db.scalars(newest.offset(PER_PERSON - 1)).all()
    if too_many:
        db.execute(delete(KeptForm).where(KeptForm.id.in_(too_many)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _place(user_id: int, token_hash: str) -> str:
    return f"kept_form:{user_id}:{token_hash}"
