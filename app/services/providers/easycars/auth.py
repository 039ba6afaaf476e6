"""The token of one service: fetched when missing, kept until a minute before its end.

Key of the store: environment, address, service and client pair, so that a wrong secret never
finds the token of the right one. Parallel callers fetch once (`single_flight`). The client drops
a refused token; this class then fetches the next (easycars-api §4, §11 rows 5 and 22).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import httpx
import orjson

from app.secret import Secret
from app.services.errors import CredentialsRejected
from app.services.http import Door
from app.services.http_calls import Call, finishing
from app.services.http_failures import require_success
from app.services.providers.easycars import envelope

LIFETIME_S = 600.0
LONGEST_LIFETIME_S = 24 * 3600.0
RENEW_EARLY_S = 60.0
Service = Literal["StockService", "LeadService"]


@dataclass(frozen=True, slots=True)
class ClientPair:
    """ClientID and ClientSecret. `origin`: where they came from, for the words of a refusal."""

    client_id: Secret
    client_secret: Secret
    origin: Literal["given", "settings", "account"] = "given"


@dataclass(frozen=True, slots=True)
class Token:
    value: Secret
    lifetime: float


class TokenAuth(httpx.Auth):
    """Puts `Authorization: Bearer …` on calls of one service; never used for pictures."""

    def __init__(
        self,
        door: Door,
        environment: str,
        service: Service,
        pair: ClientPair,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door, self._service, self._pair = door, service, pair
        self._tokens = door.outside.tokens
        self._monotonic = monotonic
        self.key = f"easycars:{environment}:{service}:{_fingerprint(door.base_url, pair)}"
        self.used: Secret | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self.used = yield from self._token(request.extensions)
        request.headers["Authorization"] = f"Bearer {self.used.reveal()}"
        yield request

    def drop_used(self) -> None:
        """Forgets the token that was refused, unless somebody has renewed it meanwhile."""
        if self.used is not None:
            self._tokens.drop(self.key, self.used)

    def fetch_now(self, extensions: Mapping[str, Any]) -> Token:
        """A new token whatever is stored: the proof that "Test connection" asks for."""
        steps = self._fetch(extensions)
        response = self._door.client.send(next(steps), stream=True)
        try:
            steps.send(response)
        except StopIteration as done:
            token: Token = done.value
        return token

    def _token(
        self, extensions: Mapping[str, Any]
    ) -> Generator[httpx.Request, httpx.Response, Secret]:
        known = self._tokens.get(self.key)
        if known is not None:
            return known
        with self._tokens.single_flight(self.key):
            known = self._tokens.get(self.key)
            return known or (yield from self._fetch(extensions)).value

    def _fetch(
        self, extensions: Mapping[str, Any]
    ) -> Generator[httpx.Request, httpx.Response, Token]:
        """Asks for a token; its life is counted from the moment of the request on our clock."""
        started = self._monotonic()
        response = yield self._request(extensions)
        with finishing(response) as call:
            token = self._read(response, call)
        seconds = token.lifetime - RENEW_EARLY_S - (self._monotonic() - started)
        if seconds > 0:
            self._tokens.put(self.key, token.value, seconds)
        return token

    def _request(self, extensions: Mapping[str, Any]) -> httpx.Request:
        """Credentials in the query, empty body (§4): this address must reach no log."""
        query = {
            "ClientID": self._pair.client_id.reveal(),
            "ClientSecret": self._pair.client_secret.reveal(),
        }
        return self._door.client.build_request(
            "POST",
            f"{self._service}/RequestToken",
            params=query,
            extensions={"attempt": extensions.get("attempt", 1)},
            timeout=httpx.Timeout(**extensions["timeout"])
            if "timeout" in extensions
            else httpx.USE_CLIENT_DEFAULT,
        )

    def _read(self, response: httpx.Response, call: Call) -> Token:
        response.read()
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise self._rejected(None)
        require_success(response, envelope.LABEL)
        answer = envelope.read(response.content, response.status_code)
        call.code = envelope.code_of(answer)
        text = next((answer[name] for name in ("Token", "Response") if answer.get(name)), None)
        given = isinstance(text, str)
        message = without(envelope.message_of(answer), self._secrets)
        try:
            envelope.judge(call.code, message, payload=given)
        except envelope.TokenRefused as exc:
            raise self._rejected(exc.message) from exc
        return Token(Secret(str(text)), lifetime_of(str(text)))

    @property
    def _secrets(self) -> tuple[Secret, ...]:
        return self._pair.client_id, self._pair.client_secret

    def _rejected(self, message: str | None) -> CredentialsRejected:
        words = _REFUSED[self._pair.origin]
        said = f" EasyCars says: {message}" if message else ""
        return CredentialsRejected(words + said, pair="client", service=self._service)


_REFUSED = {
    "given": "EasyCars refused the Client ID and Client Secret.",
    "settings": "EasyCars refused the client pair of this installation "
    "(EASYCARS_CLIENT_ID, EASYCARS_CLIENT_SECRET).",
    "account": "EasyCars refused the Account Number/PublicID and Account Secret/SecretKey as "
    "access keys. If EasyCars gave you a Client ID and Client Secret as well, enter them under "
    "Advanced.",
}


def lifetime_of(token: str) -> float:
    """`exp - iat` of the JWT, 600 s when it cannot be read. Its signature is not ours to check."""
    try:
        body = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        lifetime = float(claims["exp"]) - float(claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError):
        return LIFETIME_S
    return lifetime if 0 < lifetime <= LONGEST_LIFETIME_S else LIFETIME_S


def without(message: str | None, secrets: tuple[Secret, ...]) -> str | None:
    """The vendor's words, even if they repeat what was sent, without the secrets."""
    for secret in secrets:
        if message and secret:
            message = message.replace(secret.reveal(), "***")
    return message


def _fingerprint(base_url: str, pair: ClientPair) -> str:
    parts = (base_url, pair.client_id.reveal(), pair.client_secret.reveal())
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
