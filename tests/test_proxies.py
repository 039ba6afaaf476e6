"""Behind a proxy the visitor's address counts; without one nobody may claim an address."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import request

from app import create_app
from app.config import Settings

FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("proxies", "address", "scheme"),
    [(0, "127.0.0.1", "http"), (1, "203.0.113.9", "https")],
    ids=["no proxy is trusted", "one is"],
)
def test_forwarded_address_counts_only_from_trusted_proxies(
    settings: Settings, proxies: int, address: str, scheme: str
) -> None:
    app = create_app(replace(settings, trusted_proxies=proxies))
    seen = []
    app.before_request_funcs.setdefault(None, []).insert(
        0, lambda: seen.append((request.remote_addr, request.scheme))
    )
    app.test_client().get("/login", headers=FORWARDED)
    assert seen == [(address, scheme)]
