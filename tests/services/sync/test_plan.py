"""The plan decides by three sides: agreed, here, there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.sync.guards import Limits, hold_removals
from app.services.sync.plan import Decision, Owner, Verb, decide

CASES = [
    ("no row here", None, None, {"p": 1}, Verb.CREATE, {"p": 1}),
    ("nobody changed it", {"p": 1}, {"p": 1}, {"p": 1}, Verb.SAME, {}),
    ("EasyCars changed it", {"p": 1}, {"p": 1}, {"p": 2}, Verb.UPDATE, {"p": 2}),
    ("EasyCars emptied it", {"p": 1}, {"p": 1}, {}, Verb.UPDATE, {"p": None}),
    ("EasyCars filled it", {}, {}, {"p": 1}, Verb.UPDATE, {"p": 1}),
    ("only we changed it", {"p": 1}, {"p": 9}, {"p": 1}, Verb.KEEP_LOCAL, {}),
    ("both changed it alike", {"p": 1}, {"p": 2}, {"p": 2}, Verb.SAME, {}),
    ("both changed it differently", {"p": 1}, {"p": 9}, {"p": 2}, Verb.CONFLICT, {}),
    ("gone there", {"p": 1}, {"p": 1}, None, Verb.MISSING, {"lifecycle": "missing"}),
]


@pytest.mark.parametrize(
    ("agreed", "local", "remote", "verb", "write"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_verb(agreed: dict, local: dict, remote: dict, verb: Verb, write: dict) -> None:
    decision = decide(agreed, local, remote)
    assert (decision.verb, decision.write) == (verb, write)


@pytest.mark.parametrize(
    ("owner", "verb", "write"),
    [
        (Owner.EASYCARS, Verb.UPDATE, {"p": 2}),
        (Owner.LOCAL, Verb.KEEP_LOCAL, {}),
        (Owner.ASK, Verb.CONFLICT, {}),
    ],
)
def test_policy_settles_what_both_changed(owner: Owner, verb: Verb, write: dict) -> None:
    decision = decide({"p": 1}, {"p": 9}, {"p": 2}, lambda name: owner)
    assert (decision.verb, decision.write) == (verb, write)


def test_conflict_in_one_field_lets_the_others_through() -> None:
    decision = decide({"p": 1, "c": "red"}, {"p": 9, "c": "red"}, {"p": 2, "c": "blue"})
    assert decision == Decision(
        Verb.CONFLICT,
        write={"c": "blue"},
        agreed={"p": 1, "c": "blue"},
        before={"c": "red"},
        after={"c": "blue"},
        conflicts=("p",),
        reason="Changed here and in EasyCars since the last sync.",
    )


def test_return_heals_and_takes_the_changes_along() -> None:
    local = {"p": 1, "lifecycle": "off_market"}
    decision = decide({"p": 1}, local, {"p": 2}, missing_runs=2)
    assert decision.verb is Verb.RESTORE
    assert decision.after == {"p": 2, "lifecycle": "listed"}
    assert decision.before == {"p": 1, "lifecycle": "off_market"}


values = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), max_size=4)
sides = st.one_of(st.none(), values)


@given(agreed=values, local=values, remote=sides, owner=st.sampled_from(Owner))
def test_plan_is_total_deterministic_and_loses_no_local_edit(
    agreed: dict, local: dict, remote: dict | None, owner: Owner
) -> None:
    first = decide(agreed, local, remote, lambda name: owner)
    assert first == decide(agreed, local, remote, lambda name: owner)
    if remote is None or owner is Owner.EASYCARS:
        return
    for name, value in local.items():
        edited_here = value != agreed.get(name)
        assert not edited_here or name not in first.write


@given(agreed=values, remote=values)
def test_after_applying_the_plan_the_next_one_has_nothing_to_do(agreed: dict, remote: dict) -> None:
    first = decide(agreed, agreed, remote)
    here = {k: v for k, v in (agreed | first.write).items() if v is not None}
    assert decide(first.agreed, here, remote).verb is Verb.SAME


@pytest.mark.parametrize(
    ("listed", "absent", "total", "unidentified", "changed", "held"),
    [
        (100, 0, 100, 0, False, False),
        (100, 10, 90, 0, False, False),
        (100, 20, 80, 0, False, False),
        (100, 21, 79, 0, False, True),
        (1000, 21, 979, 0, False, False),
        (3, 3, 0, 0, False, True),
        (100, 1, 99, 0, True, True),
        (100, 1, 100, 1, False, True),
        (0, 0, 0, 0, False, False),
    ],
)
def test_removal_guard(
    listed: int, absent: int, total: int, unidentified: int, changed: bool, held: bool
) -> None:
    reason = hold_removals(
        listed=listed,
        newly_absent=absent,
        feed_total=total,
        unidentified=unidentified,
        scope_changed=changed,
        limits=Limits(newest_year=2028),
    )
    assert (reason is not None) is held
