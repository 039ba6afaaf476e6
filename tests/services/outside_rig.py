"""Outside with a short fuse: own stores, invented keys, no settings from the environment."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from app.adapters.memory_state import MemoryCircuitStore, MemoryTokenStore
from app.config import Settings
from app.secret import Secret
from app.services.http import Outside, Retries
from app.services.providers.easycars import PROVIDER
from app.services.providers.easycars.stock import EasyCarsApi

CANARY = "canary-5f1e"
KEYS = {
    "account_number": Secret("EC100001"),
    "account_secret": Secret(f"{CANARY}-account-secret"),
    "client_id": Secret("1B0C0000-CLIENT"),
    "client_secret": Secret(f"{CANARY}-client-secret"),
}
QUICK = Retries(first_wait=0.05, longest_wait=1.0, jitter=0.0)


def outside(base_url: str, retries: Retries = QUICK, **settings: object) -> Outside:
    changed = {"easycars_timeout": 5.0, "easycars_stock_timeout": 5.0} | settings
    return Outside(
        Settings(easycars_test_base_url=base_url, **changed),
        tokens=MemoryTokenStore(),
        circuits=MemoryCircuitStore(),
        retries=retries,
    )


@contextmanager
def easycars(way: Outside, keys: dict[str, Secret] = KEYS) -> Iterator[EasyCarsApi]:
    with PROVIDER.connect(keys, "Test", way) as api:
        yield api


def token(name: str = "a", lifetime: int = 600) -> str:
    """A JWT as EasyCars makes them; nobody checks its signature."""
    claims = f'{{"ClientID":"{name}","nbf":1000,"iat":1000,"exp":{1000 + lifetime}}}'
    body = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    return f"{CANARY}-head.{body}.signature"


def token_answer(name: str = "a", lifetime: int = 600) -> str:
    return f'{{"Token":"{token(name, lifetime)}","Code":0,"ErrorMessage":null}}'


def stock_answer(*numbers: str, code: int = 0, message: str = "null") -> str:
    rows = ",".join(f'{{"StockNumber":"{number}"}}' for number in numbers)
    return f'{{"StockList":[{rows}],"Code":{code},"ErrorMessage":{message}}}'


def code_answer(code: object, message: str = "no luck") -> str:
    return f'{{"Code":{code},"ErrorMessage":"{message}"}}'
