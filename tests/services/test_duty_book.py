"""Who is on duty when, by arrays, against looking at each shift."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.services.duty_book import DutyBooks, Spans
from geo_service.staffing.roster import Shift
from geo_service.store.database import Database
from tests.services import desk_town

START = datetime(2026, 11, 22, tzinfo=UTC)
PEOPLE = 4


def moment(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@st.composite
def shifts(draw: st.DrawFn) -> list[Shift]:
    out = []
    for _ in range(draw(st.integers(0, 12))):
        start, long = draw(st.integers(0, 40)), draw(st.integers(1, 20))
        post = draw(st.sampled_from([None, None, 7]))
        out.append(Shift(moment(start), moment(start + long), draw(st.integers(1, PEOPLE)), post))
    return out


@given(shifts(), st.lists(st.integers(-2, 130), min_size=1, max_size=20))
def test_whoever_has_a_shift_is_on_duty(made: list[Shift], half_minutes: list[int]) -> None:
    spans = Spans.of(made, {key: key - 1 for key in range(1, PEOPLE)})  # one of them is not in the book
    joined = spans.joined()
    moments = [moment(half / 2) for half in half_minutes]
    for row in range(PEOPLE - 1):
        at_s = np.array([one.timestamp() for one in moments])
        span = joined.holding(np.full(len(at_s), row), at_s)
        mine = [one for one in made if one.responder_id == row + 1]
        assert (span >= 0).tolist() == [any(one.covers(at) for one in mine) for at in moments]
        for i in np.flatnonzero(span >= 0):
            end = datetime.fromtimestamp(joined.end_s[span[i]], UTC)
            # he is on at every moment up to then, and not at it
            assert not any(one.covers(end) for one in mine)
            until = moments[i]
            while (going := [one.end for one in mine if one.covers(until)]) and until < end:
                until = max(going)
            assert until == end


def test_shifts_that_touch_are_one_and_others_are_not_mixed_up() -> None:
    spans = Spans.of(
        [Shift(moment(10), moment(20), 1), Shift(moment(0), moment(10), 1), Shift(moment(15), moment(30), 2)],
        {1: 0, 2: 1},
    ).joined()
    assert spans.row.tolist() == [0, 1]
    assert (spans.end_s - spans.start_s).tolist() == [1200.0, 900.0]


@pytest.mark.postgis
def test_the_book_is_written_anew_when_the_roster_or_the_hour_changes(database: Database) -> None:
    now = [datetime.now(UTC).timestamp()]
    books = DutyBooks(database, clock=lambda: now[0])
    first = books.get()
    assert books.get() is first
    now[0] += 3400  # it knows an hour to come
    second = books.get()
    assert second is not first
    ids = desk_town.employ(database, [{"code": "a"}])
    desk_town.put_on_duty(database, list(ids.values()))
    books.forget()
    assert within_seconds(lambda: books.forget() or "a" in books.get().row_of_code)
    now[0] -= 7200  # a clock set back
    assert "a" in books.get().row_of_code
    desk_town.employ(database, [{"code": "b"}])
    now[0] -= 3600
    assert books.get().covers(now[0])


def within_seconds(holds: Callable[[], object], seconds: float = 40.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.2)
    return False


def test_an_empty_book_has_nobody_on_duty() -> None:
    nobody = Spans.of([], {}).joined()
    assert nobody.holding(np.array([0]), np.array([0.0])).tolist() == [-1]
