"""The connection test as EasyCars answers it: the provider's findings in the words of the page."""

from __future__ import annotations

from collections.abc import Mapping

from app.secret import Secret
from app.services.connection_test import Check, Checked
from app.services.http import Outside


def easycars_check(outside: Outside) -> Check:
    """The check to hand to `connection_test.attempt`."""

    def check(keys: Mapping[str, Secret], environment: str, seconds: float) -> Checked:
        from app.services.providers.easycars import check_connection

        return check_connection(keys, environment, outside, seconds)

    return check
