"""One search box: what is found by number, address and words, and that indexes find it (C33)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, insert, text

from app.db import db, reading, unit_of_work
from app.models import Customer, Dealership, Lead, SyncRun, Vehicle
from app.models.types import utc_now
from app.services import search
from app.services.search import Found
from tests import factories, factories_leads, factories_vehicles

pytestmark = pytest.mark.both_databases
VIN = "MR0FZ29G001234567"
REQUEST = "4f1c2a9e77b04e0d"


class Yard:
    """A dealership with a car, a lead of a customer and a run, and another one with the same."""

    def __init__(self) -> None:
        self.place, self.other = factories.dealership(), factories.dealership()
        self.car, self.customer, self.lead, self.run = self.rows(self.place)
        self.theirs = self.rows(self.other)

    @staticmethod
    def rows(place: Dealership) -> tuple[Vehicle, Customer, Lead, SyncRun]:
        car = factories_vehicles.vehicle(
            place, stock_number="Ab-12", vin=VIN, rego_num="1AB2CD", title="2021 Mazda CX-5 Akera",
            make="Mazda", model="CX-5",
        )  # fmt: skip
        who = factories_leads.customer(
            place, name="Žofie Nováková", email="zofie@example.com", mobile="0412 345 678"
        )
        lead = factories_leads.sent_lead(
            place, customer=who, lead_number="000017", vehicle_make="Mazda", vehicle_model="CX-5"
        )
        run = factories_vehicles.run(place, request_id=REQUEST)
        return car, who, lead, run

    def found(self, asked: str) -> Found:
        with reading(self.place.id) as session:
            return search.search(session, asked, utc_now())


@pytest.fixture
def yard(context: None) -> Yard:
    return Yard()


def shape(found: Found) -> dict[str, int]:
    return {group.key: group.total for group in found.groups}


@pytest.mark.parametrize("asked", ["Ab-12", "  ab-12 ", VIN, VIN.lower(), "1ab 2cd", "1AB2CD"])
def test_a_vehicle_is_opened_by_any_of_its_numbers(yard: Yard, asked: str) -> None:
    found = yard.found(asked)
    if asked.strip() == "ab-12":  # stored in mixed letters: found by its letters, not by the index
        assert [hit.path for hit in found.groups[0].hits] == [f"vehicles/{yard.car.id}"]
    else:
        assert found.the_one is not None
        assert found.the_one.path == f"vehicles/{yard.car.id}"


def test_people_leads_and_runs_are_opened_by_what_names_them(yard: Yard) -> None:
    ones = {
        asked: found.the_one.path
        for asked in ("ZOFIE@example.com", "+61 412 345 678", "0412345678", "000017", REQUEST,
                      f"#{yard.run.id}")
        if (found := yard.found(asked)).the_one
    }  # fmt: skip
    customer = f"customers/{yard.customer.id}"
    assert ones == {
        "ZOFIE@example.com": customer,
        "+61 412 345 678": customer,
        "0412345678": customer,
        "000017": f"leads/{yard.lead.id}",
        REQUEST: f"runs/{yard.run.id}",
        f"#{yard.run.id}": f"runs/{yard.run.id}",
    }


def test_words_are_listed_by_kind_with_the_count_of_all(yard: Yard) -> None:
    for _ in range(search.SHOWN + 2):
        factories_vehicles.vehicle(yard.place, title="2020 Mazda 3 Touring")
    found = yard.found("mazda")
    assert shape(found)["vehicles"] == search.SHOWN + 3
    assert len(found.groups[0].hits) == search.SHOWN
    assert found.groups[0].more == "vehicles?q=mazda"
    assert found.the_one is None
    assert shape(yard.found("nováková")) == {"leads": 1, "customers": 1}
    assert shape(yard.found("mazda akera 2021")) == {"vehicles": 1}
    assert shape(yard.found("mazda nothing")) == {}


def test_two_exact_hits_are_a_list(yard: Yard) -> None:
    factories_vehicles.vehicle(yard.place, stock_number=str(yard.run.id), title="By chance")
    found = yard.found(str(yard.run.id))
    assert found.the_one is None
    assert {group.key for group in found.groups} >= {"vehicles", "runs"}


def test_vehicles_and_customers_that_were_merged_away_are_not_found(yard: Yard) -> None:
    factories_vehicles.vehicle(yard.place, stock_number="GONE1", merged_into_id=yard.car.id)
    factories_leads.customer(
        yard.place, name="Merged", email="merged@example.com", merged_into_id=yard.customer.id
    )
    assert shape(yard.found("GONE1")) == {}
    assert "customers" not in shape(yard.found("merged@example.com"))


@pytest.mark.parametrize("asked", ["", "   ", "\0", "%", "_", "99999999999999999999", "'; --", "#"])
def test_odd_texts_find_nothing(yard: Yard, asked: str) -> None:
    assert shape(yard.found(asked)) == {}


def test_exact_hits_come_from_indexes(yard: Yard) -> None:
    """Among many rows neither database reads a table, or all of a dealership, to find a number."""
    with unit_of_work(yard.place.id) as session:
        many = [
            {"dealership_id": yard.place.id, "stock_number": f"N{n}", "vin": f"V{n}",
             "rego_num": f"R{n}", "title": f"Car {n}", "source": "Manual"}
            for n in range(3000)
        ]  # fmt: skip
        session.execute(insert(Vehicle), many)
        session.execute(text("ANALYZE"))
    plans = plans_of(yard, "N17")
    exact = next(plan for sql, plan in plans if "stock_number" in sql and " OR " in sql)
    for column in ("stock_number", "vin", "rego_num"):
        assert f"ix_vehicle_dealership_id_{column}" in exact, exact
    assert "Seq Scan" not in exact


def plans_of(yard: Yard, asked: str) -> list[tuple[str, str]]:
    """Each statement of a search, and how the database carries it out."""
    told: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
        told.append((sql, values))

    event.listen(db.engine, "before_cursor_execute", note)
    yard.found(asked)
    event.remove(db.engine, "before_cursor_execute", note)
    word = "EXPLAIN" if db.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with db.engine.connect() as connection:
        return [
            (
                sql,
                "\n".join(
                    str(tuple(row)) for row in connection.exec_driver_sql(f"{word} {sql}", values)
                ),
            )
            for sql, values in told
            if sql.startswith("SELECT")
        ]
