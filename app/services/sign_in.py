"""Signing in with address and password. A wrong pair tells nobody which half was wrong."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.models import User
from app.secret import Secret
from app.services import accounts, audit, passwords
from app.services.audit import Actor

REFUSED = "The address or the password is not right. Check both, then try again."


def check(db: Session, email: str, password: Secret) -> User | None:
    """The active person behind the pair, or None; both take the same time."""
    user = accounts.by_email(db, email)
    stored = user.password_hash if user is not None and user.is_active else None
    return user if passwords.matches(stored, password) else None


def note_success(db: Session, user_id: int, password: Secret, actor: Actor, now: datetime) -> None:
    """Remembers the sign-in; stores the password anew when hashing has become stronger."""
    user = accounts.get(db, user_id)
    user.last_sign_in_at = now
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    audit.record(db, actor, "sign_in", user.email)


def note_refusal(db: Session, email: str, actor: Actor) -> None:
    """Remembers that somebody was refused, under the address that they typed."""
    audit.record(db, actor, "sign_in", email[:200], outcome="refused")
