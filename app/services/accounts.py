"""Accounts: the people who can sign in at all, wherever they work (contract §2)."""

from __future__ import annotations

from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.models import Membership, User
from app.secret import Secret
from app.services import audit, passwords, tokens
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound


def clean_email(email: str) -> str:
    """The address as it is stored: lower case. Raises InputInvalid (field `email`)."""
    try:
        checked = validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as wrong:
        fault = "Enter an e-mail address such as anna@example.com."
        raise InputInvalid("Nothing was saved.", {"email": fault}) from wrong
    return checked.normalized.lower()


def by_email(db: Session, email: str) -> User | None:
    """The person with this address, whatever its capitals."""
    return db.scalar(select(User).where(User.email == email.strip().lower()))


def create(
    db: Session,
    actor: Actor,
    *,
    email: str,
    password: Secret,
    name: str = "",
    is_system: bool = False,
) -> User:
    """Makes an account. Raises InputInvalid when the address is taken, wrong or the name long."""
    address = clean_email(email)
    if by_email(db, address) is not None:
        raise InputInvalid("Nothing was saved.", {"email": f"{address} has an account already."})
    if len(name) > 200:
        raise InputInvalid("Nothing was saved.", {"name": "Use at most 200 characters."})
    user = User(
        email=address,
        name=name.strip(),
        password_hash=passwords.hashed(password),
        is_system=is_system,
    )
    db.add(user)
    db.flush()
    audit.record(db, actor, "user.create", address, {"system": is_system})
    return user


def get(db: Session, user_id: int) -> User:
    """An account by id. Raises NotFound."""
    user = db.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    return user


def set_password(db: Session, actor: Actor, user: User, password: Secret, now: datetime) -> None:
    """Stores a new password; every session and token of the person ends."""
    user.password_hash = passwords.hashed(password)
    user.session_version += 1
    tokens.revoke_all(db, user.id, now)
    audit.record(db, actor, "user.password", user.email)


def set_active(db: Session, actor: Actor, user: User, active: bool) -> None:
    """Lets a person sign in or not; switching off ends every session at once."""
    if user.is_active == active:
        return
    user.is_active = active
    user.session_version += 1
    audit.record(db, actor, "user.enable" if active else "user.disable", user.email)


def listed(db: Session) -> list[User]:
    """Every account by address, with its memberships and their dealerships."""
    places = selectinload(User.memberships).joinedload(Membership.dealership)
    return list(db.scalars(select(User).order_by(User.email).options(places)))
