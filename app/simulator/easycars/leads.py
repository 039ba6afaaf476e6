"""Leads, customers and quotations of one dealer account, in memory."""

import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.simulator.easycars.accounts import DEMO_CLIENT_ID
from app.simulator.easycars.vehicles import make_item
from app.simulator.easycars.wire import money

Fields = dict[str, Any]

SYDNEY = ZoneInfo("Australia/Sydney")
NEW, IN_PROGRESS, WON, LOST, DELETED = 10, 30, 50, 60, 90
CUSTOMER_FIELDS = (
    "Name",
    "Email",
    "Address",
    "City",
    "State",
    "PostCode",
    "Fax",
    "Phone",
    "Mobile",
)
LEAD_FIELDS = (
    "StockNumber",
    "VehicleMake",
    "VehicleModel",
    "VehiclePrice",
    "VehicleType",
    "VehicleYear",
    "IsVehicleNew",
    "VehicleInterest",
    "Notes",
    "VehicleSourcePageURL",
    "FinanceStatus",
    "Rating",
    "ExternalID",
)
_FIRST_NAMES = (
    "Robin",
    "Alex",
    "Priya",
    "Mei",
    "Jack",
    "Aroha",
    "Liam",
    "Sofia",
    "Noah",
    "Grace",
    "Omar",
    "Isla",
)
_LAST_NAMES = (
    "Example",
    "Nguyen",
    "Smith",
    "Papadopoulos",
    "Singh",
    "Walker",
    "Brown",
    "Rossi",
    "Khan",
    "Taylor",
)
_TYPE_OF_LETTER = {"A": 1, "M": 2, "B": 3, "C": 4, "H": 5, "T": 6}
_WISHES = (
    "Is this one still available?",
    "Can I book a test drive on Saturday?",
    "What is your best price?",
    "Would you take my old one as a trade-in?",
)


@dataclass
class Lead:
    """`client_id` made it and alone can read it; `status` can be written but is not told."""

    number: str
    client_id: str
    customer_no: str
    created: str
    fields: Fields
    status: int = NEW
    updates: int = 0


@dataclass
class LeadDesk:
    """All that the Lead API changes. Methods take checked fields; see lead_calls for the rules."""

    seed: int
    account: str
    now: Callable[[], datetime]
    leads: dict[str, Lead] = field(default_factory=dict)
    customers: dict[str, Fields] = field(default_factory=dict)
    quotations: dict[str, Fields] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def create(self, fields: Mapping[str, Any], client_id: str, customer_no: str) -> Lead:
        """A new lead; sending twice makes two, as nothing at the vendor prevents it."""
        with self.lock:
            number = f"{len(self.leads) + 1:06d}"
            kept = {name: fields.get(name) for name in LEAD_FIELDS}
            created = self.now().astimezone(SYDNEY).strftime("%d/%m/%Y %H:%M:%S")
            lead = self.leads[number] = Lead(number, client_id, customer_no, created, kept)
            return lead

    def quote(self, fields: Mapping[str, Any]) -> str:
        with self.lock:
            number = f"{len(self.quotations) + 1:06d}"
            self.quotations[number] = {
                name: value for name, value in fields.items() if not name.startswith("Account")
            }
            return number

    def customer_for(self, given: Mapping[str, Any]) -> str | None:
        """Number of the customer meant: by number, else by e-mail or phone, else a new one.

        Whatever else is given is written to the customer. None when the number given is unknown.
        """
        with self.lock:
            number = given.get("CustomerNo") or self._recognise(given)
            if number is None:
                number = f"{len(self.customers) + 1:05d}"
                self.customers[number] = dict.fromkeys(CUSTOMER_FIELDS, "")
            if number not in self.customers:
                return None
            self.customers[number] |= {
                name: given[name] for name in CUSTOMER_FIELDS if given.get(name) is not None
            }
            return str(number)

    def contacts(self, name: str, email: str, phone: str) -> list[tuple[str, Fields]]:
        """Customers whose name contains `name`, or with exactly this e-mail or phone."""
        return [
            (number, customer)
            for number, customer in self.customers.items()
            if (name and name.lower() in customer["Name"].lower())
            or (email and email.lower() == customer["Email"].lower())
            or (
                phone
                and _digits(phone) in (_digits(customer["Phone"]), _digits(customer["Mobile"]))
            )
        ]

    def walk_in(self, count: int, client_id: str = DEMO_CLIENT_ID, **fields: Any) -> list[Lead]:
        """Leads that appear at the vendor without a call, by default under our lead source."""
        return [self._walk_in(client_id, fields) for _ in range(count)]

    def _walk_in(self, client_id: str, fields: Fields) -> Lead:
        with self.lock:
            rng = random.Random(f"{self.seed}/{self.account}/lead/{len(self.leads)}")
            item = make_item(self.seed, self.account, rng.randrange(20))
            first, last = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
            customer = self.customer_for(
                {
                    "Name": f"{first} {last}",
                    "Email": f"{first}.{last}{rng.randrange(1000)}@example.com".lower(),
                    "Mobile": f"04{rng.randrange(10**8):08d}",
                    "State": item["RegoState"],
                }
            )
            told = {
                "StockNumber": item["StockNumber"],
                "VehicleMake": item["Make"],
                "VehicleModel": item["Model"],
                "VehiclePrice": item["Price"],
                "VehicleType": _TYPE_OF_LETTER[item["StockType"]],
                "VehicleYear": item["YearGroup"],
                "IsVehicleNew": not item["IsUsed"],
                "Notes": rng.choice(_WISHES),
                "VehicleInterest": rng.choice((1, 4)),
                "FinanceStatus": 2,
                "Rating": rng.randint(1, 3),
            }
            return self.create(told | fields, client_id, str(customer))

    def _recognise(self, given: Mapping[str, Any]) -> str | None:
        phones = {_digits(str(given.get(name) or "")) for name in ("Phone", "Mobile")} - {""}
        email = str(given.get("Email") or "").lower()
        for number, customer in self.customers.items():
            known = {_digits(customer["Phone"]), _digits(customer["Mobile"])}
            if (email and email == customer["Email"].lower()) or phones & known:
                return number
        return None

    def as_dict(self) -> dict[str, Any]:
        """Everything, statuses included: what tests and the control page compare with."""
        with self.lock:
            return {
                "leads": [
                    _shown(lead, self.customers[lead.customer_no]) for lead in self.leads.values()
                ],
                "customers": [
                    {"CustomerNo": number, **customer}
                    for number, customer in self.customers.items()
                ],
                "quotations": [
                    {"QuoteNumber": number, **quote} for number, quote in self.quotations.items()
                ],
            }


def _shown(lead: Lead, customer: Fields) -> Fields:
    return {
        "LeadNumber": lead.number,
        "LeadStatus": lead.status,
        "ClientID": lead.client_id,
        "updates": lead.updates,
        "CreatedDateTime": lead.created,
        "CustomerNo": lead.customer_no,
        "CustomerName": customer["Name"],
        "CustomerEmail": customer["Email"],
        **lead.fields,
    }


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def price(value: Any) -> Any:
    """A price as GetLeadDetail writes it: four decimals, or null."""
    return None if value is None else money(value)
