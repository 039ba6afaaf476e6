"""Bearer tokens: one person, one dealership, scopes, an end. Only a SHA-256 is stored (C59)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, joinedload

from app.models import ApiToken, User
from app.secret import Secret
from app.services import audit
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound

SCOPES = {
    "admin": "everything that the person may do",
    "sync:read": "read runs and their items",
    "sync:write": "start and cancel runs",
    "stock:read": "read vehicles and stock",
    "stock:write": "change vehicles and stock",
    "stock:emit": "send stock events",
}
MARK = "fct_"
PREFIX_LENGTH = 12
LONGEST_DAYS = 3650
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Issued:
    """A new token: `secret` is shown once and never again."""

    secret: Secret
    token: ApiToken


@dataclass(frozen=True)
class Wish:
    """What a token shall be able to do, and for how many days; None never ends."""

    scopes: Iterable[str]
    days: int | None = None
    name: str = ""


def issue(
    db: Session, actor: Actor, wish: Wish, *, user: User, dealership_id: int, now: datetime
) -> Issued:
    """Makes a token of a person for a dealership. Raises InputInvalid for scopes, days, name."""
    wanted, days, name = sorted(set(wish.scopes)), wish.days, wish.name
    _check(wanted, days, name)
    secret = Secret(MARK + secrets.token_urlsafe(32))
    token = ApiToken(
        user_id=user.id,
        dealership_id=dealership_id,
        name=name,
        prefix=secret.reveal()[:PREFIX_LENGTH],
        token_hash=_digest(secret.reveal()),
        scopes=wanted,
        created_at=now,
        expires_at=now + timedelta(days=days) if days else None,
    )
    db.add(token)
    db.flush()
    facts = {"name": name, "scopes": wanted, "days": days, "for": user.email}
    audit.record(db, actor, "token.create", token.prefix, facts, dealership_id=dealership_id)
    return Issued(secret, token)


def _check(scopes: Sequence[str], days: int | None, name: str) -> None:
    faults = {}
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if not scopes:
        faults["scopes"] = "Choose at least one scope."
    elif unknown:
        faults["scopes"] = f"There is no scope {unknown[0]}. Choose from {', '.join(SCOPES)}."
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        faults["days"] = f"Enter a number of days from 1 to {LONGEST_DAYS:,}."
    if len(name) > 100:
        faults["name"] = "Use at most 100 characters for the name."
    if faults:
        raise InputInvalid("The token was not created. Correct the marked entries.", faults)


def find(db: Session, presented: str, now: datetime) -> ApiToken | None:
    """The valid token behind what a program sent, with its person and dealership, or None."""
    if not presented.startswith(MARK) or len(presented) > 100:
        return None
    token = db.scalar(
        select(ApiToken)
        .where(ApiToken.token_hash == _digest(presented))
        .options(joinedload(ApiToken.user), joinedload(ApiToken.dealership))
    )
    return token if token is not None and _is_valid(token, now) else None


def _is_valid(token: ApiToken, now: datetime) -> bool:
    ended = token.expires_at is not None and token.expires_at <= now
    return token.revoked_at is None and not ended and token.user.is_active


def allows(token: ApiToken, scope: str | None) -> bool:
    """Whether the token has `scope`; `admin` includes all."""
    return scope is None or scope in token.scopes or "admin" in token.scopes


def use_is_stale(token: ApiToken, now: datetime) -> bool:
    """Whether the last use has to be written again: at most once a minute."""
    return token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY


def note_use(db: Session, token_id: int, now: datetime) -> None:
    """Writes the last use, unless another process just did."""
    earlier = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= now - USE_NOTED_EVERY)
    db.execute(
        update(ApiToken).where(ApiToken.id == token_id, earlier).values(last_used_at=now),
        execution_options={"synchronize_session": False},
    )


def listed(db: Session, dealership_id: int) -> list[ApiToken]:
    """The dealership's tokens, newest first, with their persons; revoked ones included."""
    query = select(ApiToken).where(ApiToken.dealership_id == dealership_id)
    return list(db.scalars(query.options(joinedload(ApiToken.user)).order_by(ApiToken.id.desc())))


def revoke(db: Session, actor: Actor, dealership_id: int, token_id: int, now: datetime) -> ApiToken:
    """Ends a token now; ending it twice changes nothing. Raises NotFound for another's id."""
    token = get(db, dealership_id, token_id)
    if token.revoked_at is None:
        token.revoked_at = now
        audit.record(
            db,
            actor,
            "token.revoke",
            token.prefix,
            {"name": token.name},
            dealership_id=dealership_id,
        )
    return token


def get(db: Session, dealership_id: int, token_id: int) -> ApiToken:
    """One token of the dealership. Raises NotFound."""
    token = db.scalar(
        select(ApiToken).where(ApiToken.dealership_id == dealership_id, ApiToken.id == token_id)
    )
    if token is None:
        raise NotFound("There is no such token.")
    return token


def revoke_all(db: Session, user_id: int, now: datetime, dealership_id: int | None = None) -> None:
    """Ends a person's tokens: at one dealership, or everywhere."""
    query = update(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
    if dealership_id is not None:
        query = query.where(ApiToken.dealership_id == dealership_id)
    db.execute(query.values(revoked_at=now), execution_options={"synchronize_session": False})


def _digest(presented: str) -> str:
    return hashlib.sha256(presented.encode()).hexdigest()
