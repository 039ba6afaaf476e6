"""Two customers become one and are taken apart again (issue 4 point 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import (
    AuditEvent,
    Customer,
    CustomerMerge,
    Dealership,
    EasyCarsCredential,
    ExternalLink,
    Lead,
    LeadEvent,
    OutboxMessage,
)
from app.parts import parts
from app.services.errors import NotAllowed, NotFound
from app.services.leads import (
    customer_list,
    customer_locks,
    customer_merge,
    customer_twins,
    customer_unmerge,
    customers,
    saving,
)
from app.services.leads.customer_merge import ChangedMeanwhile, fingerprint
from app.services.leads.fields import customer_values
from app.services.leads.sending import Means
from tests import factories
from tests.factories import ACTOR, _saved
from tests.factories_leads import customer, lead, sent_lead
from tests.factories_vehicles import NOON

pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def place(app: Flask) -> Iterator[Dealership]:
    with app.app_context():
        yield factories.dealership()


def means() -> Means:
    return Means(parts().queue, parts().clock)


def merge(place: Dealership, kept: Customer, merged: Customer, **choices: str) -> CustomerMerge:
    with unit_of_work(place.id) as db:
        return customer_merge.merge(db, kept.id, merged.id, choices, actor=ACTOR, means=means())


def unmerge(place: Dealership, record: CustomerMerge) -> list[str]:
    with unit_of_work(place.id) as db:
        return customer_unmerge.unmerge(db, record.id, actor=ACTOR, means=means())


def change(place: Dealership, who: Customer, **values: Any) -> None:
    with unit_of_work(place.id) as db:
        saving.change_customer(db, who.id, values, actor=ACTOR, means=means())


def rows(place: Dealership, model: Any) -> list[Any]:
    with reading(place.id) as db:
        return list(db.scalars(select(model).order_by(model.id)).unique())


def state(place: Dealership) -> dict[str, Any]:
    """All that an unmerge has to bring back."""
    found = {one.id: (customer_values(one), one.email_key, one.phone_keys, one.merged_into_id,
                      list(one.locked_fields)) for one in rows(place, Customer)}  # fmt: skip
    leads = {one.id: one.customer_id for one in rows(place, Lead)}
    links = {one.external_id: one.entity_id for one in rows(place, ExternalLink)}
    return {"customers": found, "leads": leads, "links": links}


def number(place: Dealership, who: Customer, text: str, environment: str = "Test") -> None:
    _saved(
        ExternalLink(
            dealership_id=place.id, provider="easycars", stream="customers", entity="customer",
            environment=environment, external_id=text, entity_id=who.id, content_hash=bytes(16),
            agreed=customer_values(who), first_seen_at=NOON, changed_at=NOON,
        )
    )  # fmt: skip


@pytest.fixture
def two(place: Dealership) -> tuple[Customer, Customer]:
    """Robin, twice: another mobile, one address, a padlock, two leads and a number."""
    first = customer(place, name="Robin Walker", email="robin@example.com", mobile="0400 111 222")
    second = customer(
        place, name="R. Walker", email="robin@example.com", mobile="0400 333 444", city="Perth"
    )
    with unit_of_work(place.id) as db:
        customer_locks.keep_here(db, second.id, ["mobile"], actor=ACTOR, now=NOON)
    lead(place, customer=first)
    sent_lead(place, customer=second)
    lead(place, customer=second)
    number(place, second, "000087")
    return first, second


def test_the_merged_one_gives_its_leads_number_and_what_was_missing(
    place: Dealership, two: tuple[Customer, Customer]
) -> None:
    kept, merged = two
    record = merge(place, kept, merged, mobile="merged")
    after = state(place)
    values, _, keys, _, locked = after["customers"][kept.id]
    assert values == {
        "name": "Robin Walker", "email": "robin@example.com", "mobile": "0400 333 444",
        "city": "Perth",
    }  # fmt: skip
    assert (keys, locked) == (" 400333444 ", ["mobile"])
    assert set(after["leads"].values()) == {kept.id}
    assert after["links"] == {"000087": kept.id}
    assert after["customers"][merged.id][3] == kept.id
    assert len(record.lead_ids) == 2


def test_a_merged_customer_is_in_no_list_and_found_by_no_enquiry(
    place: Dealership, two: tuple[Customer, Customer]
) -> None:
    kept, merged = two
    merge(place, kept, merged)
    with unit_of_work(place.id) as db:
        page = customer_list.page(db, "walker")
        found = customers.find(db, {"mobile": "0400 333 444"})
        (row,) = page.rows
        living = customers.living(db, merged.id)
        pairs = customer_twins.pairs(db)
    assert (row.customer.id, row.leads, row.numbers) == (kept.id, 3, ("000087",))
    assert (found, living.id, pairs) == (None, kept.id, [])


@pytest.mark.parametrize("choices", [{}, {"name": "merged", "mobile": "merged"}])
def test_an_unmerge_brings_back_exactly_what_was(
    place: Dealership, two: tuple[Customer, Customer], choices: dict[str, str]
) -> None:
    before = state(place)
    record = merge(place, *two, **choices)
    assert state(place) != before
    assert unmerge(place, record) == []
    assert state(place) == before


def test_what_was_edited_since_stays_and_is_said(
    place: Dealership, two: tuple[Customer, Customer]
) -> None:
    kept, merged = two
    record = merge(place, kept, merged, name="merged", mobile="merged")
    change(place, kept, mobile="0400 555 666")
    new = lead(place, customer=kept)
    with reading(place.id) as db:
        asked = customer_unmerge.restoration(db, record)
    assert (asked.left, asked.leads_back, asked.leads_staying) == (["mobile"], 2, 2)
    assert unmerge(place, record) == ["mobile"]
    after = state(place)
    assert after["customers"][kept.id][0]["mobile"] == "0400 555 666"
    assert after["customers"][kept.id][0]["name"] == "Robin Walker"
    assert "city" not in after["customers"][kept.id][0]
    assert after["leads"][new.id] == kept.id
    told = [event for event in rows(place, LeadEvent) if event.kind == "unmerged"]
    assert "Changed since and kept: Mobile." in str(told[0].text)


def test_two_numbers_stay_with_their_records_and_both_are_shown(
    place: Dealership, two: tuple[Customer, Customer]
) -> None:
    kept, merged = two
    number(place, kept, "000050")
    number(place, merged, "000051", environment="Production")
    merge(place, kept, merged)
    after = state(place)["links"]
    assert after == {"000050": kept.id, "000087": merged.id, "000051": kept.id}
    with reading(place.id) as db:
        assert customer_list.numbers_of(db, [kept.id])[kept.id] == ["000051", "000050", "000087"]


@pytest.mark.parametrize("takes", [{}, {"name": "merged"}])
def test_values_taken_over_go_out_with_the_newest_lead_that_easycars_knows(
    place: Dealership, takes: dict[str, str]
) -> None:
    kept = customer(place, name="Robin Walker", mobile=None)
    other = customer(place, name="Robin C. Walker", mobile=None)
    known = sent_lead(place, customer=other, revision=1)
    with unit_of_work(place.id) as db:
        db.add(_credential(place))
    merge(place, kept, other, **takes)
    (now,) = rows(place, Lead)
    messages = rows(place, OutboxMessage)
    assert now.revision == known.revision + bool(takes)
    assert [row.payload["lead"] for row in messages] == [known.id] * bool(takes)


def _credential(place: Dealership) -> Any:
    return EasyCarsCredential(
        dealership_id=place.id,
        account_number_encrypted="x",
        account_secret_encrypted="x",
        environment="Test",
    )


def test_both_stories_and_the_audit_tell_it(
    place: Dealership, two: tuple[Customer, Customer]
) -> None:
    kept, merged = two
    record = merge(place, kept, merged, name="merged")
    unmerge(place, record)
    told = [(one.customer_id, one.kind) for one in rows(place, LeadEvent) if "merged" in one.kind]
    assert told == [
        (kept.id, "merged"), (merged.id, "merged"), (kept.id, "unmerged"), (merged.id, "unmerged"),
    ]  # fmt: skip
    acts = {one.action: one.details for one in rows(place, AuditEvent)}
    assert acts["customer.merge"]["fields"] == ["city", "name"]
    assert acts["customer.unmerge"]["unmerged"] == merged.id


def test_what_moved_meanwhile_or_is_merged_already_is_refused(
    place: Dealership, two: tuple[Customer, Customer]
) -> None:
    kept, merged = two
    seen = fingerprint(kept, merged)
    change(place, kept, city="Hobart")
    with unit_of_work(place.id) as db, pytest.raises(ChangedMeanwhile):
        customer_merge.merge(db, kept.id, merged.id, {}, actor=ACTOR, means=means(), seen=seen)
    merge(place, kept, merged)
    for pair in ((merged, kept), (kept, merged)):
        with pytest.raises(NotAllowed):
            merge(place, *pair)
    with pytest.raises(NotFound):
        merge(place, kept, kept)
    assert len(rows(place, CustomerMerge)) == 1


def test_merges_are_taken_back_newest_first(
    place: Dealership, two: tuple[Customer, Customer]
) -> None:
    third = customer(place, name="Robin the third")
    before = state(place)
    first = merge(place, *two)
    second = merge(place, third, two[0])
    with pytest.raises(NotAllowed, match="Take that merge back first"):
        unmerge(place, first)
    unmerge(place, second)
    unmerge(place, first)
    with pytest.raises(NotAllowed, match="already"):
        unmerge(place, first)
    assert state(place) == before


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ({"email": "Robin@Example.com"}, {"email": "robin@example.COM"}, "Same email"),
        ({"mobile": "0400 111 222"}, {"phone": "+61 400 111 222"}, "Same phone: 0400111222"),
        ({"name": "Mei  Khan", "post_code": "2000"}, {"name": "mei khan", "post_code": "2000"},
         "Same name and post code"),
        ({"name": "Mei", "post_code": "2000"}, {"name": "Mei", "post_code": "2001"}, None),
        ({"name": "Mei Khan"}, {"name": "Mei Khan"}, None),
    ],
)  # fmt: skip
def test_who_may_be_the_same_and_why(
    place: Dealership, one: dict[str, Any], other: dict[str, Any], reason: str | None
) -> None:
    first, second = customer(place, **one), customer(place, **other)
    with reading(place.id) as db:
        pairs = customer_twins.pairs(db)
        twins = customer_twins.of_customer(db, db.get_one(Customer, second.id))
    found = [(pair.first.id, pair.second.id) for pair in pairs]
    assert found == ([(first.id, second.id)] if reason else [])
    assert [twin.customer.id for twin in twins] == ([first.id] if reason else [])
    if reason:
        assert pairs[0].reasons == twins[0].reasons
        assert pairs[0].reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("walk", True), ("ROBIN@", True), ("0400 111", True), ("+61 400 111 222", True),
        ("87", True), ("000087", True), ("0087 Perth", False), ("mei", False), ("%", False),
    ],
)  # fmt: skip
def test_the_search_finds_by_name_email_phone_and_number(
    place: Dealership, text: str, finds: bool
) -> None:
    one = customer(place, name="Robin Walker", email="robin@example.com", mobile="0400 111 222")
    number(place, one, "000087")
    customer(place, name="Somebody Else", email="else@example.com", mobile="0499 999 999")
    with reading(place.id) as db:
        assert [row.customer.id for row in customer_list.page(db, text).rows] == [one.id] * finds
