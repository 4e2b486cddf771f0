"""Causes of breaches agree with a slow simulation, second by second."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.staffing.attainment import UNATTAINABLE, Cause, Options, Sent, judge

DUE = 300


def options(rows: list[tuple[int, int | None]]) -> Options:
    leaves = [np.inf if leave is None else float(leave) for leave, _ in rows]
    travel = [np.inf if way is None else float(way) for _, way in rows]
    return Options(np.arange(len(rows)), np.array(leaves), np.array(travel))


def walks(rows: list[tuple[int, int | None]], begin: int) -> tuple[int | None, bool]:
    """Let everybody walk as soon as he can, second by second; who is there by when, and can anybody leave."""
    left = {who: way for who, (_, way) in enumerate(rows)}
    leaves = False
    for now in range(begin, DUE + 1):
        for who, (leave, _) in enumerate(rows):
            if now < leave:
                continue
            leaves = True
            ahead = left[who]
            if ahead is None:
                continue
            if ahead == 0:
                return now, leaves
            left[who] = ahead - 1
    return None, leaves


PEOPLE = st.lists(
    st.tuples(st.integers(0, 400), st.one_of(st.none(), st.integers(0, 400))), min_size=0, max_size=5
)


@settings(max_examples=150, deadline=None)
@given(
    start=PEOPLE, sending=PEOPLE, sent_at=st.one_of(st.none(), st.integers(0, 400)), way=st.integers(0, 400)
)
def test_as_a_simulation_finds_it(
    start: list[tuple[int, int | None]],
    sending: list[tuple[int, int | None]],
    sent_at: int | None,
    way: int,
) -> None:
    sent, later = None, None
    if sent_at is not None:
        sending = [(max(sent_at, leave), ahead) for leave, ahead in sending] + [(sent_at, way)]
        sent, later = Sent(len(sending) - 1, sent_at, way), options(sending)
    verdict = judge(DUE, options(start), sent, later, margin_s=15)
    in_time, somebody = walks(start, 0)
    if in_time is None:
        want = Cause.TOO_FAR if somebody else Cause.NOBODY_ON_DUTY
    elif sent_at is None or sent_at > DUE:
        want = Cause.NOT_SENT
    elif walks([(sent_at, way)], sent_at)[0] is not None:
        want = Cause.SLOWER_THAN_ROADS
    else:
        another = walks(sending, sent_at)[0]
        far = another is not None and sent_at + way - another > 15
        want = Cause.WRONG_ONE_SENT if far else Cause.SENT_TOO_LATE
    assert verdict.cause is want
    assert verdict.attainable == (want not in UNATTAINABLE) == (in_time is not None)
    assert in_time is None or verdict.best_there_s == in_time


def test_of_equals_the_smaller_number_and_nobody_without_a_way() -> None:
    both = Options(np.array([7, 3]), np.array([0.0, 10.0]), np.array([50.0, 40.0]))
    assert both.soonest() == (3, 50.0)
    nowhere = Options(np.array([1]), np.array([0.0]), np.array([np.inf]))
    assert nowhere.soonest() == (-1, np.inf)
    assert judge(DUE, nowhere, None, None).cause is Cause.TOO_FAR


def test_a_way_that_is_not_known_is_no_excuse_for_the_roads() -> None:
    near = Options(np.array([0]), np.array([0.0]), np.array([100.0]))
    assert judge(DUE, near, Sent(1, 20.0, float("nan")), near).cause is Cause.WRONG_ONE_SENT
