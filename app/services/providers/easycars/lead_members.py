"""One member of a request to the Lead API: its names, its limits, and how it looks on the wire.

The catalogues in lead_rules.py and lead_quotation.py are made of these. `WireWriter` checks a whole
set of product values against them before the network, and gathers every problem and every remark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from app.services.errors import CannotBeSent
from app.services.providers.easycars.lead_tables import number_of
from app.services.sync.protocol import Values, Warned

Kind = Literal["text", "whole", "money", "flag", "date", "month", "rate", "choice"]
LARGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Member:
    """`name` is the product's, `wire` the vendor's; `label` follows "EasyCars needs …".

    Kinds on the product's side: money in cents; date "2026-03-07"; month "2019-05"; rate a decimal
    as text ("0.1" is 10 %); choice a word of `choices`. `limit`: characters. `can_cut`: a text that
    is too long still says something when shortened. `can_empty`: "" empties it at EasyCars.
    `between`: first and last whole number allowed.
    """

    name: str
    wire: str
    label: str
    kind: Kind = "text"
    required: bool = False
    limit: int | None = None
    choices: Mapping[int, str] | None = None
    can_cut: bool = False
    can_empty: bool = False
    between: tuple[int, int] = (0, LARGEST)

    def encode(self, value: Any) -> Any:
        """The value as the vendor takes it. Raises ValueError with words for a person."""
        return _ENCODERS[self.kind](self, value)

    @property
    def title(self) -> str:
        return self.label[:1].upper() + self.label[1:]


def clean(text: str) -> str:
    """Without blanks around it, and with nothing in it that no database or JSON takes."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


@dataclass
class WireWriter:
    """Writes product values under the vendor's names; what is not given is not written.

    `cuts`: whether texts that are too long are shortened or left out with a remark; otherwise they
    are problems. `empties`: whether "" is sent, to empty a text, where a member allows it.
    """

    cuts: bool = True
    empties: bool = False
    problems: dict[str, str] = field(default_factory=dict)
    warnings: list[Warned] = field(default_factory=list)

    def write(self, members: Iterable[Member], values: Values, where: str = "") -> dict[str, Any]:
        """`where` stands before the names in problems and remarks, as in "receipts.0."."""
        written: dict[str, Any] = {}
        for member in members:
            value = self._value(member, values.get(member.name), where + member.name)
            if value is not None:
                written[member.wire] = value
        return written

    def require(self, sentence: str) -> None:
        """Raises CannotBeSent with every problem, after `sentence`."""
        if self.problems:
            words = " ".join(dict.fromkeys(self.problems.values()))
            raise CannotBeSent(f"{sentence} {words}", self.problems)

    def _value(self, member: Member, given: Any, name: str) -> Any:
        if isinstance(given, str):
            given = clean(given)
            if given == "" and self.empties and member.can_empty:
                return given
        if given is None or given == "":
            if member.required:
                self.problems[name] = f"EasyCars needs {member.label}."
            return None
        return self._encoded(member, given, name)

    def _encoded(self, member: Member, given: Any, name: str) -> Any:
        try:
            value = member.encode(given)
        except ValueError as exc:
            self.problems[name] = str(exc)
            return None
        if member.limit is None or not isinstance(value, str) or len(value) <= member.limit:
            return value
        return self._too_long(member, value, name, member.limit)

    def _too_long(self, member: Member, text: str, name: str, limit: int) -> str | None:
        if self.cuts and member.can_cut:
            said = f"was cut from {len(text):,} to {limit} characters, the most EasyCars takes."
            self.warnings.append(Warned(name, said))
            return text[:limit].rstrip()
        if self.cuts and not member.required:
            said = f"has {len(text):,} characters, EasyCars takes {limit}; it was not sent."
            self.warnings.append(Warned(name, said))
            return None
        self.problems[name] = (
            f"{member.title} has {len(text):,} characters; EasyCars takes at most {limit}."
        )
        return None


def _text(member: Member, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{member.title} must be text.")  # noqa: TRY004 - one class for all
    return value


def _whole(member: Member, value: Any) -> int:
    first, last = member.between
    if isinstance(value, bool) or not isinstance(value, int) or not first <= value <= last:
        raise ValueError(f"{member.title} must be a whole number from {first} to {last}.")
    return value


def _money(member: Member, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise ValueError(f"{member.title} must be an amount from 0 to 21,474,836.47.")
    return Decimal(value) / 100


def _flag(member: Member, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{member.title} must be yes or no.")  # noqa: TRY004 - as above
    return value


def _day(member: Member, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{member.title} is not a date.") from None


def _date(member: Member, value: Any) -> str:
    day = value if isinstance(value, date) else _day(member, _text(member, value))
    return f"{day:%d/%m}/{day.year:04d}"


def _month(member: Member, value: Any) -> str:
    return f"{_day(member, f'{_text(member, value)}-01'):%m/%y}"


def _rate(member: Member, value: Any) -> Decimal:
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal("NaN")
    if isinstance(value, bool | float) or not 0 <= (rate if rate.is_finite() else -1) <= 1:
        raise ValueError(f"{member.title} must be a rate from 0 to 1, such as 0.1 for 10 %.")
    return rate


def _choice(member: Member, value: Any) -> int:
    words = number_of(member.choices or {})
    if not isinstance(value, str) or value not in words:
        known = ", ".join(word.replace("_", " ") for word in words)
        raise ValueError(f"{member.title} must be one of: {known}.")
    return words[value]


_ENCODERS: Final = {
    "text": _text,
    "whole": _whole,
    "money": _money,
    "flag": _flag,
    "date": _date,
    "month": _month,
    "rate": _rate,
    "choice": _choice,
}
