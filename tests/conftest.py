"""Fixtures for the whole suite: real databases, a real Redis, the app on top of them.

`database_url` is PostgreSQL. A test marked `both_databases`, or asking for `any_database`, runs a
second time on SQLite. Every test has a database of its own, copied from one that was migrated once.
"""

from __future__ import annotations

import base64
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import stamina
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from app import create_app
from app.config import Settings
from app.ops.redis_server import RedisServer
from app.secret import Secret
from tests import browsers, importing, servers
from tests.savings import (  # noqa: F401 - fixtures for every test
    connections_lent,
    garbage_by_file,
    passwords_are_cheap,
    rules_compiled_once,
    statements_compiled_once,
    templates_compiled_once,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KINDS = ("sqlite", "postgresql")

# Four workers share two cores: how long a draw takes says nothing about the code.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")
importing.keep_bytecode()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    importing.import_in_turns(session.config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for real processes begin first: at the end one of them would keep a single
    worker busy for minutes. Then the big ones, as xdist itself would have it."""
    sizes = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (
            item.get_closest_marker("e2e") is None,
            item.get_closest_marker("browser") is None,
            -sizes[item.path],
            str(item.path),
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from tests.scheduling import QueuesOfProducts

    return QueuesOfProducts(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    twice = metafunc.definition.get_closest_marker("both_databases")
    if twice or "any_database" in metafunc.fixturenames:
        if "database_kind" not in metafunc.fixturenames:
            metafunc.fixturenames.append("database_kind")
        metafunc.parametrize("database_kind", KINDS, indirect=True)


# -- Servers -----------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def no_outside_world() -> Iterator[None]:
    with servers.loopback_only():
        yield


@pytest.fixture(scope="session", autouse=True)
def retries_without_pauses() -> None:
    stamina.set_testing(True, attempts=3, cap=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """The session's PostgreSQL, with a migrated template in it."""
    with servers.postgres() as server:
        migrate(server.create(servers.TEMPLATE))
        yield server
        server.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with servers.valkey() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The session's Redis, emptied for this test."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "postgresql")


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> Iterator[str]:
    """A migrated, empty database for this test alone."""
    if database_kind == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'forecourt.db')}"
        return
    with request.getfixturevalue("postgres").copy_of_template() as url:
        yield url


@pytest.fixture
def any_database(database_url: str) -> str:
    """The same test on SQLite and on PostgreSQL."""
    return database_url


# -- The app -----------------------------------------------------------------------------------


def invented_settings(instance: Path, database_url: str, redis_url: str | None) -> Settings:
    """Settings with keys made up for tests."""
    return Settings(
        instance=instance,
        database_url=database_url,
        redis_url=redis_url,
        secret_key=Secret("a key that only tests know, long enough"),
        credential_keys=(("t1", Secret(base64.b64encode(bytes(range(32))).decode())),),
        media_url=f"file://{instance / 'media'}",
        easycars_image_hosts=("127.0.0.1",),
        allow_insecure_providers=True,
        testing=True,
    )


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """Change some with `dataclasses.replace(settings, …)`, or in a fixture of the same name."""
    return invented_settings(tmp_path, database_url, redis_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    close(app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """For tests that call services directly; not together with `client`, which makes its own."""
    with app.app_context():
        yield


@pytest.fixture
def live_server(app: Flask) -> Iterator[str]:
    """The app over real HTTP, for browsers and for clients of ours; its address."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def migrate(database_url: str) -> None:
    """Brings an empty database to the newest migration."""
    from flask_migrate import upgrade

    settings = replace(invented_settings(Path("/nonexistent"), database_url, None), redis_url=None)
    app = create_app(settings)
    with app.app_context():
        upgrade()
    close(app)


def close(app: Flask) -> None:
    """Gives the database connections back; PostgreSQL drops no database that is in use."""
    from app.db import db

    with app.app_context():
        db.session.remove()
        db.engine.dispose()


# -- Browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A real Chromium; skips loudly where none is found, fails there when CI requires one."""
    found = browsers.find()
    if found is None:
        if browsers.is_required():
            pytest.fail(browsers.MISSING)
        pytest.skip(browsers.MISSING)
    with browsers.launched(found) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and browsers.MISSING in str(report.longrepr):
        _skipped.append(report.nodeid)


_skipped: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _skipped:
        line = f"{len(_skipped)} browser tests skipped: {browsers.MISSING}"
        terminalreporter.write_line(line, yellow=True, bold=True)
