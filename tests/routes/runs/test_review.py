"""Review: what waits, decided by plain forms; counts in the navigation (ux-brief, screen 5)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Conflict, ExternalLink, SyncItem, SyncRun, Vehicle
from tests import factories_vehicles as made
from tests import run_rows
from tests.routes.runs.conftest import NOW, NotingQueue, World

GONE = {"before": {"lifecycle": "listed"}, "after": {"lifecycle": "missing"}}
PRICE = {"before": {"price_cents": 3_000_000}, "after": {"price_cents": 100}}


def held_run(world: World, *what: dict[str, Any], **values: Any) -> SyncRun:
    with world.app.app_context():
        run = run_rows.run(world.place, "warning", held=len(what), **({"created_at": NOW} | values))
        for number, change in enumerate(what):
            car = made.vehicle(world.place, stock_number=f"S{number}", title=f"Car {number}")
            made.link(car, agreed={"price_cents": 3_000_000})
            run_rows.item(
                run, f"S{number}", "hold", label=f"Car {number}", entity_id=car.id,
                reason="Looks wrong.", **change,
            )  # fmt: skip
    return run


def dispute(world: World, field: str = "price_cents", number: str = "C1", **sides: Any) -> int:
    """A conflict over one field; returns its id."""
    given = {"agreed": 1_000_000, "local": 950_000, "remote": 900_000} | sides
    with world.app.app_context():
        with unit_of_work(world.place.id) as db:
            car = db.scalar(select(Vehicle).where(Vehicle.stock_number == number))
        if car is None:
            car = made.vehicle(
                world.place, stock_number=number, title=f"Car {number}", price_cents=950_000,
                colour="Blue",
            )  # fmt: skip
            made.link(car, agreed={"price_cents": 1_000_000, "make": "Toyota", "colour": "Red"})
        with unit_of_work(world.place.id) as db:
            link = db.scalars(select(ExternalLink).where(ExternalLink.entity_id == car.id)).one()
            row = Conflict(
                dealership_id=world.place.id, provider="easycars", stream="stock",
                entity="vehicle", entity_id=car.id, link_id=link.id, external_id=number,
                field=field, first_seen_at=NOW - timedelta(hours=2), seen_at=NOW, **given,
            )  # fmt: skip
            db.add(row)
        return row.id


def rows_of(world: World, model: Any) -> list[Any]:
    with world.app.app_context(), reading(world.place.id) as db:
        return list(db.scalars(select(model).order_by(model.id)))


def hidden(page: str) -> dict[str, list[str]]:
    """The fields that a form sends by itself."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page):
        found.setdefault(name, []).append(value)
    found.pop("csrf_token", None)
    return found


def test_nothing_waits(world: World) -> None:
    page = world.client(world.viewer).get(world.url("review")).text
    assert "Nothing waits for you" in page
    assert "fc-nav-count" not in page


def test_everything_at_a_glance_and_its_number_in_the_navigation(world: World) -> None:
    held_run(world, GONE, PRICE)
    dispute(world)
    page = world.client(world.viewer).get(world.url("review")).text
    held, conflicts = page.index("Held changes"), page.index("Changed here and in EasyCars")
    assert held < conflicts
    assert "3 open items" in page
    assert "1 vehicle no longer in the feed, 1 vehicle with an unusual value" in page
    assert "Car C1" in page
    dashboard = world.client(world.viewer).get(world.url("vehicles")).text
    link = re.search(r'<a[^>]* href="/d/harbour/review".*?</a>', dashboard, re.DOTALL)
    assert link is not None
    assert "3" in re.sub(r"<[^>]+>", "", link[0])


@pytest.mark.parametrize("path", ["review", "review/held", "review/conflicts"])
def test_viewers_look_and_do_not_decide(world: World, path: str) -> None:
    run = held_run(world, PRICE)
    number = dispute(world)
    viewer = world.client(world.viewer)
    page = viewer.get(world.url(path)).text
    assert "Use Local" not in page
    assert "Approve" not in page
    assert viewer.post(world.url("review/held/decide"), data={"run": run.id}).status_code == 403
    assert viewer.post(world.url(f"review/conflicts/{number}")).status_code == 403
    assert viewer.get(world.url(f"review/conflicts/{number}")).status_code == 200


# -- Held changes ------------------------------------------------------------------------------


def test_chosen_rows_are_asked_about_by_number_then_approved(
    world: World, queue: NotingQueue
) -> None:
    run = held_run(world, GONE, GONE, PRICE)
    client, items = world.client(world.operator), rows_of(world, SyncItem)
    question = client.get(
        world.url(
            f"review/held/decide?run={run.id}&act=approve&row={items[0].id}&row={items[2].id}"
        )
    ).text
    assert "Approve 1 change and remove 1 vehicle" in question
    sent = hidden(question)
    refused = client.post(world.url("review/held/decide"), data=sent | {"confirm_word": "x"})
    assert refused.status_code == 422
    assert "Type remove to confirm" in refused.text
    answer = client.post(world.url("review/held/decide"), data=sent | {"confirm_word": "remove"})
    assert answer.location == world.url(f"runs/{queue.enqueued[0]}")
    decisions = [item.decision for item in rows_of(world, SyncItem)]
    assert decisions == ["approved", None, "approved"]


def test_all_are_kept(world: World, queue: NotingQueue) -> None:
    run = held_run(world, GONE, PRICE)
    client = world.client(world.operator)
    question = client.get(world.url(f"review/held/decide?run={run.id}&act=keep&all=1")).text
    assert "stays listed here" in question
    assert client.post(world.url("review/held/decide"), data=hidden(question)).status_code == 303
    assert queue.enqueued == []
    assert [item.decision for item in rows_of(world, SyncItem)] == ["kept", "kept"]
    removed, priced = rows_of(world, ExternalLink)
    assert (removed.kept_outside, priced.kept_outside) == (True, False)
    assert priced.agreed["price_cents"] == 100
    assert "Nothing waits for you" in client.get(world.url("review")).text


@pytest.mark.parametrize("act", ["approve", "keep"])
def test_what_was_not_shown_is_not_decided(world: World, queue: NotingQueue, act: str) -> None:
    """A newer sync, or a row decided meanwhile: the question's numbers do not hold any more."""
    run = held_run(world, PRICE, PRICE)
    client = world.client(world.operator)
    question = client.get(world.url(f"review/held/decide?run={run.id}&act={act}&all=1")).text
    item = rows_of(world, SyncItem)[0]
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        db.get_one(SyncItem, item.id).decision = "kept"
    answer = client.post(world.url("review/held/decide"), data=hidden(question))
    assert answer.location == world.url("review")
    assert queue.enqueued == []
    assert [row.decision for row in rows_of(world, SyncItem)] == ["kept", None]
    newer = held_run_again(world)
    question = client.get(world.url(f"review/held/decide?run={run.id}&act={act}&all=1"))
    assert question.status_code == 303
    assert newer.id > run.id


def held_run_again(world: World) -> SyncRun:
    with world.app.app_context():
        return run_rows.run(world.place, "warning", held=0, created_at=NOW)


def test_choosing_nothing_says_so(world: World) -> None:
    run = held_run(world, PRICE)
    client = world.client(world.operator)
    answer = client.get(world.url(f"review/held/decide?run={run.id}&act=keep"))
    assert answer.location == world.url("review/held")
    assert "Choose at least one row first" in client.get(answer.location).text


def test_many_held_rows_are_paged(world: World) -> None:
    held_run(world, *[PRICE] * 55)
    client = world.client(world.operator)
    page = client.get(world.url("review/held")).text
    assert page.count('name="row"') == 50
    later = re.search(r'rel="next" href="([^"]+)"', page)
    assert later is not None
    assert client.get(later[1]).text.count('name="row"') == 5


# -- Conflicts ---------------------------------------------------------------------------------


def test_side_by_side_then_preview_then_apply(world: World) -> None:
    number = dispute(world)
    dispute(world, "colour", agreed="Red", local="Blue", remote="Green")
    client = world.client(world.operator)
    page = client.get(world.url(f"review/conflicts/{number}")).text
    for words in ("$9,500", "$9,000", "$10,000", "Blue", "Green", "Use Local", "Use EasyCars"):
        assert words in page
    assert "1 field is equal on both sides" in page
    sent = hidden(page) | {"take-price_cents": "easycars", "take-colour": "", "act": "preview"}
    preview = client.post(world.url(f"review/conflicts/{number}"), data=sent)
    assert preview.status_code == 200
    assert "Will be here" in preview.text
    assert "1 field without a choice stay" in preview.text
    assert rows_of(world, Vehicle)[0].price_cents == 950_000
    answer = client.post(world.url(f"review/conflicts/{number}"), data=sent | {"act": "apply"})
    assert (answer.status_code, answer.location) == (303, world.url(f"review/conflicts/{number}"))
    car = rows_of(world, Vehicle)[0]
    assert (car.price_cents, car.colour) == (900_000, "Blue")
    left = client.get(answer.location).text
    assert "take-colour" in left
    assert "take-price_cents" not in left


@pytest.mark.parametrize("chosen", ["local", "easycars"])
def test_one_choice_for_all_fields_is_only_filled_in(world: World, chosen: str) -> None:
    number = dispute(world)
    dispute(world, "colour", agreed="Red", local="Blue", remote="Green")
    client = world.client(world.operator)
    address = world.url(f"review/conflicts/{number}")
    sent = hidden(client.get(address).text) | {"act": f"all-{chosen}"}
    page = client.post(address, data=sent).text
    assert len(re.findall(rf'value="{chosen}" checked', page)) == 2
    assert {row.state for row in rows_of(world, Conflict)} == {"open"}


def test_a_third_value_is_kept_when_it_cannot_be_read(world: World) -> None:
    number = dispute(world)
    client = world.client(world.operator)
    address = world.url(f"review/conflicts/{number}")
    sent = hidden(client.get(address).text) | {"take-price_cents": "manual", "act": "apply"}
    wrong = client.post(address, data=sent | {"value-price_cents": "nine & a half"})
    assert wrong.status_code == 422
    assert "nine &amp; a half" in wrong.text
    assert "<title>Error" in wrong.text
    done = client.post(address, data=sent | {"value-price_cents": "9,250"})
    assert done.location == world.url("review/conflicts")
    assert rows_of(world, Vehicle)[0].price_cents == 925_000
    assert rows_of(world, Conflict)[0].resolution == "manual"


def test_nothing_chosen_is_told(world: World) -> None:
    number = dispute(world)
    address = world.url(f"review/conflicts/{number}")
    answer = world.client(world.operator).post(address, data={"act": "apply"})
    assert answer.status_code == 422
    assert "Choose for at least one field" in answer.text


def test_a_value_that_moved_is_shown_anew_and_nothing_is_written(world: World) -> None:
    number = dispute(world)
    client = world.client(world.operator)
    address = world.url(f"review/conflicts/{number}")
    sent = hidden(client.get(address).text) | {"take-price_cents": "easycars", "act": "apply"}
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        db.scalars(select(Vehicle)).one().price_cents = 940_000
    answer = client.post(address, data=sent)
    assert answer.status_code == 409
    assert "Changed since this page was shown: Price" in answer.text
    assert "$9,400" in answer.text
    assert hidden(answer.text)["mark-price_cents"] != sent["mark-price_cents"]
    assert rows_of(world, Conflict)[0].state == "open"


def test_many_conflicts_one_question_one_act(world: World) -> None:
    numbers = [dispute(world, number=f"C{n}") for n in range(3)]
    client = world.client(world.operator)
    some = f"review/conflicts/decide?take=easycars&conflict={numbers[0]}&conflict={numbers[1]}"
    question = client.get(world.url(some)).text
    assert "Use EasyCars for 2 vehicles" in question
    answer = client.post(world.url("review/conflicts/decide"), data=hidden(question))
    assert answer.status_code == 303
    assert [row.state for row in rows_of(world, Conflict)] == ["resolved", "resolved", "open"]
    assert [car.price_cents for car in rows_of(world, Vehicle)] == [900_000, 900_000, 950_000]
    rest = client.get(world.url("review/conflicts/decide?take=local&all=1")).text
    assert "Use Local for 1 vehicle" in rest
    client.post(world.url("review/conflicts/decide"), data=hidden(rest))
    assert "Nothing waits for you" in client.get(world.url("review/conflicts")).text


def test_many_are_refused_when_one_moved(world: World) -> None:
    dispute(world, number="C1")
    dispute(world, number="C2")
    client = world.client(world.operator)
    question = client.get(world.url("review/conflicts/decide?take=easycars&all=1")).text
    dispute(world, number="C3")
    answer = client.post(world.url("review/conflicts/decide"), data=hidden(question))
    assert "Nothing was changed" in client.get(answer.location).text
    assert {row.state for row in rows_of(world, Conflict)} == {"open"}


def test_a_settled_conflict_says_how(world: World) -> None:
    number = dispute(world)
    client = world.client(world.operator)
    address = world.url(f"review/conflicts/{number}")
    sent = hidden(client.get(address).text) | {"take-price_cents": "local", "act": "apply"}
    client.post(address, data=sent)
    page = client.get(address).text
    assert "the value here was kept" in page
    assert world.operator.email in page
    assert client.post(address, data=sent).status_code == 303


def test_pages_of_the_list_stay_within_it(world: World) -> None:
    for n in range(27):
        dispute(world, number=f"C{n:02}")
    client = world.client(world.viewer)
    assert "26 to 27 of 27" in client.get(world.url("review/conflicts?page=2")).text
    assert client.get(world.url("review/conflicts?page=9")).status_code == 302
    assert client.get(world.url("review/conflicts?page=-1")).status_code == 200


def test_the_run_page_lists_its_mails_and_how_they_stand(world: World) -> None:
    from app.services import mails, outbox

    run = held_run(world, PRICE)
    kept = mails.payload("1 vehicle waits", ["x"], link=("Review", "/d/harbour/review"))
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        outbox.put(
            db, dealership_id=world.place.id, key="k", recipient="anna@example.com",
            payload=kept, now=NOW, run_id=run.id,
        )  # fmt: skip
    page = world.client(world.viewer).get(world.url(f"runs/{run.id}")).text
    for words in ("1 mail", "anna@example.com", "1 vehicle waits", "Waiting"):
        assert words in page
