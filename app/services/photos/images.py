"""Photo rows as JSON and back: what a run's before-image keeps of them (C9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from app.models import Photo

MOMENTS = ("next_try_at", "created_at")
_COLUMNS = tuple(column.name for column in Photo.__table__.columns)


def image_of(row: Mapping[str, Any] | RowMapping) -> dict[str, Any]:
    """All columns as JSON values; moments as ISO text."""
    image = {name: row[name] for name in _COLUMNS}
    for name in MOMENTS:
        image[name] = image[name] and image[name].isoformat()
    return image


def row_of(image: Mapping[str, Any]) -> dict[str, Any]:
    """The row behind an image, ready to be inserted."""
    row = dict(image)
    for name in MOMENTS:
        row[name] = row[name] and datetime.fromisoformat(row[name])
    return row
