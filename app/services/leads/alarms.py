"""Telling by mail that a lead came in, and that nobody has answered it in time (C53).

Put in the transaction of its cause. Those who may act get it, as for held changes. A lead is told
as overdue once: the line on its timeline is the mark, so that no tick needs to remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, joinedload

from app.models import Dealership, Lead, LeadEvent, LeadPolicy
from app.services import mails, outbox, sync_mail
from app.services.leads import events, policy
from app.services.leads.policy_edit import LEAST_MINUTES, MOST_MINUTES

# A person who types a lead in knows of it.
CAME_THROUGH: Final = {"Web": "the web form", "API": "a program", "EasyCars": "EasyCars"}
# Older leads of EasyCars are read in, they do not come in.
FRESH: Final = timedelta(days=1)
# Whoever switches the alarm on is not told of what lies longer than the longest limit.
LOOKED_BACK: Final = timedelta(minutes=MOST_MINUTES) + FRESH
ROWS_NAMED: Final = 15
WHO: Final = "Forecourt"
FOOT: Final = (
    "You get this mail because you look after leads at this dealership in Forecourt. An "
    "administrator switches these mails off under Lead settings."
)


def new_lead(db: Session, lead: Lead, now: datetime) -> None:
    """Puts the mails about a lead that came in from outside; none for one typed in by hand, one
    that EasyCars has had for more than a day, or when the dealership wants none."""
    if lead.source not in CAME_THROUGH or _is_old(lead, now) or not policy.read(db).is_alarm_on:
        return
    db.flush()
    place = db.get_one(Dealership, lead.dealership_id)
    asks = f"{lead.customer.name} asks about {about(lead)}."
    payload = mails.payload(
        f"{place.name}: new lead from {lead.customer.name}",
        [asks, f"It came in through {CAME_THROUGH[lead.source]} and nobody has answered it yet."],
        link=("Open the lead", f"/d/{place.slug}/leads/{lead.id}"),
        foot=FOOT,
    )
    _put(db, lead.dealership_id, payload, f"new-lead:{lead.id}", now)


def _is_old(lead: Lead, now: datetime) -> bool:
    return lead.easycars_created_at is not None and now - lead.easycars_created_at > FRESH


def about(lead: Lead) -> str:
    """The vehicle that a lead asks about, as far as it is known."""
    named = (lead.vehicle_year, lead.vehicle_make, lead.vehicle_model)
    words = " ".join(str(part) for part in named if part)
    number = f"stock number {lead.stock_number}" if lead.stock_number else ""
    return f"{words} ({number})" if words and number else words or number or "no vehicle by name"


def overdue(db: Session, now: datetime) -> int:
    """Tells of leads that nobody answered within their dealership's minutes; how many there were.

    For the tick, in the scope of all dealerships. Several leads of a dealership share one mail.
    """
    told = 0
    for dealership_id, leads in groupby(_unanswered(db, now), lambda lead: lead.dealership_id):
        late = list(leads)
        _tell(db, db.get_one(Dealership, dealership_id), late, now)
        told += len(late)
    return told


def _unanswered(db: Session, now: datetime) -> list[Lead]:
    """The limits differ by dealership, and an old lead is told already: few rows come back."""
    limits = {row.dealership_id: row for row in db.scalars(select(LeadPolicy))}
    silent = [number for number, row in limits.items() if not row.is_alarm_on]
    query = (
        select(Lead)
        .options(joinedload(Lead.customer))
        .where(
            Lead.dealership_id.in_(select(Dealership.id).where(Dealership.is_active)),
            Lead.dealership_id.not_in(silent),
            Lead.status == "new",
            Lead.responded_at.is_(None),
            Lead.created_at < now - timedelta(minutes=LEAST_MINUTES),
            Lead.created_at > now - LOOKED_BACK,
            ~exists().where(LeadEvent.lead_id == Lead.id, LeadEvent.kind == "overdue"),
        )
        .order_by(Lead.dealership_id, Lead.id)
    )
    usual = policy.Policies()
    return [
        lead
        for lead in db.scalars(query)
        if _waited(lead, now) >= _limit(limits.get(lead.dealership_id, usual))
        and not _is_old_news(lead)
    ]


def _limit(row: LeadPolicy | policy.Policies) -> timedelta:
    return timedelta(minutes=row.overdue_minutes)


def _waited(lead: Lead, now: datetime) -> timedelta:
    return now - lead.created_at


def _is_old_news(lead: Lead) -> bool:
    """Whether it was old already when it was read in from EasyCars."""
    return _is_old(lead, lead.created_at)


def _tell(db: Session, place: Dealership, late: Sequence[Lead], now: datetime) -> None:
    for lead in late:
        events.record(
            db, "overdue", lead=lead, actor=WHO, now=now,
            text=f"Nobody answered for {_span(_waited(lead, now))}.",
        )  # fmt: skip
    _put(db, place.id, _overdue_mail(place, late, now), f"overdue:{late[0].id}", now)


def _overdue_mail(place: Dealership, late: Sequence[Lead], now: datetime) -> dict[str, Any]:
    one = len(late) == 1
    cure = (
        "Note that the customer was contacted, or change the status, and the lead is not overdue "
        "any more. You are told of a lead once."
    )
    count = "1 lead waits" if one else f"{len(late)} leads wait"
    rows = [
        f"{lead.customer.name}, {about(lead)}, waiting for {_span(_waited(lead, now))}"
        for lead in late[:ROWS_NAMED]
    ]
    more = [f"and {len(late) - ROWS_NAMED} more"] if len(late) > ROWS_NAMED else []
    path = f"/d/{place.slug}/leads"
    return mails.payload(
        f"{place.name}: {count} for an answer",
        [
            f"Nobody has answered {'this lead' if one else 'these leads'} of {place.name} yet.",
            cure,
        ],
        rows=[*rows, *more],
        link=("Open the lead", f"{path}/{late[0].id}")
        if one
        else ("Open the leads", f"{path}?tab=overdue"),
        foot=FOOT,
    )


def _span(waited: timedelta) -> str:
    """2 d 4 h, 2 h 5 min, 45 min."""
    minutes = int(waited.total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def _put(db: Session, dealership_id: int, payload: dict[str, Any], key: str, now: datetime) -> None:
    for user_id, email in sync_mail.people(db, dealership_id):
        outbox.put(
            db,
            dealership_id=dealership_id,
            key=f"{key}:{user_id}",
            recipient=email,
            payload=payload,
            now=now,
        )
