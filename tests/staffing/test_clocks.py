"""The response clocks against a count of seconds, one by one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.clocks import (
    FIVE_SIX_SEVEN,
    Clock,
    Phase,
    Standard,
    State,
    choose,
    clocks,
    next_due,
)
from geo_service.staffing.life import Life, Move, Pause, Status, advance

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def standard(**given: object) -> Standard:
    limits = {Phase.ARRIVE: 300, Phase.HANDLE: 3600, Phase.CLOSE: 25200}
    return Standard("s", "标准", "standard", limits, **given)  # type: ignore[arg-type]


def test_567_from_the_report() -> None:
    arrive, handle, close = clocks(Life(Status.REPORTED, T0), FIVE_SIX_SEVEN, later(100))
    assert (arrive.due_at, handle.due_at, close.due_at) == (later(300), later(3600), later(25200))
    assert (arrive.state, arrive.left_s) == (State.RUNNING, 200)
    assert next_due((arrive, handle, close)) == later(300)


@pytest.mark.parametrize(
    ("at_s", "state"),
    [(0, State.RUNNING), (239, State.RUNNING), (240, State.SOON), (300, State.SOON), (301, State.OVERDUE)],
)
def test_soon_and_overdue(at_s: float, state: State) -> None:
    assert clocks(Life(Status.DISPATCHED, T0), FIVE_SIX_SEVEN, later(at_s))[0].state is state


def test_met_and_missed_stay_as_they_were() -> None:
    life = Life(Status.ARRIVED, T0, arrived_at=later(299))
    assert clocks(life, FIVE_SIX_SEVEN, later(9999))[0].state is State.MET
    late = Life(Status.ARRIVED, T0, arrived_at=later(301))
    arrive = clocks(late, FIVE_SIX_SEVEN, later(9999))[0]
    assert (arrive.state, arrive.left_s) == (State.MISSED, -1)


def test_a_clock_that_starts_later_waits() -> None:
    ours = standard(start={Phase.ARRIVE: "dispatched"})
    arrive = clocks(Life(Status.ACCEPTED, T0), ours, later(1000))[0]
    assert (arrive.state, arrive.due_at) == (State.WAITING, None)
    sent = Life(Status.DISPATCHED, T0, dispatched_at=later(1000))
    assert clocks(sent, ours, later(1010))[0].due_at == later(1300)


def test_while_suspended_what_may_pause_stands_still() -> None:
    life = Life(Status.SUSPENDED, T0, pauses=(Pause(later(60), None),))
    arrive, handle, _ = clocks(life, FIVE_SIX_SEVEN, later(1000))
    assert arrive.state is State.OVERDUE
    assert (handle.state, handle.left_s, handle.due_at) == (State.PAUSED, 3540, None)
    going_on = Life(Status.ACCEPTED, T0, pauses=(Pause(later(60), later(1060)),))
    assert clocks(going_on, FIVE_SIX_SEVEN, later(1100))[1].due_at == later(4600)


def test_nobody_had_to_go_or_it_ended_otherwise() -> None:
    settled = Life(Status.HANDLED, T0, handled_at=later(30))
    assert [clock.state for clock in clocks(settled, FIVE_SIX_SEVEN, later(9999))] == [
        State.OFF,
        State.MET,
        State.RUNNING,
    ]
    void = Life(Status.VOID, T0)
    assert {clock.state for clock in clocks(void, FIVE_SIX_SEVEN, later(9999))} == {State.OFF}
    assert next_due(clocks(void, FIVE_SIX_SEVEN, later(9999))) is None


def test_the_most_specific_standard_holds() -> None:
    urgent, fire = standard(urgencies=("urgent",)), standard(categories=("fire",))
    here = standard(cells=("330102",), urgencies=("urgent",))
    every = [fire, here, urgent]
    assert choose(every, ["fire.smoke", "fire"], "urgent", ["330102"]) is fire
    assert choose(every, ["noise"], "urgent", ["330102"]) is here
    assert choose(every, ["noise"], "urgent", ["330103"]) is urgent
    assert choose(every, ["noise"], "normal", ["330102"]) is FIVE_SIX_SEVEN
    replaced = standard()
    assert choose([replaced], [], "normal", []) is replaced


def test_a_standard_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInputError) as refused:
        Standard("s", "标", "s", {Phase.ARRIVE: 0, Phase.HANDLE: 1}, start={Phase.ARRIVE: "arrived"})
    assert [fault.field for fault in refused.value.faults] == ["arrive_s", "close_s", "arrive_from"]


MOVES = st.lists(
    st.tuples(
        st.sampled_from([Move.ACCEPT, Move.DISPATCH, Move.ARRIVE, Move.SUSPEND, Move.RESUME, Move.HANDLE]),
        st.integers(0, 500),
    ),
    max_size=12,
)


@given(MOVES, st.integers(0, 500), st.sampled_from([None, "accepted", "dispatched"]))
def test_left_is_the_limit_less_the_seconds_that_ran(
    tried: list[tuple[Move, int]], more_s: int, start: str | None
) -> None:
    """Each second between start and reached (or now) counts, unless the incident was suspended in it."""
    ours = standard(start={Phase.HANDLE: start} if start else {})
    life, at_s, suspended = Life(Status.REPORTED, T0), 0, []
    for move, gap_s in tried:
        before = life.status
        try:
            life = advance(life, move, later(at_s + gap_s), reason="because")
        except Exception:  # noqa: BLE001 - what is refused leaves all as it was
            continue
        suspended += [before is Status.SUSPENDED] * gap_s
        at_s += gap_s
    suspended += [life.status is Status.SUSPENDED] * more_s
    handle: Clock = clocks(life, ours, later(at_s + more_s))[1]
    begin = {None: life.reported_at, "accepted": life.accepted_at, "dispatched": life.dispatched_at}[start]
    if begin is None or handle.state is State.OFF:
        return
    first, last = (begin - T0).seconds, ((life.handled_at or later(at_s + more_s)) - T0).seconds
    assert handle.left_s == 3600 - suspended[first:last].count(False)
