"""Test connection: two steps, two results, one limit of time (story 1.4, trap T1).

The token proves the client pair only. For the account pair the stock list of a yard that nobody
has is asked for: it is the very service, and the very right, that the sync needs, it takes no
second token, and the answer is short. (SearchContacts would be as harmless, but it lives in the
Lead service, and nobody knows whether the client pair is good for that one, §10.) Should EasyCars
refuse the unknown yard itself (code 7), the list is asked for without a yard and left at its first
bytes: then a refusal can only mean the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from app.services.errors import CredentialsRejected, ProviderError, RequestRefused
from app.services.http import timeouts
from app.services.http_failures import TimeIsUp
from app.services.providers.easycars.auth import Token
from app.services.providers.easycars.client import StockQuestion
from app.services.providers.easycars.stock import EasyCarsApi

NO_YARD: Final = "NO-SUCH-YARD"
State = Literal["passed", "refused", "not_verified"]


@dataclass(frozen=True, slots=True)
class StepResult:
    """One line for the page: a state and words."""

    state: State
    words: str


@dataclass(frozen=True, slots=True)
class ConnectionCheck:
    """`access`: the client pair gets a token. `account`: the account pair may read stock."""

    access: StepResult
    account: StepResult
    token_expires_at: datetime | None = None
    error_code: str | None = None
    status: int = 200


_ACCESS_PASSED: Final = StepResult("passed", "EasyCars gave access.")
_ACCOUNT_PASSED: Final = StepResult("passed", "EasyCars knows the dealer account.")
_NOT_TRIED: Final = StepResult("not_verified", "The dealer account was not tried.")


def two_steps(api: EasyCarsApi, deadline: float) -> ConnectionCheck:
    """Both steps within `deadline` seconds. Every answer of EasyCars becomes a result."""
    with api.client.door.within(deadline):
        try:
            token = _token(api, deadline)
        except ProviderError as exc:
            return ConnectionCheck(_failed(exc), _NOT_TRIED, error_code=exc.code, status=exc.status)
        expires = datetime.now(UTC) + timedelta(seconds=token.lifetime)
        try:
            _account(api)
        except ProviderError as exc:
            return ConnectionCheck(_ACCESS_PASSED, _failed(exc), expires, exc.code, exc.status)
    return ConnectionCheck(_ACCESS_PASSED, _ACCOUNT_PASSED, expires)


def check_api(api: EasyCarsApi, deadline: float = 10.0) -> Mapping[str, str]:
    """The same for callers that want an exception. Raises ProviderError of the failed step."""
    with api.client.door.within(deadline):
        _token(api, deadline)
        _account(api)
    return {"access": _ACCESS_PASSED.words, "account": _ACCOUNT_PASSED.words}


def _failed(exc: ProviderError) -> StepResult:
    refused = isinstance(exc, CredentialsRejected | RequestRefused)
    if isinstance(exc, TimeIsUp):
        return StepResult("not_verified", "EasyCars took too long to answer. Test again.")
    return StepResult("refused" if refused else "not_verified", exc.user_message)


def _token(api: EasyCarsApi, deadline: float) -> Token:
    with api.client.door.once():
        return api.client.auth.fetch_now({"timeout": timeouts(deadline).as_dict()})


def _account(api: EasyCarsApi) -> None:
    try:
        _first_page(api, api.question(NO_YARD))
    except RequestRefused:
        _first_page(api, api.question())


def _first_page(api: EasyCarsApi, question: StockQuestion) -> None:
    """Reads until a vehicle or the code came; the rest of a long list is not waited for."""
    with closing(api.client.one_try(question)) as pages:
        for page in pages:
            if page.rows:
                return
