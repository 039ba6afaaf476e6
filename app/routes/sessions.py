"""The browser's session: who is signed in, and when that ends by itself.

The cookie holds "<person>.<session version>", signed. A new password or a disabled account moves
the version, and every session of that person is over (C82).
"""

from __future__ import annotations

from typing import Any

from flask import session
from flask_login import LoginManager, UserMixin, login_user, logout_user

from app.db import db
from app.models import User


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """A person for Flask-Login and the templates (`current_user`); `user` is the account."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        return f"{self.user.id}.{self.user.session_version}"

    def __getattr__(self, name: str) -> Any:
        if name == "user":
            raise AttributeError(name)
        return getattr(self.user, name)


def load(signed: str) -> SignedIn | None:
    """The person of a cookie, or None when the session is over."""
    number, _, version = signed.partition(".")
    if not (number.isdecimal() and version.isdecimal()):
        return None
    user = db.session.get(User, int(number))
    if user is None or not user.is_active or user.session_version != int(version):
        return None
    return SignedIn(user)


def start(user: User) -> None:
    """Signs in with an emptied session: nothing set before sign-in survives it (fixation)."""
    session.clear()
    session.permanent = True
    login_user(SignedIn(user))


def end() -> None:
    """Signs out and empties the session."""
    logout_user()
    session.clear()


def login_manager() -> LoginManager:
    """Flask-Login with our loader. Addresses of phones change, so sessions are not tied to one."""
    manager = LoginManager()
    manager.session_protection = None
    manager.user_loader(load)
    return manager
