"""EasyCarsLeadClient: the five verbs of the Lead API (story 3.1, easycars-api §7, §7a, §12).

Reading, searching and updating are repeated as stock is. Creating a lead or a quotation is repeated
only when the call certainly did nothing; whatever is open after it left is OutcomeUnknown at once,
because EasyCars has no key that would make a second call harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final

import httpx

from app.secret import Secret
from app.services.errors import (
    CredentialsRejected,
    OutcomeUnknown,
    ProviderError,
    RequestRefused,
)
from app.services.http import Door
from app.services.http_calls import Call, finishing
from app.services.http_failures import AnswerUnreadable, require_success, surely_undone
from app.services.providers.easycars import envelope
from app.services.providers.easycars.auth import ClientPair, TokenAuth, without
from app.services.providers.easycars.lead_wire import (
    Answer,
    CreateLead,
    LeadRequest,
    SearchContacts,
    UpdateLead,
    text_of,
)

TOTAL_LIMIT_FACTOR: Final = 2
_CREDENTIALS: Final = "EasyCars refused the Account Number and Account Secret."


@dataclass(frozen=True, slots=True)
class Verb:
    """`once`: what would be there twice if the call were repeated blindly."""

    name: str
    has_payload: Callable[[Mapping[str, Any]], bool]
    once: str | None = None


def _has(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda answer: text_of(answer.get(name)) is not None


def _has_contacts(answer: Mapping[str, Any]) -> bool:
    return "Contacts" in answer and isinstance(answer["Contacts"], list | NoneType)


def _is_done(answer: Mapping[str, Any]) -> bool:
    """An update with code 0 is done, whether or not the number is told again."""
    return _has("LeadNumber")(answer) or envelope.code_of(answer) == envelope.SUCCESS


CREATE: Final = Verb("CreateLead", _has("LeadNumber"), once="lead")
UPDATE: Final = Verb("UpdateLead", _is_done)
DETAIL: Final = Verb("GetLeadDetail", _has("LeadNumber"))
CONTACTS: Final = Verb("SearchContacts", _has_contacts)
QUOTE: Final = Verb("CreateQuotation", _has("QuoteNumber"), once="quotation")


class EasyCarsLeadClient:
    """One environment and client pair behind an open door.

    Every verb raises CredentialsRejected, RequestRefused, ProviderUnavailable (RateLimited) and
    ContractBroken; those that create raise OutcomeUnknown when nobody can know.
    """

    def __init__(self, door: Door, environment: str, pair: ClientPair) -> None:
        self.door = door
        self.auth = TokenAuth(door, environment, "LeadService", pair)
        self._total = door.outside.settings.easycars_timeout * TOTAL_LIMIT_FACTOR

    def create_lead(self, request: LeadRequest[CreateLead]) -> Answer:
        """LeadNumber and CustomerNo. Twice means two leads (§7)."""
        return self._call(CREATE, request)

    def update_lead(self, request: LeadRequest[UpdateLead]) -> Answer:
        """LeadNumber and CustomerNo; only what the request holds is changed."""
        return self._call(UPDATE, request)

    def get_lead_detail(
        self, account_number: Secret, account_secret: Secret, lead_number: str
    ) -> Answer:
        """The 25 fields of one lead that our own client pair created."""
        fields = {"LeadNumber": lead_number}
        return self._call(DETAIL, LeadRequest(account_number, account_secret, fields))

    def search_contacts(self, request: LeadRequest[SearchContacts]) -> Answer:
        """`Contacts`: customers, no leads."""
        return self._call(CONTACTS, request)

    def create_quotation(self, request: LeadRequest[Mapping[str, Any]]) -> Answer:
        """QuoteNumber, CustomerNo1, CustomerNo2. Twice means two quotations (§7a)."""
        return self._call(QUOTE, request)

    def _call(self, verb: Verb, request: LeadRequest[Any]) -> Answer:
        if verb.once is None:
            return self._repeated(verb, request)
        try:
            return self._repeated(verb, request)
        except ProviderError as exc:
            if _is_certain(exc):
                raise
            raise _unknown(exc, verb.once) from exc

    def _repeated(self, verb: Verb, request: LeadRequest[Any]) -> Answer:
        for attempt in self.door.attempts("unsent" if verb.once else "any"):
            with attempt as number:
                return self._renewing(verb, request, number)
        raise AssertionError("the last attempt returns or raises")

    def _renewing(self, verb: Verb, request: LeadRequest[Any], number: int) -> Answer:
        """A refusal may mean the token or the account: a fresh token tells which (§11 row 5)."""
        try:
            return self._ask(verb, request, number)
        except envelope.TokenRefused:
            self.auth.drop_used()
        try:
            return self._ask(verb, request, number)
        except envelope.TokenRefused as exc:
            said = f" EasyCars says: {exc.message}" if exc.message else ""
            raise CredentialsRejected(_CREDENTIALS + said, pair="account") from exc

    def _ask(self, verb: Verb, request: LeadRequest[Any], number: int) -> Answer:
        """Without a token nothing but the question for one has left, whatever became of that."""
        self.auth.used = None
        try:
            with self.door.within(self._total):
                return self._send(verb, request, number)
        except ProviderError as exc:
            exc.sent = exc.sent and self.auth.used is not None
            raise

    def _send(self, verb: Verb, request: LeadRequest[Any], number: int) -> Answer:
        asked = self.door.client.build_request(
            "POST",
            f"LeadService/{verb.name}",
            content=request.body(),
            headers={"Content-Type": "application/json"},
            extensions={"attempt": number},
        )
        response = self.door.client.send(asked, auth=self.auth, stream=True)
        with finishing(response) as call:
            body = _body(response)
            return self._judged(verb, request, body, response.status_code, call)

    def _judged(
        self, verb: Verb, request: LeadRequest[Any], body: bytes, status: int, call: Call
    ) -> Answer:
        answer = envelope.read(body, status)
        call.code = envelope.code_of(answer)
        secrets = (request.account_secret, request.account_number, self.auth.used or Secret(""))
        message = without(envelope.message_of(answer), secrets)
        payload = verb.has_payload(answer)
        return Answer(answer, envelope.judge(call.code, message, payload=payload), body)


def _body(response: httpx.Response) -> bytes:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise envelope.TokenRefused(None)
    require_success(response, envelope.LABEL)
    try:
        return response.read()
    except httpx.DecodingError as exc:
        raise AnswerUnreadable(f"{envelope.LABEL} sent a damaged compressed answer.") from exc


def _is_certain(exc: ProviderError) -> bool:
    """Whether it is sure that nothing was created. Code 5 says "done, with a remark" (§3), so
    without a number it is no refusal here."""
    if isinstance(exc, RequestRefused):
        return exc.facts.get("code") != envelope.WARNING
    return isinstance(exc, CredentialsRejected) or surely_undone(exc)


def _unknown(exc: ProviderError, what: str) -> OutcomeUnknown:
    words = f"{exc.user_message} Nobody can tell whether the {what} has arrived there."
    return OutcomeUnknown(words, cause=type(exc).__name__)
