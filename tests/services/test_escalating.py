"""Cards and whistles in a database: each once, up the ladder, acknowledged, answered, lifted."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from geo_service.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from geo_service.services import catalogue, correcting, handling
from geo_service.services.correcting import Asked
from geo_service.services.duty_book import DutyBooks
from geo_service.services.escalating import Escalation, set_rules, shown
from geo_service.services.tiling import Tilings
from geo_service.staffing.clocks import FIVE_SIX_SEVEN, Phase, clocks, standard_from, standard_object
from geo_service.staffing.escalation import Act
from geo_service.staffing.life import Move, Status, moves_from
from geo_service.store import boundaries, escalations, lives, queue, staffing
from geo_service.store.database import Database
from geo_service.store.watch import all_again
from tests.forked import FORKS
from tests.postgis import TestServer
from tests.services import desk_town, endless_watch

pytestmark = pytest.mark.postgis
NUMBERS = count()


@pytest.fixture(scope="module")
def place(postgis: TestServer) -> Iterator[tuple[Database, Tilings]]:
    """A town in which grid c00r00 and its community row00 are held, and row01."""
    with postgis.fresh() as made:
        tilings = desk_town.build(made)
        rows = [("lead", "grid", "c00r00"), ("chief", "community", "row00"), ("other", "community", "row01")]
        people = pd.DataFrame(
            [
                {
                    "code": code,
                    "name": f"name {code}",
                    "role": "grid_lead" if level == "grid" else "chief",
                    "mode": "walk",
                    "lon": float("nan"),
                    "lat": float("nan"),
                    "capabilities": [],
                    "phone": "",
                    "home_level": level,
                    "home_cell_code": cell,
                }
                for code, level, cell in rows
            ]
        )
        with made.writing() as connection:
            staffing.upsert_responders(connection, people, boundaries.moment(connection) - timedelta(days=2))
            ids = staffing.responder_ids(connection)
        desk_town.put_on_duty(made, [ids["lead"]])
        yield made, tilings


@pytest.fixture
def database(place: tuple[Database, Tilings]) -> Database:
    """Nothing waits yet."""
    with place[0].writing() as connection:
        connection.exec_driver_sql("update incident_life set status = 'void', next_due_at = null,"
            " arrive_due_at = null, handle_due_at = null, close_due_at = null, closed_at = null,"
            " suspended_from = null, watch_at = null")  # fmt: skip
        connection.exec_driver_sql("update escalation set stage = 'lifted', climbs_at = null")
        connection.exec_driver_sql("delete from outbox")
    return place[0]


@pytest.fixture
def watch(place: tuple[Database, Tilings]) -> Escalation:
    return Escalation(*place, DutyBooks(place[0]))


def waiting(database: Database, tilings: Tilings, age_s: float, **given: Any) -> UUID:
    """Report an incident, as if so many seconds ago."""
    key = desk_town.report(database, tilings, f"{next(NUMBERS)}", **given)
    ago(database, key, age_s)
    return key


def ago(database: Database, key: UUID, age_s: float) -> None:
    """Put a life back in time, with everything in it."""
    columns = ("reported_at", "accepted_at", "dispatched_at", "arrived_at", "handled_at", "last_at",
        "arrive_due_at", "handle_due_at", "close_due_at", "next_due_at", "watch_at")  # fmt: skip
    with database.writing() as connection:
        moved = ", ".join(f"{name} = {name} - make_interval(secs => :age)" for name in columns)
        connection.execute(
            text(f"update incident_life set {moved} where incident_id = :key"), {"age": age_s, "key": key}
        )


def of(database: Database, key: UUID) -> list[dict[str, Any]]:
    with database.reading() as connection:
        found = escalations.page(connection, limit=50, incident_id=key)[::-1]
        lines = escalations.lines(connection, [one["id"] for one in found])
        return [shown(one, lines[one["id"]]) for one in found]


def later(database: Database, key: int, seconds: float) -> None:
    """Let time pass for an escalation."""
    with database.writing() as connection:
        connection.execute(
            text("update escalation set climbs_at = climbs_at - make_interval(secs => :s) where id = :key"),
            {"s": seconds, "key": key},
        )


def topics(database: Database) -> list[str]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "select topic from outbox where topic like 'escalation%%' order by seq"
        )
        return list(rows.scalars())


def run_dry(watch: Escalation) -> int:
    total, more = 0, True
    while more:
        done, more = watch.look()
        total += done
    return total


def test_yellow_when_soon_red_when_overdue_and_each_once(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    key = waiting(database, place[1], 0)
    assert run_dry(watch) == 0
    ago(database, key, 241)
    run_dry(watch)
    (yellow,) = of(database, key)
    assert (yellow["phase"], yellow["colour"], yellow["stage"]) == ("arrive", "yellow", "called")
    assert [(one["responder"], one["on_duty"]) for one in yellow["called"]] == [("lead", True)]
    assert run_dry(watch) == 0
    ago(database, key, 60)
    run_dry(watch)
    yellow, red = of(database, key)
    assert (yellow["stage"], red["colour"], red["stage"]) == ("lifted", "red", "called")
    assert topics(database) == [
        "escalation.issued", "escalation.called", "escalation.issued", "escalation.called",
        "escalation.lifted",
    ]  # fmt: skip


def test_unheard_it_climbs_heard_it_waits_a_day_answered_it_is_over(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    key = waiting(database, place[1], 301)
    run_dry(watch)
    (card,) = of(database, key)
    assert card["cell_code"] == "c00r00"
    later(database, card["id"], 121)
    run_dry(watch)
    (card,) = of(database, key)
    assert (card["rung"], card["cell_code"]) == (1, "row00")
    assert [(one["responder"], one["on_duty"]) for one in card["called"]] == [("chief", False)]
    watch.act(card["id"], Act.ACKNOWLEDGE, who="desk", request_key="k")
    watch.act(card["id"], Act.ACKNOWLEDGE, who="desk", request_key="k")
    with pytest.raises(ConflictError):
        watch.act(card["id"], Act.ACKNOWLEDGE, who="desk")
    (card,) = of(database, key)
    left = card["climbs_at"] - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    with pytest.raises(ForbiddenError):
        watch.act(card["id"], Act.ARRIVE, who="k", own_only=True, responder={"responder": "x", "name": "x"})
    chief = {"responder": "chief", "name": "name chief"}
    watch.act(card["id"], Act.ARRIVE, who="k", own_only=True, responder=chief)
    later(database, card["id"], 86_401)
    run_dry(watch)  # nobody stands above: the card stays, and climbs no more
    (card,) = of(database, key)
    assert (card["stage"], card["climbs_at"]) == ("arrived", None)
    watch.act(card["id"], Act.ANSWER, who="k", words="done", responder=chief)
    (card,) = of(database, key)
    assert [line["what"] for line in card["lines"]] == [
        "issue", "call", "call", "acknowledge", "arrive", "answer",
    ]  # fmt: skip
    assert card["arrived_at"] is not None
    assert run_dry(watch) == 0


def test_met_paused_and_ended(database: Database, place: tuple[Database, Tilings], watch: Escalation) -> None:
    key = waiting(database, place[1], 3601)
    run_dry(watch)
    assert [(one["phase"], one["colour"]) for one in of(database, key)] == [
        ("arrive", "red"), ("handle", "red"),
    ]  # fmt: skip
    for move in (Move.ACCEPT, Move.DISPATCH, Move.ARRIVE):
        handling.move(database, key, move, who="desk")
    run_dry(watch)
    assert [one["stage"] for one in of(database, key)] == ["lifted", "called"]
    handling.move(database, key, Move.SUSPEND, who="desk", reason="night")
    later(database, of(database, key)[1]["id"], 9999)
    assert run_dry(watch) == 0  # its clock stands still
    handling.move(database, key, Move.RESUME, who="desk")
    run_dry(watch)
    assert of(database, key)[1]["rung"] == 1
    handling.move(database, key, Move.HANDLE, who="desk")
    handling.move(database, key, Move.CLOSE, who="desk")
    run_dry(watch)
    assert {one["stage"] for one in of(database, key)} == {"lifted"}
    handling.move(database, key, Move.REOPEN, who="desk", reason="again")
    run_dry(watch)  # its clocks run anew, and so do its cards
    assert [(one["phase"], one["stage"]) for one in of(database, key)][2:] == [("handle", "called")]


def whys(database: Database) -> list[str]:
    with database.reading() as connection:
        query = "select payload ->> 'why' from outbox where topic = 'escalation.lifted' order by seq"
        return list(connection.exec_driver_sql(query).scalars())


@pytest.fixture
def patience(database: Database) -> Iterator[str]:
    """A standard of a whole day for what is not urgent at all."""
    with database.reading() as connection:
        before = catalogue.standards(connection)
    day = {f"{phase}_s": 86_400 for phase in Phase}
    long = {**standard_object(FIVE_SIX_SEVEN), **day, "code": "day", "urgencies": ["low"]}
    catalogue.set_standards(database, [*before, long], who="desk", if_match="*")
    yield "low"
    catalogue.set_standards(database, before, who="desk", if_match="*")


@pytest.mark.parametrize("age_s", [250, 400])
def test_a_card_is_lifted_when_another_standard_gives_time_and_issued_when_that_is_missed(
    database: Database, place: tuple[Database, Tilings], watch: Escalation, patience: str, age_s: float
) -> None:
    key = waiting(database, place[1], age_s)
    run_dry(watch)
    (card,) = of(database, key)
    correcting.correct(database, place[1], key, {"urgency": patience}, Asked("desk"))
    run_dry(watch)
    (card,) = of(database, key)
    assert (card["stage"], whys(database)) == ("lifted", ["moved"])
    ago(database, key, 86_400)
    run_dry(watch)
    cards = [(one["phase"], one["colour"], one["stage"]) for one in of(database, key)]
    assert cards[1:] == [(phase.value, "red", "called") for phase in Phase]


def test_a_card_goes_on_when_another_standard_is_missed_as_well(
    database: Database, place: tuple[Database, Tilings], watch: Escalation, patience: str
) -> None:
    key = waiting(database, place[1], 86_500, urgency=patience)
    run_dry(watch)
    before = of(database, key)
    assert len(before) == 3
    correcting.correct(database, place[1], key, {"urgency": "normal"}, Asked("desk"))
    assert run_dry(watch) == 0
    assert of(database, key) == before


def test_a_standard_changed_under_its_own_code_begins_a_new_round(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    with database.reading() as connection:
        before = catalogue.standards(connection)
    day = {f"{phase}_s": 86_400 for phase in Phase}
    key = waiting(database, place[1], 400)
    run_dry(watch)
    catalogue.set_standards(database, [{**one, **day} for one in before], who="desk", if_match="*")
    correcting.correct(database, place[1], key, {"urgency": "urgent"}, Asked("desk"))
    run_dry(watch)
    (card,) = of(database, key)
    assert (card["stage"], whys(database)) == ("lifted", ["moved"])
    ago(database, key, 86_400)
    run_dry(watch)
    cards = [(one["phase"], one["colour"], one["stage"]) for one in of(database, key)]
    assert cards[1:] == [(phase.value, "red", "called") for phase in Phase]
    catalogue.set_standards(database, before, who="desk", if_match="*")


def test_a_card_says_whether_its_clock_was_met(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    in_time, late, unvisited = (waiting(database, place[1], age_s) for age_s in (250, 400, 250))
    run_dry(watch)
    for key in (in_time, late):
        for move in (Move.ACCEPT, Move.DISPATCH, Move.ARRIVE):
            handling.move(database, key, move, who="desk")
        run_dry(watch)
    for move in (Move.ACCEPT, Move.HANDLE):
        handling.move(database, unvisited, move, who="desk")
    run_dry(watch)
    assert whys(database) == ["reached", "reached_late", "off"]
    words = [of(database, key)[0]["lines"][-1]["words"] for key in (in_time, late, unvisited)]
    assert words == ["已在时限内完成", "已完成，但超过时限", "该时限不再计时"]


def test_a_whistle_by_hand_up_and_sideways(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    key = waiting(database, place[1], 0)
    own = watch.whistle(key, who="desk", words="come", request_key="w")
    assert watch.whistle(key, who="desk", words="come", request_key="w") == own
    beside = watch.whistle(key, who="desk", words="help", cell=("community", "row01"))
    with pytest.raises(NotFoundError):
        watch.whistle(key, who="desk", words="", cell=("grid", "nowhere"))
    with pytest.raises(ConflictError, match="nobody holds"):
        watch.whistle(key, who="desk", words="", cell=("grid", "c03r03"))
    first, second = of(database, key)
    assert [one["called"][0]["responder"] for one in (first, second)] == ["lead", "other"]
    watch.act(own, Act.ACKNOWLEDGE, who="desk")
    assert of(database, key)[0]["climbs_at"] == first["climbs_at"]  # the day runs from the call
    later(database, own, 86_401)
    later(database, beside, 86_401)
    run_dry(watch)
    first, second = of(database, key)
    assert (first["stage"], first["cell_code"]) == ("called", "row00")
    assert second["climbs_at"] is None


def test_the_way_is_that_of_the_incidents_date(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    before = datetime(1990, 1, 1, tzinfo=UTC)  # the first edition is in force since ever
    key = waiting(database, place[1], 301, occurred_at=before)
    nowhere = waiting(database, place[1], 301, lon=float("nan"), lat=float("nan"))
    run_dry(watch)
    assert of(database, key)[0]["cell_code"] == "c00r00"
    (card,) = of(database, nowhere)  # the card is there, nobody is called
    assert (card["cell_code"], card["called"], card["climbs_at"]) == (None, [], None)


def test_the_rules_decide(database: Database, place: tuple[Database, Tilings], watch: Escalation) -> None:
    rules = {"cards": {"arrive": {"red": [{"level": "community", "roles": ["chief"], "after_s": 7}]}}}
    with pytest.raises(NotFoundError):
        set_rules(database, {"whistle": [{"level": "galaxy"}]}, after=0, who="t")
    set_rules(database, rules, after=0, who="t")
    with pytest.raises(ConflictError):
        set_rules(database, {}, after=0, who="t")
    key = waiting(database, place[1], 301)
    run_dry(watch)
    assert of(database, key)[0]["cell_code"] == "row00"
    set_rules(database, {}, after=1, who="t")


def test_many_watchers_issue_each_card_once(database: Database, place: tuple[Database, Tilings]) -> None:
    keys = [waiting(database, place[1], 301) for _ in range(30)]
    watchers = [Escalation(*place, DutyBooks(place[0])) for _ in range(4)]
    threads = [threading.Thread(target=run_dry, args=(one,)) for one in watchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run_dry(watchers[0])
    assert [len(of(database, key)) for key in keys] == [1] * 30
    assert topics(database).count("escalation.issued") == 30


def test_a_killed_watcher_leaves_no_half_card(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    keys = [waiting(database, place[1], 0) for _ in range(60)]
    url = database.write.url.render_as_string(hide_password=False)
    for round_ in range(2):
        ready = FORKS.Event()
        child = FORKS.Process(target=endless_watch.watch, args=(url, ready), daemon=True)
        child.start()
        assert ready.wait(120)
        for key in keys[round_ * 30 : round_ * 30 + 30]:
            ago(database, key, 301)
        time.sleep(0.15)
        child.kill()
        child.join()
    run_dry(watch)
    for key in keys:
        (card,) = of(database, key)
        assert [line["what"] for line in card["lines"]] == ["issue", "call"]
    assert topics(database).count("escalation.issued") == 60


def test_a_clock_set_back_waits(
    database: Database, place: tuple[Database, Tilings], watch: Escalation
) -> None:
    key = waiting(database, place[1], 301)
    run_dry(watch)
    ago(database, key, -3600)  # as if the clock had been set back by an hour
    assert run_dry(watch) == 0
    assert len(of(database, key)) == 1
    ago(database, key, 3601)
    run_dry(watch)
    assert len(of(database, key)) == 1


def status_of(database: Database, key: UUID) -> Status:
    with database.reading() as connection:
        return lives.get(connection, key).life.status


_STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([59.0, 241.0, 301.0, 2881.0, 86_401.0])),
    st.tuples(st.just("move"), st.integers(0, 7)),
    st.tuples(st.just("urgency"), st.sampled_from(["low", "normal", "urgent"])),
    st.tuples(st.just("act"), st.tuples(st.integers(0, 5), st.sampled_from(list(Act)))),
    st.tuples(st.just("whistle"), st.none()),
)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(_STEPS, min_size=4, max_size=16))
def test_looking_when_a_life_says_so_finds_what_looking_at_all_would(
    database: Database, place: tuple[Database, Tilings], watch: Escalation, patience: str, steps: Any
) -> None:
    assert patience == "low"
    key = waiting(database, place[1], 0)
    for what, how in steps:
        cards = of(database, key)
        try:
            if what == "wait":
                ago(database, key, how)
            elif what == "move":
                possible = moves_from(status_of(database, key))
                handling.move(database, key, possible[how % len(possible)], who="desk", reason="r")
            elif what == "urgency":
                correcting.correct(database, place[1], key, {"urgency": how}, Asked("desk"))
            elif what == "whistle":
                watch.whistle(key, who="desk", words="come")
            elif cards:
                watch.act(cards[how[0] % len(cards)]["id"], how[1], who="desk")
        except (ConflictError, InvalidInputError):
            continue
        run_dry(watch)
        with database.writing() as connection:
            all_again(connection)
        before = of(database, key)
        run_dry(watch)
        assert of(database, key) == before, (what, how)


def test_the_queue_is_right_to_the_second(database: Database, place: tuple[Database, Tilings]) -> None:
    """What is overdue and what soon will be is what the clocks themselves say, at every age."""
    # far enough from the limits for a slow machine
    ages = [0, 200, 225, 241, 285, 301, 2865, 2881, 3585, 3601, 20145, 20161, 25185, 25201]
    keys = {waiting(database, place[1], age): age for age in ages}
    moved = waiting(database, place[1], 250)
    for move in (Move.ACCEPT, Move.DISPATCH, Move.ARRIVE):
        handling.move(database, moved, move, who="desk")
    ago(database, moved, 2640)
    with database.reading() as connection:
        found = {
            state: {one["id"] for one in queue.page(connection, state, limit=100)}
            for state in ("overdue", "soon", "open")
        }
        now = lives.clock(connection)
        for key in [*keys, moved]:
            kept = lives.get(connection, key)
            states = [one.state for one in clocks(kept.life, standard_from(kept.standard), now)]
            overdue = "overdue" in states
            assert (key in found["overdue"]) == overdue, (keys.get(key), states)
            assert (key in found["soon"]) == ("soon" in states and not overdue), (keys.get(key), states)
        assert moved in found["soon"]
        counted = queue.counts(connection)
    assert counted["overdue"] == len(found["overdue"])
    assert counted["soon"] == len(found["soon"])
