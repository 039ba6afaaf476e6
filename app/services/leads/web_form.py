"""Enquiries from a dealership's own website, and what keeps spam out without a puzzle.

The page carries a stamp: the form's key and the time of issue, signed. It stands for the CSRF
token, which needs a session, and tells how long somebody looked at the page. A form of the
dealership's own has no stamp and is believed less: fewer tries, fewer web addresses.

A person who is refused reads why and how to go on. Only what filled in the trap, a field that no
person can see, is thanked and dropped; it is counted in the log (issue 4, point 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.log import get_logger
from app.models import Customer, Dealership, Lead, LeadPolicy
from app.secret import Secret
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound
from app.services.leads import customers, saving, vehicles
from app.services.leads.input import Unreadable, read_value
from app.services.leads.sending import Means

Stamp = Literal["good", "none", "early", "late", "foreign"]
Outcome = Literal["taken", "repeated", "trapped"]

log = get_logger(__name__)
SHORTEST_LOOK: Final = timedelta(seconds=3)
LONGEST_LOOK: Final = timedelta(hours=12)
REPEATED_WITHIN: Final = timedelta(minutes=10)
LONGEST_MESSAGE: Final = 4_000
LINKS_WITH_STAMP, LINKS_WITHOUT = 2, 1
# What nobody fills in. Browsers complete names like "website" or "company" by themselves.
TRAP: Final = "extra_details"
STAMP: Final = "stamp"
# Name outside → field of a lead or customer.
NAMES: Final = {
    "name": "name",
    "email": "email",
    "phone": "phone",
    "interest": "interest",
    "message": "message",
    "stock": "stock_number",
    "page": "page_url",
}
# Nobody types these two, so an odd one costs no enquiry.
UNSEEN: Final = ("stock", "page")
INTERESTS: Final = {
    "buy": "Buying a vehicle",
    "test_drive": "A test drive",
    "lease": "Leasing a vehicle",
    "sell": "Selling or trading in a vehicle",
    "service": "A service",
}
NOT_FOUND: Final = "This form does not exist, or it was switched off."
NO_CONTACT: Final = "Enter an email address or a phone number, so that you can be answered."
EARLY: Final = "That was very quick, and your enquiry was not sent yet. Press Send once more."
STALE: Final = (
    "The page was open for a long time, and your enquiry was not sent yet. Press Send once more."
)
_KEY = re.compile(r"[A-Za-z0-9_-]{8,40}")
_LINK = re.compile(r"https?://|www\.|\[url|<a\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one dealership; `dealership` is its name."""

    key: str
    dealership_id: int
    dealership: str


def find(db: Session, key: str) -> Form:
    """The form with this key. `db` sees all dealerships. Raises NotFound."""
    found = None
    if _KEY.fullmatch(key):
        query = (
            select(Dealership.id, Dealership.name)
            .join(LeadPolicy, LeadPolicy.dealership_id == Dealership.id)
            .where(LeadPolicy.form_key == key, Dealership.is_active)
        )
        found = db.execute(query).one_or_none()
    if found is None:
        raise NotFound(NOT_FOUND)
    return Form(key, found.id, found.name)


def vehicle_title(db: Session, stock: Any) -> str | None:
    """The title of a vehicle that is for sale and may be shown; None for every other number."""
    try:
        number = read_value("stock_number", _storable(stock))
    except Unreadable:
        return None
    found = vehicles.by_stock_number(db, number)
    if found is None or found.lifecycle != "listed" or not found.is_published:
        return None
    made = (found.year, found.make, found.model)
    return found.title or " ".join(str(part) for part in made if part) or None


class Stamps:
    """Makes and reads the stamps of forms, with the installation's secret key."""

    def __init__(self, secret_key: Secret) -> None:
        self._signer = URLSafeSerializer(secret_key.reveal(), salt="forecourt public form")

    def issue(self, key: str, now: datetime, *, looked: timedelta = timedelta()) -> str:
        """A stamp for a page that is shown now; `looked`: how long it was looked at before."""
        return str(self._signer.dumps([key, int((now - looked).timestamp() * 1000)]))

    def read(self, stamp: Any, key: str, now: datetime) -> Stamp:
        """What a stamp that came back is worth."""
        if not stamp:
            return "none"
        try:
            stamped, issued_ms = self._signer.loads(str(stamp))
            looked = now - datetime.fromtimestamp(issued_ms / 1000, now.tzinfo)
        except (BadData, TypeError, ValueError):
            return "foreign"
        if stamped != key:
            return "foreign"
        if looked < SHORTEST_LOOK:
            return "early"
        return "late" if looked > LONGEST_LOOK else "good"


def take(
    db: Session, form: Form, given: Mapping[str, Any], *, stamp: Stamp, actor: Actor, means: Means
) -> Outcome:
    """Makes a lead of what was sent, in the caller's transaction; it is in the outbox with it.

    `given`: members by the names of NAMES. The same enquiry twice within REPEATED_WITHIN is one
    lead. Raises InputInvalid (`fields` by those names, "" for the whole form) and NotFound.
    """
    if str(given.get(TRAP) or "").strip():
        note_spam(form, "trap")
        return "trapped"
    _check_stamp(form, stamp)
    values = _read(form, given, LINKS_WITH_STAMP if stamp == "good" else LINKS_WITHOUT)
    _one_at_a_time(db, form)
    if _is_repeated(db, values, means.clock.now()):
        return "repeated"
    saving.create(db, form.dealership_id, values, source="Web", actor=actor, means=means)
    return "taken"


def note_spam(form: Form, reason: str) -> None:
    """Counts what was kept out; nothing of its content."""
    log.info("form_spam", reason=reason, dealership_id=form.dealership_id)


def _check_stamp(form: Form, stamp: Stamp) -> None:
    if stamp in ("good", "none"):
        return
    note_spam(form, stamp)
    words = EARLY if stamp == "early" else STALE
    raise InputInvalid(words, {"": words})


def _read(form: Form, given: Mapping[str, Any], most_links: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for outside, name in NAMES.items():
        try:
            values[name] = read_value(name, _storable(given.get(outside)))
        except Unreadable as wrong:
            if outside not in UNSEEN:
                errors[outside] = str(wrong)
    errors = _complaints(values, most_links) | errors
    if errors:
        if any(_LINK.search(str(values.get(name) or "")) for name in ("name", "message")):
            note_spam(form, "refused with a web address")
        raise InputInvalid("Some entries cannot be accepted.", errors)
    return values


def _storable(value: Any) -> str | None:
    """A text as every database keeps it. Raises Unreadable for what is no text."""
    if value is not None and not isinstance(value, str):
        raise Unreadable("Enter a text.")
    return None if value is None else value.encode("utf-8", "replace").decode()


def _complaints(values: Mapping[str, Any], most_links: int) -> dict[str, str]:
    """What is wrong with entries that can be read."""
    found: dict[str, str] = {}
    name, message = values.get("name") or "", values.get("message") or ""
    if not name:
        found["name"] = "Enter your name."
    elif _LINK.search(name):
        found["name"] = "Enter your name without a web address."
    if not (values.get("email") or values.get("phone")):
        found["email"] = NO_CONTACT
    if len(message) > LONGEST_MESSAGE:
        found["message"] = (
            f"The message is too long: {len(message):,} of {LONGEST_MESSAGE:,} characters."
        )
    elif len(_LINK.findall(message)) > most_links:
        addresses = "1 web address" if most_links == 1 else f"{most_links} web addresses"
        found["message"] = f"A message can hold {addresses} at most. Leave the others out."
    return found


def _one_at_a_time(db: Session, form: Form) -> None:
    """Enquiries of one form wait for each other, or a double click would be two leads."""
    query = select(LeadPolicy.id).where(LeadPolicy.form_key == form.key).with_for_update()
    if db.scalar(query) is None:
        raise NotFound(NOT_FOUND)


def _is_repeated(db: Session, values: Mapping[str, Any], now: datetime) -> bool:
    """The same words from the same person about the same vehicle, a moment ago."""
    query = (
        select(Lead.id)
        .join(Customer, Customer.id == Lead.customer_id)
        .where(
            Lead.source == "Web",
            Lead.created_at > now - REPEATED_WITHIN,
            Lead.message.is_not_distinct_from(values.get("message")),
            Lead.stock_number.is_not_distinct_from(values.get("stock_number")),
        )
    )
    email, phone = customers.email_key(values.get("email")), values.get("phone")
    if email:
        query = query.where(Customer.email_key == email)
    elif number := customers.phone_key(phone):
        query = query.where(Customer.phone_keys.contains(f" {number} "))
    else:
        query = query.where(Customer.phone == phone)
    return db.scalar(query.limit(1)) is not None
