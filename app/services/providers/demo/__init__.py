"""A provider without a server: for development, and as the proof that the contract is enough.

Its yard is a list in memory. Tests fill it, break it, and watch what the engine does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.services.providers.demo.stock import DemoStock
from app.services.providers.demo.yard import Yard
from app.services.sync.protocol import Keys, SecretField, Stream


@dataclass(frozen=True, slots=True)
class Demo:
    """Needs no keys. `yard` is what its stream reads."""

    yard: Yard = field(default_factory=Yard)
    slug: str = "demo"
    label: str = "Demo yard"
    secret_fields: tuple[SecretField, ...] = ()
    streams: tuple[Stream, ...] = (DemoStock(),)

    @contextmanager
    def connect(self, keys: Keys, environment: str, transport: Any) -> Iterator[Yard]:  # noqa: ARG002
        yield self.yard

    def check(self, api: Yard) -> Mapping[str, str]:
        """Raises what the yard was told to fail with."""
        api.fail_if_due(0)
        return {"access": "The demo yard needs no keys."}


PROVIDER = Demo()

__all__ = ["PROVIDER", "Demo", "DemoStock", "Yard"]
