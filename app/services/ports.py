"""What the services need from outside, as Protocols; `create_app` hands the real ones in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.secret import Secret


class Clock(Protocol):
    """The time; a test moves it by hand."""

    def now(self) -> datetime:
        """The moment, in UTC with zone."""


class JobQueue(Protocol):
    """Carries ids to workers; the database stays the truth (stack §4)."""

    def sync(self, run_id: int, attempt: int) -> str:
        """Enqueues the run; returns the job id. Raises QueueDown when Redis is away."""

    def photos(self, run_id: int, attempt: int) -> str:
        """Enqueues the photo job linked to the run; returns the job id."""

    def leads(self, dealership_id: int, token: str) -> str:
        """Enqueues the sending of what waits in a dealership's lane; `token` names the cause."""

    def waiting(self, job_ids: Sequence[str]) -> set[str]:
        """Those that still wait in the queue; all of them when the queue cannot be asked."""


class QueueDown(Exception):
    """The queue cannot be reached; the sweeper enqueues the run later."""


class TokenStore(Protocol):
    """Tokens shared by all processes, one per key; values are stored encrypted."""

    def get(self, key: str) -> Secret | None: ...

    def put(self, key: str, token: Secret, seconds: float) -> None: ...

    def drop(self, key: str, token: Secret) -> None:
        """Forgets the token if it is still the stored one."""

    def single_flight(self, key: str) -> AbstractContextManager[None]:
        """Lets one caller of all processes fetch; the others wait and read."""


class CircuitStore(Protocol):
    """The breaker's shared state per outside host (row B-2b.18)."""

    def blocked_for(self, key: str) -> float:
        """Seconds that an open breaker has left; 0 when closed."""

    def wait_for(self, key: str) -> float:
        """0: the caller may call now; else seconds until somebody may.

        While the breaker is open one caller in PROBE_EVERY_S is let through, to see whether the
        host is back.
        """

    def failed(self, key: str) -> None: ...

    def succeeded(self, key: str) -> None: ...


class MediaUnavailable(Exception):
    """The media store cannot be read or written: disk full, bucket away, access refused."""


class MediaStore(Protocol):
    """Bytes under a key: a local folder or an S3-compatible bucket. Safe to use from threads.

    Every method raises MediaUnavailable when the store does not work.
    """

    def put(self, key: str, content: bytes) -> None:
        """Writes whole or not at all; replaces what was there."""

    def exists(self, key: str) -> bool: ...

    def get(self, key: str) -> tuple[int, Iterator[bytes]]:
        """Size and chunks of the object. Raises KeyError when there is none."""

    def delete(self, key: str) -> None:
        """Removes the object; fine when there is none."""

    def check(self) -> None:
        """Writes, reads and removes a small object."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person. `message_id` is the same whenever the same mail is sent again."""

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str


class MailUnavailable(Exception):
    """The mail server cannot be reached or says "later"; try again."""


class MailRefused(Exception):
    """The mail server will never take this mail: no such recipient, for example."""


class Mailer(Protocol):
    """Hands mails to a mail server, or writes them to the log. Safe to use from threads."""

    def send(self, mail: Mail) -> None:
        """Returns when the server took the mail. Raises MailUnavailable or MailRefused."""

    def check(self) -> None:
        """Connects and signs in, sends nothing. Raises MailUnavailable."""


Notify = Callable[[], None]
