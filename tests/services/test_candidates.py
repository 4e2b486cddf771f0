"""Who can be there soonest, against scipy; why somebody is proposed, and why not."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from sqlalchemy import insert

from geo_service.errors import ConflictError, InvalidInputError, NotFoundError
from geo_service.geometry.crs import parse_datum
from geo_service.model import Mode
from geo_service.services import candidates, dispatching
from geo_service.services.board import Board
from geo_service.services.candidates import Question, Search
from geo_service.services.desk import Desks
from geo_service.services.duty_book import DutyBooks
from geo_service.services.ground import Ground
from geo_service.services.positions import Fix, PositionKeeper
from geo_service.staffing.desk import Desk
from geo_service.store import roads, staffing
from geo_service.store.database import Database
from geo_service.store.dispatches import Sending
from geo_service.store.roster_tables import team, team_member
from tests.postgis import TestServer
from tests.services import desk_town
from tests.services.places import ORIGIN, SIDE_DEG, streets

pytestmark = pytest.mark.postgis
WGS84 = parse_datum("WGS84")
#: km/h of a residential street, by the table that comes with the program.
KMH = {"walk": 4.8, "ebike": 18.0, "car": 25.0}


class Town:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.tilings = desk_town.build(database)
        self.ground = Ground(database)
        self.books, self.desks = DutyBooks(database), Desks(database)
        self.keeper = PositionKeeper(database, self.books, self.desks)
        self.board = self.another_process()

    def another_process(self) -> Board:
        return Board(self.database, Ground(self.database), self.tilings, DutyBooks(self.database), self.desks)

    def people(self, *people: dict[str, Any]) -> dict[str, int]:
        """Employ these, and nobody else is on duty."""
        with self.database.writing() as connection:
            connection.exec_driver_sql(
                "update dispatch set ended_at = now(), outcome = 'done' where ended_at is null"
            )
            for name in ("shift", "position_latest", "team", "duty", "post"):
                connection.exec_driver_sql(f"delete from {name}")
        ids = desk_town.employ(self.database, people)
        for one in people:
            if (hours := one.get("hours", 8.0)) > 0:
                desk_town.put_on_duty(
                    self.database, [ids[one["code"]]], since_h=one.get("since_h", 1.0), for_h=hours
                )
        self.renew()
        return {one["code"]: ids[one["code"]] for one in people}

    def renew(self) -> None:
        self.board._books.forget()
        self.books.forget()
        # the database's own counts of changes come with a second's delay
        self.board._books._book = self.books._book = None
        self.board.refresh()

    def move(self, places: dict[str, tuple[float, float]], ago_s: float = 1.0) -> None:
        at = datetime.now(UTC) - timedelta(seconds=ago_s)
        done = self.keeper.take([Fix(code, at, *xy) for code, xy in places.items()], WGS84, who="t")
        assert not done.refused
        self.board.refresh()

    def ask(self, at: tuple[float, float], *, desk: Desk | None = None, **given: Any) -> dict[str, Any]:
        search = Search(self.board.picture(), desk or Desk(), Question(*at, **given))
        return candidates.shown(search, search.answer())


@pytest.fixture(scope="module")
def town(postgis: TestServer) -> Iterator[Town]:
    with postgis.fresh() as made:
        yield (ready := Town(made))
        ready.board.close()


def codes(answer: dict[str, Any], key: str = "candidates") -> list[str]:
    return [one["responder"] for one in answer[key]]


def said(answer: dict[str, Any], code: str, key: str = "candidates") -> dict[str, Any]:
    one = next(one for one in answer[key] if one["responder"] == code)
    notes = [*one["reasons"], *one.get("shortfalls", [])]
    return {"person": one, **{entry["code"]: entry for entry in notes}}


# ------------------------------------------------------------------------------------------- the oracle


def seconds_by_scipy(
    place: tuple[float, float], people: dict[str, tuple[tuple[float, float], str]], speeds: dict[str, float]
) -> dict[str, float]:
    """Seconds from each to the place: all are put on the streets as nodes of their own."""
    network = streets(desk_town.COLUMNS, desk_town.ROWS)
    out = {}
    for mode in KMH:
        here = [code for code, (_, how) in people.items() if how == mode]
        points = [place, *(people[code][0] for code in here)]
        n = len(network.node_id)
        ends = list(zip(network.edge_u.tolist(), network.edge_v.tolist(), strict=True))
        rows = [(u, v, 800.0) for u, v in ends]
        on: dict[int, list[tuple[float, int]]] = {}
        for i, (lon, lat) in enumerate(points):
            x, y = (lon - ORIGIN[0]) / SIDE_DEG, (lat - ORIGIN[1]) / SIDE_DEG
            along_x = abs(y - round(y)) < 1e-9
            a = (int(np.floor(x)), round(y)) if along_x else (round(x), int(np.floor(y)))
            b = (a[0] + 1, a[1]) if along_x else (a[0], a[1] + 1)
            u, v = (c * (desk_town.ROWS + 1) + r for c, r in (a, b))
            share = (x - a[0]) if along_x else (y - a[1])
            rows += [(u, n + i, 800.0 * share), (n + i, v, 800.0 * (1 - share))]
            on.setdefault(ends.index((u, v)), []).append((share, n + i))
        for nodes in on.values():  # between two on the same street
            rows += [(p, q, 800.0 * abs(s - t)) for s, p in nodes for t, q in nodes if p < q]
        u, v, m = (np.array(column) for column in zip(*rows, strict=True))
        # scipy takes a weight of 0 for no arc
        graph = coo_array((np.maximum(m, 1e-9), (u, v)), shape=(n + len(points), n + len(points))).tocsr()
        metres = dijkstra(graph, directed=False, indices=n)
        out |= {code: metres[n + 1 + i] / (speeds[mode] / 3.6) for i, code in enumerate(here)}
    return out


def test_the_nearest_are_those_of_scipy(town: Town) -> None:
    rng = np.random.default_rng(5)

    def on_a_street() -> tuple[float, float]:
        c, r, share = rng.integers(0, desk_town.COLUMNS), rng.integers(0, desk_town.ROWS), rng.random()
        return desk_town.corner(c + share, r) if rng.random() < 0.5 else desk_town.corner(c, r + share)

    people = {f"s{i:02}": (on_a_street(), str(rng.choice(list(KMH)))) for i in range(40)}
    words = {code: frozenset(rng.choice(["swim", "climb"], rng.integers(0, 3))) for code in people}
    town.people(
        *({"code": c, "at": at, "mode": mode, "capabilities": words[c]} for c, (at, mode) in people.items())
    )
    moved = {code: on_a_street() for code in list(people)[::2]}
    town.move(moved)
    people |= {code: (at, people[code][1]) for code, at in moved.items()}
    speeds = speeds_of(town)
    for _ in range(25):
        place = on_a_street()
        k = int(rng.integers(1, 8))
        wanted = frozenset(rng.choice(["swim", "climb"], rng.integers(0, 2)))
        modes = frozenset(Mode(mode) for mode in rng.choice(list(KMH), rng.integers(1, 3), replace=False))
        seconds = seconds_by_scipy(place, people, speeds)
        expected = sorted(
            (s, code) for code, s in seconds.items()
            if wanted <= words[code] and people[code][1] in modes and s <= 3600
        )[:k]  # fmt: skip
        answer = town.ask(place, k=k, capabilities=wanted, modes=modes)
        assert codes(answer) == [code for _, code in expected]
        got = [one["travel_s"] for one in answer["candidates"]]
        # each edge's time is a whole number of milliseconds, and figures are shown to a tenth of a second
        assert got == pytest.approx([s for s, _ in expected], abs=0.11)


def speeds_of(town: Town) -> dict[str, float]:
    """Return the speeds that the graphs go by, read off one edge of 800 m."""
    graphs = {mode: town.ground.roads(mode)[2] for mode in Mode}
    return {mode.value: 800.0 / (graph.edge_ms[0, 0] / 1000.0) * 3.6 for mode, graph in graphs.items()}


# --------------------------------------------------------------------------------------- who is proposed


def test_only_who_is_on_duty_free_and_able(town: Town) -> None:
    ids = town.people(
        {"code": "off", "at": desk_town.corner(0, 0), "hours": 0},
        {"code": "busy", "at": desk_town.corner(0, 0)},
        {"code": "unable", "at": desk_town.corner(1, 0)},
        {"code": "refuses", "at": desk_town.corner(1, 0), "capabilities": ["swim"]},
        {"code": "good", "at": desk_town.corner(3, 0), "capabilities": ["swim", "climb"]},
        {"code": "better", "at": desk_town.corner(2, 0), "capabilities": ["swim"]},
        {"code": "lost", "capabilities": ["swim"]},
    )
    key = desk_town.report(town.database, town.tilings, f"r{next(NUMBERS)}")
    dispatching.send(town.database, key, [Sending(ids["busy"], lead=True)], who="desk")
    town.board.refresh()
    question = {"capabilities": frozenset({"swim"}), "declined": {ids["refuses"]: "ill"}}
    answer = town.ask(desk_town.corner(0, 0), **question)
    assert codes(answer) == ["better", "good"]
    assert codes(answer, "passed_over") == ["busy", "refuses", "unable"]
    assert said(answer, "busy", "passed_over")["busy"]["incident"] == str(key)
    assert "缺少能力：swim" in said(answer, "unable", "passed_over")["lacks"]["zh"]
    assert said(answer, "refuses", "passed_over")["declined"]["reason"] == "ill"
    assert (answer["on_duty"], answer["free"], answer["without_place"]) == (6, 5, 1)


NUMBERS = count()


def test_local_ones_come_before_mutual_aid(town: Town) -> None:
    at = desk_town.corner(0.5, 1.5)  # in row01, c00r01
    town.people(
        {"code": "own", "at": desk_town.corner(4, 2), "cell": "c00r01"},
        {"code": "next", "at": desk_town.corner(3, 2), "cell": "c01r01"},
        {"code": "far", "at": desk_town.corner(5, 2), "cell": "c05r01"},
        {"code": "aid", "at": desk_town.corner(1, 1), "cell": "c00r02"},
        {"code": "aid2", "at": desk_town.corner(6, 4), "cell": "c00r03"},
        {"code": "roving", "at": desk_town.corner(2, 1)},
    )
    answer = town.ask(at, k=5)
    assert codes(answer) == ["roving", "next", "own", "far", "aid"]
    relations = [one["relation"] for one in answer["candidates"]]
    assert relations == ["unattached", "neighbour", "own_cell", "local", "mutual_aid"]
    assert said(answer, "own")["own_cell"]["cell"] == "c00r01"
    assert said(answer, "next")["neighbour"]["cell"] == "c01r01"
    assert said(answer, "aid")["mutual_aid"]["cell"] == "c00r02"
    # one from outside who would be there before all others is shown however many are local
    assert codes(town.ask(at, k=2)) == ["roving", "next", "aid"]
    assert said(answer, "own")["leaves_uncovered"]["cell"] == "c00r01"
    # the desk may draw the line elsewhere
    town.desks.set({"local_level": "grid"}, after=0, who="t")
    town.board.refresh()
    assert codes(town.ask(at, k=2))[:2] == ["roving", "own"]
    town.desks.set({}, after=1, who="t")
    town.board.refresh()
    # in no cell there is no border
    outside = (ORIGIN[0] - 0.001, ORIGIN[1])
    assert {one["relation"] for one in town.ask(outside)["candidates"]} <= {"local", "unattached"}


def test_whence_it_is_known_where_somebody_is(town: Town) -> None:
    town.people(*({"code": code, "at": desk_town.corner(i, 0)} for i, code in enumerate("abc")))
    town.move({"a": desk_town.corner(5, 0)}, ago_s=20)
    town.move(
        {"b": desk_town.corner(5, 0)}, ago_s=400
    )  # older than five minutes: he is taken to be at his base
    answer = town.ask(desk_town.corner(5, 0))
    assert codes(answer) == ["a", "c", "b"]
    fix = said(answer, "a")
    assert fix["person"]["position"] | {"fix_age_s": 0} == {
        "lon": desk_town.corner(5, 0)[0], "lat": desk_town.corner(5, 0)[1], "source": "fix", "fix_age_s": 0
    }  # fmt: skip
    assert 20 <= fix["live"]["fix_age_s"] <= 40
    assert fix["person"]["straight_m"] == 0
    base = said(answer, "b")
    assert base["person"]["position"]["source"] == "base"
    assert base["person"]["position"]["fix_age_s"] >= 400
    assert "驻地" in base["no_fix_base"]["zh"]


def test_after_the_clock_of_the_database_was_set_back_people_still_move(town: Town) -> None:
    town.people(*({"code": code, "at": desk_town.corner(i, 0)} for i, code in enumerate("ab")))
    assert codes(town.ask(desk_town.corner(5, 0)))[0] == "b"
    town.board._held.since += timedelta(hours=1)  # as if the last look had been at a later hour
    town.move({"a": desk_town.corner(5, 0)}, ago_s=1)
    assert codes(town.ask(desk_town.corner(5, 0)))[0] == "a"


def test_who_stands_at_a_post_is_passed_over_and_who_must_go_there_soon_has_a_shortfall(town: Town) -> None:
    people = [{"code": code, "at": desk_town.corner(i, 0)} for i, code in enumerate("abc", 1)]
    ids = town.people(*people)
    zone = ZoneInfo("Asia/Shanghai")
    now = datetime.now(zone)
    if not 0.5 < now.hour + now.minute / 60 < 22.5:
        pytest.skip("post windows lie within a day")
    lon, lat = desk_town.corner(0, 0)
    posts = pd.DataFrame(
        {"code": ["p", "q"], "name": ["school", "gate"], "kind": "school", "lon": lon, "lat": lat}
    )
    spans = [("p", "a", -20, 20), ("q", "b", 25, 60)]
    windows = pd.DataFrame(
        [
            {
                "post_code": post,
                "responder_id": ids[who],
                "weekday": now.isoweekday(),
                "start_local": (now + timedelta(minutes=start)).time(),
                "end_local": (now + timedelta(minutes=end)).time(),
                "timezone": "Asia/Shanghai",
            }
            for post, who, start, end in spans
        ]
    )
    with town.database.writing() as connection:
        staffing.replace_posts(connection, posts, windows)
    town.renew()
    answer = town.ask(desk_town.corner(0, 0))
    assert codes(answer) == ["b", "c"]
    assert said(answer, "b")["post_soon"]["post"] == "gate"
    assert "post_soon" not in said(answer, "c")
    assert codes(answer, "passed_over") == ["a"]
    pinned = said(answer, "a", "passed_over")
    assert pinned["pinned"]["until"] == f"{now + timedelta(minutes=20):%H:%M}"
    assert pinned["person"]["position"]["source"] == "post"


def test_shifts_that_end_soon_and_short_nights(town: Town) -> None:
    ids = town.people(
        {"code": "ends", "at": desk_town.corner(0, 0), "since_h": 7.8},
        {"code": "over", "at": desk_town.corner(5, 0), "since_h": 7.95, "mode": "walk"},
        {"code": "tired", "at": desk_town.corner(0, 0)},
    )
    start = datetime.now(UTC) - timedelta(hours=12)
    rows = pd.DataFrame({"responder_id": [ids["tired"]], "start": start, "end": start + timedelta(hours=8)})
    with town.database.writing() as connection:
        staffing.replace_shifts(connection, rows)
    town.renew()
    answer = town.ask(desk_town.corner(0, 0))
    assert said(answer, "ends")["shift_soon_over"]["minutes"] in {11, 12}
    assert "shift_ends_before" in said(answer, "over")
    assert said(answer, "tired")["short_rest"]["hours"] == pytest.approx(3.0, abs=0.1)


def test_teams_arrive_when_their_last_does_and_can_what_all_can(town: Town) -> None:
    ids = town.people(
        {"code": "x", "at": desk_town.corner(1, 0), "capabilities": ["swim"]},
        {"code": "y", "at": desk_town.corner(3, 0), "capabilities": ["climb"]},
        {"code": "z", "at": desk_town.corner(0, 0), "hours": 0},
    )
    with town.database.writing() as connection:
        key = connection.execute(
            insert(team).values(code="T", name="patrol", capabilities=["dive"], least=2).returning(team.c.id)
        ).scalar_one()
        for code in "xyz":
            values = {"team_id": key, "responder_id": ids[code], "lead": code == "y"}
            connection.execute(insert(team_member).values(**values, held_during="[2020-01-01,)"))
    town.renew()
    question = {"capabilities": frozenset({"swim", "climb", "dive"})}
    answer = town.ask(desk_town.corner(0, 0), **question)
    (only,) = answer["candidates"]
    assert (only["kind"], only["responder"], only["team"]["code"]) == ("team", "y", "T")
    assert [one["responder"] for one in only["team"]["members"]] == ["y", "x"]
    assert only["travel_s"] == max(one["travel_s"] for one in only["team"]["members"])
    last = max(only["team"]["members"], key=lambda one: one["travel_s"])
    assert (only["team"]["last"], only["minutes"]) == (last["responder"], last["minutes"])
    assert {one["member"] for one in only["shortfalls"]} <= {"x", "y"}
    assert all(one["zh"].startswith(f"name {one['member']}：") for one in only["shortfalls"])
    picture = town.board.picture()
    here = Question(*desk_town.corner(0, 0))
    assert Search(picture, Desk(), here).team("T") == candidates.rows_of(picture, ["y", "x"])
    incident = desk_town.report(town.database, town.tilings, f"r{next(NUMBERS)}")
    dispatching.send(town.database, incident, [Sending(ids["x"], lead=True)], who="desk")
    town.board.refresh()
    assert town.ask(desk_town.corner(0, 0), **question)["candidates"] == []
    with pytest.raises(InvalidInputError, match="only 1"):
        Search(town.board.picture(), Desk(), here).team("T")
    with pytest.raises(NotFoundError):
        Search(town.board.picture(), Desk(), here).team("U")


def test_the_climb_is_added(town: Town) -> None:
    town.people({"code": "a", "at": desk_town.corner(0, 0)})
    answer = town.ask(desk_town.corner(0, 0), climb_s=60.0)
    (only,) = answer["candidates"]
    assert (only["travel_s"], only["climb_s"], only["minutes"]) == (0.0, 60.0, 1.0)


def test_the_way_is_drawn(town: Town) -> None:
    town.people({"code": "a", "at": desk_town.corner(0.5, 0)}, {"code": "lost"})
    search = Search(town.board.picture(), Desk(), Question(*desk_town.corner(3, 0.25)))
    rows = candidates.rows_of(search.picture, ["a", "lost"])
    route = search.route(rows[0])
    assert route is not None
    assert route.time_ms == search.times(rows)[rows[0]]
    assert route.length_m == pytest.approx(2.75 * 800)
    assert search.route(rows[1]) is None
    with pytest.raises(NotFoundError):
        candidates.rows_of(search.picture, ["nobody"])


# --------------------------------------------------------------------------------------- the board follows


def test_another_process_sees_it_within_seconds(town: Town) -> None:
    ids = town.people(
        {"code": "a", "at": desk_town.corner(0, 0)}, {"code": "b", "at": desk_town.corner(1, 0)}
    )
    other = town.another_process()
    try:
        place = desk_town.corner(6, 4)

        def soonest() -> list[str]:
            search = Search(other.picture(), Desk(), Question(*place))
            return codes(candidates.shown(search, search.answer()))

        assert soonest() == ["b", "a"]
        town.move({"a": place})
        assert within_seconds(lambda: soonest() == ["a", "b"])
        key = desk_town.report(town.database, town.tilings, f"r{next(NUMBERS)}")
        (sent,) = dispatching.send(town.database, key, [Sending(ids["a"], lead=True)], who="desk")
        assert within_seconds(lambda: soonest() == ["b"])
        dispatching.cancel(town.database, sent.id, who="desk")
        assert within_seconds(lambda: soonest() == ["a", "b"])
        with town.database.writing() as connection:
            roads.replace(connection, streets(1, 1), "smaller", {})
        assert within_seconds(lambda: soonest() == [])  # no street leads near that place now
        with town.database.writing() as connection:
            roads.replace(connection, streets(desk_town.COLUMNS, desk_town.ROWS), "grid", {})
        assert within_seconds(lambda: soonest() == ["a", "b"])
    finally:
        other.close()


def within_seconds(holds: Any, seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_a_change_of_the_roster_is_seen(town: Town) -> None:
    ids = town.people({"code": "a", "at": desk_town.corner(0, 0)}, {"code": "b", "hours": 0})
    before = town.board.picture()
    assert before.duty.on[candidates.rows_of(before, "ab")].tolist() == [True, False]
    desk_town.put_on_duty(town.database, [ids["b"]])

    def is_on() -> bool:
        picture = town.board.picture()
        return bool(picture.duty.on[candidates.rows_of(picture, "b")[0]])

    assert within_seconds(is_on, 40)


def test_another_moment_is_told_by_the_roster(town: Town) -> None:
    town.people(
        {"code": "a", "at": desk_town.corner(0, 0)}, {"code": "b", "at": desk_town.corner(1, 0), "hours": 30}
    )
    town.move({"b": desk_town.corner(6, 4)})
    picture = town.board.at(datetime.now(UTC) + timedelta(hours=20))
    search = Search(picture, Desk(), Question(*desk_town.corner(0, 0)))
    answer = candidates.shown(search, search.answer())
    assert codes(answer) == ["b"]
    assert said(answer, "b")["person"]["position"]["source"] == "base"


def test_without_streets_nobody_can_be_found(postgis: TestServer) -> None:
    with postgis.fresh() as database:
        ground, desks = Ground(database), Desks(database)
        board = Board(database, ground, desk_town.Tilings(database), DutyBooks(database), desks)
        with pytest.raises(ConflictError, match="no roads"):
            board.picture()
