"""The same work with nothing but a socket and the bare driver: what no product can undercut.

Written for the benchmark alone. A floor may trust what a product must not: the simulator's own
separator, well-formed JSON, one writer.
"""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from operator import itemgetter
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import orjson
import psycopg
from PIL import Image

from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
)

CHUNK = 64 * 1024
AT_ONCE = 5
LONGEST_SIDE = 480
COLUMNS = {
    "YardCode": "text", "Make": "text", "Model": "text", "Badge": "text", "RegoNum": "text",
    "VIN": "text", "Price": "numeric", "YearGroup": "integer", "Odometer": "integer",
    "Body": "text", "Colour": "text", "EngineCapacity": "text", "GearType": "text",
    "FuelType": "text", "AdvDescription": "text", "Series": "text", "IsDemo": "boolean",
    "StockType": "text", "IsUsed": "boolean", "RegoExpiry": "text", "DriveTrain": "text",
    "DoorNum": "integer", "StockStatus": "text", "IsDriveAway": "boolean", "ImageURLs": "text",
}  # fmt: skip
_PICK = itemgetter(*COLUMNS)
_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_TYPES = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
_SETS = ", ".join(f'"{name}" = excluded."{name}"' for name in ("raw", *COLUMNS))
_MERGE = f"ON CONFLICT (external_id) DO UPDATE SET {_SETS}"


@dataclass(frozen=True)
class Feed:
    """The stock list of the demo account. The token was fetched before: workers keep theirs too."""

    host: str
    token: str

    @classmethod
    def of(cls, base_url: str) -> Feed:
        host = urlsplit(base_url).netloc
        pair = urlencode({"ClientID": DEMO_CLIENT_ID, "ClientSecret": DEMO_CLIENT_SECRET})
        path = f"/TestECService/StockService/RequestToken?{pair}"
        with _answer(host, path, b"", {}) as answer:
            return cls(host, json.loads(answer.read())["Token"])

    def _open(self) -> AbstractContextManager[HTTPResponse]:
        account = {"AccountNumber": DEMO_ACCOUNT_NUMBER, "AccountSecret": DEMO_ACCOUNT_SECRET}
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        path = "/TestECService/StockService/GetAdvertisementStocks"
        return _answer(self.host, path, json.dumps(account).encode(), headers)

    def body(self) -> bytes:
        with self._open() as answer:
            return answer.read()

    def chunks(self) -> Iterator[bytes]:
        with self._open() as answer:
            while chunk := answer.read(CHUNK):
                yield chunk

    def rows(self) -> Iterator[bytes]:
        """The bytes of each element while the answer arrives."""
        rest = b""
        for chunk in self.chunks():
            *rows, rest = (rest + chunk).split(b"},{")
            yield from rows
        yield rest

    def image_lists(self) -> list[str]:
        """The photo addresses of each vehicle, as the list holds them."""
        return [item["ImageURLs"] for item in orjson.loads(self.body())["StockList"]]


@contextmanager
def _answer(host: str, path: str, body: bytes, headers: dict[str, str]) -> Iterator[HTTPResponse]:
    link = HTTPConnection(host, timeout=120)
    try:
        link.request("POST", path, body, headers)
        answer = link.getresponse()
        assert answer.status == 200, answer.read()
        yield answer
    finally:
        link.close()


# -- Stock -------------------------------------------------------------------------------------


def split_and_hash(feed: Feed) -> int:
    """GET, split into elements while it arrives, hash each one's bytes."""
    digests = [hashlib.blake2b(row, digest_size=16).digest() for row in feed.rows()]
    return len(digests)


def _parsed(feed: Feed) -> list[tuple[object, ...]]:
    items = orjson.loads(feed.body())["StockList"]
    return [(item["StockNumber"], orjson.dumps(item).decode(), *_PICK(item)) for item in items]


def empty_postgresql(address: str) -> None:
    with psycopg.connect(address) as link:
        link.execute("DROP TABLE IF EXISTS floor_stock")
        link.execute(
            f"CREATE TABLE floor_stock (external_id text PRIMARY KEY, raw jsonb, {_TYPES})"
        )


def copy_and_merge(feed: Feed, address: str) -> int:
    """GET, parse, COPY into a staging table, one merge: raw JSON and 25 columns."""
    rows = _parsed(feed)
    with psycopg.connect(address) as link:
        link.execute("CREATE TEMP TABLE staging (LIKE floor_stock) ON COMMIT DROP")
        with link.cursor().copy("COPY staging FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        link.execute(f"INSERT INTO floor_stock SELECT * FROM staging {_MERGE}")
    return len(rows)


def empty_sqlite(path: Path) -> None:
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA journal_mode=WAL")
        link.execute(f"CREATE TABLE floor_stock (external_id text PRIMARY KEY, raw text, {_TYPES})")
    link.close()


def executemany(feed: Feed, path: Path) -> int:
    """GET, parse, one executemany of upserts: raw JSON and 25 columns."""
    rows = _parsed(feed)
    marks = ", ".join("?" * (2 + len(COLUMNS)))
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA synchronous=NORMAL")
        link.executemany(f"INSERT INTO floor_stock VALUES ({marks}) {_MERGE}", rows)
    link.close()
    return len(rows)


# -- Photos ------------------------------------------------------------------------------------


def fetch_photos(urls: list[str], folder: Path) -> int:
    """Five threads, each with one kept connection: fetch, hash, write, thumbnail, write."""
    folder.mkdir(parents=True, exist_ok=True)
    shares = [urls[number::AT_ONCE] for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(lambda share: _fetch_share(share, folder), shares))


def _fetch_share(urls: list[str], folder: Path) -> int:
    if not urls:
        return 0
    link = HTTPConnection(urlsplit(urls[0]).netloc, timeout=60)
    for url in urls:
        link.request("GET", urlsplit(url).path)
        _keep_photo(link.getresponse().read(), folder)
    link.close()
    return len(urls)


def _keep_photo(content: bytes, folder: Path) -> None:
    name = hashlib.sha256(content).hexdigest()
    (folder / name).write_bytes(content)
    image = Image.open(io.BytesIO(content))
    scale = LONGEST_SIDE / max(image.size)
    # Decoded at a half or a quarter of its size: no resizing at all.
    image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
    image.save(folder / f"{name}.webp", "WEBP", method=0)
