"""Mapping rules by themselves: value maps, titles, defaults, what may be saved (C19)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services import mapping
from app.services.errors import InputInvalid
from app.services.feed_words import is_known
from app.services.mapping import MAPPED, Rules, folded, rules_of
from app.services.mapping_input import Typed, checked, typed_of
from app.services.mapping_title import BadTemplate, Template
from app.services.mapping_versions import RuleChange, changes
from app.services.sync.protocol import Draft, Warned

CAR = {
    "stock_number": "S1",
    "title": "TOYOTA HILUX 2019",
    "make": "TOYOTA",
    "model": "HILUX",
    "year": 2019,
    "colour": "WHTE",
    "body": "DOUBLE CAB P/UP",
}


def draft(*warned: str, **values: Any) -> Draft:
    """The car above with other values; None takes one away."""
    merged = {name: value for name, value in (CAR | values).items() if value is not None}
    warnings = tuple(Warned(name, "cannot be read") for name in warned)
    return Draft("S1", str(merged["title"]), merged, archive={"colour": "raw"}, warnings=warnings)


WHITE = Rules({"colour": {"WHTE": "White"}})


@pytest.mark.parametrize(
    ("rules", "values", "field", "shown"),
    [
        pytest.param(WHITE, {}, "colour", "White", id="a rule shows another word"),
        pytest.param(WHITE, {"colour": " whte  "}, "colour", "White", id="case and blanks"),
        pytest.param(WHITE, {"colour": "Red"}, "colour", "Red", id="no rule, no change"),
        pytest.param(WHITE, {"colour": None}, "colour", None, id="nothing given, nothing shown"),
        pytest.param(WHITE, {"interior_colour": "WHTE"}, "interior_colour", "WHTE", id="own field"),
        pytest.param(WHITE, {"colour": 7}, "colour", 7, id="a number is no word"),
        pytest.param(
            Rules({"colour": {"a": "b", "b": "a"}}), {"colour": "a"}, "colour", "b", id="one step"
        ),
        pytest.param(
            Rules(defaults={"status": "In Stock"}), {}, "status", "In Stock", id="a default fills"
        ),
        pytest.param(
            Rules(defaults={"colour": "Red"}), {}, "colour", "WHTE", id="a default keeps values"
        ),
        pytest.param(
            Rules(defaults={"is_drive_away": True}),
            {"is_drive_away": False},
            "is_drive_away",
            False,
            id="No is an answer",
        ),
        pytest.param(
            Rules(title="{year} {make} {colour}"), {}, "title", "2019 TOYOTA WHTE", id="title"
        ),
        pytest.param(
            Rules({"colour": {"WHTE": "White"}}, "{make}, {colour}"),
            {},
            "title",
            "TOYOTA, White",
            id="the title shows mapped values",
        ),
        pytest.param(
            Rules(title="{badge}"), {}, "title", "TOYOTA HILUX 2019", id="no part, no new title"
        ),
    ],
)
def test_rules(rules: Rules, values: dict[str, Any], field: str, shown: Any) -> None:
    assert mapping.apply(rules, draft(**values)).values.get(field) == shown


@pytest.mark.parametrize("warned", ["rego_state", "RegoState"])
def test_a_value_that_cannot_be_read_gets_no_default(warned: str) -> None:
    """What was agreed stays, as the plan decides; a default would overwrite it."""
    rules = Rules(defaults={"rego_state": "NSW"})
    assert "rego_state" not in mapping.apply(rules, draft(warned)).values
    assert mapping.apply(rules, draft()).values["rego_state"] == "NSW"


def test_what_was_received_stays_beside_the_mapped_values() -> None:
    before = draft()
    after = mapping.apply(WHITE, before)
    assert (after.values["colour"], after.received) == ("White", before.values)
    assert (after.archive, after.photo_urls) == (before.archive, before.photo_urls)
    assert before.values["colour"] == "WHTE"


def test_a_title_by_rule_says_which_fields_it_needs() -> None:
    titled = mapping.apply(Rules(title="{make} {odometer}"), draft())
    assert titled.title_parts == {"make", "odometer"}
    assert titled.label == titled.values["title"] == "TOYOTA"


words = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)


@given(
    st.dictionaries(st.sampled_from(MAPPED), words),
    st.dictionaries(st.sampled_from(MAPPED), st.dictionaries(words, words, max_size=4)),
)
def test_values_without_a_rule_stay_as_they_are(
    values: dict[str, str], maps: dict[str, dict[str, str]]
) -> None:
    rules = Rules(maps)
    before = Draft("1", "1", values)
    after = mapping.apply(rules, before).values
    for name, value in values.items():
        ruled = rules.shows(name, value)
        assert after[name] == (value if ruled is None else ruled)
        if ruled is None:
            again = mapping.apply(rules, Draft("1", "1", after))
            assert again.values[name] == value


@given(words)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_empty_rules_cost_nothing() -> None:
    before = draft()
    assert mapping.apply(Rules(), before) is before
    assert rules_of({}).is_empty
    assert rules_of(None).is_empty


# -- Titles --------------------------------------------------------------------------------------

GIVEN = {"year": 2019, "make": "Toyota", "model": "CX-5", "badge": "SR5", "colour": "White"}


@pytest.mark.parametrize(
    ("template", "without", "title"),
    [
        ("{year} {make} {model} {badge}", (), "2019 Toyota CX-5 SR5"),
        ("{year} {make} {model} {badge}", ("year", "badge"), "Toyota CX-5"),
        ("{make} {model} - {badge} ({colour})", (), "Toyota CX-5 - SR5 (White)"),
        ("{make} {model} - {badge} ({colour})", ("badge",), "Toyota CX-5 (White)"),
        ("{make} {model} - {badge} ({colour})", ("badge", "colour"), "Toyota CX-5"),
        ("{make} / {badge} / {colour}, {model}", ("badge", "colour"), "Toyota, CX-5"),
        ("{badge}: {make}", ("badge",), "Toyota"),
        ("Used {make}", (), "Used Toyota"),
        ("{{{make}}}", (), "{Toyota}"),
        ("{make} {badge}", ("make", "badge"), ""),
    ],
)
def test_empty_parts_of_a_title_collapse(
    template: str, without: tuple[str, ...], title: str
) -> None:
    values = {name: value for name, value in GIVEN.items() if name not in without}
    assert Template(template).render(values) == title


def test_signs_that_belong_to_a_value_stay() -> None:
    assert Template("{make} {model}").render({"make": "UP!", "model": "-"}) == "UP! -"


def test_a_title_is_never_wider_than_its_column() -> None:
    assert len(Template("{make} {model}").render({"make": "x" * 400, "model": "y"})) == 300


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{", "not closed"),
        ("}", "not closed"),
        ("{colr}", "no field called {colr}"),
        ("{Make}", "Write {make}"),
        ("{make!r}", "without anything behind"),
        ("{make:>500000000}", "without anything behind"),
        ("{make.__class__}", "no field called"),
        ("{make[0]}", "no field called"),
        ("{}", "names no field"),
        ("{0}", "no field called"),
        ("{description}", "no field called"),
        ("A nice car", "names no field"),
        ("{make}" * 50, "longer than 200"),
    ],
)
def test_a_bad_template_says_why(template: str, said: str) -> None:
    with pytest.raises(BadTemplate, match=said.replace("{", r"\{").replace("}", r"\}")):
        Template(template)


# -- Input -----------------------------------------------------------------------------------------


def test_checked_rules_survive_the_form() -> None:
    typed = Typed(
        {"colour": [(" WHTE ", "White"), ("Red", ""), ("Blue", "Blue"), ("", "")]},
        " {year}  {make} ",
        {"status": "In Stock", "is_drive_away": "no", "warranty": ""},
    )
    rules = checked(typed)
    assert rules.as_json() == {
        "values": {"colour": {"WHTE": "White"}},
        "title": "{year} {make}",
        "defaults": {"status": "In Stock", "is_drive_away": False},
    }
    assert checked(typed_of(rules)).as_json() == rules.as_json()


@pytest.mark.parametrize(
    ("typed", "key", "said"),
    [
        (Typed({"vin": [("a", "b")]}), "", "no value map for vin"),
        (Typed({"colour": [("", "White")]}), "shown_colour-0", "say which received value"),
        (Typed({"colour": [("a", "b"), ("A ", "c")]}), "shown_colour-1", "has two rules"),
        (Typed({"colour": [("a", "x" * 101)]}), "shown_colour-0", "at most 100"),
        (Typed({"gear_type": [("a", "x" * 201)]}), "shown_gear_type-0", "at most 200"),
        (Typed({"body": [("x" * 201, "a")]}), "shown_body-0", "at most 200"),
        (Typed({"kind": [("Z", "spaceship")]}), "shown_kind-0", "choose one of"),
        (Typed({"body": [(f"a{n}", "b") for n in range(501)]}), "", "more than 500"),
        (Typed(title="{nothing}"), "title", "no field called"),
        (Typed(defaults={"vin": "1"}), "", "cannot have a default"),
        (Typed(defaults={"unknown": "1"}), "", "cannot have a default"),
        (Typed(defaults={"is_drive_away": "maybe"}), "default_is_drive_away", "Yes or No"),
        (Typed(defaults={"kind": "spaceship"}), "default_kind", "choose one of"),
        (Typed(defaults={"status": "x" * 101}), "default_status", "at most 100"),
    ],
)
def test_what_cannot_be_saved(typed: Typed, key: str, said: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        checked(typed)
    assert said in refused.value.fields[key]


def test_changes_between_versions_are_told() -> None:
    before = Rules({"colour": {"WHTE": "White", "BLK": "Black"}}, "{make}", {"status": "Sold"})
    after = Rules({"colour": {"WHTE": "Cream"}, "body": {"S": "Sedan"}}, None, {"is_special": True})
    assert list(changes(before, after)) == [
        RuleChange("Body “S”", None, "Sedan"),
        RuleChange("Colour “BLK”", "Black", None),
        RuleChange("Colour “WHTE”", "White", "Cream"),
        RuleChange("Title", "{make}", None),
        RuleChange("On special, when not given", None, "Yes"),
        RuleChange("Status, when not given", "Sold", None),
    ]
    assert list(changes(after, after)) == []


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [
        ("colour", "GLACIER WHITE", True),
        ("colour", "Silver/Black", True),
        ("colour", "WHTE", False),
        ("body", "DOUBLE CAB P/UP", True),
        ("body", "4D WAGON", True),
        ("body", "4D WGN", False),
        ("fuel_type", "Petrol Unleaded ULP", True),
        ("fuel_type", "PTRL", False),
        ("gear_type", "10 SP SPORTS AUTOMATIC DUAL CLUTCH", True),
        ("gear_type", "6 SP", False),
        ("status", "in  stock", True),
        ("status", "Vaporised", False),
        ("kind", "car", True),
        ("kind", "Z", False),
        ("drive_train", "4X4", True),
        ("drive_train", "??", False),
        ("make", "ANYTHING", True),
    ],
)
def test_words_of_the_trade_raise_no_question(field: str, value: str, known: bool) -> None:
    assert is_known(field, value) is known
