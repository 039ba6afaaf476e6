"""One suite for both kinds of media store: a real folder and a real S3 service over HTTP (107)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from app.adapters.media import ObstoreMedia, open_media
from app.config import Settings
from app.services.ports import MediaUnavailable

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def s3_service() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_service: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket; the keys are any, as moto takes all."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=s3_service, region_name="us-east-1")
    client.create_bucket(Bucket="forecourt-media")
    yield "forecourt-media"
    for found in client.list_objects_v2(Bucket="forecourt-media").get("Contents", []):
        client.delete_object(Bucket="forecourt-media", Key=found["Key"])
    client.delete_bucket(Bucket="forecourt-media")
    client.close()


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObstoreMedia:
    if request.param == "file":
        return open_media(Settings(media_url=f"file://{tmp_path / 'deep' / 'media'}"))
    name = request.getfixturevalue("bucket")
    service = request.getfixturevalue("s3_service")
    return open_media(Settings(media_url=f"s3://{name}/some/prefix", media_s3_endpoint=service))


def test_what_was_put_comes_back_in_chunks(store: ObstoreMedia) -> None:
    content = bytes(range(256)) * 4096
    store.put("1/ab/abc/small", content)
    size, chunks = store.get("1/ab/abc/small")
    assert size == len(content)
    assert b"".join(chunks) == content
    assert store.exists("1/ab/abc/small")
    assert not store.exists("1/ab/abc/large")


def test_a_second_put_replaces(store: ObstoreMedia) -> None:
    store.put("a", b"first, longer")
    store.put("a", b"second")
    assert b"".join(store.get("a")[1]) == b"second"


def test_what_is_not_there_is_a_key_error_and_may_be_deleted(store: ObstoreMedia) -> None:
    with pytest.raises(KeyError):
        store.get("1/none")
    store.delete("1/none")
    store.put("1/some", b"x")
    store.delete("1/some")
    assert not store.exists("1/some")


def test_the_check_leaves_nothing_behind(store: ObstoreMedia, tmp_path: Path) -> None:
    store.check()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = open_media(Settings(media_url=f"file://{tmp_path / 'file' / 'media'}"))
    with pytest.raises(MediaUnavailable):
        store.check()


def test_a_bucket_that_does_not_exist_is_said_in_words(bucket: str, s3_service: str) -> None:
    store = open_media(Settings(media_url="s3://no-such-bucket/x", media_s3_endpoint=s3_service))
    with pytest.raises(MediaUnavailable):
        store.check()


def test_the_prefix_keeps_several_installations_apart(bucket: str, s3_service: str) -> None:
    one, two = (
        open_media(Settings(media_url=f"s3://{bucket}/{prefix}", media_s3_endpoint=s3_service))
        for prefix in ("one", "two")
    )
    one.put("key", b"x")
    assert not two.exists("key")


def test_opening_touches_nothing(tmp_path: Path) -> None:
    """The store's threads would not survive the fork of a worker."""
    open_media(Settings(media_url=f"file://{tmp_path / 'later'}"))
    assert not (tmp_path / "later").exists()
