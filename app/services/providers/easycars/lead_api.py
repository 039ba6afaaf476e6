"""What the product does with leads at EasyCars: product values in, product values out.

Bound to one dealer account; `EasyCarsApi.leads` gives it. Money is in cents, words are those of
app/models/leads.py. Every call may raise CredentialsRejected, RequestRefused (code 7),
ProviderUnavailable or RateLimited (safe to repeat later) and ContractBroken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app.secret import Secret
from app.services.errors import CannotBeSent, ContractBroken
from app.services.providers.easycars.lead_client import EasyCarsLeadClient
from app.services.providers.easycars.lead_mapping import (
    UPDATABLE,
    Contact,
    EasyCarsLeadMapper,
    LeadDraft,
)
from app.services.providers.easycars.lead_members import clean
from app.services.providers.easycars.lead_quotation import write_quotation
from app.services.providers.easycars.lead_wire import Answer, LeadRequest, SearchContacts, text_of
from app.services.sync.protocol import Values, Warned

__all__ = ["UPDATABLE", "Contact", "LeadApi", "LeadDraft", "LeadSaved", "QuoteSaved"]

_Fields = TypeVar("_Fields", bound=Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class LeadSaved:
    """`warning`: EasyCars' own remark (code 5). `warnings`: what we cut or left out."""

    lead_number: str
    customer_no: str | None
    warning: str | None = None
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class QuoteSaved:
    """`customer_nos`: of the first and perhaps the second customer."""

    quote_number: str
    customer_nos: tuple[str, ...]
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class LeadApi:
    """The leads, customers and quotations of one account."""

    client: EasyCarsLeadClient
    account_number: Secret
    account_secret: Secret

    def check_create(
        self, lead: Values, customer: Values, *, customer_no: str | None = None
    ) -> tuple[Warned, ...]:
        """What would be cut or left out. Raises CannotBeSent with all problems; asks nobody."""
        mapper = EasyCarsLeadMapper()
        mapper.to_create(lead, customer, "checked", customer_no)
        return tuple(mapper.warnings)

    def create(
        self, lead: Values, customer: Values, *, external_ref: str, customer_no: str | None = None
    ) -> LeadSaved:
        """A new lead, never asked for twice. Raises CannotBeSent, OutcomeUnknown.

        Every ProviderError but OutcomeUnknown means that EasyCars certainly created nothing.
        """
        mapper = EasyCarsLeadMapper()
        fields = mapper.to_create(lead, customer, external_ref, customer_no)
        answer = self.client.create_lead(self._request(fields))
        return _saved(answer, "", customer_no, mapper)

    def update(
        self,
        lead_number: str,
        lead: Values,
        customer: Values | None = None,
        *,
        customer_no: str | None = None,
    ) -> LeadSaved:
        """Sends what is given, and nothing at all when EasyCars can change none of it.

        None counts as not given; "" empties a text. `status` may be in `lead`. A customer goes with
        its number, or with name and e-mail. Raises CannotBeSent.
        """
        mapper = EasyCarsLeadMapper()
        fields = mapper.to_update(lead_number, lead, customer, customer_no)
        if fields.keys() == {"LeadNumber"}:
            return LeadSaved(lead_number, customer_no, None, tuple(mapper.warnings))
        answer = self.client.update_lead(self._request(fields))
        return _saved(answer, lead_number, customer_no, mapper)

    def read(self, lead_number: str) -> LeadDraft:
        """One lead by number. RequestRefused: not there, or not made through our client pair.

        Raises RecordRefused when the answer holds no usable number.
        """
        answer = self.client.get_lead_detail(self.account_number, self.account_secret, lead_number)
        mapper = EasyCarsLeadMapper()
        if answer.warning:
            mapper.warnings.append(Warned("lead", answer.warning))
        draft = mapper.from_detail(answer.raw)
        if not _is_same_number(draft.lead_number, lead_number):
            raise ContractBroken("EasyCars told another lead than the one asked for.")
        return draft

    def contacts(
        self, *, name: str | None = None, email: str | None = None, phone: str | None = None
    ) -> list[Contact]:
        """Customers with this in their name, or exactly this e-mail, phone or mobile.

        Raises CannotBeSent when nothing is given to look for.
        """
        asked = {
            "Name": clean(name or ""),
            "Email": clean(email or ""),
            "Phone": clean(phone or ""),
        }
        fields: SearchContacts = {key: text for key, text in asked.items() if text}  # type: ignore[assignment]  # keys are those of the class
        if not fields:
            raise CannotBeSent("EasyCars needs a name, an e-mail address or a phone number.")
        answer = self.client.search_contacts(self._request(fields))
        found = map(EasyCarsLeadMapper().from_contact, answer.fields["Contacts"] or ())
        return [contact for contact in found if contact is not None]

    def check_quotation(self, content: Values) -> None:
        """Content as lead_quotation.py describes it. Raises CannotBeSent; asks nobody."""
        write_quotation(content)

    def quote(self, content: Values) -> QuoteSaved:
        """A quotation, never asked for twice. Raises as `create`."""
        answer = self.client.create_quotation(self._request(write_quotation(content)))
        told = (text_of(answer.fields.get(name)) for name in ("CustomerNo1", "CustomerNo2"))
        numbers = tuple(number for number in told if number is not None)
        return QuoteSaved(str(text_of(answer.fields["QuoteNumber"])), numbers, answer.warning)

    def _request(self, fields: _Fields) -> LeadRequest[_Fields]:
        return LeadRequest(self.account_number, self.account_secret, fields)


def _saved(
    answer: Answer, lead_number: str, customer_no: str | None, mapper: EasyCarsLeadMapper
) -> LeadSaved:
    return LeadSaved(
        text_of(answer.fields.get("LeadNumber")) or lead_number,
        text_of(answer.fields.get("CustomerNo")) or customer_no,
        answer.warning,
        tuple(mapper.warnings),
    )


def _is_same_number(told: str, asked: str) -> bool:
    """A person may have typed the number without its leading zeros."""
    return told == asked.strip() or told.lstrip("0") == asked.strip().lstrip("0")
