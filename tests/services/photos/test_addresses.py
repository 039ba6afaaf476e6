"""Which picture addresses may be asked (trap T24)."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from app.services.errors import ProviderError, ProviderUnavailable, RecordRefused
from app.services.photos.addresses import AllowedHosts, PublicNetwork

VENDOR = AllowedHosts(("easycars.com.au", "easycars.net.au"))


@pytest.mark.parametrize(
    "url",
    [
        "https://easycars.net.au/1",
        "https://my.easycars.com.au/a/b",
        "https://IMG.EasyCars.net.au/x",
    ],
)
def test_the_vendors_hosts_are_allowed(url: str) -> None:
    VENDOR.check(url)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://my.easycars.net.au/1", id="not https"),
        pytest.param("https://evil.example/1", id="another host"),
        pytest.param("https://easycars.net.au.evil.example/1", id="only begins like it"),
        pytest.param("https://noteasycars.net.au/1", id="only ends like it"),
        pytest.param("https://user:pw@my.easycars.net.au/1", id="with a sign-in"),
        pytest.param("https://my.easycars.net.au@evil.example/1", id="host as user"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("http://127.0.0.1/1", id="loopback outside development"),
        pytest.param("http://169.254.169.254/latest/meta-data", id="cloud metadata"),
        pytest.param("https://[::1", id="broken"),
        pytest.param("https://my.easycars.net.au:999999/1", id="impossible port"),
        pytest.param("", id="empty"),
    ],
)
def test_everything_else_is_refused_in_words(url: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        VENDOR.check(url)
    assert refused.value.user_message.endswith(".")


def test_loopback_is_for_development_only() -> None:
    AllowedHosts((), loopback=True).check("http://127.0.0.1:8090/x")
    with pytest.raises(RecordRefused):
        AllowedHosts((), loopback=True).check("http://10.0.0.1/x")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "100.64.0.1"],
)
def test_a_good_name_that_leads_inside_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS is in strangers' hands: the address counts, and the one checked is the one connected."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answer = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_rest: answer)
    with pytest.raises(RecordRefused, match="private network"):
        PublicNetwork(loopback=True).connect_tcp("my.easycars.net.au", 443)


def test_a_name_that_does_not_exist_is_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: Any, **_rest: Any) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(ProviderUnavailable):
        PublicNetwork().connect_tcp("my.easycars.net.au", 443)
    assert issubclass(ProviderUnavailable, ProviderError)
