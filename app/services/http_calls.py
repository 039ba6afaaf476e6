"""One call on its way: watched, counted, logged without its secrets, cut off in time (trap T3).

The transport is the choke point. Every request of a client passes it, the ones for tokens too, so
here the host is checked, failures get their words, and the log line is written: method, path
without query, status, code, milliseconds. Never headers, bodies, or the query.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from weakref import WeakSet

import httpx

from app.log import get_logger
from app.services.errors import ContractBroken
from app.services.http_failures import TimeIsUp, explain

log = get_logger(__name__)

Record = Callable[[dict[str, Any]], object]


@dataclass
class Call:
    """What may be known about one request. Finished exactly once."""

    provider: str
    method: str
    path: str
    attempt: int
    record: Record | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    status: int | None = None
    code: int | None = None
    content_type: str | None = None
    size: int = 0
    failure: str | None = None
    finished: bool = False

    def finish(self, code: int | None = None, failure: str | None = None) -> None:
        """Writes the log line and hands the call to the run. Later calls do nothing."""
        if self.finished:
            return
        self.finished = True
        self.code, self.failure = code, failure
        facts = self._facts()
        level = log.warning if failure or code or (self.status or 0) >= 400 else log.info
        level("outside_call", provider=self.provider, failure=failure, **facts)
        if self.record is not None:
            at = self.at.isoformat(timespec="milliseconds")
            more = {"content_type": self.content_type, "failure": self.failure}
            self.record(
                {"at": at, **facts} | {name: value for name, value in more.items() if value}
            )

    def _facts(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "code": self.code,
            "duration_ms": round((time.monotonic() - self.started) * 1000),
            "attempt": self.attempt,
            "bytes": self.size,
        }


def _content_type(response: httpx.Response) -> str | None:
    """A web page where JSON was expected says at once who answered."""
    return response.headers.get("content-type", "").partition(";")[0].strip()[:100] or None


def call_of(response: httpx.Response) -> Call:
    """The call that an answer belongs to; whoever reads its code finishes it."""
    call: Call = response.extensions["call"]
    return call


class Deadline:
    """An end for a whole call, whatever the server does: at the end its sockets are shut.

    Timeouts of a socket start anew with every byte, so a server that drips one byte a second would
    hold us for ever. A name look-up cannot be cut; connecting has a timeout of its own.
    """

    def __init__(self, seconds: float, sockets: Iterable[socket.socket]) -> None:
        self.ends = time.monotonic() + seconds
        self._sockets = sockets
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    @property
    def remaining(self) -> float:
        return self.ends - time.monotonic()

    @property
    def passed(self) -> bool:
        return self.remaining <= 0

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        for known in list(self._sockets):
            with contextlib.suppress(OSError):
                known.shutdown(socket.SHUT_RDWR)


class WatchedTransport(httpx.BaseTransport):
    """Adds the watching to a transport. Only `host` may be asked: no redirect leads elsewhere."""

    def __init__(
        self, inner: httpx.BaseTransport, *, provider: str, label: str, host: str,
        record: Record | None,
    ) -> None:  # fmt: skip
        self._inner = inner
        self._provider, self._label, self._host = provider, label, host
        self._record = record
        self.sockets: WeakSet[socket.socket] = WeakSet()
        self.deadline: Deadline | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.netloc.decode("ascii") != self._host:
            raise ContractBroken(f"{self._label} sent the call to another host.")
        call = self._call(request)
        self.require_time(call)
        request.extensions = {**request.extensions, "trace": self._note_socket}
        with self.explained(call):
            response = self._inner.handle_request(request)
        call.status, call.content_type = response.status_code, _content_type(response)
        response.extensions["call"] = call
        response.stream = _WatchedStream(response.stream, call, self)
        return response

    def close(self) -> None:
        self._inner.close()

    @contextlib.contextmanager
    def explained(self, call: Call) -> Iterator[None]:
        """Turns network failures into our own errors, and finishes the call with them."""
        try:
            yield
        except httpx.TransportError as exc:
            self.require_time(call)
            failure = explain(exc, self._label, self._host)
            call.finish(failure=failure.facts["kind"])
            raise failure from exc

    def require_time(self, call: Call) -> None:
        if self.deadline is not None and self.deadline.passed:
            call.finish(failure="deadline")
            raise TimeIsUp(f"{self._label} took too long to answer.")

    def _call(self, request: httpx.Request) -> Call:
        attempt = request.extensions.get("attempt", 1)
        return Call(self._provider, request.method, request.url.path, attempt, self._record)

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            known = info["return_value"].get_extra_info("socket")
            if isinstance(known, socket.socket):
                self.sockets.add(known)


class _WatchedStream(httpx.SyncByteStream):
    def __init__(self, inner: Any, call: Call, transport: WatchedTransport) -> None:
        self._inner, self._call, self._transport = inner, call, transport

    def __iter__(self) -> Iterator[bytes]:
        with self._transport.explained(self._call):
            for chunk in self._inner:
                self._call.size += len(chunk)
                yield chunk
        self._transport.require_time(self._call)

    def close(self) -> None:
        self._inner.close()


@contextlib.contextmanager
def finishing(response: httpx.Response) -> Iterator[Call]:
    """Closes an answer and finishes its call, also when reading it fails."""
    call = call_of(response)
    try:
        yield call
    except Exception as exc:
        call.finish(call.code, type(exc).__name__)
        raise
    finally:
        response.close()
        call.finish(call.code)
