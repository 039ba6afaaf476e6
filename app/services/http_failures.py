"""What can go wrong between us and another server, in words for the dealership (row 1.6.9).

ProviderUnavailable
├─ HostFailed     no connection, no answer, half an answer, HTTP 5xx: counts for the breaker
├─ CircuitOpen    the breaker is open: nobody was asked
└─ TimeIsUp       our own limit for the whole call passed
ContractBroken
└─ AnswerUnreadable   a web page, nothing, or data cut in the middle: worth another try
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

from app.services.errors import (
    ContractBroken,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
)

Repeat = Literal["any", "unsent"]
LONGEST_WAIT = 60.0


class HostFailed(ProviderUnavailable):
    """`sent` False: the request surely never reached the server, so even a create is safe."""

    def __init__(
        self,
        user_message: str,
        *,
        sent: bool = True,
        retry_after: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(user_message, sent=sent, **facts)
        self.sent = sent
        self.retry_after = retry_after


class CircuitOpen(ProviderUnavailable):
    """Too many failures in a row; `retry_after` says when the next try is allowed."""

    def __init__(self, user_message: str, retry_after: float) -> None:
        super().__init__(user_message, retry_after=retry_after)
        self.retry_after = retry_after


class TimeIsUp(ProviderUnavailable):
    code = "provider_timeout"


class AnswerUnreadable(ContractBroken):
    """The answer is no whole JSON document."""


def explain(exc: httpx.TransportError, label: str, host: str) -> HostFailed:
    """A network failure in readable words; `facts` name the kind for log and tests."""
    kind = _kind(exc)
    sent = not isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    words = _WORDS[kind].format(label=label, host=host)
    return HostFailed(words, sent=sent, kind=kind, error=type(exc).__name__)


_WORDS = {
    "dns": "The name {host} cannot be found. Check the network of this server and the "
    "configured address of {label}.",
    "tls": "No secure connection to {label}: the certificate of {host} cannot be trusted, or "
    "the server does not speak TLS 1.2 or newer.",
    "refused": "{label} refuses connections at {host}. The service may be down.",
    "connect_timeout": "{label} did not accept a connection in time.",
    "connect": "No connection to {label} at {host}.",
    "read_timeout": "{label} did not answer in time.",
    "cut": "The connection to {label} was cut before the whole answer had arrived.",
    "unknown": "The call to {label} failed for an unknown reason.",
}


def _kind(exc: httpx.TransportError) -> str:
    for cause in _causes(exc):
        for family, kind in _BY_CAUSE:
            if isinstance(cause, family):
                return kind
    return "unknown"


_BY_CAUSE: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "dns"),
    (ssl.SSLError, "tls"),
    (ConnectionRefusedError, "refused"),
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.ConnectError, "connect"),
    (httpx.TimeoutException, "read_timeout"),
    (httpx.NetworkError, "cut"),
    (httpx.RemoteProtocolError, "cut"),
)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The chain from its root up: the operating system's word is the most exact one."""
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return reversed(chain)


def require_success(response: httpx.Response, label: str) -> None:
    """Judges the HTTP status alone (easycars-api §12); 401 is left to who knows the token."""
    status = response.status_code
    if response.is_success:
        return
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise RateLimited(_busy(label), retry_after(response), status=status)
    if response.is_server_error:
        message = f"{label} has a fault of its own (HTTP {status})."
        raise HostFailed(message, retry_after=retry_after(response), status=status)
    if response.is_redirect:
        raise ContractBroken(f"{label} sent the call elsewhere (HTTP {status}).", status=status)
    raise RequestRefused(f"{label} refused the call (HTTP {status}).", status=status)


def _busy(label: str) -> str:
    return f"{label} asks us to slow down (HTTP 429)."


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of the Retry-After header, which is a number or a date."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())


def pause_before_repeat(exc: Exception, repeat: Repeat) -> bool | float:
    """Whether to try again: False, True (our own backoff), or the seconds that they ask for.

    `repeat` "unsent" is for calls that must not happen twice, such as creating a lead.
    """
    asked = getattr(exc, "retry_after", None)
    if isinstance(exc, CircuitOpen | TimeIsUp) or not _repeatable(exc):
        return False
    if repeat == "unsent" and not surely_undone(exc):
        return False
    if asked is not None:
        return asked <= LONGEST_WAIT and max(float(asked), 0.05)
    return True


def surely_undone(exc: Exception) -> bool:
    """Whether a failed call certainly changed nothing over there (easycars-api §12, CreateLead).

    A server that names a time to come back has not begun; a plain 500 may come after the work.
    """
    if isinstance(exc, RateLimited | CircuitOpen):
        return True
    if isinstance(exc, HostFailed) and exc.retry_after is not None:
        return exc.facts.get("status") == httpx.codes.SERVICE_UNAVAILABLE
    return isinstance(exc, ProviderError) and not exc.sent


def _repeatable(exc: Exception) -> bool:
    return isinstance(exc, ProviderError) and isinstance(
        exc, ProviderUnavailable | AnswerUnreadable
    )
