"""The proof that exactly these values passed a test, for exactly this dealership (row 37).

Signed with SECRET_KEY and good for 15 minutes. It holds a keyed digest of the values: whoever
reads it in a page cannot guess the secret from it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import orjson
from itsdangerous import BadData, URLSafeTimedSerializer

from app.secret import Secret
from app.services.credential_input import KEY_FIELDS

GOOD_FOR_S: Final = 15 * 60
SALT: Final = "easycars-connection-test"


def issue(key: Secret, dealership_id: int, environment: str, keys: Mapping[str, Secret]) -> str:
    """The proof to hand out after a passed test."""
    digest = _digest(key, dealership_id, environment, keys)
    return str(_signer(key).dumps(digest))


def tested_at(
    proof: str, key: Secret, dealership_id: int, environment: str, keys: Mapping[str, Secret]
) -> datetime | None:
    """When these values passed; None for a missing, foreign, old, forged or other values' proof."""
    try:
        digest, signed_at = _signer(key).loads(proof, max_age=GOOD_FOR_S, return_timestamp=True)
    except BadData:
        return None
    expected = _digest(key, dealership_id, environment, keys)
    if not isinstance(digest, str) or not hmac.compare_digest(digest, expected):
        return None
    moment: datetime = signed_at
    return moment.astimezone(UTC)


def _digest(key: Secret, dealership_id: int, environment: str, keys: Mapping[str, Secret]) -> str:
    values = [dealership_id, environment]
    values += [keys[name].reveal() if name in keys else None for name in KEY_FIELDS]
    return hmac.new(
        key.reveal().encode(), SALT.encode() + orjson.dumps(values), hashlib.sha256
    ).hexdigest()


def _signer(key: Secret) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(key.reveal(), salt=SALT)
