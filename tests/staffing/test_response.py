"""Mean, median and P90 by group agree with pandas; what is met agrees with the clocks themselves."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from geo_service.staffing.clocks import FIVE_SIX_SEVEN, Phase, State, clocks
from geo_service.staffing.life import Life, Status
from geo_service.staffing.response import NEVER, _within_groups, met, seconds_between, summarise

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.one_of(st.none(), st.floats(0, 1e6, allow_nan=False))), max_size=60
    )
)
def test_as_pandas_says(rows: list[tuple[int, float | None]]) -> None:
    group = np.array([one[0] for one in rows], np.int64)
    values = np.array([np.nan if one[1] is None else one[1] for one in rows], np.float64)
    told = summarise(group, values, 6)
    by = pd.Series(values).groupby(group)
    for ours, theirs in (
        (told.mean, by.mean()),
        (told.median, by.median()),
        (told.p90, by.quantile(0.9)),
    ):
        np.testing.assert_allclose(ours, theirs.reindex(range(6)).to_numpy(dtype=float), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(told.n, by.count().reindex(range(6), fill_value=0))


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**12)), max_size=60),
    n_groups=st.sampled_from([5, 2**30]),
)
def test_whole_microseconds_are_sorted_as_pairs_are(rows: list[tuple[int, int]], n_groups: int) -> None:
    """The quick way, and where group and value do not fit one integer the plain one."""
    group = np.array([one[0] * (n_groups // 5) for one in rows], np.int64)
    values = np.array([one[1] for one in rows], np.float64) / 1e6
    want = values[np.lexsort((values, group))]
    np.testing.assert_array_equal(_within_groups(group, values), want)


@given(reached=st.one_of(st.none(), st.integers(0, 900)), now=st.integers(0, 900))
def test_met_is_what_the_clock_says(reached: int | None, now: int) -> None:
    if reached is not None and reached > now:
        reached = None
    at = None if reached is None else T0 + timedelta(seconds=reached)
    status = Status.REPORTED if at is None else Status.ARRIVED
    life = Life(status, T0, arrived_at=at)
    clock = clocks(life, FIVE_SIX_SEVEN, T0 + timedelta(seconds=now))[0]
    want = {State.MET: 1, State.MISSED: 0, State.OVERDUE: 0}.get(clock.state, -1)

    def us(moment: datetime | None) -> np.ndarray:
        return np.array([NEVER if moment is None else round(moment.timestamp() * 1e6)])

    due = None if at is not None else clock.due_at
    limit = np.array([FIVE_SIX_SEVEN.limit_s[Phase.ARRIVE]])
    now_us = int(us(T0 + timedelta(seconds=now))[0])
    assert met(us(T0), us(at), us(due), limit, now_us)[0] == want


def test_what_never_came_took_no_time() -> None:
    start = np.array([0, NEVER, 5_000_000])
    end = np.array([1_500_000, 3, NEVER])
    np.testing.assert_array_equal(seconds_between(start, end), [1.5, np.nan, np.nan])
