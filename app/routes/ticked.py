"""What was ticked in a list, as a form sends it."""

from __future__ import annotations

from typing import Final

from werkzeug.datastructures import MultiDict

from app.routes.fragments import LARGEST_ID
from app.services.errors import InputInvalid

MOST_IDS: Final = 1000


def ids(sent: MultiDict[str, str], name: str) -> tuple[int, ...]:
    """The ids under `name`, each once. Raises InputInvalid (field "select")."""
    found = dict.fromkeys(number(text) for text in sent.getlist(name)[: MOST_IDS + 1])
    if len(found) > MOST_IDS:
        text = f"At most {MOST_IDS:,} can be ticked. Choose all that match instead."
        raise InputInvalid(text, {"select": text})
    return tuple(found)


def number(text: str) -> int:
    """An id or a count of the list. Raises InputInvalid (field "select")."""
    if not text.isascii() or not text.isdigit() or int(text) > LARGEST_ID:
        text = "The selection cannot be read. Go back to the list and choose again."
        raise InputInvalid(text, {"select": text})
    return int(text)
