"""EasyCars: dealer management of Australian dealerships. One folder, no database.

`PROVIDER` is what the registry names. QUALITY.md says what was tried and what nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from app.services.http import Outside
from app.services.providers.easycars.check import ConnectionCheck, check_api, two_steps
from app.services.providers.easycars.client import EasyCarsApiClient
from app.services.providers.easycars.envelope import LABEL
from app.services.providers.easycars.keys import SECRET_FIELDS, client_pair
from app.services.providers.easycars.lead_api import LeadApi
from app.services.providers.easycars.lead_client import EasyCarsLeadClient
from app.services.providers.easycars.stock import EasyCarsApi, StockStream
from app.services.sync.protocol import Keys, SecretField, Stream


@dataclass(frozen=True, slots=True)
class EasyCars:
    """Keys: account_number, account_secret, and perhaps client_id with client_secret."""

    slug: str = "easycars"
    label: str = LABEL
    secret_fields: tuple[SecretField, ...] = SECRET_FIELDS
    streams: tuple[Stream, ...] = (StockStream(),)

    @contextmanager
    def connect(self, keys: Keys, environment: str, transport: Outside) -> Iterator[EasyCarsApi]:
        """Opens the way; nothing is asked yet. `environment` is "Test" or "Production"."""
        with transport.door(self.slug, self.label, environment) as door:
            pair = client_pair(keys, transport.settings)
            account = (keys["account_number"], keys["account_secret"])
            leads = LeadApi(EasyCarsLeadClient(door, environment, pair), *account)
            yield EasyCarsApi(EasyCarsApiClient(door, environment, pair), *account, leads)

    def check(self, api: EasyCarsApi) -> Mapping[str, str]:
        """{"access": …, "account": …}: words of what was proven. Raises CredentialsRejected."""
        return check_api(api)

    def check_connection(
        self, keys: Keys, environment: str, transport: Outside, deadline: float = 10.0
    ) -> ConnectionCheck:
        """See the function of this name."""
        with self.connect(keys, environment, transport) as api:
            return two_steps(api, deadline)


PROVIDER = EasyCars()


def check_connection(
    keys: Keys, environment: str, outside: Outside, deadline: float = 10.0
) -> ConnectionCheck:
    """Both pairs within `deadline` seconds whatever the server does (story 1.4).

    Never raises for what EasyCars answered: the result says it. A name server that hangs is the
    one thing that cannot be cut here; a waiting page bounds that with a thread.
    """
    return PROVIDER.check_connection(keys, environment, outside, deadline)


__all__ = ["PROVIDER", "ConnectionCheck", "EasyCars", "EasyCarsApi", "check_connection"]
