"""Where files are kept: a local folder (`file://…`) or a bucket (`s3://bucket/prefix`), row 107.

Content types are not stored here: a folder has no place for them, so the product keeps them in
its own table. Credentials of the bucket come from where every S3 client looks: the environment
or the machine's role.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from app.config import Settings
from app.services.ports import MediaUnavailable

CHUNK_BYTES = 256 * 1024
CHECK_KEY = ".check"


class ObstoreMedia:
    """A MediaStore over either kind; thread-safe.

    The store is opened at its first use: its threads do not survive a fork, and the worker forks
    for every job.
    """

    def __init__(self, opened: Callable[[], Any]) -> None:
        self._opened = opened

    @cached_property
    def _store(self) -> Any:
        with _in_words():
            return self._opened()

    def put(self, key: str, content: bytes) -> None:
        with _in_words():
            obstore.put(self._store, key, content, use_multipart=False)

    def exists(self, key: str) -> bool:
        with _in_words():
            try:
                obstore.head(self._store, key)
            except (NotFoundError, FileNotFoundError):
                return False
        return True

    def get(self, key: str) -> tuple[int, Iterator[bytes]]:
        with _in_words():
            try:
                found = obstore.get(self._store, key)
            except (NotFoundError, FileNotFoundError):
                raise KeyError(key) from None
        return found.meta["size"], (bytes(chunk) for chunk in found.stream(CHUNK_BYTES))

    def delete(self, key: str) -> None:
        with _in_words():
            try:
                obstore.delete(self._store, key)
            except (NotFoundError, FileNotFoundError):
                return

    def check(self) -> None:
        key = f"{CHECK_KEY}-{secrets.token_hex(4)}"
        self.put(key, b"ok")
        _, content = self.get(key)
        if b"".join(content) != b"ok":
            raise MediaUnavailable("The media store gives back something else than was stored.")
        self.delete(key)


def open_media(settings: Settings) -> ObstoreMedia:
    """The store that MEDIA_URL names; nothing is touched before its first use."""
    parts = urlsplit(settings.media_url)
    if parts.scheme == "s3":
        return ObstoreMedia(lambda: _bucket(parts.netloc, parts.path, settings.media_s3_endpoint))
    return ObstoreMedia(lambda: _folder(Path(parts.netloc + parts.path).absolute()))


def _folder(path: Path) -> LocalStore:
    path.mkdir(parents=True, exist_ok=True)
    return LocalStore(path)


def _bucket(name: str, path: str, endpoint: str | None) -> S3Store:
    """`endpoint` is any S3-compatible service; plain http only where the address says so."""
    given: dict[str, Any] = {}
    if endpoint:
        given["endpoint"] = endpoint
        given["virtual_hosted_style_request"] = False
        if endpoint.startswith("http://"):
            given["client_options"] = {"allow_http": True}
    return S3Store(name, prefix=path.strip("/") or None, **given)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as exc:
        raise MediaUnavailable(f"The media store does not work: {type(exc).__name__}") from exc
