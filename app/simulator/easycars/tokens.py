"""Tokens of RequestToken: HS256 JWTs, one kind per service, good for ten minutes."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

DEFAULT_LIFETIME = 600


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class TokenDesk:
    """Issues and checks tokens. Signed per service, so that one service refuses the other's."""

    def __init__(self, seed: int, now: Callable[[], float] = time.time) -> None:
        self.lifetime = DEFAULT_LIFETIME
        self._key = hashlib.sha256(f"simulator tokens {seed}".encode()).digest()
        self._now = now
        self._issued: dict[str, float] = {}

    def issue(self, service: str, client_id: str) -> str:
        now = self._now()
        self._forget(now)
        claims = {
            "ClientID": client_id,
            "nbf": int(now),
            "exp": int(now) + self.lifetime,
            "iat": int(now),
        }
        header = _encode(b'{"alg":"HS256","typ":"JWT"}')
        content = f"{header}.{_encode(json.dumps(claims, separators=(',', ':')).encode())}"
        token = f"{content}.{self._sign(service, content)}"
        self._issued[token] = now
        return token

    def client_of(self, service: str, token: str, tolerated_age: float | None = None) -> str | None:
        """The ClientID of a valid token of this service, else None.

        `tolerated_age` refuses tokens older than so many seconds, whatever they promise.
        """
        content, _, signature = token.rpartition(".")
        if not content or not hmac.compare_digest(signature, self._sign(service, content)):
            return None
        claims = json.loads(_decode(content.partition(".")[2]))
        now = self._now()
        too_old = tolerated_age is not None and now - self._issued.get(token, 0) > tolerated_age
        return None if now >= claims["exp"] or too_old else str(claims["ClientID"])

    def _sign(self, service: str, content: str) -> str:
        return _encode(
            hmac.new(self._key + service.encode(), content.encode(), hashlib.sha256).digest()
        )

    def _forget(self, now: float) -> None:
        for token in [
            t for t, issued in self._issued.items() if now - issued > 2 * DEFAULT_LIFETIME
        ]:
            del self._issued[token]
