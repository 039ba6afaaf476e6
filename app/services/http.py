"""The only way out to other people's servers.

`Outside` knows addresses, time limits, retries and the breaker; a provider asks it for a `Door`
and speaks its dialect through that. One layer repeats calls (here), one place writes the log
lines (`http_calls`), one place finds the words for failures (`http_failures`).
"""

from __future__ import annotations

import copy
import logging
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit

import httpx
import stamina

from app.config import Settings
from app.services.errors import ContractBroken, ProviderError, RateLimited
from app.services.http_calls import Deadline, Record, WatchedTransport
from app.services.http_failures import (
    CircuitOpen,
    HostFailed,
    Repeat,
    TimeIsUp,
    pause_before_repeat,
)
from app.services.ports import CircuitStore, TokenStore

CONNECT_TIMEOUT_S: Final = 10.0

# Both write whole addresses into their lines, and the token's address holds the client secret.
for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Retries:
    """How a call is repeated: three tries, 2 s and 4 s plus jitter between them (row 48, NFR3)."""

    attempts: int = 3
    first_wait: float = 2.0
    longest_wait: float = 8.0
    jitter: float = 1.0
    total: float = 600.0


class Outside:
    """Made once by `create_app`. `recording` gives a copy whose calls are also kept by a run."""

    def __init__(
        self,
        settings: Settings,
        *,
        tokens: TokenStore,
        circuits: CircuitStore,
        retries: Retries | None = None,
    ) -> None:
        self.settings = settings
        self.tokens = tokens
        self.circuits = circuits
        self.retries = retries or Retries()
        self.record: Record | None = None

    def recording(self, record: Record) -> Outside:
        """The same way out; `record` gets a dict for every request: at, method, path, status,
        code, duration_ms, attempt, bytes."""
        recorded = copy.copy(self)
        recorded.record = record
        return recorded

    def base_url(self, provider: str, environment: str) -> str:
        """Where a provider lives: scheme, host and path prefix, without a slash at its end."""
        known = {
            ("easycars", "Test"): self.settings.easycars_test_base_url,
            ("easycars", "Production"): self.settings.easycars_production_base_url,
        }
        try:
            return known[provider, environment]
        except KeyError:
            raise ContractBroken(f"No address is known for {provider} {environment}.") from None

    @contextmanager
    def door(self, provider: str, label: str, environment: str) -> Iterator[Door]:
        """An open client for one provider and environment; closes its connections at the end."""
        base_url = self.base_url(provider, environment)
        parts = urlsplit(base_url)
        transport = WatchedTransport(
            httpx.HTTPTransport(verify=_trust(parts.scheme)),
            provider=provider,
            label=label,
            host=parts.netloc,
            record=self.record,
        )
        with _client(base_url, transport, self.settings.easycars_timeout) as client:
            yield Door(self, label, base_url, client, transport)


@dataclass(frozen=True)
class Door:
    """One provider's open client with everything around it."""

    outside: Outside
    label: str
    base_url: str
    client: httpx.Client
    transport: WatchedTransport

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    def attempts(self, repeat: Repeat = "any") -> Iterator[AbstractContextManager[int]]:
        """`for attempt in door.attempts(): with attempt as number: …` repeats as §12 says.

        The breaker is asked before every try and told after it.
        """
        rules = self.outside.retries
        for attempt in stamina.retry_context(
            on=lambda exc: pause_before_repeat(exc, repeat),
            attempts=rules.attempts,
            timeout=rules.total,
            wait_initial=rules.first_wait,
            wait_max=rules.longest_wait,
            wait_jitter=rules.jitter,
        ):
            self._require_closed()
            yield self._guarded(attempt)

    @contextmanager
    def once(self) -> Iterator[None]:
        """A single try that asks and tells the breaker, for a person who is waiting."""
        self._require_closed()
        with self._telling_breaker():
            yield

    @contextmanager
    def within(self, seconds: float) -> Iterator[Deadline]:
        """Ends everything that goes through this door after `seconds`. Raises TimeIsUp then.

        Inside another limit the earlier end counts.
        """
        outer = self.transport.deadline
        allowed = min(seconds, outer.remaining) if outer else seconds
        with Deadline(allowed, self.transport.sockets) as deadline:
            self.transport.deadline = deadline
            try:
                yield deadline
            finally:
                self.transport.deadline = outer

    @contextmanager
    def _guarded(self, attempt: stamina.Attempt) -> Iterator[int]:
        with attempt, self._telling_breaker():
            yield attempt.num

    def _require_closed(self) -> None:
        wait = self.outside.circuits.wait_for(self.host)
        if wait > 0:
            raise CircuitOpen(_resting(self.label, wait), wait)

    @contextmanager
    def _telling_breaker(self) -> Iterator[None]:
        circuits, key = self.outside.circuits, self.host
        try:
            yield
        except HostFailed:
            circuits.failed(key)
            raise
        except (RateLimited, TimeIsUp):
            raise  # says nothing about the host's health
        except ProviderError:
            circuits.succeeded(key)
            raise
        circuits.succeeded(key)


def timeouts(read: float) -> httpx.Timeout:
    """Explicit limits; connecting has a short one of its own."""
    return httpx.Timeout(read, connect=min(read, CONNECT_TIMEOUT_S))


def _client(base_url: str, transport: httpx.BaseTransport, timeout: float) -> httpx.Client:
    return httpx.Client(
        base_url=f"{base_url}/",
        transport=transport,
        timeout=timeouts(timeout),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


@cache
def _trust(scheme: str) -> ssl.SSLContext:
    """Verified TLS 1.2 or newer. Plain http (loopback) gets a context that trusts nobody, because
    loading the certificates takes longer than a whole call."""
    context = (
        httpx.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _resting(label: str, seconds: float) -> str:
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    return (
        f"{label} is not answering. The next try is possible at {due:%H:%M:%S} UTC, "
        f"in {max(1, round(seconds))} seconds."
    )
