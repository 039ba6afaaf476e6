"""Pages on a long history, under load, beside a bare page of the same size from the same process.

PostgreSQL holds 1,000,000 runs with 2,000,000 rows, SQLite 50,000 with 100,000, in one dealership.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from urllib.parse import urlencode

from sqlalchemy import text

from app.db import db, unit_of_work
from app.models import User
from app.ops.ports import free_port, wait_until
from app.secret import Secret
from app.services import demo_dealership, passwords
from bench.measure import Figure
from bench.stage import DEALERSHIP, Stage

RUNS = {"postgresql": 1_000_000, "sqlite": 50_000}
VEHICLES = 500
CLIENTS = 4
REQUESTS = 200
GOAL = 3.0
PASSWORD = "a password for measuring only"  # noqa: S105 - of an invented account
START = f"/d/{demo_dealership.SLUG}/"
FLOOR = "a page of 50 rows and the same bytes without a database, same process, same four clients"
NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(1, :count) AS n",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :count)"
    " SELECT n FROM s",
}
# A run every half minute: a year of them.
BACK = {
    "postgresql": "now() - (:count - n) * interval '30 seconds'",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ((:count - n) * 30) || ' seconds')",
}
FILL_RUNS = """
INSERT INTO sync_run (dealership_id, provider, stream, direction, mode, trigger, status, phase,
  actor, scope, created_at, started_at, completed_at, attempt, version, total, created, updated,
  unchanged, failed, held, missing, conflicts, photos_state, photos_kept, photos_new,
  photos_failed, photos_attempt, request_id)
SELECT :place, 'easycars', CASE n % 2 WHEN 0 THEN 'stock' ELSE 'leads' END, 'inbound', 'sync',
  'schedule', CASE n % 50 WHEN 0 THEN 'failed' WHEN 1 THEN 'warning' ELSE 'success' END, 'done',
  'Schedule', '{{}}', {at}, {at}, {at}, 1, 1, 500, 0, 2, 498, 0, 0, 0, 0, 'none', 0, 0, 0, 0,
  'request-' || n
FROM ({numbers}) AS runs
"""
FILL_ITEMS = """
INSERT INTO sync_item (dealership_id, run_id, external_id, label, action, created_at)
SELECT :place, id, 'STOCK-' || ((id * 2 + k) % 20000), 'A vehicle', 'update', created_at
FROM sync_run CROSS JOIN (SELECT 0 AS k UNION ALL SELECT 1) AS twice
"""


@dataclass(frozen=True)
class Visit:
    """One kind of request of the four clients."""

    line: str
    path: str
    goal: float | None = GOAL


def under_load(stage: Stage, _size: int, rounds: int) -> Iterator[Figure]:
    """p95 of each page in seconds, a figure a page."""
    runs = RUNS[stage.kind]
    _prepare(stage, runs)
    with _served(stage) as port:
        cookie = _signed_in(port)
        for visit in _visits(runs):
            size = len(_get(port, visit.path, cookie))
            bare = f"/bare/?{urlencode({'bytes': size})}"
            ours, floor = [], []
            for _ in range(rounds):
                floor.append(_p95(port, bare, cookie))
                ours.append(_p95(port, visit.path, cookie))
            yield Figure(
                visit.line, stage.kind, runs, tuple(ours), tuple(floor), FLOOR, goal=visit.goal
            )


def _visits(runs: int) -> list[Visit]:
    history = f"{START}history"
    return [
        Visit("dashboard", START, goal=None),
        Visit("history", history),
        Visit("hist-last", f"{history}?oldest=1"),
        Visit("hist-filter", f"{history}?status=failed&type=stock"),
        Visit("hist-search", f"{history}?q=STOCK-{runs // 2 % 20_000}", goal=None),
        Visit("run-detail", f"{START}runs/{runs // 2}", goal=None),
        Visit("search", f"{START}search?q=mazda", goal=None),
    ]


def _prepare(stage: Stage, runs: int) -> None:
    stage.empty()
    stage.simulator.stock("set_vehicles", count=VEHICLES)
    stage.sync()
    with unit_of_work() as session:
        user = session.query(User).filter_by(email=demo_dealership.EMAIL).one()
        user.password_hash = passwords.hashed(Secret(PASSWORD))
    facts = {"place": DEALERSHIP, "count": runs}
    numbers, at = NUMBERS[stage.kind], BACK[stage.kind]
    with db.engine.begin() as link:
        link.execute(text("DELETE FROM sync_item"))
        link.execute(text(FILL_RUNS.format(numbers=numbers, at=at)), facts)
        link.execute(text(FILL_ITEMS), {"place": DEALERSHIP})
    with db.engine.begin() as link:
        link.execute(text("ANALYZE"))


@contextmanager
def _served(stage: Stage) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "bench.pages_server", stage.database_url]
    with subprocess.Popen([*command, str(stage.folder), str(port)]) as server:
        try:
            if not wait_until(lambda: _answers(port), 60.0):
                raise RuntimeError("the web process did not start")
            yield port
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        return bool(_get(port, "/healthz", ""))
    except OSError:
        return False


def _signed_in(port: int) -> str:
    """The session's cookie, after a sign-in as a person does it."""
    link = http.client.HTTPConnection("127.0.0.1", port)
    link.request("GET", "/login")
    answer = link.getresponse()
    page, cookie = answer.read().decode(), _cookie(answer)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    form = {"email": demo_dealership.EMAIL, "password": PASSWORD, "csrf_token": token and token[1]}
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    link.request("POST", "/login", urlencode(form), kind)
    answer = link.getresponse()
    answer.read()
    assert answer.status == 303, answer.status
    return _cookie(answer)


def _cookie(answer: http.client.HTTPResponse) -> str:
    given = answer.headers.get_all("Set-Cookie") or []
    return "; ".join(one.partition(";")[0] for one in given)


def _get(port: int, path: str, cookie: str) -> bytes:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    return _ask(link, path, cookie)


def _ask(link: http.client.HTTPConnection, path: str, cookie: str) -> bytes:
    link.request("GET", path, headers={"Cookie": cookie})
    answer = link.getresponse()
    body = answer.read()
    assert answer.status == 200, (path, answer.status)
    return body


def _p95(port: int, path: str, cookie: str) -> float:
    def client(_number: int) -> list[float]:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        return [_timed(link, path, cookie) for _ in range(REQUESTS // CLIENTS)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        times = [one for found in clients.map(client, range(CLIENTS)) for one in found]
    return quantiles(times, n=20)[-1]


def _timed(link: http.client.HTTPConnection, path: str, cookie: str) -> float:
    start = time.perf_counter()
    _ask(link, path, cookie)
    return time.perf_counter() - start
