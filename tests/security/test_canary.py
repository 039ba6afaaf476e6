"""The canary: secrets that are really used, searched for everywhere they must not be (trap T3).

One story over real HTTP, database and Redis: test, save, refuse, sync with photos, look at every
page, crash in the middle of it. Then every place that keeps bytes is searched for the secrets as
they are and in the spellings that programs give them.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from rq.job import Job
from sqlalchemy import MetaData, create_engine, select

from app.config import Settings
from app.db import ALL_DEALERSHIPS, reading
from app.jobs.photos import means
from app.jobs.sync import engine_ports
from app.log import configure_logging
from app.models import Dealership, SyncRun, Vehicle
from app.parts import parts
from app.services import photos
from app.services.credential_encryption import CredentialEncryptionService
from app.services.sync import engine
from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    RunningSimulator,
    running_simulator,
)
from tests import factories
from tests.conftest import invented_settings

WRONG = "canary-that-easycars-refuses"
# The account number is shown on request only, so it must be nowhere by itself either.
CANARIES = (DEMO_ACCOUNT_SECRET, DEMO_ACCOUNT_NUMBER, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, WRONG)
API = "/api/admin/easycars"
JSON = "application/json"
BODY = {
    "accountNumber": DEMO_ACCOUNT_NUMBER,
    "accountSecret": DEMO_ACCOUNT_SECRET,
    "clientId": DEMO_CLIENT_ID,
    "clientSecret": DEMO_CLIENT_SECRET,
    "environment": "Test",
}
pytestmark = pytest.mark.simulator


def spellings(secret: str) -> set[str]:
    """As it is, quoted, in hex, and in base64 at each of the three offsets."""
    found = {secret, quote(secret, safe=""), secret.encode().hex(), json.dumps(secret)[1:-1]}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
        found.add(encoded[4 if offset else 0 : -2])
    return found


SOUGHT = {spelling for secret in CANARIES for spelling in spellings(secret)}


def leaks(text: str) -> set[str]:
    return {spelling for spelling in SOUGHT if spelling in text}


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=12, photos="fast") as simulator:
        yield simulator


@pytest.fixture(params=["json", "pretty"])
def settings(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    any_database: str,
    redis_url: str,
    simulator: RunningSimulator,
) -> Settings:
    simulator.reset()
    return replace(
        invented_settings(tmp_path, any_database, redis_url),
        easycars_test_base_url=simulator.test_base_url,
        log_level="DEBUG",
        log_format=request.param,
    )


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Harbour Cars", "harbour")


@pytest.fixture
def admin(app: Flask, place: Dealership) -> dict[str, str]:
    with app.app_context():
        return factories.bearer(factories.member(place), place)


def in_database(url: str) -> str:
    """Every row of every table, as text."""
    server = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    tables = MetaData()
    tables.reflect(server)
    with server.connect() as connection:
        rows = [
            f"{table.name}: {tuple(row)!r}"
            for table in tables.sorted_tables
            for row in connection.execute(select(table))
        ]
    server.dispose()
    assert len(rows) > 20
    return "\n".join(rows)


def in_redis(url: str) -> str:
    """Every key with its whole value; RQ packs the arguments of a job with zlib."""
    readers = {
        b"string": lambda client, key: [client.get(key)],
        b"hash": lambda client, key: [
            part for pair in client.hgetall(key).items() for part in pair
        ],
        b"list": lambda client, key: client.lrange(key, 0, -1),
        b"set": lambda client, key: list(client.smembers(key)),
        b"zset": lambda client, key: client.zrange(key, 0, -1),
        b"stream": lambda client, key: [repr(entry).encode() for entry in client.xrange(key)],
    }
    with Redis.from_url(url) as client:
        found = [
            part
            for key in client.scan_iter()
            for part in [key, *readers[client.type(key)](client, key)]
        ]
    assert found
    return "\n".join(_unpacked(part) for part in found)


def _unpacked(part: bytes) -> str:
    with suppress(zlib.error):
        part = zlib.decompress(part)
    return part.decode("latin-1")


def in_files(folder: Path) -> str:
    """Instance folder: SQLite with its log, media, generated files."""
    return "\n".join(
        path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()
    )


def every_page(app: Flask, place: Dealership, ids: dict[str, int]) -> Iterator[str]:
    """The body of every GET route, as an administrator sees it."""
    with app.app_context():
        client = factories.sign_in(app.test_client(), factories.member(place))
    seen = 0
    for rule in app.url_map.iter_rules():
        names = rule.arguments - {"slug"}
        if "GET" not in (rule.methods or ()) or not names <= set(ids):
            continue
        with app.test_request_context():
            values = {name: ids[name] for name in names}
            slug = {"slug": place.slug} if "slug" in rule.arguments else {}
            built = app.url_map.bind("localhost").build(rule.endpoint, values | slug)
        answer = client.get(built)
        assert answer.status_code != 500, built
        seen += answer.status_code == 200
        yield f"{built}\n{answer.headers}\n{answer.get_data().decode('latin-1')}"
    assert seen > 10


def bundle(app: Flask, place: Dealership, run_id: int) -> str:
    """Everything in the support bundle of a run, as the system role gets it."""
    with app.app_context():
        client = factories.sign_in(app.test_client(), factories.user(is_system=True))
    answer = client.post(f"/d/{place.slug}/runs/{run_id}/support")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        parts_of = [f"{name}\n{found.read(name).decode()}" for name in found.namelist()]
    assert len(parts_of) > 5
    return "\n".join(parts_of)


def sync(app: Flask, client: FlaskClient, admin: dict[str, str]) -> int:
    """A whole run: started over the API, queued in Redis, worked on here."""
    started = client.post(f"{API}/sync/stock", headers=admin)
    assert started.status_code == 202, started.text
    run_id: int = started.json["runId"]
    with app.app_context():
        engine.execute(run_id, "canary", engine_ports(parts()))
        photos.sync_photos(run_id, means())
        with reading(ALL_DEALERSHIPS) as db:
            run = db.get(SyncRun, run_id)
            assert run is not None
            assert (run.status, run.created) in {("success", 12), ("warning", 12)}
    return run_id


def crash(client: FlaskClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An error while the plaintext is a local variable of the failing frame."""

    def fail(self: object, plaintext: str, place: str) -> str:
        if place.endswith("account_secret"):
            raise RuntimeError(f"no randomness for {place}")
        return ""

    with monkeypatch.context() as patched:
        patched.setattr(CredentialEncryptionService, "encrypt", fail)
        answers = [
            client.post(f"{API}/credentials", json=BODY, headers=admin),
            client.put(f"{API}/credentials/1", json={"accountSecret": WRONG}, headers=admin),
        ]
    assert [answer.status_code for answer in answers] == [500, 500]
    return [answer.text for answer in answers]


def test_secrets_are_found_nowhere(
    app: Flask,
    client: FlaskClient,
    settings: Settings,
    place: Dealership,
    admin: dict[str, str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_logging(settings)  # anew: capfd's stream of the set-up phase is closed by now
    cut = f'{{"accountSecret": "{WRONG}",'
    answers = [
        client.post(f"{API}/test-connection", json=BODY, headers=admin),
        client.post(f"{API}/test-connection", json=BODY | {"accountSecret": WRONG}, headers=admin),
        client.post(f"{API}/test-connection", json=BODY | {"clientSecret": WRONG}, headers=admin),
        client.post(f"{API}/credentials", json=BODY, headers=admin),
        client.post(f"{API}/credentials", json=BODY | {"accountSecret": WRONG * 9}, headers=admin),
        client.post(f"{API}/credentials", json=BODY | {"accountSecret": [WRONG]}, headers=admin),
        client.post(f"{API}/credentials", data=cut, headers=admin, content_type=JSON),
        client.get(f"{API}/credentials", headers=admin),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 401, 201, 400, 400, 400, 200]
    run_id = sync(app, client, admin)
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        vehicle_id = db.scalars(select(Vehicle.id).limit(1)).one()
    crashes = crash(client, admin, monkeypatch)
    ids = {"run_id": run_id, "vehicle_id": vehicle_id, "credential_id": 1}
    pages = list(every_page(app, place, ids))
    assert any("EasyCars Settings" in page for page in pages)
    bundled = bundle(app, place, run_id)
    assert "GetAdvertisementStocks" in bundled

    told = capfd.readouterr()
    log = told.out + told.err
    assert "outside_call" in log
    assert "no randomness for credential:" in log
    assert "Traceback" in log
    assert "Logging error" not in log
    assert leaks(log) == set()
    assert leaks("\n".join([answer.text + str(answer.headers) for answer in answers])) == set()
    assert leaks("\n".join(crashes)) == set()
    assert leaks("\n".join(pages)) == set()
    assert leaks(bundled) == set()
    assert leaks(in_database(settings.database_url)) == set()
    assert leaks(in_redis(str(settings.redis_url))) == set()
    assert leaks(in_files(settings.instance)) == set()


def test_the_search_would_find_them(app: Flask, settings: Settings, place: Dealership) -> None:
    """A test that cannot fail proves nothing: each spelling in each place is noticed."""
    for secret in CANARIES:
        packed = base64.b64encode(f"xy{secret}z".encode()).decode()
        for text in (secret, f"?ClientSecret={quote(secret)}&", secret.encode().hex(), packed):
            assert leaks(f"before {text} after"), text
    with Redis.from_url(str(settings.redis_url)) as client:
        client.hset("rq:job:trial", "data", zlib.compress(f"({WRONG},)".encode()))
    assert leaks(in_redis(str(settings.redis_url)))


def test_job_arguments_are_numbers(
    client: FlaskClient, admin: dict[str, str], settings: Settings
) -> None:
    """The job of a run says which run, and nothing else."""
    client.post(f"{API}/credentials", json=BODY, headers=admin)
    started = client.post(f"{API}/sync/stock", headers=admin).json
    with Redis.from_url(str(settings.redis_url)) as connection:
        job = Job.fetch(started["jobId"], connection=connection)
    assert all(isinstance(argument, int) for argument in job.args)
    assert job.kwargs == {}
    assert not re.search(r"secret|client|account", str(job.to_dict()).lower())
