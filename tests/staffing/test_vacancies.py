"""Vacancies against a count of people in every minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.staffing.roster import Shift
from geo_service.staffing.vacancies import (
    Holding,
    Need,
    Opening,
    Presence,
    StaffedCell,
    by_hour,
    empty_posts,
    unmanned,
    vacancies,
)

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, tzinfo=ZONE)  # a Monday
HOURS = 36
STEP_MIN = 15  # everything below begins and ends on a quarter of an hour
CELLS = [StaffedCell(1, "grid", "regular", (9,)), StaffedCell(2, "grid", "dedicated", (9,))]
ROLES = ("guard", "police")


def at(quarter: int) -> datetime:
    return START + timedelta(minutes=STEP_MIN * quarter)


quarters = st.integers(-8, HOURS * 4 + 8)
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@st.composite
def needs(draw: st.DrawFn) -> Need:
    return Need(
        "n",
        "grid",
        draw(st.sampled_from([None, "regular", "dedicated"])),
        draw(st.sampled_from(ROLES)),
        draw(st.integers(1, 2)),
        frozenset(draw(st.sets(st.sampled_from([0, 1, 2, 6]), min_size=1))),
        draw(clocks),
        draw(clocks),
        draw(st.sampled_from(list(Presence))),
        draw(st.booleans()),
    )


@st.composite
def shifts(draw: st.DrawFn) -> Shift:
    start = draw(quarters)
    who = draw(st.integers(1, 3))
    instead_of = draw(st.sampled_from([None, None, *({1, 2, 3} - {who})]))
    end = start + draw(st.integers(1, 50))
    return Shift(at(start), at(end), who, instead_of=instead_of)


@st.composite
def holdings(draw: st.DrawFn) -> Holding:
    start = draw(st.none() | quarters)
    end = draw(st.none() | quarters)
    if start is not None and end is not None and end <= start:
        end = start + 1
    return Holding(
        draw(st.integers(1, 3)),
        draw(st.sampled_from([1, 2, 9])),
        draw(st.sampled_from(ROLES)),
        None if start is None else at(start),
        None if end is None else at(end),
    )


def asked(need: Need, moment: datetime) -> bool:
    """Whether the hours of a need hold a moment: those that began that day, or the evening before."""
    local = moment.astimezone(ZONE)
    for back in (0, 1):
        day: date = local.date() - timedelta(days=back)
        begin = datetime.combine(day, need.start, ZONE)
        end = datetime.combine(day + timedelta(days=need.end <= need.start), need.end, ZONE)
        if day.weekday() in need.weekdays and begin <= local < end:
            return True
    return False


def present(need: Need, cell: StaffedCell, held: list[Holding], on: list[Shift], moment: datetime) -> int:
    """Count who is there for a need in one moment."""
    places = {cell.id, *(cell.above if need.from_above else ())}
    holders = {
        h.responder_id
        for h in held
        if h.role == need.role
        and h.cell_id in places
        and (h.start is None or h.start <= moment)
        and (h.end is None or moment < h.end)
    }
    if need.presence is Presence.HELD:
        return len(holders)
    return len(
        {s.responder_id for s in on if s.covers(moment) and (s.instead_of or s.responder_id) in holders}
    )


@settings(max_examples=120, deadline=None)
@given(
    st.lists(needs(), min_size=1, max_size=3),
    st.lists(holdings(), max_size=6),
    st.lists(shifts(), max_size=6),
)
def test_vacancies_are_what_a_count_of_every_minute_says(
    asks: list[Need], held: list[Holding], on: list[Shift]
) -> None:
    found = vacancies(asks, CELLS, held, on, start=START, end=at(HOURS * 4))
    hourly = by_hour(found, START, HOURS)
    alone = unmanned(asks, CELLS, held, on, start=START, end=at(HOURS * 4))
    worst: dict[tuple[int, int], int] = {}
    for quarter in range(HOURS * 4):
        moment = at(quarter) + timedelta(minutes=7)
        for cell in CELLS:
            lacking = 0
            here = [
                present(n, cell, held, on, moment)
                for n in asks
                if n.cell_kind in {None, cell.kind} and n.presence is Presence.ON_DUTY
            ]
            must = any(
                asked(n, moment)
                for n in asks
                if n.cell_kind in {None, cell.kind} and n.presence is Presence.ON_DUTY
            )
            assert any(key == cell.id and a <= moment < b for key, a, b in alone) == (must and not any(here))
            for need in asks:
                if need.cell_kind not in {None, cell.kind}:
                    continue
                have = present(need, cell, held, on, moment)
                told = [
                    v for v in found if v.need is need and v.cell_id == cell.id and v.start <= moment < v.end
                ]
                if asked(need, moment) and have < need.count:
                    assert [v.have for v in told] == [have]
                    lacking += need.count - have
                else:
                    assert not told
            key = (cell.id, quarter // 4)
            worst[key] = max(worst.get(key, 0), lacking)
    for (cell_id, hour), lacking in worst.items():
        row = hourly.get(cell_id)
        assert (0 if row is None else int(row[hour])) == lacking


def test_spans_stay_within_what_was_asked_for_and_do_not_touch() -> None:
    need = Need("n", "grid", None, "guard", 1, frozenset(range(7)), time(0), time(0))
    found = vacancies([need], CELLS[:1], [], [], start=START, end=START + timedelta(days=7))
    assert [(v.start, v.end, v.have) for v in found] == [(START, START + timedelta(days=7), 0)]


def test_a_post_is_empty_from_its_lead_on() -> None:
    opens = datetime(2026, 3, 2, 7, 20, tzinfo=UTC)
    opening = Opening(5, opens - timedelta(minutes=10), opens, opens + timedelta(minutes=40))
    late = Shift(opens - timedelta(minutes=4), opens + timedelta(minutes=40), 1, post_id=5)
    elsewhere = Shift(opens - timedelta(hours=1), opens + timedelta(hours=2), 2)
    (empty,) = empty_posts([opening], [late, elsewhere])
    assert (empty.start, empty.end) == (opening.due, late.start)
    on_time = Shift(opening.due, opening.end, 1, post_id=5)
    assert empty_posts([opening], [on_time]) == []
    (whole,) = empty_posts([opening], [elsewhere])
    assert (whole.start, whole.end) == (opening.due, opening.end)
