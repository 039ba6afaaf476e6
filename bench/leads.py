"""A hundred leads each way, beside the bare calls, one after the other, to the same server.

EasyCars waits 30 ms before it answers, as a server on the internet would.
"""

from __future__ import annotations

from itertools import count

import httpx
from sqlalchemy import update

from app.cli.demo import _simulator_keys
from app.db import unit_of_work
from app.jobs import leads as lead_job
from app.jobs.sync import engine_ports
from app.models import Lead
from app.parts import parts
from app.services.audit import Actor
from app.services.leads import saving
from app.services.leads.sending import Means
from app.services.sync import engine
from bench.measure import Figure, Side, in_turn
from bench.stage import DEALERSHIP, Stage

LEADS = 100
WAIT_S = 0.03
GOAL = 1.5
_people = count(1)
CAR = {
    "vehicle_make": "Mazda",
    "vehicle_model": "CX-5",
    "vehicle_year": 2021,
    "vehicle_type": "car",
    "is_vehicle_new": False,
    "interest": "buy",
}


def out(stage: Stage, _size: int, rounds: int) -> Figure:
    """Saved leads of new customers leave: look-up of the customer, create, numbers kept."""
    stage.empty()

    def send() -> None:
        assert len(lead_job.deliver(DEALERSHIP).sent) == LEADS

    with _slow(stage):
        times = in_turn(Side(send, _saved), Side(lambda: _bare_creates(stage)), rounds)
    floor = "100 bare CreateLead calls, one after the other"
    return Figure("leads-out", stage.kind, LEADS, **times, floor_is=floor, goal=GOAL)


def back(stage: Stage, _size: int, rounds: int) -> Figure:
    """The same leads are read again, every one changed there."""
    stage.empty()
    _saved()
    lead_job.deliver(DEALERSHIP)
    numbers = [lead["LeadNumber"] for lead in stage.simulator.leads()["leads"]][-LEADS:]
    ratings = count(1)

    def change() -> None:
        rating = next(ratings) % 3 + 1
        for number in numbers:
            stage.simulator.leads("update", lead_number=number, fields={"Rating": rating})
        with unit_of_work(DEALERSHIP) as session:
            session.execute(update(Lead).values(read_at=None))

    def read() -> None:
        run_id = stage.open_run(stream="leads")
        engine.execute(run_id, "bench", engine_ports(parts()))
        assert stage.summary(run_id)["updated"] == LEADS

    with _slow(stage):
        times = in_turn(Side(read, change), Side(lambda: _bare_reads(stage, numbers)), rounds)
    floor = "100 bare GetLeadDetail calls, one after the other"
    return Figure("leads-in", stage.kind, LEADS, **times, floor_is=floor, goal=GOAL)


class _slow:  # noqa: N801 - reads as the state that it is
    def __init__(self, stage: Stage) -> None:
        self.simulator = stage.simulator

    def __enter__(self) -> None:
        self.simulator.scenario("slow", value=WAIT_S)

    def __exit__(self, *_: object) -> None:
        self.simulator.normal()


def _saved() -> None:
    made = parts()
    means, actor = Means(made.queue, made.clock), Actor(None, "bench")
    for _ in range(LEADS):
        number = next(_people)
        person = {"name": f"Person {number}", "email": f"person{number}@example.com"}
        with unit_of_work(DEALERSHIP) as session:
            saving.create(
                session, DEALERSHIP, CAR | person, source="Manual", actor=actor, means=means
            )


def _bare_creates(stage: Stage) -> None:
    body = {
        "VehicleMake": "Mazda", "VehicleModel": "CX-5", "VehicleType": 1, "VehicleYear": 2021,
        "IsVehicleNew": False, "VehicleInterest": 1,
    }  # fmt: skip
    with _Bare(stage) as bare:
        for _ in range(LEADS):
            number = next(_people)
            person = {"Name": f"Person {number}", "Email": f"person{number}@example.com"}
            bare.ask("CreateLead", body | {"LeadCustomer": person})


def _bare_reads(stage: Stage, numbers: list[str]) -> None:
    with _Bare(stage) as bare:
        for number in numbers:
            bare.ask("GetLeadDetail", {"LeadNumber": number})


class _Bare:
    """One token, one connection, no look at the answer beyond its code."""

    def __init__(self, stage: Stage) -> None:
        self.keys = _simulator_keys()
        self.client = httpx.Client(base_url=f"{stage.simulator.test_base_url}/LeadService/")

    def __enter__(self) -> _Bare:
        pair = {"ClientID": self.keys["client_id"], "ClientSecret": self.keys["client_secret"]}
        token = self.client.post("RequestToken", params=pair).json()["Token"]
        self.client.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def ask(self, verb: str, body: dict[str, object]) -> None:
        account = {
            "AccountNumber": self.keys["account_number"],
            "AccountSecret": self.keys["account_secret"],
        }
        assert self.client.post(verb, json=account | body).json()["Code"] == 0
