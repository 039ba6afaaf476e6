"""Fetches what is wanted, five at once, and writes down what came of it (rows 106 to 112).

Threads talk to the picture server, clean, shrink and store; the database belongs to the calling
thread alone, which writes results in short transactions. Nothing is open while a server is
awaited. A photo's files are stored before its row says so: a kill between the two costs one more
request and loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import urlsplit

from app.services.errors import ProviderError, ProviderUnavailable
from app.services.photos.fetch import AT_ONCE, Fetched, PhotoServer, Validators
from app.services.photos.picture import ORIGINAL, Picture, read_picture, smaller_sizes
from app.services.ports import MediaStore

IN_FLIGHT = AT_ONCE * 2
BEAT_EVERY_S = 5.0
# So many in a row without an answer from one server: the others of that server wait for next time.
GIVE_UP_AFTER = 15


@dataclass(frozen=True)
class WantedPhoto:
    """A row to fetch; `sha256` is what is stored for it already, when it is only checked again."""

    id: int
    url: str
    tries: int
    known: Validators
    sha256: str | None = None


@dataclass(frozen=True)
class Result:
    """What came of one: a picture, "unchanged" (neither picture nor error), or an error."""

    wanted: WantedPhoto
    picture: Picture | None = None
    validators: Validators = field(default_factory=Validators)
    error: ProviderError | None = None

    @property
    def is_same(self) -> bool:
        """The picture is the one that was stored before."""
        known = self.wanted.sha256
        return known is not None and (self.picture is None or self.picture.sha256 == known)


class Downloads:
    """One job's downloads. `results(photos)` yields lists of results as they come in."""

    def __init__(self, server: PhotoServer, media: MediaStore, dealership_id: int) -> None:
        self._server = server
        self._media = media
        self._dealership_id = dealership_id
        self._silent: dict[str, int] = {}

    def results(self, photos: Iterator[WantedPhoto]) -> Iterator[list[Result]]:
        """A list every few seconds at the latest, empty when nothing came: time to beat.

        Raises what the media store raises. Photos of a server that stopped answering are left
        out; `silent_hosts` names it.
        """
        todo = (photo for photo in photos if not self._is_silent(photo.url))
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="photo") as threads:
            running: set[Future[Result]] = set()
            try:
                while running or (running := self._more(threads, todo, IN_FLIGHT)):
                    done, running = wait(running, BEAT_EVERY_S, return_when=FIRST_COMPLETED)
                    finished = [future.result() for future in done]
                    running |= self._more(threads, todo, IN_FLIGHT - len(running))
                    self._watch(finished)
                    yield finished
            finally:
                for future in running:
                    future.cancel()

    @property
    def silent_hosts(self) -> list[str]:
        return [host for host, times in self._silent.items() if times >= GIVE_UP_AFTER]

    def _more(
        self, threads: ThreadPoolExecutor, todo: Iterator[WantedPhoto], count: int
    ) -> set[Future[Result]]:
        return {threads.submit(self._one, photo) for photo in islice(todo, count)}

    def _one(self, wanted: WantedPhoto) -> Result:
        """Runs in a thread: fetch, clean, store."""
        try:
            answer = self._server.fetch(wanted.url, wanted.known)
            return self._kept(wanted, answer)
        except ProviderError as exc:
            return Result(wanted, error=exc)

    def _kept(self, wanted: WantedPhoto, answer: Fetched) -> Result:
        if answer.content is None:
            return Result(wanted, validators=answer.validators)
        picture = read_picture(answer.content)
        store_picture(self._media, self._dealership_id, picture)
        return Result(wanted, picture, answer.validators)

    def _watch(self, finished: list[Result]) -> None:
        """Counts answers that did not come, per server; any answer starts the count again."""
        for result in finished:
            host = urlsplit(result.wanted.url).hostname or ""
            silent = isinstance(result.error, ProviderUnavailable)
            self._silent[host] = self._silent.get(host, 0) + 1 if silent else 0

    def _is_silent(self, url: str) -> bool:
        with suppress(ValueError):
            return self._silent.get(urlsplit(url).hostname or "", 0) >= GIVE_UP_AFTER
        return False


def store_picture(media: MediaStore, dealership_id: int, picture: Picture) -> None:
    """Stores all sizes; the original goes last: where it is, the smaller ones are as well.

    Raises RecordRefused or ProviderUnavailable for a picture that turns out to be damaged.
    """
    key = media_key(dealership_id, picture.sha256)
    if media.exists(f"{key}/{ORIGINAL}"):
        return
    for size, content in smaller_sizes(picture):
        media.put(f"{key}/{size}", content)
    media.put(f"{key}/{ORIGINAL}", picture.content)


def media_key(dealership_id: int, sha256: str) -> str:
    """Where the files of one picture are; the dealership first, so that one can be removed."""
    return f"{dealership_id}/{sha256[:2]}/{sha256}"
