"""One field of a form, and of JSON: read, refused in words, shown again (C27, trap T25)."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.vehicle_fields import FIELDS
from app.services.vehicle_input import (
    LONGEST_DETAIL,
    Unreadable,
    as_typed,
    options,
    read_sent,
    read_typed,
    same_text,
    title_from,
    vin_hint,
)

READABLE = [
    ("title", "  2019   Toyota\tHilux ", "2019 Toyota Hilux"),
    ("title", "   ", None),
    ("price_cents", "24990", 2_499_000),
    ("price_cents", "$24,990", 2_499_000),
    ("price_cents", "AUD 24,990.5", 2_499_050),
    ("price_cents", "24 990.05", 2_499_005),
    ("price_cents", "0", 0),
    ("price_cents", "", None),
    ("odometer", "84,210", 84_210),
    ("odometer", "84 210", 84_210),
    ("year", "2019", 2019),
    ("doors", "0", 0),
    ("is_drive_away", "yes", True),
    ("is_drive_away", "no", False),
    ("is_drive_away", "", None),
    ("rego_expiry", "2027-02-28", "2027-02-28"),
    ("rego_expiry", "28/2/2027", "2027-02-28"),
    ("features", " Tow bar \r\n\r\nBull bar\r\n", ["Tow bar", "Bull bar"]),
    ("features", "\n \n", None),
    ("gvm_kg", "3,050", 3050),
    ("length_m", "5.40", 5.4),
    ("length_m", "5.0", 5),
    ("kind", "boat", "boat"),
    ("condition", "demo", "demo"),
    ("odometer_unit", "h", "h"),
    ("description", "One\r\nTwo \r\n", "One\nTwo"),
    ("video_link", "https://video.example/1", "https://video.example/1"),
    ("vin", "JN1TANY62U0123456", "JN1TANY62U0123456"),
    ("vin", "OLD-7", "OLD-7"),
]


@pytest.mark.parametrize(("name", "text", "value"), READABLE)
def test_a_text_is_read_by_the_kind_of_its_field(name: str, text: str, value: Any) -> None:
    assert read_typed(name, text) == value


@pytest.mark.parametrize(("name", "text", "value"), READABLE)
def test_what_is_shown_reads_as_the_same_value(name: str, text: str, value: Any) -> None:
    shown = as_typed(name, value)
    assert read_typed(name, shown) == value
    assert same_text(name, shown, as_typed(name, read_typed(name, shown)))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("price_cents", "about 20k", "amount in dollars"),
        ("price_cents", "24,99", "amount in dollars"),
        ("price_cents", "1.999", "amount in dollars"),
        ("price_cents", "-5", "amount in dollars"),
        ("price_cents", "$", "amount in dollars"),
        ("price_cents", "99999999999", "larger than any vehicle"),
        ("odometer", "84.2", "whole number"),
        ("odometer", "1,00", "whole number"),
        ("odometer", "99999999999", "larger than any vehicle"),
        ("is_drive_away", "maybe", "yes, no or not given"),
        ("rego_expiry", "2027-02-30", "day that exists"),
        ("rego_expiry", "31/02/2027", "day that exists"),
        ("rego_expiry", "0027-02-01", "between 1900 and 2100"),
        ("features", "x" * (LONGEST_DETAIL + 1), "more than 500 characters"),
        ("features", "\n".join(["x"] * 501), "at most 500 lines"),
        ("features", "a\0b", "control characters"),
        ("gvm_kg", "heavy", "Enter a number"),
        ("gvm_kg", "1e5", "Enter a number"),
        ("kind", "spaceship", "Choose one of: car, boat"),
        ("stock_number", "x" * 101, "at most 100 characters; these are 101"),
        ("vin", "x" * 33, "at most 32 characters"),
        ("make", "Toy\0ta", "control characters"),
        ("description", "a\0b", "control characters"),
        ("video_link", "javascript:alert(1)", "begins with https://"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(name: str, text: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read_typed(name, text)


def test_a_word_of_the_feed_that_is_no_choice_of_ours_may_stay() -> None:
    assert read_typed("kind", "X", known="X") == "X"
    assert options("kind", "X")["X"] == "X"
    assert options("make", "Toyota") == {}, "a typed field is no list of choices"
    with pytest.raises(Unreadable):
        read_typed("kind", "X", known="car")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("price_cents", 24990, 2_499_000),
        ("price_cents", 24990.5, 2_499_050),
        ("price_cents", 24990.0, 2_499_000),
        ("price_cents", None, None),
        ("odometer", 84210, 84_210),
        ("length_m", 5.4, 5.4),
        ("gvm_kg", 1e5, 100_000),
        ("is_drive_away", False, False),
        ("features", ["Tow bar", " "], ["Tow bar"]),
        ("features", [], None),
        ("title", "", None),
        ("rego_expiry", "2027-02-28", "2027-02-28"),
        ("description", "One\nTwo", "One\nTwo"),
    ],
)
def test_json_is_read_by_kind(name: str, value: Any, read: Any) -> None:
    assert read_sent(name, value) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price_cents", "24990"),
        ("price_cents", True),
        ("price_cents", 0.001),
        ("price_cents", -1),
        ("price_cents", float("inf")),
        ("odometer", 1.5),
        ("odometer", [1]),
        ("is_drive_away", 1),
        ("is_drive_away", "yes"),
        ("features", "Tow bar"),
        ("features", [1]),
        ("title", 7),
        ("title", {"a": 1}),
        ("rego_expiry", 20270228),
        ("kind", "spaceship"),
    ],
)
def test_json_of_another_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(Unreadable):
        read_sent(name, value)


@pytest.mark.parametrize(
    ("vin", "says"),
    [
        (None, None),
        ("", None),
        ("JN1TANY62U0123456", None),
        ("jn1tany62u0123456", None),
        ("JN1TANY62U012345", "16 characters"),
        ("JN1TANY62U012345O", "no letter O"),
        ("IN1TANY62U01234QO", "no letter I or O or Q"),
        ("JN1TANY62U-123456", "letters and digits only"),
    ],
)
def test_the_form_of_a_vin_is_a_hint(vin: str | None, says: str | None) -> None:
    hint = vin_hint(vin)
    assert (hint is None) if says is None else (hint is not None and says in hint)


def test_every_field_can_be_shown_empty_and_read_empty() -> None:
    for name in FIELDS:
        assert as_typed(name, None) == ""
        assert read_typed(name, " \r\n ") is None
        assert read_sent(name, None) is None


def test_odd_spaces_of_a_feed_are_no_change() -> None:
    """A browser takes line breaks out of a single line; that must not look like an edit."""
    assert same_text(
        "warranty", as_typed("warranty", "3 years\nor 100,000 km "), "3 years or 100,000 km"
    )


def test_a_title_is_made_as_that_of_a_feed_vehicle() -> None:
    assert title_from({"make": "Toyota", "model": " Hilux", "year": 2019}) == "Toyota Hilux 2019"
    assert title_from({}) == ""
