"""What can go wrong, grouped by what the catcher does about it.

HubError(user_message, **facts)
├─ InputInvalid 422 · NotFound 404 · NotAllowed 403 · AlreadyRunning 409 · TooMany 429
├─ NotPossible 409 · NotConfigured 400 · RunCancelled · LeaseLost
└─ ProviderError(provider)
   ├─ ProviderUnavailable   retry later; RateLimited carries retry_after (seconds)
   ├─ CredentialsRejected   ask a person: which pair was refused
   ├─ RecordRefused         skip this record, note it on the item, go on
   │  └─ CannotBeSent       our own check before the call: a person must complete the record
   ├─ RequestRefused        the provider said no to this one call (code 7)
   ├─ OutcomeUnknown        it may have been done: look before anything is sent again
   └─ ContractBroken        the answer has a shape that we do not know: stop the run

`user_message` is for the administrator; `facts` are for the log and never hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal


class HubError(Exception):
    """Root of the product's own errors."""

    status = 500
    code = "internal_error"

    def __init__(self, user_message: str, **facts: Any) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.facts = facts


class InputInvalid(HubError):
    """The person or program sent something that cannot be accepted; `fields` says where."""

    status = 422
    code = "invalid_input"

    def __init__(
        self, user_message: str, fields: Mapping[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(user_message, **facts)
        self.fields = dict(fields or {})


class NotFound(HubError):
    status = 404
    code = "not_found"


class NotAllowed(HubError):
    status = 403
    code = "forbidden"


class NotPossible(HubError):
    """Allowed to this person, but not in the state in which things are now."""

    status = 409
    code = "not_possible"


class NotConfigured(HubError):
    """The dealership has no usable credentials for this provider."""

    status = 400
    code = "not_configured"


class AlreadyRunning(HubError):
    """The one active run of this stream exists; `run_id` names it."""

    status = 409
    code = "already_running"

    def __init__(self, user_message: str, run_id: int) -> None:
        super().__init__(user_message, run_id=run_id)
        self.run_id = run_id


class TooMany(HubError):
    """Too many starts or sign-ins; `retry_after` in seconds."""

    status = 429
    code = "too_many_requests"

    def __init__(self, user_message: str, retry_after: int) -> None:
        super().__init__(user_message, retry_after=retry_after)
        self.retry_after = retry_after


class RunCancelled(HubError):
    """A person stopped the run; what was done stays."""

    status = 409
    code = "run_cancelled"


class LeaseLost(HubError):
    """Another worker owns the run now: write nothing more."""

    status = 409
    code = "lease_lost"


class ProviderError(HubError):
    """Something between us and an outside platform.

    `sent` False: the call surely never left; even one that must not happen twice may be repeated.
    """

    status = 502
    code = "provider_error"
    sent = True


class ProviderUnavailable(ProviderError):
    status = 503
    code = "provider_unavailable"


class RateLimited(ProviderUnavailable):
    code = "provider_rate_limited"

    def __init__(self, user_message: str, retry_after: float | None = None, **facts: Any) -> None:
        super().__init__(user_message, **facts)
        self.retry_after = retry_after


class CredentialsRejected(ProviderError):
    """`pair` tells which pair was refused: "client" or "account" (trap T1)."""

    status = 401
    code = "AUTHENTICATION_FAIL"

    def __init__(self, user_message: str, pair: Literal["client", "account"], **facts: Any) -> None:
        super().__init__(user_message, pair=pair, **facts)
        self.pair = pair


class RecordRefused(ProviderError):
    """One record cannot be used. `external_id` is None when the record has no number."""

    status = 422
    code = "record_refused"

    def __init__(self, user_message: str, external_id: str | None = None, **facts: Any) -> None:
        super().__init__(user_message, **facts)
        self.external_id = external_id


class CannotBeSent(RecordRefused):
    """Would be refused over there; nobody was asked. `fields`: product field → words for it."""

    code = "cannot_be_sent"

    def __init__(
        self, user_message: str, fields: Mapping[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(user_message, **facts)
        self.fields = dict(fields or {})


class RequestRefused(ProviderError):
    code = "provider_refused"


class OutcomeUnknown(ProviderError):
    """A call that must not happen twice was cut off after it left: it may have been done."""

    code = "outcome_unknown"


class ContractBroken(ProviderError):
    code = "provider_contract_broken"
