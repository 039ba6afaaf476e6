"""Which picture addresses may be asked at all (row 105, trap T24).

A feed is written by strangers: without these rules it could make the server fetch from its own
network. A host must be on the list and its name must lead to a public address; the connection is
made to exactly the address that was checked, so that a second look-up cannot answer differently.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from app.services.errors import ProviderUnavailable, RecordRefused

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class AllowedHosts:
    """The vendor's picture hosts with their subdomains (`EASYCARS_IMAGE_HOSTS`).

    `loopback` admits http to this machine: development and tests only
    (`ALLOW_INSECURE_PROVIDERS`).
    """

    hosts: tuple[str, ...]
    loopback: bool = False

    def check(self, url: str) -> None:
        """Raises RecordRefused with the reason in words when `url` may not be asked."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").rstrip(".").lower()
            parts.port  # noqa: B018 - reading it validates it
        except ValueError:
            raise RecordRefused("The address of the picture cannot be read.") from None
        if self.loopback and host in LOOPBACK and parts.scheme in ("http", "https"):
            return
        if parts.scheme != "https":
            raise RecordRefused("The address of the picture does not start with https://.")
        if parts.username or parts.password:
            raise RecordRefused("The address of the picture contains a sign-in.")
        if not any(host == allowed or host.endswith(f".{allowed}") for allowed in self.hosts):
            raise RecordRefused(f"Pictures from {host or 'nowhere'} are not allowed here.")


class PublicNetwork(httpcore.NetworkBackend):
    """Connects to public addresses only; keeps httpcore's own sockets for the rest."""

    def __init__(self, loopback: bool = False) -> None:
        self._loopback = loopback
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = self._checked_address(host, port)
        return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

    def _checked_address(self, host: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise ProviderUnavailable(f"The picture server {host} cannot be found.") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not all(self._may_reach(host, address) for address in addresses):
            raise RecordRefused(f"{host} leads into a private network.")
        return addresses[0]

    def _may_reach(self, host: str, address: str) -> bool:
        known = ipaddress.ip_address(address.partition("%")[0])
        return known.is_global or (self._loopback and host in LOOPBACK and known.is_loopback)
