"""What the guards and ownership forms show: what was typed there, else what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from app.services import mass_unlock, sync_policy, sync_policy_edit
from app.services.sync_policy import EVERYTHING, GROUP, Policies
from app.services.sync_policy_edit import NUMBERS, form_name
from app.services.vehicle_fields import FIELDS, GROUPS

# (rule, words, what it means)
RULES: Final = (
    ("ask", "Ask", "Nothing is changed; the field waits under Review until you choose."),
    ("easycars", "EasyCars", "EasyCars' new value replaces the one that was changed here."),
    ("local", "Local", "The value that was changed here stays; what EasyCars sends is noted."),
    (
        "locked",
        "Locked for all vehicles",
        "A new vehicle takes EasyCars' value once; after that no sync changes the field.",
    ),
)


def form(session: Session, typed: Mapping[str, str] | None) -> dict[str, Any]:
    """`guards` {field: text}, `owners` {form field: rule}, the fields by group, and the locks."""
    policies = sync_policy.read(session)
    person, moment = sync_policy_edit.changed_by(session)
    return {
        "guards": _guards(policies, typed or {}),
        "owners": _owners(policies, typed),
        "owner_rules": RULES,
        "owner_groups": _groups(policies),
        "locks": mass_unlock.by_group(session),
        "policies_changed": moment,
        "policies_changed_by": person,
    }


def _guards(policies: Policies, typed: Mapping[str, str]) -> dict[str, Any]:
    return {name: typed.get(name, getattr(policies, name)) for name in NUMBERS}


def _owners(policies: Policies, typed: Mapping[str, str] | None) -> dict[str, str]:
    keys = (EVERYTHING, *(GROUP + name for name in GROUPS), *FIELDS)
    given = typed if typed and form_name(EVERYTHING) in typed else None
    stored = {EVERYTHING: "ask"} | dict(policies.owners)
    return {
        form_name(key): stored.get(key, "") if given is None else given.get(form_name(key), "")
        for key in keys
    }


def _groups(policies: Policies) -> list[dict[str, Any]]:
    """Each group with its form field, its fields, and how many have a rule of their own."""
    return [
        {
            "name": form_name(GROUP + group),
            "label": label,
            "fields": [
                (form_name(name), field.label)
                for name, field in FIELDS.items()
                if field.group == group
            ],
            "own": sum(
                1 for name in policies.owners if name in FIELDS and FIELDS[name].group == group
            ),
        }
        for group, label in GROUPS.items()
    ]
