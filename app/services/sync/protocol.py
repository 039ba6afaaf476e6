"""What a provider is. Short, and imports nothing of ours but errors' base types.

A provider is one folder that knows no database. It connects, yields pages of raw records, and
turns one raw record into a draft. The engine does all the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from app.secret import Secret

Keys = Mapping[str, Secret]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SecretField:
    """One value of the provider's credentials; the settings form is drawn from these."""

    name: str
    label: str
    max_length: int
    required: bool = True
    secret: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """What a stream shall fetch. `filters` are provider words such as {"yard_code": "100"}."""

    environment: str
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some raw records, each as the bytes that came; `warning` is the provider's own remark.

    `restart`: the answer broke off and is asked for anew: forget the pages so far.
    """

    rows: list[bytes]
    warning: str | None = None
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Warned:
    """A value that was kept although something about it is odd (row 2.2.9)."""

    field: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"field": self.field, "text": self.text}


@dataclass(frozen=True, slots=True)
class Draft:
    """One record as the local side would hold it.

    `values`: field name → JSON value (text, int, bool, list of text); absent means not given.
    Money in cents, dates as ISO text. `archive`: column → value for the stream's archive table.

    `unknown`: names in the record that the provider does not know; `absent`: names that it knows
    and the record does not have (both the vendor's own words, C26). `received`: the values before
    mapping rules changed some, None when none did; `title_parts`: the fields that a rule made the
    title of, empty when the provider made it.
    """

    external_id: str
    label: str
    values: Values
    photo_urls: tuple[str, ...] = ()
    archive: Values | None = None
    warnings: tuple[Warned, ...] = ()
    unknown: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()
    received: Values | None = None
    title_parts: frozenset[str] = frozenset()


class Api(Protocol):
    """An open, authenticated connection; only the provider knows its verbs."""


class Stream(Protocol):
    """One kind of record of one provider."""

    @property
    def key(self) -> str:
        """Stored in rows, never renamed: "stock"."""

    @property
    def entity(self) -> str:
        """The local target: "vehicle"."""

    @property
    def archive(self) -> str | None:
        """Name of the table that keeps raw records, None to keep them on the link."""

    def pages(self, api: Any, ask: Ask) -> Iterator[Page]:
        """Fetches. Ends normally only after the provider confirmed a whole, good answer."""

    def external_id(self, raw: bytes) -> str | None:
        """The record's number, read cheaply; None when it has none or cannot be read."""

    def draft(self, raw: bytes) -> Draft:
        """Pure. Raises RecordRefused."""

    def same_content(self, old: bytes, new: bytes) -> bool:
        """Whether two raw records differ in spelling alone."""


@runtime_checkable
class NamesColumns(Protocol):
    """Streams whose archive table has a column for what was received in a field.

    What was received can then be counted without reading the raw records.
    """

    @property
    def received_columns(self) -> Mapping[str, str]:
        """Vehicle field → column of the archive table."""


@runtime_checkable
class CanPush(Protocol):
    """Streams that can also write to the provider."""

    def push(self, api: Any, external_id: str, changes: Values) -> None: ...


class Provider(Protocol):
    @property
    def slug(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def secret_fields(self) -> tuple[SecretField, ...]: ...

    @property
    def streams(self) -> tuple[Stream, ...]: ...

    def connect(self, keys: Keys, environment: str, transport: Any) -> AbstractContextManager[Any]:
        """Opens an Api. `transport` is app.services.http.Outside: the only way out."""

    def check(self, api: Any) -> Mapping[str, str]:
        """Proves the keys; returns what was proven. Raises CredentialsRejected."""
