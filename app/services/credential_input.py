"""What a person or program enters as EasyCars credentials, checked (row 21, easycars-api §2).

Lengths only, no pattern: the vendor's account numbers look like EC100001, but the requirements'
pair consists of two GUIDs, and a check for either form once locked real dealers out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.secret import Secret
from app.services.errors import InputInvalid

ENVIRONMENTS: Final = ("Test", "Production")
ACCOUNT_PAIR: Final = ("account_number", "account_secret")
CLIENT_PAIR: Final = ("client_id", "client_secret")
KEY_FIELDS: Final = (*ACCOUNT_PAIR, *CLIENT_PAIR)
LABELS: Final = {
    "account_number": "Account Number/PublicID",
    "account_secret": "Account Secret/SecretKey",
    "client_id": "Client ID",
    "client_secret": "Client Secret",
    "environment": "Environment",
    "yard_code": "Yard code",
}
LONGEST: Final = {
    "account_number": 50,
    "account_secret": 100,
    "client_id": 100,
    "client_secret": 100,
    "yard_code": 50,
}


@dataclass(frozen=True)
class CredentialInput:
    """Entered values, trimmed. What is absent in `keys` was left empty: keep what is stored.

    `environment` None keeps it too; `yard_code` None keeps it, "" removes it. `drop_client_pair`
    forgets a stored client pair; `replaces` forgets all that is stored.
    """

    keys: Mapping[str, Secret] = field(default_factory=dict)
    environment: str | None = None
    yard_code: str | None = None
    drop_client_pair: bool = False
    replaces: bool = False

    @classmethod
    def of(
        cls,
        given: Mapping[str, str | None],
        *,
        drop_client_pair: bool = False,
        replaces: bool = False,
    ) -> CredentialInput:
        """Reads texts by field name. Raises InputInvalid naming every wrong field at once."""
        trimmed = {name: (given.get(name) or "").strip() for name in LABELS}
        wrong = {name: fault for name, text in trimmed.items() if (fault := _fault(name, text))}
        if wrong:
            raise InputInvalid(_sentence(wrong), wrong)
        return cls(
            keys={name: Secret(trimmed[name]) for name in KEY_FIELDS if trimmed[name]},
            environment=trimmed["environment"] or None,
            yard_code=None if given.get("yard_code") is None else trimmed["yard_code"],
            drop_client_pair=drop_client_pair,
            replaces=replaces,
        )


def complete(keys: Mapping[str, Secret]) -> None:
    """Refuses keys that could never connect: no account pair, or half a client pair."""
    wrong = {name: f"Enter the {LABELS[name]}." for name in ACCOUNT_PAIR if not keys.get(name)}
    given = [name for name in CLIENT_PAIR if keys.get(name)]
    if len(given) == 1:
        other = next(name for name in CLIENT_PAIR if name not in given)
        wrong[other] = f"Enter the {LABELS[other]} as well, or leave both empty."
    if wrong:
        raise InputInvalid(_sentence(wrong), wrong)


def _fault(name: str, text: str) -> str | None:
    longest = LONGEST.get(name)
    if longest is not None and len(text) > longest:
        return f"The {LABELS[name]} may have at most {longest} characters."
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        return f"The {LABELS[name]} holds a line break or another invisible character."
    if name == "environment" and text and text not in ENVIRONMENTS:
        return "Choose Test or Production."
    if name in KEY_FIELDS and any(char.isspace() for char in text):
        return f"The {LABELS[name]} holds a space in the middle. Check that all of it was copied."
    return None


def _sentence(wrong: Mapping[str, str]) -> str:
    return " ".join(wrong.values())
