"""Putting typed values into the forms of a finished page, whatever template made it (C82).

Two passes over the HTML: the first tells which form is meant, the second writes it again with the
values. What has no place on the page is handed back, so that it can be shown beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from app.services.kept_forms import Form, is_keepable

Attributes = Mapping[str, str | None]
CHOSEN: Final = ("checkbox", "radio")
NEVER_FILLED: Final = ("password", "file", "submit", "button", "image", "reset")
MAIN: Final = "content"


@dataclass(slots=True)
class _Found:
    """A form of the page: its fields, its values that nobody types, the names of its buttons."""

    action: str
    names: Counter[str] = field(default_factory=Counter)
    hidden: set[tuple[str, str]] = field(default_factory=set)
    buttons: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Filled:
    """The page, where something can be put in at its beginning, and what found no place."""

    before: str
    after: str
    unplaced: Sequence[tuple[str, str]]


def fill(html: str, path: str, forms: Sequence[Form]) -> Filled:
    """`html`, the page at `path`, with the values of `forms` in its forms of the same action."""
    looked = _Look(path)
    looked.feed(html)
    looked.close()
    chosen: dict[int, Form] = {}
    missing: list[tuple[str, str]] = []
    for form in forms:
        index = _best(looked.forms, form)
        if index is None or index in chosen:
            missing += form.fields
        else:
            chosen[index] = form
    written = _Write(path, chosen)
    written.feed(html)
    written.close()
    for index, left in written.left.items():
        buttons = looked.forms[index].buttons
        missing += [pair for pair in left if pair[0] not in buttons]
    unplaced = [(name, value) for name, value in dict.fromkeys(missing) if value.strip()]
    before, after = "".join(written.out[: written.main]), "".join(written.out[written.main :])
    return Filled(before, after, unplaced)


def _best(found: Sequence[_Found], form: Form) -> int | None:
    """The form with this action that has most of the fields, then most of the fixed values."""
    names, pairs = {name for name, _ in form.fields}, set(form.fields)
    ranked = [
        (len(names & one.names.keys()), len(pairs & one.hidden), -index)
        for index, one in enumerate(found)
        if one.action == form.action
    ]
    best = max(ranked, default=(0, 0, 0))
    return -best[2] if best[0] else None


class _Walk(HTMLParser):
    """Which form each element belongs to: the one around it, or the one that it names."""

    def __init__(self, path: str) -> None:
        super().__init__(convert_charrefs=False)
        self.path = path
        self.forms: list[_Found] = []
        self.inside: int | None = None
        self.by_id: dict[str, int] = {}

    def enter(self, tag: str, given: Attributes) -> int | None:
        """Notes a form that begins; the index of the form that this element belongs to."""
        if tag == "form":
            action = urlsplit(given.get("action") or "").path or self.path
            posts = (given.get("method") or "").lower() == "post"
            self.forms.append(_Found(action if posts else ""))
            self.inside = len(self.forms) - 1
            if number := given.get("id"):
                self.by_id[number] = self.inside
        named = given.get("form")
        return self.by_id.get(named) if named else self.inside

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None


class _Look(_Walk):
    """The first pass: the forms of the page."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        index, name = self.enter(tag, given), given.get("name")
        if index is None or not name:
            return
        form = self.forms[index]
        if tag == "button":
            form.buttons.add(name)
        elif tag in ("input", "textarea", "select"):
            form.names[name] += 1
            if given.get("type") == "hidden":
                form.hidden.add((name, given.get("value") or ""))


class _Write(_Walk):
    """The second pass: the page again, with the values. `left`: what found no field, by form."""

    def __init__(self, path: str, chosen: Mapping[int, Form]) -> None:
        super().__init__(path)
        self.out: list[str] = []
        self.main = 0
        self.left = {index: list(form.fields) for index, form in chosen.items()}
        self.values = {
            index: _by_name(form.fields) for index, form in chosen.items()
        }  # form → name → values
        self.closed_parts: list[int | None] = []
        self.selected: Sequence[str] | None = None
        self.skips_text = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        index = self.enter(tag, given)
        if tag == "details":
            self.closed_parts.append(None if "open" in given else len(self.out))
        name = given.get("name") or ""
        values = self._values(tag, given, index, name)
        if tag == "option" and self.selected is not None:
            self.out.append(_option(given, self.selected))
        elif values is not None and index is not None and tag in ("input", "textarea", "select"):
            self._field(tag, given, index, values)
        else:
            self.out.append(self.get_starttag_text() or "")
        if tag == "main" and given.get("id") == MAIN:
            self.main = len(self.out)

    def _values(
        self, tag: str, given: Attributes, index: int | None, name: str
    ) -> list[str] | None:
        """What was typed in a field; nothing for a box that was not ticked; None: not asked."""
        if index not in self.values or not name:
            return None
        is_box = tag == "input" and given.get("type") in CHOSEN and is_keepable(name)
        return self.values[index].get(name, [] if is_box else None)

    def _field(self, tag: str, given: dict[str, str | None], index: int, values: list[str]) -> None:
        kind, name = (given.get("type") or "text").lower(), given.get("name") or ""
        if tag == "input" and kind in NEVER_FILLED:
            self.out.append(self.get_starttag_text() or "")
            return
        before = dict(given)
        if tag == "input" and kind in CHOSEN:
            _tick(given, (given.get("value") or "on") in values)
            self._placed(index, name, given.get("value") or "on")
        elif tag == "input":
            given["value"] = self._next(index, name, values)
        self.out.append(_tag(tag, given))
        if tag == "textarea":
            self.out.append("\n" + escape(self._next(index, name, values)))
            self.skips_text = True
        elif tag == "select":
            self.selected = list(values)
            self._placed(index, name, *values)
        if kind != "hidden" and (tag != "input" or given != before):
            self._open_parts()

    def _next(self, index: int, name: str, values: list[str]) -> str:
        """Fields of one name take their values in order; the last one stays for the rest."""
        value = values.pop(0) if len(values) > 1 else values[0]
        self._placed(index, name, value)
        return value

    def _placed(self, index: int, name: str, *values: str) -> None:
        self.left[index] = [
            pair for pair in self.left[index] if pair[0] != name or pair[1] not in values
        ]

    def _open_parts(self) -> None:
        """What was typed must be seen: closed parts around the field open."""
        for level, at in enumerate(self.closed_parts):
            if at is not None:
                self.out[at] = self.out[at].replace("<details", "<details open", 1)
                self.closed_parts[level] = None

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        if tag == "details" and self.closed_parts:
            self.closed_parts.pop()
        elif tag == "select":
            self.selected = None
        elif tag == "textarea":
            self.skips_text = False
        self.out.append(f"</{tag}>")

    def _text(self, raw: str) -> None:
        if not self.skips_text:
            self.out.append(raw)

    def handle_data(self, data: str) -> None:
        self._text(data)

    def handle_entityref(self, name: str) -> None:
        self._text(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._text(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.out.append(f"<!{decl}>")


def _by_name(fields: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return found


def _option(given: dict[str, str | None], selected: Sequence[str]) -> str:
    given.pop("selected", None)
    if (given.get("value") or "") in selected:
        given["selected"] = None
    return _tag("option", given)


def _tick(given: dict[str, str | None], on: bool) -> None:
    given.pop("checked", None)
    if on:
        given["checked"] = None


def _tag(tag: str, given: Attributes) -> str:
    written = [
        name if value is None else f'{name}="{escape(value)}"' for name, value in given.items()
    ]
    return f"<{' '.join([tag, *written])}>"
