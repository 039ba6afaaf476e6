"""Encryption of credentials at rest: AES-256-GCM, key ids, bound to their place (story 1.2).

Stored form: `v<key id>.<base64url of nonce + ciphertext + tag>`. Every value has its own random
96-bit nonce (trap T2). The place, such as `credential:7:account_secret`, is authenticated as
associated data: a ciphertext copied to another dealership or field does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.secret import Secret
from app.services.errors import HubError

NONCE_BYTES = 12
KEY_BYTES = 32


class EncryptionError(HubError):
    """A stored secret cannot be read. Messages never hold plaintext or keys."""

    code = "credentials_unreadable"


class KeyUnusable(EncryptionError):
    """A key is not 32 bytes, or there is none to encrypt with."""


class KeyUnknown(EncryptionError):
    """The value was encrypted with a key that is not configured any more."""


class CiphertextMalformed(EncryptionError):
    """The stored text is not in our form."""


class CiphertextRefused(EncryptionError):
    """Wrong key, changed bytes, or a value moved from another place."""


class CredentialEncryptionService:
    """Encrypts with the first key, decrypts with any (row B-2b.10)."""

    def __init__(self, keys: Iterable[tuple[str, Secret]]) -> None:
        """`keys`: (id, base64 of 32 bytes), newest first. Raises KeyUnusable."""
        self._ciphers = {key_id: AESGCM(_key_bytes(key_id, key)) for key_id, key in keys}
        if not self._ciphers:
            raise KeyUnusable("No encryption key is configured (CREDENTIAL_KEYS).")
        self.newest = next(iter(self._ciphers))

    def encrypt(self, plaintext: str, place: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.newest].encrypt(nonce, plaintext.encode(), place.encode())
        return f"v{self.newest}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def decrypt(self, stored: str, place: str) -> Secret:
        """Raises KeyUnknown, CiphertextMalformed or CiphertextRefused."""
        key_id, sealed = self._parse(stored)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyUnknown(
                "The stored credentials were encrypted with a key that is not configured.",
                key_id=key_id,
            )
        try:
            opened = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except InvalidTag as exc:
            raise CiphertextRefused(
                "The stored credentials do not open: the key is wrong or they were changed."
            ) from exc
        return Secret(opened.decode())

    def is_current(self, stored: str) -> bool:
        """Whether the value was encrypted with the newest key."""
        return self._parse(stored)[0] == self.newest

    @staticmethod
    def _parse(stored: str) -> tuple[str, bytes]:
        head, dot, body = stored.partition(".")
        try:
            sealed = base64.b64decode(body, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            sealed = b""
        if not dot or not head.startswith("v") or len(sealed) < NONCE_BYTES + 16:
            raise CiphertextMalformed("The stored credentials are not in a form that we know.")
        return head[1:], sealed


def _key_bytes(key_id: str, key: Secret) -> bytes:
    try:
        decoded = base64.b64decode(key.reveal(), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != KEY_BYTES:
        raise KeyUnusable(f"Encryption key {key_id!r} is not the base64 of 32 bytes.")
    return decoded
