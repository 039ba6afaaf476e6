"""The connection test as EasyCars answers it: the provider's findings as the page's two lines."""

from __future__ import annotations

from collections.abc import Mapping

from app.secret import Secret
from app.services.connection_test import Check, Checked, Step
from app.services.http import Outside
from app.services.providers.easycars import check_connection


def easycars_check(outside: Outside) -> Check:
    """The check to hand to `connection_test.attempt`."""

    def check(keys: Mapping[str, Secret], environment: str, seconds: float) -> Checked:
        found = check_connection(keys, environment, outside, seconds)
        return Checked(
            access=Step(found.access.state, found.access.words),
            account=Step(found.account.state, found.account.words),
            token_expires_at=found.token_expires_at,
            error_code=found.error_code,
            status=found.status,
        )

    return check
