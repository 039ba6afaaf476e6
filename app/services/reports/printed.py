"""A report in plain words, and the PDF of it.

The layout is `report.typ`. What a report says reaches it as data, never as markup: a vehicle
called `#panic()` prints as that. The typesetter keeps about 50 KB of each row for good, so a child
process does the work and gives its memory back.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.services.errors import HubError

# Beyond this nobody reads a table on paper, and a page would wait for longer than ten seconds.
MOST_ROWS: Final = 2000
LONGEST_S: Final = 60
PRINTER: Final = Path(__file__).with_name("printer.py")
# Marks that turn the direction of the text after them.
TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# One print takes up to 250 MB: two people who want one wait for each other.
ONE_AT_A_TIME: Final = threading.Lock()


class PrintFailed(HubError):
    """The typesetter gave no PDF, or not in time."""

    code = "print_failed"


@dataclass(frozen=True)
class Column:
    """`share`: its part of the width, against the other columns."""

    heading: str
    share: float
    is_number: bool = False


@dataclass(frozen=True)
class Section:
    """A headed table; every row has as many cells as there are columns. A line break in a cell
    is one on paper."""

    heading: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """What is printed. `about`: lines below the title; `notes`: sentences below the totals;
    `made_at` is written in `zone`."""

    title: str
    dealership: str
    made_at: datetime
    zone: str
    totals: Sequence[tuple[str, int]] = ()
    about: Sequence[str] = ()
    notes: Sequence[str] = ()
    sections: Sequence[Section] = field(default_factory=tuple)


def pdf(report: Report) -> bytes:
    """The report as a tagged PDF with page numbers. Raises PrintFailed."""
    with ONE_AT_A_TIME:
        return _printed(json.dumps(_told(report)).encode())


def _printed(told: bytes) -> bytes:
    command = [sys.executable, "-I", str(PRINTER)]
    try:
        done = subprocess.run(command, input=told, capture_output=True, timeout=LONGEST_S)  # noqa: S603, PLW1510
    except subprocess.TimeoutExpired:
        raise PrintFailed("The PDF took too long. Narrow the list, or take the CSV.") from None
    if done.returncode or not done.stdout.startswith(b"%PDF-"):
        text = "The PDF could not be made. The CSV has the same rows."
        raise PrintFailed(text, said=done.stderr.decode(errors="replace")[-500:])
    return done.stdout


def _told(report: Report) -> dict[str, Any]:
    """Everything as texts, without characters that no page can show."""
    told: dict[str, Any] = _clean(asdict(report) | {"made_at": None})
    return told | {"made": moment_in_words(report.made_at, report.zone)}


def moment_in_words(moment: datetime, zone: str) -> str:
    """21 November 2026, 21:47 AEDT"""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y, %H:%M %Z}"


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(part) for part in value]
    return _printable(value) if isinstance(value, str) else value


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign == "\n" or not _is_invisible(sign))


def _is_invisible(sign: str) -> bool:
    return sign in TURNING or unicodedata.category(sign) in ("Cc", "Cs")
