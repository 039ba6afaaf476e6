"""Asks a picture server for one picture: politely, within limits, and with nothing of ours in it.

No cookies, no tokens, no foreign redirects, at most 20 MB. A second request for a known picture
carries its ETag or date, so that an unchanged one costs one short answer (row 110).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urljoin, urlsplit

import httpcore
import stamina

from app.services.errors import ProviderUnavailable, RateLimited, RecordRefused
from app.services.photos.addresses import AllowedHosts, PublicNetwork
from app.services.photos.metadata import BROKEN_OFF
from app.services.photos.pace import Pace

AT_ONCE = 5
MAX_BYTES = 20 * 1024 * 1024
MAX_REDIRECTS = 3
TRIES = 3
LONGEST_WAIT_S = 20.0
LONGEST_DOWNLOAD_S = 60.0
TIMEOUTS = {"connect": 5.0, "read": 15.0, "write": 5.0, "pool": 60.0}
HEADERS = (
    (b"user-agent", b"Forecourt (photo sync)"),
    (b"accept", b"image/jpeg, image/png, image/webp, image/gif;q=0.5"),
    (b"accept-encoding", b"identity"),
)
MOVED = {301, 302, 303, 307, 308}
NO_ANSWER = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)


@dataclass(frozen=True)
class Validators:
    """What the server said about a picture's version; sent back to ask "still the same?"."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        if self.etag:
            yield b"if-none-match", self.etag.encode("latin-1", "ignore")
        if self.last_modified:
            yield b"if-modified-since", self.last_modified.encode("latin-1", "ignore")


@dataclass(frozen=True)
class Fetched:
    """An answer; `content` is None when the server says that the picture is unchanged."""

    content: bytes | None
    validators: Validators


class PhotoServer:
    """The way to the picture servers; shared by the download threads.

    `fetch(url, known)` raises RecordRefused (do not ask again soon) or ProviderUnavailable
    (a passing fault, after three tries).
    """

    def __init__(self, allowed: AllowedHosts, pace: Pace | None = None) -> None:
        self._allowed = allowed
        self._pace = pace or Pace()
        self._pool = httpcore.ConnectionPool(
            max_connections=AT_ONCE,
            network_backend=PublicNetwork(allowed.loopback),
        )

    def __enter__(self) -> PhotoServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.close()

    def fetch(self, url: str, known: Validators) -> Fetched:
        self._allowed.check(url)
        for attempt in stamina.retry_context(
            on=_worth_another_try, attempts=TRIES, timeout=60.0, wait_initial=0.2, wait_max=5.0
        ):
            with attempt:
                return self._following(url, known)
        raise AssertionError("the last try either returns or raises")

    def _following(self, url: str, known: Validators) -> Fetched:
        """One try, with redirects inside the same host."""
        host = urlsplit(url).hostname
        for _ in range(MAX_REDIRECTS + 1):
            self._pace.take(host or "")
            answer = self._asked(url, known)
            if isinstance(answer, Fetched):
                return answer
            url = answer
            if urlsplit(url).hostname != host:
                raise RecordRefused("The picture server sends us to another server.")
            self._allowed.check(url)
        raise RecordRefused("The picture server sends us in a circle.")

    def _asked(self, url: str, known: Validators) -> Fetched | str:
        """The answer, or the address to which the server sends us."""
        headers = [*HEADERS, *known.headers()]
        with (
            _in_words(),
            self._pool.stream(
                "GET", url.encode("ascii", "ignore"), headers=headers,
                extensions={"timeout": TIMEOUTS},
            ) as answer,
        ):  # fmt: skip
            if answer.status in MOVED:
                return urljoin(url, _header(answer, b"location") or "")
            if answer.status == 304:
                return Fetched(None, known)
            _check_status(answer)
            return Fetched(_body(answer), _validators(answer))


def _worth_another_try(error: Exception) -> bool | float:
    """Passing faults are; a server that names a time gets it, up to a limit."""
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return min(error.retry_after, LONGEST_WAIT_S)
    return isinstance(error, ProviderUnavailable)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException:
        raise ProviderUnavailable("The picture server did not answer in time.") from None
    except httpcore.RemoteProtocolError:
        raise ProviderUnavailable(BROKEN_OFF) from None
    except NO_ANSWER as exc:
        raise ProviderUnavailable(
            "The picture server cannot be reached.", kind=type(exc).__name__
        ) from None
    except httpcore.UnsupportedProtocol:
        raise RecordRefused("The address of the picture cannot be read.") from None


def _check_status(answer: httpcore.Response) -> None:
    status = answer.status
    if status == 200:
        return
    if status in (404, 410):
        raise RecordRefused(f"The picture is not on the server ({status}).")
    if status in (429, 503):
        raise RateLimited("The picture server is busy.", retry_after=_seconds(answer))
    if status >= 500:
        raise ProviderUnavailable(f"The picture server has a fault ({status}).")
    raise RecordRefused(f"The picture server refuses to give the picture ({status}).")


def _body(answer: httpcore.Response) -> bytes:
    promised = _header(answer, b"content-length") or ""
    if promised.isdigit() and int(promised) > MAX_BYTES:
        raise RecordRefused(_too_large())
    blocks: list[bytes] = []
    size = 0
    end = time.monotonic() + LONGEST_DOWNLOAD_S
    for block in answer.iter_stream():
        if time.monotonic() > end:
            raise ProviderUnavailable("The picture server sends too slowly.")
        size += len(block)
        if size > MAX_BYTES:
            raise RecordRefused(_too_large())
        blocks.append(block)
    return b"".join(blocks)


def _too_large() -> str:
    return f"The picture is larger than {MAX_BYTES // 1024**2} MB."


def _validators(answer: httpcore.Response) -> Validators:
    """Only what fits the columns: a cut-off ETag would never match again."""
    etag, date = _header(answer, b"etag"), _header(answer, b"last-modified")
    return Validators(
        etag if etag and len(etag) <= 200 else None, date if date and len(date) <= 64 else None
    )


def _seconds(answer: httpcore.Response) -> float | None:
    value = _header(answer, b"retry-after") or ""
    return float(value) if value.isdigit() else None


def _header(answer: httpcore.Response, name: bytes) -> str | None:
    """A header as text; control characters end it, NUL among them."""
    for key, value in answer.headers:
        if key.lower() == name:
            return "".join(char for char in value.decode("latin-1") if char.isprintable())
    return None
