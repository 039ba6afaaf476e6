"""A create that is cut off at any point makes one lead: never none, never two (row 136)."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.db import db, unit_of_work
from app.models import Lead
from app.parts import parts
from app.services.leads import delivery, outbound
from app.services.leads.job import SETTLING
from app.services.providers.easycars.lead_api import LeadApi
from tests.services.leads.rig import Desk

pytestmark = pytest.mark.simulator
CUTS = (
    "connection-reset",
    "reset-after-processing",
    "never-answers",
    "timeout-after-processing",
    "http-500",
    "http-500-after-processing",
    "code-9",
    "code-9-after-processing",
    "truncated",
    "empty-body",
)
TIMES = 200


@pytest.fixture
def impatient(desk: Desk) -> Desk:
    """A client that waits a quarter of a second for an answer."""
    made = parts()
    made.outside.settings = replace(made.outside.settings, easycars_timeout=0.25)
    return desk


def after_the_call(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **rest: Any) -> Any:
        real(*args, **rest)
        kill_9()

    return call


def kill_9() -> None:
    """Nothing after it is done, no `finally` and no rollback."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def dying_after(commits: int) -> Iterator[None]:
    """The worker dies once so many transactions of the delivery are committed; 0: in the call."""
    left = iter(range(commits))

    @contextmanager
    def unit(dealership_id: Any) -> Iterator[Any]:
        with unit_of_work(dealership_id) as session:
            yield session
        if next(left, None) in (None, commits - 1):
            kill_9()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "_tell", lambda *_: None)
        if commits:
            patch.setattr(outbound, "unit_of_work", unit)
            patch.setattr(delivery, "unit_of_work", unit)
        else:
            patch.setattr(LeadApi, "create", after_the_call(LeadApi.create))
        yield


def died_of(work: Callable[[], None]) -> None:
    """Does the work in a process of its own, forked as a worker forks one for each job."""
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)  # reached only by a child that outlived its work
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def send_and_die(desk: Desk, commits: int) -> None:
    with dying_after(commits):
        desk.send()


def one_that_is_cut_off(desk: Desk, how: str | int) -> None:
    if isinstance(how, int):
        died_of(lambda: send_and_die(desk, how))
        return
    desk.simulator.scenario(how, account=desk.account, endpoint="CreateLead", count=1)
    desk.send()
    desk.simulator.normal()


def until_all_is_sent(desk: Desk) -> None:
    """As the clock's workers would: again and again, a while apart."""
    for _ in range(12):
        if not desk.waits():
            return
        desk.clock.pass_(SETTLING.total_seconds() + delivery.LEASE.total_seconds())
        desk.send()
    raise AssertionError("something still waits")


def linked_once(desk: Desk) -> None:
    there = Counter(row["ExternalID"] for row in desk.there())
    here = {lead.external_ref: lead.lead_number for lead in desk.rows(Lead)}
    assert there == Counter(here.keys())
    numbers = {row["ExternalID"]: row["LeadNumber"] for row in desk.there()}
    assert here == numbers
    assert {lead.sync_state for lead in desk.rows(Lead)} == {"sent"}


@pytest.mark.usefixtures("any_database")
@pytest.mark.parametrize("how", [*CUTS, 0, 1, 2, 3])
@pytest.mark.parametrize("is_known", [False, True])
def test_each_cut_alone(impatient: Desk, how: str | int, is_known: bool) -> None:
    desk = impatient
    desk.save(email="first@example.com", mobile=None)
    desk.send()
    desk.save(email="first@example.com" if is_known else "new@example.com", mobile=None)
    one_that_is_cut_off(desk, how)
    until_all_is_sent(desk)
    linked_once(desk)
    assert len(desk.there()) == 2


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_two_hundred_cuts_in_random_order(impatient: Desk) -> None:
    """The very first lead is cut off too: no number is known before it."""
    desk, dice = impatient, random.Random(4)
    ways = [*CUTS, 0, 1, 2, 3]
    for turn in range(TIMES):
        person = f"person{dice.randrange(TIMES // 2)}@example.com"
        desk.save(email=person, mobile=None, message=f"Enquiry {turn}")
        one_that_is_cut_off(desk, dice.choice(ways))
        if dice.random() < 0.2:
            desk.simulator.leads("create", account=desk.account, client_id="another portal")
        until_all_is_sent(desk)
    ours = [row for row in desk.there() if row["ClientID"] != "another portal"]
    assert len(ours) == TIMES
    assert len({row["ExternalID"] for row in ours}) == TIMES
    here = {lead.external_ref: lead.lead_number for lead in desk.rows(Lead)}
    assert here == {row["ExternalID"]: row["LeadNumber"] for row in ours}
