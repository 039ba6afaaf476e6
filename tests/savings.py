"""What thousands of tests need not do again and again; none of it changes what they see."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from app.services import passwords

# Objects since the last look; a file of a few tests leaves less.
ENOUGH_GARBAGE = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def garbage_by_file() -> Iterator[None]:
    """Every app is a heap of cycles, and looking through all of them again and again took a quarter
    of the time. What survives a file is looked at no more."""
    gc.disable()
    yield
    if gc.get_count()[0] > ENOUGH_GARBAGE:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def rules_compiled_once() -> Iterator[None]:
    """Nine tenths of making an app is compiling the same 150 addresses again."""
    known: dict[object, object] = {}
    compiled = Rule._compile_builder

    def once(self: Rule, append_unknown: bool = True) -> object:
        facts = (self.rule, self.subdomain, self.host, repr(self.defaults), append_unknown)
        if facts not in known:
            known[facts] = compiled(self, append_unknown)
        return known[facts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", once)
        yield


class CompiledTemplates(BytecodeCache):
    """Jinja's cache, in memory."""

    def __init__(self) -> None:
        self.known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.known:
            bucket.bytecode_from_string(self.known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.known[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """Every app has a Jinja of its own; compiling the same templates took half of a page's test."""
    made, compiled = Flask.create_jinja_environment, CompiledTemplates()

    def environment(app: Flask) -> object:
        jinja = made(app)
        jinja.bytecode_cache = compiled
        return jinja

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "create_jinja_environment", environment)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_are_cheap() -> Iterator[None]:
    """Most pages' tests sign in, and a password worth its name takes a tenth of a second to check.
    How strong ours are is asserted in tests/security/test_password_strength.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(1, 8, 1))
        yield
