"""New conflicts are told by mail: one digest for each run and person (row 209)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading
from app.models import OutboxMessage
from tests import factories
from tests.services.sync.memory import Yard
from tests.services.sync.test_conflicts_kept import disagree, edit

pytestmark = pytest.mark.both_databases


@pytest.fixture
def yard(app: Flask) -> Any:
    """A yard with an administrator, an operator, a viewer and a closed account."""
    with app.app_context():
        made = Yard()
        for role in ("admin", "operator", "viewer"):
            factories.member(made.dealership, role, f"{role}@example.com")
        gone = factories.user("gone@example.com", is_active=False)
        factories.membership(gone, made.dealership, "admin")
        yield made


def mails(yard: Yard) -> list[OutboxMessage]:
    with reading(yard.dealership.id) as db:
        return list(db.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_a_run_with_many_conflicts_is_one_digest_for_each_who_may_decide(yard: Yard) -> None:
    disagree(yard, cars=17)
    run = yard.sync()
    told = mails(yard)
    assert [mail.recipient for mail in told] == ["admin@example.com", "operator@example.com"]
    payload = told[0].payload
    assert payload["subject"] == f"{yard.dealership.name}: 17 vehicles changed here and in EasyCars"
    assert f"Stock sync {run.id}" in payload["paragraphs"][0]
    assert payload["rows"][0].endswith("(A0): Price")
    assert len(payload["rows"]) == 16
    assert payload["rows"][-1] == "and 2 more"
    assert payload["link"] == ["Conflicts", f"/d/{yard.dealership.slug}/review/conflicts"]


def test_what_was_told_is_not_told_again(yard: Yard) -> None:
    disagree(yard)
    yard.sync()
    count = len(mails(yard))
    yard.stream.feed = [{"no": "A0", "price_cents": 880}]
    assert yard.sync().conflicts == 1
    assert len(mails(yard)) == count
    edit(yard, "A0", colour="Red")
    yard.stream.feed = [{"no": "A0", "price_cents": 880, "colour": "Blue"}]
    yard.sync()
    newest = mails(yard)[-1]
    assert len(mails(yard)) == 2 * count
    assert newest.payload["rows"][0].endswith("(A0): Colour")


def test_a_preview_and_a_run_without_conflicts_tell_nobody(yard: Yard) -> None:
    disagree(yard)
    yard.preview()
    yard.stream.feed = [{"no": "A0", "price_cents": 950}]
    yard.sync()
    assert mails(yard) == []
