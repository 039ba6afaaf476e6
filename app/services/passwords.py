"""Passwords: argon2id, checked in the same time whether the person exists or not."""

from __future__ import annotations

import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.secret import Secret
from app.services.errors import InputInvalid

SHORTEST, LONGEST = 12, 1024
# No 0 O 1 l I: a generated password is read aloud and typed on phones.
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_hasher = PasswordHasher()


def hashed(password: Secret) -> str:
    """The text to store for a password."""
    return _hasher.hash(password.reveal())


def matches(stored: str | None, password: Secret) -> bool:
    """Whether the password is right. `stored` None (unknown person) costs the same and is False."""
    try:
        right = _hasher.verify(stored or _nobodys(), password.reveal()[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(stored)


def generated() -> Secret:
    """A password of four groups of five: about 115 bits."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(4))
    return Secret("-".join(groups))


def check(password: Secret, email: str, field: str = "password") -> None:
    """Raises InputInvalid for a password that must not be used for this person."""
    text = password.reveal()
    if not SHORTEST <= len(text) <= LONGEST:
        fault = f"Use at least {SHORTEST} characters; a short sentence is easy to remember."
    elif len(set(text)) < 4 or email.partition("@")[0].lower() in text.lower():
        fault = "Choose something harder to guess: not your own address or one repeated letter."
    else:
        return
    raise InputInvalid("The password was not accepted.", {field: fault})


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))
