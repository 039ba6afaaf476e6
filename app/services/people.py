"""People and what they may do at which dealership (contract §2, C55, C61)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.models import Dealership, Membership, User
from app.models.accounts import ROLES
from app.secret import Secret
from app.services import accounts, audit, passwords, tokens
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound

NO_SUCH_PERSON = "There is no such person at this dealership."
LAST_ADMIN = (
    "This is the last administrator of the dealership, so nothing was changed. "
    "Make somebody else administrator first."
)


@dataclass(frozen=True)
class Added:
    """A new member; `password` is set when the person is new, to be shown once."""

    member: Membership
    password: Secret | None


def members(db: Session, dealership_id: int) -> list[Membership]:
    """Everybody of a dealership, by address, with their accounts."""
    query = (
        select(Membership)
        .join(Membership.user)
        .where(Membership.dealership_id == dealership_id)
        .options(joinedload(Membership.user))
        .order_by(User.email)
    )
    return list(db.scalars(query))


def member(db: Session, dealership_id: int, user_id: int) -> Membership:
    """One member by the person's id. Raises NotFound for anybody else's."""
    found = db.scalar(
        select(Membership)
        .where(Membership.dealership_id == dealership_id, Membership.user_id == user_id)
        .options(joinedload(Membership.user))
    )
    if found is None:
        raise NotFound(NO_SUCH_PERSON)
    return found


def add(
    db: Session, actor: Actor, dealership_id: int, *, email: str, role: str, name: str = ""
) -> Added:
    """Lets a person into a dealership; makes the account when the address is new.

    Raises InputInvalid for a wrong address or role and for somebody who is a member already.
    """
    address = accounts.clean_email(email)
    _check_role(role)
    user, password = accounts.by_email(db, address), None
    if user is None:
        password = passwords.generated()
        user = accounts.create(db, actor, email=address, name=name, password=password)
    elif _is_member(db, dealership_id, user.id):
        raise InputInvalid("Nothing was changed.", {"email": f"{address} is a member already."})
    added = Membership(user_id=user.id, dealership_id=dealership_id, role=role, user=user)
    db.add(added)
    db.flush()
    facts = {"role": role, "new_account": password is not None}
    audit.record(db, actor, "person.add", address, facts, dealership_id=dealership_id)
    return Added(added, password)


def change_role(
    db: Session, actor: Actor, dealership_id: int, user_id: int, role: str
) -> Membership:
    """Gives a member another role. Raises NotFound, InputInvalid (also for the last admin)."""
    _lock(db, dealership_id)
    found = member(db, dealership_id, user_id)
    _check_role(role)
    if found.role == role:
        return found
    _keep_one_admin(db, found)
    facts = {"before": found.role, "after": role}
    found.role = role
    audit.record(
        db, actor, "person.change_role", found.user.email, facts, dealership_id=dealership_id
    )
    return found


def new_password(
    db: Session, actor: Actor, dealership_id: int, user_id: int, now: datetime
) -> Secret:
    """A generated password for a member who lost theirs; their sessions and tokens end.

    Only for people of this dealership alone: an administrator must not get into others through
    a shared account. Raises InputInvalid then, NotFound for strangers.
    """
    found = member(db, dealership_id, user_id)
    elsewhere = select(Membership.id).where(
        Membership.user_id == user_id, Membership.dealership_id != dealership_id
    )
    if found.user.is_system or db.scalar(elsewhere.limit(1)) is not None:
        raise InputInvalid(
            f"{found.user.email} also works elsewhere, so only a system administrator "
            "can set a new password. Nothing was changed."
        )
    password = passwords.generated()
    accounts.set_password(db, actor, found.user, password, now)
    facts = {"by": "administrator"}
    audit.record(
        db, actor, "person.new_password", found.user.email, facts, dealership_id=dealership_id
    )
    return password


def remove(db: Session, actor: Actor, dealership_id: int, user_id: int, now: datetime) -> str:
    """Takes a member out, ends their tokens here; answers the address. Never the last admin."""
    _lock(db, dealership_id)
    found = member(db, dealership_id, user_id)
    _keep_one_admin(db, found)
    email = found.user.email
    tokens.revoke_all(db, user_id, now, dealership_id)
    db.delete(found)
    audit.record(
        db, actor, "person.remove", email, {"role": found.role}, dealership_id=dealership_id
    )
    return email


def _lock(db: Session, dealership_id: int) -> None:
    """One change of people at a time: two admins must not remove each other."""
    db.execute(select(Dealership.id).where(Dealership.id == dealership_id).with_for_update())


def _keep_one_admin(db: Session, leaving: Membership) -> None:
    if leaving.role != "admin":
        return
    others = select(func.count()).where(
        Membership.dealership_id == leaving.dealership_id,
        Membership.role == "admin",
        Membership.user_id != leaving.user_id,
    )
    if not db.scalar(others):
        raise InputInvalid(LAST_ADMIN)


def _is_member(db: Session, dealership_id: int, user_id: int) -> bool:
    query = select(Membership.id).where(
        Membership.dealership_id == dealership_id, Membership.user_id == user_id
    )
    return db.scalar(query) is not None


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InputInvalid("Nothing was changed.", {"role": f"Choose {', '.join(ROLES)}."})
