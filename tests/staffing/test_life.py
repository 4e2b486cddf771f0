"""The state machine of incidents: what is possible, what is refused, what is kept."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.staffing.life import ENDED, RULES, WORDS_ZH, Life, Move, Status, advance, moves_from

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return T0 + timedelta(minutes=count)


def lived(*moves: tuple[Move, float]) -> Life:
    life = Life(Status.REPORTED, T0)
    for move, at_min in moves:
        life = advance(life, move, minutes(at_min), reason="because")
    return life


USUAL = ((Move.ACCEPT, 1), (Move.DISPATCH, 2), (Move.ARRIVE, 5), (Move.HANDLE, 40), (Move.CLOSE, 60))


def test_the_usual_way() -> None:
    life = lived(*USUAL)
    assert life.status is Status.CLOSED
    assert not life.is_open
    found = (life.accepted_at, life.dispatched_at, life.arrived_at, life.handled_at, life.closed_at)
    assert found == tuple(minutes(at) for _, at in USUAL)


def test_an_illegal_move_says_what_is_possible() -> None:
    with pytest.raises(ConflictError, match="reported cannot take the move arrive; it can: accept, return"):
        lived((Move.ARRIVE, 1))


@pytest.mark.parametrize("move", [move for move in Move if RULES[move].needs_reason])
def test_a_reason_is_asked_for(move: Move) -> None:
    status = min(RULES[move].sources - {Status.SUSPENDED})
    with pytest.raises(InvalidInputError, match="reason"):
        advance(Life(status, T0), move, minutes(1), reason="  ")


def test_nothing_happens_before_what_happened() -> None:
    life = lived((Move.ACCEPT, 3))
    with pytest.raises(InvalidInputError, match="not before 2026-03-02T08:03"):
        advance(life, Move.DISPATCH, minutes(2))
    with pytest.raises(InvalidInputError, match="offset"):
        advance(life, Move.DISPATCH, minutes(4).replace(tzinfo=None))


def test_what_was_suspended_goes_on_where_it_was() -> None:
    life = lived(*USUAL[:3], (Move.SUSPEND, 10), (Move.RESUME, 25))
    assert life.status is Status.ARRIVED
    assert [(pause.start, pause.end) for pause in life.pauses] == [(minutes(10), minutes(25))]


def test_ending_a_suspended_one_ends_its_pause() -> None:
    life = lived(*USUAL[:1], (Move.SUSPEND, 10), (Move.TRANSFER, 25))
    assert life.status is Status.TRANSFERRED
    assert life.pauses[-1].end == minutes(25)


def test_first_arrival_and_last_closing_count() -> None:
    again = ((Move.REOPEN, 70), (Move.DISPATCH, 71), (Move.ARRIVE, 75), (Move.HANDLE, 90), (Move.CLOSE, 95))
    life = lived(*USUAL, *again)
    assert (life.dispatched_at, life.arrived_at) == (minutes(2), minutes(5))
    assert (life.handled_at, life.closed_at) == (minutes(90), minutes(95))


def test_reopened_is_not_closed() -> None:
    life = lived(*USUAL, (Move.REOPEN, 70))
    assert life.is_open
    assert life.closed_at is None
    assert life.handled_at is None


def test_every_status_and_move_has_a_chinese_word() -> None:
    assert set(WORDS_ZH) == {*Status, *Move}


@given(st.lists(st.tuples(st.sampled_from(Move), st.integers(0, 600)), max_size=30))
def test_any_order_of_moves_keeps_the_life_in_order(tried: list[tuple[Move, int]]) -> None:
    life, at = Life(Status.REPORTED, T0), T0
    for move, later_s in tried:
        at += timedelta(seconds=later_s)
        if move not in moves_from(life.status):
            with pytest.raises(ConflictError):
                advance(life, move, at, reason="because")
            continue
        life = advance(life, move, at, reason="because")
        assert life.last_at == at
        assert (life.closed_at is not None) == (life.status is Status.CLOSED)
        assert (life.suspended_from is not None) == (life.status is Status.SUSPENDED)
        assert [p for p in life.pauses if p.end is None] == list(life.pauses[-1:]) * (
            life.status is Status.SUSPENDED
        )
        for one, following in pairwise(life.pauses):
            assert one.end is not None
            assert one.end <= following.start
        assert moves_from(life.status), "there is always a way on"
        assert life.is_open == (life.status not in ENDED)
