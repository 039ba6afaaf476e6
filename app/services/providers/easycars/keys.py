"""Four values in two pairs (easycars-api §2, §11 row 1; trap T1)."""

from __future__ import annotations

from typing import Final

from app.config import Settings
from app.services.providers.easycars.auth import ClientPair
from app.services.sync.protocol import Keys, SecretField

# Lengths only, no pattern: a check for GUIDs once kept every real dealer out.
SECRET_FIELDS: Final = (
    SecretField("account_number", "Account Number/PublicID", 50, secret=False),
    SecretField("account_secret", "Account Secret/SecretKey", 100),
    SecretField("client_id", "Client ID", 100, required=False, secret=False),
    SecretField("client_secret", "Client Secret", 100, required=False),
)


def client_pair(keys: Keys, settings: Settings) -> ClientPair:
    """The dealership's own client pair, else the installation's, else the account pair."""
    own_id, own_secret = keys.get("client_id"), keys.get("client_secret")
    if own_id and own_secret:
        return ClientPair(own_id, own_secret, "given")
    if settings.easycars_client_id and settings.easycars_client_secret:
        return ClientPair(settings.easycars_client_id, settings.easycars_client_secret, "settings")
    return ClientPair(keys["account_number"], keys["account_secret"], "account")
