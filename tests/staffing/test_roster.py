"""Who is on duty when."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.roster import (
    SHANGHAI,
    RotaException,
    Shift,
    ShiftPattern,
    expand,
    on_duty,
    overlaps,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def shift(start: str, end: str, who: int = 1, post: int | None = None) -> Shift:
    return Shift(at(f"2026-03-{start}+08:00"), at(f"2026-03-{end}+08:00"), who, post)


def test_the_end_of_a_shift_is_not_part_of_it() -> None:
    shifts = [shift("02T08:00", "02T16:00", 1), shift("02T16:00", "03T00:00", 2)]
    for moment, who in [("07:59", []), ("08:00", [1]), ("15:59", [1]), ("16:00", [2]), ("23:59", [2])]:
        free, bound = on_duty(shifts, at(f"2026-03-02T{moment}+08:00"))
        assert [s.responder_id for s in free] == who
        assert bound == []


def test_posts_and_dispatches_bind() -> None:
    shifts = [
        shift("02T08:00", "02T16:00", 1),
        shift("02T08:00", "02T16:00", 2, 7),
        shift("02T08:00", "02T16:00", 3),
    ]
    free, bound = on_duty(shifts, at("2026-03-02T09:00+08:00"), dispatched=[3, 99])
    assert [s.responder_id for s in free] == [1]
    assert [s.responder_id for s in bound] == [2, 3]


def test_a_timed_post_within_a_shift_binds_for_its_time() -> None:
    shifts = [shift("02T07:30", "02T08:10", 1, 5), shift("02T07:00", "02T15:00", 1)]
    for moment, is_free in [("07:20", True), ("07:30", False), ("08:09", False), ("08:10", True)]:
        free, bound = on_duty(shifts, at(f"2026-03-02T{moment}+08:00"))
        assert (len(free), len(bound)) == ((1, 0) if is_free else (0, 1))


def test_moments_of_other_zones_are_the_same_moments() -> None:
    shifts = [shift("02T22:00", "03T06:00")]
    assert on_duty(shifts, at("2026-03-02T14:00+00:00"))[0]
    assert not on_duty(shifts, at("2026-03-02T22:00+00:00"))[0]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-02T08:00", "2026-03-02T16:00+08:00"),
        ("2026-03-02T08:00+08:00", "2026-03-02T16:00"),
        ("2026-03-02T08:00+08:00", "2026-03-02T08:00+08:00"),
        ("2026-03-02T08:00+08:00", "2026-03-02T00:00+00:00"),
    ],
)
def test_shifts_that_cannot_be_are_refused(start: str, end: str) -> None:
    with pytest.raises(InvalidInputError):
        Shift(at(start), at(end), 1)


def test_a_moment_needs_a_zone() -> None:
    with pytest.raises(InvalidInputError):
        on_duty([], at("2026-03-02T08:00"))
    with pytest.raises(InvalidInputError):
        expand([], at("2026-03-02T08:00"), at("2026-03-03T08:00+08:00"))


def test_overlaps_are_found_per_responder() -> None:
    long, inside, after, other = (
        shift("02T08:00", "02T20:00"),
        shift("02T09:00", "02T10:00"),
        shift("02T19:00", "02T23:00"),
        shift("02T08:00", "02T20:00", 2),
    )
    assert overlaps([after, other, inside, long]) == [(long, inside), (long, after)]
    assert overlaps([shift("02T08:00", "02T16:00"), shift("02T16:00", "02T18:00")]) == []


NIGHT = ShiftPattern(1, frozenset(range(5)), time(22), time(6))
DAY = ShiftPattern(2, frozenset(range(5)), time(8), time(17, 30))


def days(shifts: list[Shift]) -> list[str]:
    return [f"{s.start:%m-%d %H:%M}-{s.end:%m-%d %H:%M}" for s in shifts]


def test_a_week_of_day_shifts() -> None:
    # 2 March 2026 is a Monday
    shifts = expand([DAY], at("2026-03-02T00:00+08:00"), at("2026-03-09T00:00+08:00"))
    assert days(shifts) == [f"03-0{d} 08:00-03-0{d} 17:30" for d in range(2, 7)]
    assert all(s.start.utcoffset() == timedelta(hours=8) for s in shifts)


def test_a_night_shift_belongs_to_the_day_it_starts() -> None:
    shifts = expand([NIGHT], at("2026-03-07T03:00+08:00"), at("2026-03-09T23:00+08:00"))
    assert days(shifts) == ["03-06 22:00-03-07 06:00", "03-09 22:00-03-10 06:00"]
    assert expand([NIGHT], at("2026-03-07T06:00+08:00"), at("2026-03-09T22:00+08:00")) == []


def test_equal_times_are_a_whole_day() -> None:
    (only,) = expand(
        [ShiftPattern(1, frozenset({0}), time(8), time(8))],
        at("2026-03-02T00:00+08:00"),
        at("2026-03-08T00:00+08:00"),
    )
    assert only.end - only.start == timedelta(hours=24)


def test_holidays_and_exchanged_days() -> None:
    span = at("2026-03-02T00:00+08:00"), at("2026-03-09T00:00+08:00")
    exceptions = [
        RotaException(date(2026, 3, 3)),
        RotaException(date(2026, 3, 8), as_weekday=1),  # a Sunday worked as a Tuesday
        RotaException(date(2026, 3, 4), responder_id=2),
        RotaException(date(2026, 3, 3), as_weekday=1, responder_id=1),  # he works on the holiday
    ]
    shifts = expand([DAY, NIGHT], *span, exceptions=exceptions)
    assert [s.start.day for s in shifts if s.responder_id == 2] == [2, 5, 6, 8]
    assert [s.start.day for s in shifts if s.responder_id == 1] == [2, 3, 4, 5, 6, 8]


def test_rotas_of_several_weeks_and_with_an_end() -> None:
    pattern = ShiftPattern(
        1,
        frozenset({0}),
        time(8),
        time(16),
        every_weeks=2,
        first_week=date(2026, 3, 4),
        last=date(2026, 3, 31),
    )
    shifts = expand([pattern], at("2026-02-01T00:00+08:00"), at("2026-05-01T00:00+08:00"))
    assert [f"{s.start:%m-%d}" for s in shifts] == ["02-02", "02-16", "03-02", "03-16", "03-30"]
    late = ShiftPattern(1, frozenset({0}), time(8), time(16), first=date(2026, 3, 10))
    assert days(expand([late], at("2026-03-02T00:00+08:00"), at("2026-03-17T00:00+08:00"))) == [
        "03-16 08:00-03-16 16:00"
    ]


def test_a_change_of_the_clocks_keeps_local_times() -> None:
    # Lisbon: clocks go from 1:00 to 2:00 on 29 March 2026, and back at 2:00 on 25 October
    lisbon = ZoneInfo("Europe/Lisbon")
    night = ShiftPattern(1, frozenset({5}), time(22), time(6), zone=lisbon)
    (short,) = expand([night], at("2026-03-28T12:00+00:00"), at("2026-03-29T12:00+00:00"))
    assert short.end.timestamp() - short.start.timestamp() == 7 * 3600
    (long,) = expand([night], at("2026-10-24T12:00+00:00"), at("2026-10-25T12:00+00:00"))
    assert long.end.timestamp() - long.start.timestamp() == 9 * 3600
    swallowed = ShiftPattern(1, frozenset({6}), time(1, 10), time(1, 50), zone=lisbon)
    spring = expand([swallowed], at("2026-03-29T00:00+00:00"), at("2026-03-29T12:00+00:00"))
    assert all(s.end.astimezone(UTC) > s.start.astimezone(UTC) for s in spring)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekdays": frozenset()},
        {"weekdays": frozenset({7})},
        {"start": time(8, tzinfo=UTC)},
        {"every_weeks": 0},
        {"first": date(2026, 3, 2), "last": date(2026, 3, 1)},
    ],
)
def test_patterns_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidInputError):
        ShiftPattern(
            **{"responder_id": 1, "weekdays": frozenset({0}), "start": time(8), "end": time(16), **wrong}
        )


def test_spans_that_cannot_be_are_refused() -> None:
    for end in ("2026-03-01T00:00+08:00", "2046-03-01T00:00+08:00"):
        with pytest.raises(InvalidInputError):
            expand([DAY], at("2026-03-02T00:00+08:00"), at(end))


PATTERNS = st.lists(
    st.builds(
        ShiftPattern,
        responder_id=st.integers(1, 4),
        weekdays=st.frozensets(st.integers(0, 6), min_size=1),
        start=st.times().map(lambda t: t.replace(microsecond=0)),
        end=st.times().map(lambda t: t.replace(microsecond=0)),
        every_weeks=st.integers(1, 3),
    ),
    max_size=4,
)


@given(PATTERNS, st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(0, 400))  # noqa: DTZ001
def test_who_is_on_duty_does_not_depend_on_the_span_written_out(
    patterns: list[ShiftPattern], moment: datetime, hours: int
) -> None:
    now = moment.replace(tzinfo=SHANGHAI)
    near = expand(patterns, now, now + timedelta(seconds=1))
    wide = expand(patterns, now - timedelta(hours=hours), now + timedelta(hours=hours + 1))
    assert on_duty(near, now) == on_duty(wide, now)
    book = {
        p.responder_id
        for p in patterns
        for back in (0, 1)
        if p.on((now - timedelta(days=back)).date())
        for start in [datetime.combine((now - timedelta(days=back)).date(), p.start, SHANGHAI)]
        for length in [
            (datetime.combine(date(2000, 1, 2), p.end) - datetime.combine(date(2000, 1, 2), p.start))
            % timedelta(days=1)
            or timedelta(days=1)
        ]
        if start <= now < start + length
    }
    assert {s.responder_id for s in on_duty(near, now)[0]} == book


@pytest.mark.parametrize("year", [1, 9999])
def test_moments_beyond_the_calendar_are_refused(year: int) -> None:
    start = datetime(year, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidInputError, match="beyond the calendar"):
        expand([], start, start + timedelta(days=1))


def test_a_calendar_takes_days_off_and_puts_others_in_their_place() -> None:
    days = {date(2026, 3, 3): None, date(2026, 3, 7): 2}  # Tuesday off, Saturday as Wednesday
    school = ShiftPattern(1, frozenset({1, 2}), time(7), time(8), calendar=days)
    shifts = expand([school], at("2026-03-02T00:00+08:00"), at("2026-03-09T00:00+08:00"))
    assert [s.start.day for s in shifts] == [4, 7]


CALENDARS = [{}, {date(2026, 3, 3): None}, {date(2026, 3, 7): 1, date(2026, 3, 4): None}]


@st.composite
def many(draw: st.DrawFn) -> ShiftPattern:
    return ShiftPattern(
        draw(st.integers(1, 3)),
        frozenset(draw(st.sets(st.integers(0, 6), min_size=1))),
        draw(st.sampled_from([time(8), time(20)])),
        draw(st.sampled_from([time(8), time(17, 30)])),
        every_weeks=draw(st.integers(1, 2)),
        calendar=draw(st.sampled_from(CALENDARS)),
        zone=draw(st.sampled_from([SHANGHAI, ZoneInfo("Europe/Lisbon")])),
    )


@given(st.lists(many(), max_size=6), st.sets(st.tuples(st.sampled_from([1, 2, None]), st.integers(1, 9))))
def test_many_patterns_at_once_give_what_each_gives_alone(
    patterns: list[ShiftPattern], off: set[tuple[int | None, int]]
) -> None:
    start, end = at("2026-03-02T00:00+08:00"), at("2026-03-10T00:00+08:00")
    exceptions = [RotaException(date(2026, 3, day), None, who) for who, day in off]
    together = expand(patterns, start, end, exceptions=exceptions)
    alone = [shift for p in patterns for shift in expand([p], start, end, exceptions=exceptions)]
    assert sorted(map(repr, together)) == sorted(map(repr, alone))
