"""One record compared three ways, and what the answer means for it here (row 168).

`plan.decide` decides, as it does for vehicles; this module writes what it decided for a lead or a
customer: taken values, new conflicts, conflicts that are over, and what is agreed now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict, ExternalLink
from app.services.sync.plan import Decision, Policy, Verb, decide


@dataclass(frozen=True, slots=True)
class Compared:
    """`taken`: field → EasyCars' value that is ours now. `kept`: changed there, ours stays."""

    decision: Decision
    taken: dict[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()

    @property
    def is_ours_to_send(self) -> bool:
        """Something of ours differs from what EasyCars has."""
        return self.decision.verb is Verb.KEEP_LOCAL or bool(self.kept)


def compare(
    link: ExternalLink,
    local: Mapping[str, Any],
    remote: Mapping[str, Any],
    policy: Policy,
    locked: frozenset[str] = frozenset(),
) -> Compared:
    """Decides about a linked record; pure but for reading the link."""
    agreed = dict(link.agreed)
    decision = decide(agreed, dict(local), dict(remote), policy, locked=locked)
    moved = {name for name in {*agreed, *remote} if agreed.get(name) != remote.get(name)}
    differs = {name for name in moved if local.get(name) != remote.get(name)}
    kept = differs - set(decision.write) - set(decision.conflicts)
    return Compared(decision, dict(decision.write), tuple(sorted(kept)))


def settle(
    db: Session,
    link: ExternalLink,
    compared: Compared,
    local: Mapping[str, Any],
    remote: Mapping[str, Any],
    *,
    now: datetime,
    run_id: int | None,
) -> None:
    """Keeps what is agreed now, opens and closes conflicts; the caller writes the record."""
    rows = {
        row.field: row
        for row in db.scalars(
            select(Conflict).where(
                Conflict.entity == link.entity,
                Conflict.entity_id == link.entity_id,
                Conflict.state == "open",
            )
        )
    }
    agreed = dict(link.agreed)
    for name in compared.decision.conflicts:
        row = rows.pop(name, None) or _open(db, link, name, now)
        row.agreed, row.local, row.remote = agreed.get(name), local.get(name), remote.get(name)
        row.run_id, row.seen_at, row.link_id = run_id, now, link.id
    for row in rows.values():
        row.state, row.resolution, row.resolved_at = "resolved", "gone", now
    link.agreed = dict(compared.decision.agreed)


def _open(db: Session, link: ExternalLink, name: str, now: datetime) -> Conflict:
    row = Conflict(
        dealership_id=link.dealership_id,
        provider=link.provider,
        stream=link.stream,
        entity=link.entity,
        entity_id=link.entity_id,
        link_id=link.id,
        external_id=link.external_id,
        field=name,
        first_seen_at=now,
    )
    db.add(row)
    return row
