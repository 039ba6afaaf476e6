"""The plan decides by three sides: agreed, here, there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.sync.guards import Guards, Limits, hold_removals
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


def test_removed_reason_names_day_and_run() -> None:
    first = decide({"p": 1}, {"p": 1, "lifecycle": "listed"}, None, since="12 May (run 81)")
    assert first.life_reason == first.reason == "Not in the feed since 12 May (run 81)"
    assert (first.before, first.after) == ({"lifecycle": "listed"}, {"lifecycle": "missing"})


def life(agreed: str | None, local: str, remote: str | None, lifecycle: str = "listed") -> Decision:
    """The decision about a vehicle whose status alone matters; None: it has no status."""

    def side(status: str | None) -> dict[str, str]:
        return {"status": status} if status else {}

    return decide(side(agreed), side(local) | {"lifecycle": lifecycle}, side(remote), since="1 May")


LIVES = [
    ("status turns to sold", ("Available", "Available", "Sold"), "listed", "sold"),
    ("in any spelling", ("Available", "Available", " SOLD "), "listed", "sold"),
    ("sold while missing", ("Available", "Available", "Sold"), "missing", "sold"),
    ("status back heals", ("Sold", "Sold", "Available"), "sold", "listed"),
    ("status emptied heals", ("Sold", "Sold", None), "sold", "listed"),
    ("sold stays sold", ("Sold", "Sold", "Sold"), "sold", None),
    ("sold by hand stays sold", ("Available", "Available", "Available"), "sold", None),
    ("sold by hand, status changes", ("Available", "Available", "Arriving"), "sold", None),
    ("listed again by hand stays listed", ("Sold", "Sold", "Sold"), "listed", None),
    ("off market by hand stays so", ("Available", "Available", "Arriving"), "off_market", None),
    ("in conflict nothing moves", ("Available", "Reserved", "Sold"), "listed", None),
    ("set to sold here and there", ("Available", "Sold", "Sold"), "listed", "sold"),
]


@pytest.mark.parametrize(
    ("statuses", "before", "after"), [case[1:] for case in LIVES], ids=[case[0] for case in LIVES]
)
def test_life_cycle_follows_the_status(
    statuses: tuple[str, str, str], before: str, after: str | None
) -> None:
    decision = life(*statuses, lifecycle=before)
    assert decision.write.get("lifecycle") == after
    assert (decision.life_reason is not None) is (after is not None)
    if after is not None:
        assert decision.life_reason.endswith("since 1 May")
        assert decision.before["lifecycle"] == before


def test_new_vehicle_that_is_sold_starts_as_sold() -> None:
    decision = decide(None, None, {"status": "Sold"}, since="1 May (run 2)")
    assert decision.write == {"status": "Sold", "lifecycle": "sold"}
    assert decision.agreed == decision.after == {"status": "Sold"}
    assert decision.life_reason == "Sold in EasyCars since 1 May (run 2)"


GONE = [
    ("listed", 0, 2, "missing"),
    ("missing", 1, 2, "off_market"),
    ("missing", 1, 3, "missing"),
    ("missing", 2, 3, "off_market"),
    ("listed", 0, 1, "off_market"),
    ("sold", 0, 2, "sold"),
    ("sold", 1, 2, "sold"),
    ("off_market", 0, 2, "off_market"),
]


@pytest.mark.parametrize(("before", "runs", "limit", "after"), GONE)
def test_leaving_the_feed(before: str, runs: int, limit: int, after: str) -> None:
    local = {"p": 1, "lifecycle": before}
    decision = decide({"p": 1}, local, None, missing_runs=runs, missing_limit=limit)
    assert decision.verb is Verb.MISSING
    assert decision.write == ({"lifecycle": after} if after != before else {})
    assert decision.after == {"lifecycle": after}


@pytest.mark.parametrize(
    ("before", "status", "after"),
    [
        ("missing", "Available", "listed"),
        ("off_market", "Available", "listed"),
        ("sold", "Sold", None),
        ("sold", "Available", "listed"),
    ],
)
def test_coming_back(before: str, status: str, after: str | None) -> None:
    agreed = {"status": "Sold" if before == "sold" else "Available"}
    decision = decide(agreed, agreed | {"lifecycle": before}, {"status": status}, missing_runs=1)
    assert decision.write.get("lifecycle") == after
    assert decision.verb is (Verb.RESTORE if after else Verb.SAME)


@pytest.mark.parametrize(
    ("agreed", "local", "remote", "verb", "now_agreed"),
    [
        ({"p": 1}, {"p": 1}, {"p": 2}, Verb.KEEP_LOCAL, {"p": 2}),
        ({"p": 1}, {"p": 9}, {"p": 2}, Verb.KEEP_LOCAL, {"p": 2}),
        ({"p": 1}, {"p": 9}, {"p": 1}, Verb.KEEP_LOCAL, {"p": 1}),
        ({"p": 1}, {"p": 9}, {"p": 9}, Verb.SAME, {"p": 9}),
        ({"p": 1}, {"p": 1}, {}, Verb.KEEP_LOCAL, {}),
        ({"p": 1}, {}, {"p": 2}, Verb.KEEP_LOCAL, {"p": 2}),
    ],
)
@pytest.mark.parametrize("owner", list(Owner))
def test_locked_field_never_moves_and_agreed_follows(
    agreed: dict, local: dict, remote: dict, verb: Verb, now_agreed: dict, owner: Owner
) -> None:
    decision = decide(agreed, local, remote, lambda _: owner, locked=frozenset({"p"}))
    assert (decision.verb, decision.write, decision.agreed) == (verb, {}, now_agreed)
    assert decision.conflicts == ()


def test_locked_status_moves_no_life_cycle() -> None:
    decision = decide(
        {"status": "Available"},
        {"status": "Available", "lifecycle": "listed"},
        {"status": "Sold"},
        locked=frozenset({"status"}),
    )
    assert decision.write == {}
    assert decision.agreed == {"status": "Sold"}


@pytest.mark.parametrize(
    ("owner", "now_agreed"),
    [(Owner.EASYCARS, {"p": 2}), (Owner.LOCAL, {"p": 2}), (Owner.ASK, {"p": 1})],
)
def test_agreed_follows_what_is_settled(owner: Owner, now_agreed: dict) -> None:
    decision = decide({"p": 1}, {"p": 9}, {"p": 2}, lambda _: owner)
    assert decision.agreed == now_agreed


@pytest.mark.parametrize("remote", [None, {}, {"p": 2}])
def test_excluded_record_is_left_alone(remote: dict | None) -> None:
    decision = decide({"p": 1}, {"p": 9}, remote, excluded=True, missing_runs=1)
    assert (decision.verb, decision.write, decision.agreed) == (Verb.SAME, {}, {"p": 1})


def test_record_kept_outside_is_not_missing() -> None:
    gone = decide({"p": 1}, {"p": 1, "lifecycle": "listed"}, None, kept_outside=True)
    assert (gone.verb, gone.write) == (Verb.SAME, {})
    back = decide({"p": 1}, {"p": 1, "lifecycle": "listed"}, {"p": 2}, kept_outside=True)
    assert (back.verb, back.write) == (Verb.UPDATE, {"p": 2})


names = st.sampled_from(["a", "b", "c", "status"])
scalars = st.one_of(st.integers(0, 3), st.sampled_from(["Sold", "Available"]))
values = st.dictionaries(names, scalars, max_size=4)
sides = st.one_of(st.none(), values)
lives = st.sampled_from(["listed", "missing", "off_market", "sold"])
known = st.builds(lambda row, life: row | {"lifecycle": life}, values, lives)


@given(
    agreed=sides,
    local=st.one_of(st.none(), known),
    remote=sides,
    owners=st.dictionaries(names, st.sampled_from(Owner)),
    locked=st.frozensets(names),
    missing_runs=st.integers(0, 3),
    missing_limit=st.integers(1, 3),
    excluded=st.booleans(),
    kept_outside=st.booleans(),
)
def test_plan_is_total_deterministic_and_loses_no_local_edit(
    agreed: dict | None,
    local: dict | None,
    remote: dict | None,
    owners: dict,
    locked: frozenset,
    **rest: object,
) -> None:
    def owner(name: str) -> Owner:
        return owners.get(name, Owner.ASK)

    before = (dict(agreed or {}), dict(local or {}), dict(remote or {}))
    first = decide(agreed, local, remote, owner, locked=locked, **rest)
    assert first == decide(agreed, local, remote, owner, locked=locked, **rest)
    assert before == (dict(agreed or {}), dict(local or {}), dict(remote or {}))
    if rest["excluded"]:
        assert not first.write
    if agreed is None or local is None:
        return
    assert not locked & first.write.keys()
    assert not locked & set(first.conflicts)
    for name in first.write.keys() - {"lifecycle"}:
        edited_here = local.get(name) != agreed.get(name)
        assert not edited_here or owner(name) is Owner.EASYCARS
    assert first.write.get("lifecycle") != local["lifecycle"]


@given(agreed=values, remote=values, life=lives)
def test_after_applying_the_plan_the_next_one_has_nothing_to_do(
    agreed: dict, remote: dict, life: str
) -> None:
    first = decide(agreed, agreed | {"lifecycle": life}, remote)
    written = agreed | {"lifecycle": life} | first.write
    here = {k: v for k, v in written.items() if v is not None}
    assert decide(first.agreed, here, remote).verb is Verb.SAME


@given(agreed=values, local=known, remote=values, locked=st.frozensets(names))
def test_settled_differences_are_not_asked_again(
    agreed: dict, local: dict, remote: dict, locked: frozenset
) -> None:
    """Our value stays and agreed is the feed's: a kept hold, a resolved conflict, an owner."""
    first = decide(agreed, local, remote, lambda _: Owner.LOCAL, locked=locked)
    here = {k: v for k, v in (local | first.write).items() if v is not None}
    again = decide(first.agreed, here, remote, locked=locked)
    assert again.verb in (Verb.SAME, Verb.KEEP_LOCAL)


@pytest.mark.parametrize(
    ("listed", "absent", "total", "unidentified", "changed", "foreign", "held"),
    [
        (100, 0, 100, 0, False, 0, False),
        (100, 10, 90, 0, False, 0, False),
        (100, 20, 80, 0, False, 0, False),
        (100, 21, 79, 0, False, 0, True),
        (1000, 21, 979, 0, False, 0, False),
        (3, 3, 0, 0, False, 0, True),
        (100, 1, 99, 0, True, 0, True),
        (100, 1, 100, 1, False, 0, True),
        (100, 1, 100, 0, False, 1, True),
        (100, 0, 100, 1, True, 9, False),
        (0, 0, 0, 0, False, 0, False),
    ],
)
def test_removal_guard(
    listed: int,
    absent: int,
    total: int,
    unidentified: int,
    changed: bool,
    foreign: int,
    held: bool,
) -> None:
    reason = hold_removals(
        listed=listed,
        newly_absent=absent,
        feed_total=total,
        unidentified=unidentified,
        scope_changed=changed,
        limits=Limits(newest_year=2028),
        foreign=foreign,
    )
    assert (reason is not None) is held


@pytest.mark.parametrize(
    ("limits", "held"),
    [
        (Limits(2028, removals_count=30), False),
        (Limits(2028, removals_share=0.5), False),
        (Limits(2028, removals_count=20, removals_share=0.2), True),
        (Limits(2028, removals_count=0, removals_share=0.0), True),
    ],
)
def test_removal_guard_obeys_the_dealerships_limits(limits: Limits, held: bool) -> None:
    reason = hold_removals(
        listed=100,
        newly_absent=25,
        feed_total=75,
        unidentified=0,
        scope_changed=False,
        limits=limits,
    )
    assert (reason is not None) is held


def test_removal_guard_tells_every_reason() -> None:
    reason = hold_removals(
        listed=100,
        newly_absent=100,
        feed_total=0,
        unidentified=0,
        scope_changed=True,
        limits=Limits(2028),
    )
    for part in ("changed since the last sync", "empty list", "100 of 100 vehicles"):
        assert part in reason


OLD = {"price_cents": 3_000_000, "odometer": 50_000, "year": 2020}
ODD = {"price_cents": 1_000_000, "odometer": 5_000, "year": 20}


def judged(local: dict, remote: dict, approved: dict | None = None) -> Decision:
    guards = Guards(Limits(2028), {"S1": approved} if approved is not None else {})
    return guards.judge("S1", decide(local, local, remote), local)


def test_held_record_tells_every_reason() -> None:
    decision = judged(OLD, ODD)
    assert decision.verb is Verb.HOLD
    assert decision.write == {}
    assert decision.after == ODD
    for part in ("price would fall by 67 %", "odometer would fall", "Impossible year 20"):
        assert part in decision.reason


@pytest.mark.parametrize(
    ("approved", "verb"),
    [(ODD, Verb.UPDATE), (ODD | {"price_cents": 1_000_001}, Verb.HOLD), ({}, Verb.HOLD)],
)
def test_only_exactly_what_was_shown_is_approved(approved: dict, verb: Verb) -> None:
    assert judged(OLD, ODD, approved).verb is verb


def test_kept_value_is_not_held_again_until_the_feed_changes() -> None:
    """Keeping ours means: agreed is what the feed said; local stays."""
    guards = Guards(Limits(2028))
    assert guards.judge("S1", decide(ODD, OLD, ODD), OLD).verb is Verb.KEEP_LOCAL
    worse = ODD | {"price_cents": 900_000}
    assert decide(ODD, OLD, worse).conflicts == ("price_cents",)


@pytest.mark.parametrize(
    ("approved", "goes"),
    [
        ({"lifecycle": "missing"}, True),
        ({"lifecycle": "off_market"}, True),
        ({"lifecycle": "listed"}, False),
        ({"lifecycle": "missing", "price_cents": 1}, False),
        ({"price_cents": 1}, False),
    ],
)
def test_approval_of_a_removal_is_for_a_removal(approved: dict, goes: bool) -> None:
    assert Guards(Limits(2028), {"S1": approved}).lets_go("S1") is goes
    assert not Guards(Limits(2028), {"S1": approved}).lets_go("S2")
