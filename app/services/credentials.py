"""The dealership's EasyCars credentials: save, change, remove, read (stories 1.1 to 1.3).

Secrets are write-only. They are stored as AES-256-GCM texts bound to dealership and field, opened
only by `keys_for`, and never returned to a page or a program. Every act is audited without them
(row 24). The account number is shown by its last three characters; all of it only by `reveal`
(trap T10).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential
from app.secret import Secret
from app.services import audit, schedule_pause
from app.services.audit import Actor
from app.services.credential_encryption import CredentialEncryptionService, EncryptionError
from app.services.credential_input import (
    CLIENT_PAIR,
    KEY_FIELDS,
    LABELS,
    CredentialInput,
    complete,
)
from app.services.errors import HubError, NotConfigured, NotFound
from app.services.ports import Clock

PROVIDER: Final = "easycars"
NONE_YET: Final = "No EasyCars credentials configured for this dealership"
SUBJECT: Final = "EasyCars credentials"
SHOWN_CHARACTERS: Final = 3

Keys = dict[str, Secret]


class SavedMeanwhile(HubError):
    """Two people entered the first credentials at once; the unique row decided (row 291)."""

    status = 409
    code = "saved_meanwhile"


def find(db: Session, dealership_id: int) -> EasyCarsCredential | None:
    """The dealership's credentials, None when there are none."""
    return db.scalar(
        select(EasyCarsCredential).where(EasyCarsCredential.dealership_id == dealership_id)
    )


def get(db: Session, dealership_id: int, credential_id: int | None = None) -> EasyCarsCredential:
    """The credentials, by id when one is given. Raises NotFound; another dealership's id too."""
    found = find(db, dealership_id)
    if found is None or credential_id not in (None, found.id):
        raise NotFound(NONE_YET)
    return found


def keys_for(
    db: Session, dealership_id: int, crypto: CredentialEncryptionService
) -> tuple[Keys, EasyCarsCredential]:
    """The opened keys by field name, and the row. Raises NotConfigured or EncryptionError.

    In a writing session values of an older key are encrypted anew with the newest (row 313).
    """
    found = find(db, dealership_id)
    if found is None or not found.is_active:
        raise NotConfigured(NONE_YET + ".")
    keys = open_keys(found, crypto)
    if not _reads_only(db):
        refresh(found, keys, crypto)
    return keys, found


def open_keys(credential: EasyCarsCredential, crypto: CredentialEncryptionService) -> Keys:
    """Decrypts what is stored; a client pair that is not stored is absent."""
    return {
        name: crypto.decrypt(stored, place_of(credential.dealership_id, name))
        for name in KEY_FIELDS
        if (stored := getattr(credential, f"{name}_encrypted"))
    }


def readable_keys(
    credential: EasyCarsCredential | None, crypto: CredentialEncryptionService
) -> Keys:
    """As `open_keys`, but nothing where none are stored or none can be read any more.

    After the loss of a key the only cure is to enter everything again, so that must work.
    """
    if credential is None:
        return {}
    try:
        return open_keys(credential, crypto)
    except EncryptionError:
        return {}


def refresh(credential: EasyCarsCredential, keys: Keys, crypto: CredentialEncryptionService) -> int:
    """Encrypts with the newest key what an older one encrypted; returns how many values."""
    old = [name for name in keys if not crypto.is_current(getattr(credential, f"{name}_encrypted"))]
    _seal(credential, {name: keys[name] for name in old}, crypto)
    return len(old)


def place_of(dealership_id: int, name: str) -> str:
    """Where a value belongs; copied to another dealership or field it does not open."""
    return f"credential:{dealership_id}:{PROVIDER}:{name}"


def merged(stored: Keys, entered: CredentialInput) -> Keys:
    """The keys that would be stored: entered ones over stored ones. Raises InputInvalid."""
    dropped = KEY_FIELDS if entered.replaces else CLIENT_PAIR if entered.drop_client_pair else ()
    kept = {name: value for name, value in stored.items() if name not in dropped}
    keys = {**kept, **entered.keys}
    complete(keys)
    return keys


def save(
    db: Session,
    dealership_id: int,
    entered: CredentialInput,
    crypto: CredentialEncryptionService,
    actor: Actor,
    clock: Clock,
    tested_at: datetime | None = None,
) -> EasyCarsCredential:
    """Creates or changes the credentials in the caller's transaction.

    Empty values keep what is stored, unless `entered.replaces` (a POST states everything anew).
    `tested_at`: when exactly these keys passed a test; without it a change of a key or of the
    environment makes the earlier test void. Raises InputInvalid.
    """
    found = find(db, dealership_id)
    stored = readable_keys(found, crypto)
    keys = merged(stored, entered)
    credential = found or EasyCarsCredential(dealership_id=dealership_id, environment="Test")
    before = (stored, credential.environment if found else None)
    credential.environment = entered.environment or credential.environment
    if entered.yard_code is not None or entered.replaces:
        credential.yard_code = entered.yard_code or None
    _store(credential, keys, crypto)
    if (keys, credential.environment) != before or tested_at is not None:
        credential.tested_at = tested_at
        credential.test_passed = True if tested_at else None
    credential.is_active = True
    credential.updated_at = clock.now()
    credential.updated_by_id = actor.user_id
    db.add(credential)
    _flush(db)
    schedule_pause.end(db, dealership_id)
    action = "credentials.update" if found else "credentials.save"
    audit.record(db, actor, action, SUBJECT, _saved(credential, before, keys),
                 dealership_id=dealership_id)  # fmt: skip
    return credential


def _flush(db: Session) -> None:
    try:
        db.flush()
    except IntegrityError as exc:
        raise SavedMeanwhile(
            "Somebody else saved credentials at the same moment, so yours were not saved. "
            "Load the page again and look at what is stored now."
        ) from exc


def _store(credential: EasyCarsCredential, keys: Keys, crypto: CredentialEncryptionService) -> None:
    for name in CLIENT_PAIR:
        if name not in keys:
            setattr(credential, f"{name}_encrypted", None)
    _seal(credential, keys, crypto)


def _seal(credential: EasyCarsCredential, keys: Keys, crypto: CredentialEncryptionService) -> None:
    for name, value in keys.items():
        sealed = crypto.encrypt(value.reveal(), place_of(credential.dealership_id, name))
        setattr(credential, f"{name}_encrypted", sealed)


def _saved(
    credential: EasyCarsCredential, before: tuple[Keys, str | None], keys: Keys
) -> dict[str, Any]:
    """What the audit tells: which fields changed, never to what."""
    stored, _ = before
    changed = [LABELS[name] for name in KEY_FIELDS if stored.get(name) != keys.get(name)]
    return {
        "environment": credential.environment,
        "yardCode": credential.yard_code,
        "changed": changed,
        "tested": credential.test_passed is True,
    }


def needs_test(
    credential: EasyCarsCredential | None, entered: CredentialInput, stored: Keys
) -> bool:
    """Whether saving `entered` changes something that only a test can prove (row 39)."""
    if credential is None:
        return True
    keys = merged(stored, entered)
    return keys != stored or (entered.environment or credential.environment) != (
        credential.environment
    )


def note_test(credential: EasyCarsCredential, passed: bool, now: datetime) -> None:
    """Remembers the outcome of a test of exactly the stored values; a good one with its time."""
    credential.test_passed = passed
    if passed:
        credential.tested_at = now


def reveal(
    db: Session,
    dealership_id: int,
    credential_id: int,
    crypto: CredentialEncryptionService,
    actor: Actor,
) -> Secret:
    """The whole account number, for an administrator who asks for it; audited (trap T10)."""
    credential = get(db, dealership_id, credential_id)
    place = place_of(dealership_id, "account_number")
    number = crypto.decrypt(credential.account_number_encrypted, place)
    audit.record(
        db, actor, "credentials.reveal", LABELS["account_number"], dealership_id=dealership_id
    )
    return number


def ending(credential: EasyCarsCredential, crypto: CredentialEncryptionService) -> str:
    """The last three characters of the account number; nothing of a number that is too short."""
    place = place_of(credential.dealership_id, "account_number")
    number = crypto.decrypt(credential.account_number_encrypted, place).reveal()
    return number[-SHOWN_CHARACTERS:] if len(number) >= 2 * SHOWN_CHARACTERS else ""


def rotate(
    db: Session, crypto: CredentialEncryptionService, *, after: int = 0, batch: int = 100
) -> tuple[int, int | None]:
    """Re-encrypts one batch of rows in the system scope; (values changed, last id or None).

    Rows are independent, so an interrupted rotation goes on where it stopped (row 15).
    """
    query = select(EasyCarsCredential).where(EasyCarsCredential.id > after)
    rows = db.scalars(query.order_by(EasyCarsCredential.id).limit(batch)).all()
    changed = sum(refresh(row, open_keys(row, crypto), crypto) for row in rows)
    return changed, rows[-1].id if rows else None


def outdated(db: Session, crypto: CredentialEncryptionService) -> Mapping[int, int]:
    """Dealership id → number of values that an older key encrypted, in the system scope."""
    found = {
        row.dealership_id: sum(
            1
            for name in KEY_FIELDS
            if (stored := getattr(row, f"{name}_encrypted")) and not crypto.is_current(stored)
        )
        for row in db.scalars(select(EasyCarsCredential).order_by(EasyCarsCredential.id))
    }
    return {dealership_id: count for dealership_id, count in found.items() if count}


def _reads_only(db: Session) -> bool:
    return bool(db.connection().get_execution_options().get("readonly"))
