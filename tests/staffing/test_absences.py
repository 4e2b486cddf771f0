"""Absences laid over shifts, against a count minute by minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.staffing.absences import Absence, apply_absences
from geo_service.staffing.roster import Shift

DAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTES = 48


def at(minute: int) -> datetime:
    return DAY + timedelta(minutes=minute)


spans = st.tuples(st.integers(0, MINUTES - 1), st.integers(1, 20)).map(lambda x: (x[0], x[0] + x[1]))
posts = st.sampled_from([None, None, 7])


@st.composite
def shifts(draw: st.DrawFn) -> Shift:
    start, end = draw(spans)
    return Shift(at(start), at(end), draw(st.integers(1, 3)), draw(posts))


@st.composite
def absences(draw: st.DrawFn) -> Absence:
    start, end = draw(spans)
    who = draw(st.integers(1, 3))
    instead = draw(st.sampled_from([None, *({1, 2, 3} - {who})]))
    return Absence(who, at(start), at(end), instead, draw(posts))


def works(shift: Shift, away: list[Absence], minute: int) -> int | None:
    """Say who works a shift in a minute, from the words of the module alone."""
    moment = at(minute)
    if not shift.start <= moment < shift.end:
        return None
    holding = [
        a
        for a in away
        if a.responder_id == shift.responder_id
        and a.start <= moment < a.end
        and (a.post_id is None or a.post_id == shift.post_id)
    ]
    if not holding:
        return shift.responder_id
    first = min(holding, key=lambda a: (a.post_id is None, a.start))
    if first.substitute_id is None:
        return None
    on_leave = any(
        a.responder_id == first.substitute_id
        and a.substitute_id is None
        and a.start <= moment < a.end
        and (a.post_id is None or a.post_id == shift.post_id)
        for a in away
    )
    return None if on_leave else first.substitute_id


@settings(max_examples=200, deadline=None)
@given(st.lists(shifts(), max_size=4), st.lists(absences(), max_size=5))
def test_each_minute_is_worked_by_who_should(planned: list[Shift], away: list[Absence]) -> None:
    working = apply_absences(planned, away)
    for minute in range(MINUTES + 21):
        should = [(works(s, away, minute), s.post_id) for s in planned]
        does = [(s.responder_id, s.post_id) for s in working if s.covers(at(minute))]
        assert sorted(map(str, does)) == sorted(str(x) for x in should if x[0] is not None)


def test_two_exchange_the_same_day() -> None:
    planned = [Shift(at(0), at(20), 1), Shift(at(20), at(40), 2)]
    away = [Absence(1, at(0), at(48), 2), Absence(2, at(0), at(48), 1)]
    working = apply_absences(planned, away)
    assert [(s.responder_id, s.instead_of) for s in working] == [(2, 1), (1, 2)]
    assert [(s.start, s.end) for s in working] == [(at(0), at(20)), (at(20), at(40))]


def test_a_stand_in_on_leave_leaves_the_time_empty() -> None:
    away = [Absence(1, at(0), at(30), 2), Absence(2, at(10), at(20))]
    working = apply_absences([Shift(at(0), at(30), 1)], away)
    assert [(s.responder_id, s.start, s.end) for s in working] == [
        (2, at(0), at(10)),
        (2, at(20), at(30)),
    ]


def test_one_for_the_post_goes_before_one_for_everything() -> None:
    post = Shift(at(0), at(30), 1, post_id=7)
    away = [Absence(1, at(0), at(30)), Absence(1, at(0), at(30), 3, post_id=7)]
    assert [s.responder_id for s in apply_absences([post], away)] == [3]
