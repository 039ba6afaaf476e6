"""How pages write times, money and numbers, and what every template can count on.

`register(app)` makes templates strict (a misspelt name raises: a poll built on one would never
end) and adds the filters `when`, `money`, `distance`, `count`, `counted`, `duration`, `given`,
the functions `asset` and `icon`, the variable `theme`. A value that is not given reads "Not given",
never 0 and never an empty cell. Formats are en-AU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from flask import Flask, g, has_app_context, has_request_context, request, url_for
from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

NOT_GIVEN = "Not given"
DEFAULT_ZONE = "Australia/Sydney"
THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"
SYMBOLS = {"AUD": "$", "NZD": "NZ$", "USD": "US$"}
MINUTE, HOUR, DAY = 60, 3600, 86_400
MONTH, YEAR = 30 * DAY, 365 * DAY
ICON = Markup(
    '<svg class="fc-icon {}" width="20" height="20" aria-hidden="true" focusable="false">'
    '<use href="{}"></use></svg>'
)
SPANS = ((YEAR, "year"), (MONTH, "month"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


@dataclass(frozen=True)
class NavItem:
    """A link of the navigation or of the dealership switcher; `count` shows open work."""

    label: str
    url: str
    active: bool = False
    count: int | None = None
    icon: str = "dot"


@dataclass(frozen=True)
class NavGroup:
    """A headed group of the navigation (ux-brief: Structure)."""

    label: str
    items: Sequence[NavItem]


@dataclass(frozen=True)
class RunningRun:
    """The run that the top bar shows everywhere; `poll_url` answers `_running.html`."""

    label: str
    url: str
    done: int = 0
    total: int | None = None
    poll_url: str | None = None


@dataclass(frozen=True)
class Problem:
    """One cause for the banner: what, since when, what to do, where (design §7).

    `url` is the problem's own page, `step` where its next step is taken: (words, address).
    """

    title: str
    advice: str
    url: str
    since: datetime | None = None
    severity: str = "warning"
    detail: str = ""
    step: tuple[str, str] | None = None


def utc_now() -> datetime:
    return datetime.now(UTC)


def is_missing(value: object) -> bool:
    """True for None, a text of blanks and an empty list; 0 and False are values."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or isinstance(value, Undefined) or value == []


def not_given(words: str = NOT_GIVEN) -> Markup:
    return Markup('<span class="not-given">{}</span>').format(words)


def given(value: Any, words: str = NOT_GIVEN) -> Any:
    """The value, Yes or No for a truth value, or "Not given"."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return not_given(words) if is_missing(value) else value


def count(value: float | None) -> str:
    """12480 → 12,480."""
    return not_given() if value is None else f"{value:,}"


def counted(value: int, noun: str, plural: str | None = None) -> str:
    """1, "vehicle" → 1 vehicle; 12 → 12 vehicles."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def money(cents: int | None, currency: str = "AUD") -> str:
    """Integer cents → $24,990; cents are shown when there are any."""
    if cents is None:
        return not_given()
    whole, part = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return f"{sign}{symbol}{whole:,}" + (f".{part:02d}" if part else "")


def distance(value: int | None, unit: str | None = "km") -> str:
    """84210 → 84,210 km; `unit` as the vehicle's odometer counts (km, mi, h)."""
    return not_given() if value is None else f"{value:,} {(unit or 'km').lower()}"


def duration(value: float | timedelta | None) -> str:
    """Seconds or a timedelta → 0.4 s, 45 s, 2 min 5 s, 1 h 3 min, 2 d 4 h."""
    if value is None:
        return not_given()
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
    return _two_units(round(seconds))


def _two_units(seconds: int) -> str:
    for size, name, small, small_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", 1, "s"),
    ):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{seconds} s"


def relative(moment: datetime, now: datetime) -> str:
    """12 minutes ago, in 3 hours, just now."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < MINUTE:
        return "just now" if seconds >= 0 else "in under a minute"
    size, noun = next((size, noun) for size, noun in SPANS if abs(seconds) >= size)
    words = counted(int(abs(seconds) // size), noun)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def exact(moment: datetime, zone: str, now: datetime) -> str:
    """14:02 AEST today, Tue 18 Nov, 14:02 AEDT this year, 3 Sep 2025, 14:02 AEST before."""
    local = moment.astimezone(ZoneInfo(zone))
    today = now.astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M %Z}"
    if local.date() == today.date():
        return clock
    if local.year == today.year:
        return f"{local:%a} {local.day} {local:%b}, {clock}"
    return f"{local.day} {local:%b %Y}, {clock}"


def time_element(moment: datetime, zone: str, now: datetime, style: str = "both") -> Markup:
    """`<time>` in words of `style`: both, relative (exact as its title) or exact."""
    words = {"relative": relative(moment, now), "exact": exact(moment, zone, now)}
    words["both"] = f"{words['relative']} ({words['exact']})"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"), words["exact"], words[style]
    )


def zone_of(context: Context) -> str:
    """The dealership's zone: from the page, or from `g.dealership` inside imported macros."""
    dealership = context.get("dealership") or (g.get("dealership") if has_app_context() else None)
    return getattr(dealership, "timezone", None) or DEFAULT_ZONE


@pass_context
def when(
    context: Context,
    moment: datetime | None,
    style: str = "both",
    zone: str | None = None,
    empty: str = NOT_GIVEN,
) -> Markup:
    """A moment in the dealership's zone: "12 minutes ago (14:02 AEST)".

    `style` is both, relative or exact; `empty` is what None reads, "Never" for example.
    """
    if moment is None:
        return not_given(empty)
    now = cast(Callable[[], datetime], context.environment.globals["now"])
    return time_element(moment, zone or zone_of(context), now(), style)


class Assets:
    """Addresses of static files and icons as `<svg>`. Each is written once for the process: a page
    has some eighty of them, and they change with a release only."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._addresses: dict[str, str] = {}
        self._icons: dict[tuple[str, str], Markup] = {}

    def address(self, filename: str) -> str:
        """A static file's address with a version, so that browsers may keep it for a year."""
        if filename not in self._addresses:
            version = _version(Path(str(self._app.static_folder)) / filename)
            self._addresses[filename] = url_for("static", filename=filename, v=version or None)
        return self._addresses[filename]

    def icon(self, name: str, cls: str = "") -> Markup:
        """One picture of icons.svg. Always decoration: the word stands beside it."""
        if (name, cls) not in self._icons:
            self._icons[name, cls] = ICON.format(cls, f"{self.address('icons.svg')}#{name}")
        return self._icons[name, cls]


def _version(path: Path) -> str:
    if not path.is_file():
        return ""
    stat = path.stat()
    return f"{stat.st_mtime_ns ^ stat.st_size:x}"


def theme_of_request() -> str:
    """The look this browser chose: system, light or dark; anything else is system."""
    chosen = request.cookies.get(THEME_COOKIE, "") if has_request_context() else ""
    return chosen if chosen in THEMES else "system"


def register(app: Flask, now: Callable[[], datetime] = utc_now) -> None:
    """Adds filters, `asset`, `icon`, `now`, `theme` to the templates; `now` is the clock."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    for function in (when, money, distance, count, counted, duration, given):
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.filters["missing"] = is_missing
    app.jinja_env.globals["now"] = now
    assets = Assets(app)
    app.jinja_env.globals |= {"asset": assets.address, "icon": assets.icon}
    app.context_processor(lambda: {"theme": theme_of_request()})
