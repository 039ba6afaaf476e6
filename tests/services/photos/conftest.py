from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.media import open_media
from app.config import Settings
from app.parts import SystemClock
from app.services.photos import AllowedHosts, PhotoMeans
from tests.services.photos.picture_server import Pictures, picture_server


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    with picture_server() as server:
        yield server


@pytest.fixture
def means(tmp_path: Path) -> PhotoMeans:
    """A local store in the test's folder and the machine's clock; loopback may be asked."""
    media = open_media(Settings(media_url=f"file://{tmp_path / 'photos'}"))
    return PhotoMeans(media, SystemClock(), AllowedHosts((), loopback=True))
