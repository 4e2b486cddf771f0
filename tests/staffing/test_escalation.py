"""The ladder: who is called next, when, and what a card may be told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.staffing.clocks import Phase
from geo_service.staffing.escalation import (
    DEFAULT,
    OVER,
    Act,
    Called,
    Colour,
    Rules,
    Rung,
    Stage,
    Step,
    after_act,
    climbs_at,
    next_call,
    rung_objects,
    rungs_from,
)

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
WAY = [
    Step(1, "micro_grid", frozenset()),
    Step(2, "grid", frozenset({"grid_lead", "grid_worker"})),
    Step(3, "community", frozenset()),
    Step(4, "township", frozenset({"chief"})),
    Step(5, "county", frozenset({"duty_officer"})),
]


def test_each_rung_calls_the_next_cell_upwards_that_somebody_holds() -> None:
    rungs = [Rung(), Rung(), Rung(), Rung()]
    steps, rung, above = [], 0, -1
    while (called := next_call(rungs, WAY, rung=rung, above=above)) is not None:
        steps.append(WAY[called.step].cell_id)
        rung, above = called.rung + 1, called.step
    assert steps == [2, 4, 5]


def test_a_level_and_roles_say_exactly_who_and_a_rung_without_anybody_is_passed_over() -> None:
    assert next_call([Rung("community"), Rung("county")], WAY, rung=0) == Called(1, 4)
    assert next_call([Rung(roles=("chief",))], WAY, rung=0) == Called(0, 3)
    assert next_call([Rung("grid", ("chief",))], WAY, rung=0) is None
    assert next_call([Rung()], [], rung=0) is None
    assert next_call([Rung()], WAY, rung=1) is None


@given(
    way=st.lists(st.sampled_from(["", "a", "b", "ab"]), max_size=6),
    rungs=st.lists(st.tuples(st.sampled_from(["", "L0", "L2"]), st.sampled_from(["", "a", "b"])), max_size=4),
    first=st.integers(0, 4),
    above=st.integers(-1, 5),
)
def test_as_said_by_a_search_of_all_pairs(
    way: list[str], rungs: list[tuple[str, str]], first: int, above: int
) -> None:
    steps = [Step(i, f"L{i}", frozenset(held)) for i, held in enumerate(way)]
    ladder = [Rung(level, tuple(role)) for level, role in rungs]
    fitting = [
        (number, at)
        for number, (level, role) in enumerate(rungs)
        for at, held in enumerate(way)
        if number >= first and held and (not role or role in held)
        and (f"L{at}" == level if level else at > above)
    ]  # fmt: skip
    found = next_call(ladder, steps, rung=first, above=above)
    assert (None if found is None else (found.rung, found.step)) == min(fitting, default=None)


def test_acknowledged_and_arrived_and_answered_and_never_backwards() -> None:
    stage = Stage.CALLED
    for act, to in ((Act.ACKNOWLEDGE, "acknowledged"), (Act.ARRIVE, "arrived"), (Act.ANSWER, "answered")):
        stage = after_act(stage, act)
        assert stage == to
    for stage in OVER:
        for act in Act:
            with pytest.raises(ConflictError):
                after_act(stage, act)
    with pytest.raises(ConflictError):
        after_act(Stage.ARRIVED, Act.ACKNOWLEDGE)


def test_a_card_waits_for_the_ear_then_a_day_for_the_answer() -> None:
    rung = Rung(after_s=120)
    day = timedelta(hours=24)

    def card(stage: Stage) -> datetime | None:
        return climbs_at(stage, rung, NOW, request_s=86400, by_hand=False)

    assert card(Stage.CALLED) == NOW + timedelta(seconds=120)
    assert card(Stage.ACKNOWLEDGED) == NOW + day
    assert card(Stage.ANSWERED) is None
    assert climbs_at(Stage.CALLED, rung, NOW, request_s=86400, by_hand=True) == NOW + day


def test_rules_are_data_and_come_back_as_they_were() -> None:
    given_ = {"cards": {"arrive": {"yellow": [], "red": [{"level": "grid", "after_s": 5}]}}, "request_s": 60}
    rules = Rules.from_mapping(given_)
    assert rules.cards[Phase.ARRIVE, Colour.YELLOW] == ()
    assert rules.cards[Phase.ARRIVE, Colour.RED] == (Rung("grid", (), 5),)
    assert rules.cards[Phase.CLOSE, Colour.RED] == DEFAULT.cards[Phase.CLOSE, Colour.RED]
    assert Rules.from_mapping(rules.as_mapping()) == rules
    assert rungs_from(rung_objects(rules.whistle)) == rules.whistle
    assert Rules.from_mapping({}) == DEFAULT


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"colour": 1}, "colour"),
        ({"request_s": 0}, "request_s"),
        ({"request_s": True}, "request_s"),
        ({"whistle": {}}, "whistle"),
        ({"whistle": [{}] * 13}, "whistle"),
        ({"whistle": [{"after": 1}]}, "whistle[0]"),
        ({"whistle": [{"after_s": 0.5}]}, "whistle[0].after_s"),
        ({"whistle": [{"roles": "chief"}]}, "whistle[0].roles"),
        ({"whistle": [{"level": 3}]}, "whistle[0].level"),
        ({"cards": {"sleep": {}}}, "cards"),
        ({"cards": {"arrive": {"green": []}}}, "cards.arrive.green"),
        ({"cards": 3}, "cards"),
    ],
)
def test_rules_that_cannot_be_are_refused_with_their_place(given_: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        Rules.from_mapping(given_)
    assert raised.value.faults[0].field == field
