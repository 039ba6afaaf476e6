"""Numbers that are given out once in a test session."""

from __future__ import annotations

from itertools import count

_numbers = count(1)


def next_number() -> int:
    return next(_numbers)
