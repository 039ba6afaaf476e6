"""Providers by slug: one line each, imported on first use."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from app.services.errors import NotFound
from app.services.sync.protocol import Provider, Stream

PROVIDERS = {
    "easycars": "app.services.providers.easycars:PROVIDER",
    "demo": "app.services.providers.demo:PROVIDER",
}


@cache
def provider(slug: str) -> Provider:
    """The provider called `slug`. Raises NotFound."""
    if slug not in PROVIDERS:
        raise NotFound(f"There is no connection called {slug!r}.")
    module, _, name = PROVIDERS[slug].partition(":")
    return cast(Provider, getattr(import_module(module), name))


def stream(slug: str, key: str) -> Stream:
    """The stream `key` of a provider. Raises NotFound."""
    for candidate in provider(slug).streams:
        if candidate.key == key:
            return candidate
    raise NotFound(f"{provider(slug).label} has no records called {key!r}.")
