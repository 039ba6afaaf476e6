"""Title templates such as "{year} {make} {model} {badge}" (C19). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any, Final

from app.services.vehicle_fields import FIELDS

LONGEST_TEMPLATE: Final = 200
TITLE_WIDTH: Final = 300
_TOO_LONG: Final = {"short_description", "description", "additional_description", "video_link"}
# What a template may name: everything that is a word or a whole number by itself.
PLACEHOLDERS: Final = tuple(
    name
    for name, known in FIELDS.items()
    if known.kind in ("text", "int") and name != "title" and name not in _TOO_LONG
)
_EMPTY_BRACKETS = re.compile(r"[(\[]\s*[)\]]")
_JOINING: Final = "-,;:/|·•\N{EN DASH}\N{EM DASH}"
_AT_AN_END = re.compile(rf"^[{_JOINING}\s]+|[{_JOINING}\s]+$")
_LOOSE = re.compile(r"\s+(?=[,;:])")
# Stands for a value while the words around it are tidied: a value's own signs are its own.
_STAND_IN: Final = 0xE000


class BadTemplate(ValueError):
    """The template cannot be used; the text says why, for the person who wrote it."""


class Template:
    """A template that was read once. Raises BadTemplate."""

    def __init__(self, text: str) -> None:
        self._parts = _read(text)
        self.fields = frozenset(name for _, name in self._parts if name)

    def render(self, values: Mapping[str, Any]) -> str:
        """The title; parts that are not given collapse with the blanks and separators around.

        "" when none of the named fields is given: words alone are no title.
        """
        if not any(values.get(name) is not None for name in self.fields):
            return ""
        given: dict[int, str] = {}
        made = []
        for before, name in self._parts:
            value = values.get(name)
            if value is None:
                made.append(" " if name and _only_joins(before) else before)
                continue
            key = _STAND_IN + len(given)
            given[key] = " ".join(str(value).split())
            made += (before, chr(key))
        return _tidy("".join(made)).translate(given)[:TITLE_WIDTH].rstrip()


def _read(text: str) -> list[tuple[str, str]]:
    """[(words before, field or "")]; doubled braces are braces."""
    if len(text) > LONGEST_TEMPLATE:
        raise BadTemplate(f"The template is longer than {LONGEST_TEMPLATE} characters.")
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as exc:
        raise BadTemplate(
            "A brace is not closed, or one too many. Write fields as {make}."
        ) from exc
    parts = []
    for before, name, form, conversion in parsed:
        if name is not None:
            _check(name, form, conversion)
        parts.append((before, name or ""))
    if not any(name for _, name in parts):
        raise BadTemplate("The template names no field. Write for example {year} {make} {model}.")
    return parts


def _check(name: str, form: str | None, conversion: str | None) -> None:
    if form or conversion:
        raise BadTemplate(f"Write {{{name}}} without anything behind the name.")
    if name in PLACEHOLDERS:
        return
    if not name:
        raise BadTemplate("An empty {} names no field. Write for example {make}.")
    near = next((known for known in PLACEHOLDERS if known == name.strip().lower()), None)
    hint = f" Write {{{near}}}." if near else ""
    raise BadTemplate(f"There is no field called {{{name[:60]}}}.{hint}")


def _only_joins(text: str) -> bool:
    """Whether words before a field only join it to the former one: they go when it is empty."""
    return set(text.replace(" ", "")) <= set(_JOINING)


def _tidy(text: str) -> str:
    words = " ".join(_EMPTY_BRACKETS.sub(" ", text).split())
    return _AT_AN_END.sub("", _LOOSE.sub("", words))
