"""A known vehicle and an odd row of EasyCars: what cannot be read changes nothing."""

from __future__ import annotations

import json

import pytest

from app.services.providers.easycars import PROVIDER
from app.services.sync.changes import Matcher, Read, plan_rows
from app.services.sync.collect import KnownLink, Row
from app.services.sync.guards import Guards, Limits
from app.services.sync.plan import Owner, Verb
from app.services.sync.targets import Existing, HandMade
from app.services.sync.terms import Terms

(STOCK,) = PROVIDER.streams
GOOD = {
    "StockNumber": "10412",
    "Make": "MAZDA",
    "Model": "CX-5",
    "Price": 31990,
    "YearGroup": 2021,
    "Odometer": 48000,
    "RegoExpiry": "31/12/2027",
}


def planned(**changed: object):
    """The decision about the good vehicle when its row comes again with changed values."""
    old = json.dumps(GOOD).encode()
    agreed = dict(STOCK.draft(old).values)
    known = Existing(
        1, 1, "10412", agreed, [], 0, old, agreed | {"lifecycle": "listed"}, frozenset()
    )
    row = Row(1, b"", json.dumps(GOOD | changed).encode())
    matcher = Matcher({"10412": KnownLink(1, 1, "10412", b"", 0)}, {}, HandMade({}, {}))
    read = Read(row, STOCK.draft(row.raw), None)
    (change,) = plan_rows([read], {"10412": known}, matcher, STOCK, Guards(Limits(2028)))
    return change


@pytest.mark.parametrize(
    "odd",
    [
        {"Price": "call us"},
        {"Odometer": {"km": 5}},
        {"RegoExpiry": "31/02/2027"},
        {"YearGroup": "old"},
    ],
    ids=str,
)
def test_unreadable_value_keeps_the_known_one_and_is_told(odd: dict[str, object]) -> None:
    change = planned(**odd)
    assert change.decision.write == {}
    assert change.decision.verb is Verb.SAME
    assert "left out" in change.warnings[0].text


@pytest.mark.parametrize("none", [{"Price": None}, {"RegoExpiry": ""}], ids=str)
def test_emptied_value_is_taken_over(none: dict[str, object]) -> None:
    assert set(planned(**none).decision.write.values()) == {None}


def test_readable_neighbour_of_an_unreadable_value_is_written() -> None:
    change = planned(Price="call us", Colour="Blue")
    assert change.decision.write == {"colour": "Blue"}


FULL = GOOD | {
    "IsDemo": True,
    "IsUsed": True,
    "IsMiles": True,
    "StandardFeatures": "Airbags,Radio",
    "StockStatus": "Available",
    "ImageURLs": "https://img.easycars.net.au/1,https://img.easycars.net.au/2",
}


def replanned(row: dict[str, object], **known: object):
    """The decision about the full vehicle when `row` comes; `known` changes what is stored."""
    old = json.dumps(FULL).encode()
    draft = STOCK.draft(old)
    agreed = dict(draft.values)
    facts = {
        "agreed": agreed,
        "photo_urls": list(draft.photo_urls),
        "missing_runs": 0,
        "raw": old,
        "local": agreed | {"lifecycle": "listed"},
        "locked": frozenset(),
    }
    terms = known.pop("terms", Terms())
    existing = Existing(1, 1, "10412", **(facts | known))
    raw = json.dumps(row).encode()
    matcher = Matcher({"10412": KnownLink(1, 1, "10412", b"", 0)}, {}, HandMade({}, {}))
    read = Read(Row(1, b"", raw), STOCK.draft(raw), None)
    (change,) = plan_rows([read], {"10412": existing}, matcher, STOCK, Guards(Limits(2028)), terms)
    return change


@pytest.mark.parametrize("gone", [name for name in FULL if name != "StockNumber"])
def test_field_that_the_row_does_not_have_keeps_what_is_known(gone: str) -> None:
    """Null empties a field; a name that is not there at all says nothing (C26)."""
    row = {name: value for name, value in FULL.items() if name != gone}
    change = replanned(row | {"Colour": "Blue"})
    assert change.decision.write == {"colour": "Blue"}
    assert change.decision.before == {"colour": None}
    assert change.draft.photo_urls == STOCK.draft(json.dumps(FULL).encode()).photo_urls


def test_feed_that_drops_every_name_loses_no_value() -> None:
    change = replanned({"StockNumber": "10412"})
    assert change.decision.verb is Verb.SAME
    assert change.decision.agreed == STOCK.draft(json.dumps(FULL).encode()).values


def test_locked_and_owned_fields_follow_the_terms() -> None:
    row = FULL | {"Price": 30990, "Colour": "Blue", "Make": "KIA"}
    mine = dict(STOCK.draft(json.dumps(FULL).encode()).values) | {"lifecycle": "listed"}
    change = replanned(
        row,
        local=mine | {"price_cents": 1_000_000, "colour": "Pink"},
        locked=frozenset({"make", "title"}),
        terms=Terms(owner=lambda name: Owner.EASYCARS if name == "colour" else Owner.ASK),
    )
    assert change.decision.write == {"colour": "Blue"}
    assert change.decision.conflicts == ("price_cents",)
    assert change.decision.agreed["make"] == "KIA"


def test_field_locked_for_all_vehicles_is_not_written() -> None:
    change = replanned(FULL | {"Price": 30990}, terms=Terms(locked=frozenset({"price_cents"})))
    assert (change.decision.verb, change.decision.write) == (Verb.KEEP_LOCAL, {})


def test_excluded_vehicle_is_left_alone() -> None:
    change = replanned(FULL | {"Price": 30990}, excluded=True)
    assert (change.decision.verb, change.decision.write) == (Verb.SAME, {})
    assert (change.existing, change.row) == (None, None)


@pytest.mark.parametrize("again", [{"terms": Terms(anew=True)}, {"raw": b""}, {"missing_runs": 1}])
def test_equal_row_is_decided_where_more_than_its_bytes_count(again: dict[str, object]) -> None:
    assert replanned(FULL).spelling_only
    assert not replanned(FULL, **again).spelling_only


@pytest.mark.parametrize(
    ("yards", "code", "verb"),
    [
        (None, "300", Verb.CREATE),
        ({"100"}, "100", Verb.CREATE),
        ({"north"}, " North ", Verb.CREATE),
        ({"100"}, None, Verb.CREATE),
        ({"100"}, "300", Verb.HOLD),
    ],
)
def test_new_vehicle_of_a_yard_that_nobody_asked_for_waits(
    yards: set[str] | None, code: str | None, verb: Verb
) -> None:
    row = Row(1, b"", json.dumps(GOOD | {"YardCode": code}).encode())
    matcher = Matcher({}, {}, HandMade({}, {}), yards=yards)
    read = Read(row, STOCK.draft(row.raw), None)
    (change,) = plan_rows([read], {}, matcher, STOCK, Guards(Limits(2028)))
    assert change.decision.verb is verb
    if verb is Verb.HOLD:
        assert "yard 300" in change.decision.reason
        shown = change.decision.after
        approving = Guards(Limits(2028), {"10412": shown})
        (approved,) = plan_rows([read], {}, matcher, STOCK, approving)
        assert (approved.decision.verb, approved.decision.write) == (Verb.CREATE, shown)
