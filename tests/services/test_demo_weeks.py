"""The demo's last weeks: an edition before, patrols, rounds, sites and open reports, as of any moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from geo_service.demo.county import DemoCounty
from geo_service.services import demo_lives, demo_weeks, demo_worker, demoing, invariants, patrol_people
from geo_service.services.demo_redraw import handovers, redraw
from geo_service.services.ground import Ground
from geo_service.services.intake import take_in
from geo_service.services.tiling import Tilings
from geo_service.store import desk, patrol, rounds, routes, siting
from geo_service.store.database import Database

pytestmark = pytest.mark.postgis
#: A Wednesday noon, long after the demo was drawn.
NOW = datetime(2026, 11, 18, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(own_town_url: str, drawn_town: DemoCounty) -> Iterator[Database]:
    """A town with its weeks, few of its people walking so that it is quick."""
    made = Database.connect(own_town_url, read_size=2, write_size=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(demo_weeks.PATROL_DAYS, "town", 3)
        patch.setitem(demo_weeks.MOST_WALKERS, "town", 6)
        demo_weeks.tell_weeks(made, drawn_town, "town", NOW)
        yield made
    made.close()


def test_an_edition_before_and_the_demo_is_still_known(told: Database) -> None:
    spans = Tilings(told).spans()
    assert [demoing.size_of(one) for one in spans] == ["town", "town"]
    assert spans[1].valid_from == datetime(2026, 10, 27, 16, tzinfo=UTC)
    tiling = Tilings(told).get(NOW)
    assert len(tiling.leaves) == 340
    assert redraw(told, Ground(told), Tilings(told), "again", NOW) == 0


def test_what_changes_hands_makes_grids_more_alike(town: Database) -> None:
    tiling = Tilings(town).get()
    households = Ground(town).land_and_people(tiling)["households"].to_numpy(dtype=float)
    group = tiling.group_of_leaf("grid")
    grids = tiling.at_level("grid")["code"].tolist()
    codes = tiling.cells["code"].to_numpy(dtype=object)[tiling.leaves].tolist()
    found = handovers(tiling, households)
    assert found
    for leaf, to in found:
        at = codes.index(leaf)
        giver = households[group == group[at]].sum()
        taker = households[group == grids.index(to)].sum()
        assert abs(giver - taker - 2 * households[at]) < giver - taker


def test_patrols_posts_rounds_and_sites(told: Database) -> None:
    last = NOW.date() - timedelta(days=1)
    with told.reading() as connection:
        days = patrol.days(connection, last - timedelta(days=2), last)
        posts = patrol_people.posts(connection, last - timedelta(days=2), last)
        stops = rounds.stops(connection, NOW.date() - timedelta(days=2), "Asia/Shanghai")
        earlier = rounds.stops(connection, NOW.date() - timedelta(days=9), "Asia/Shanghai")
        campaigns = rounds.campaigns(connection)
        run = siting.every(connection, limit=1)[0]
    assert len(days) == 3
    assert all(day["matched"] > 0.8 * day["fixes"] for day in days)
    assert posts["counts"]["kept"] > posts["counts"]["missed"]
    assert len(campaigns) == 1
    assert sum(one["visited_at"] is not None for one in earlier) > len(earlier) / 2
    assert any(one["visited_at"] is None for one in stops)
    assert all(one["visited_at"] is None or one["visited_at"] <= NOW for one in stops)
    assert run.answer
    assert len(run.answer["sites"]) == demo_weeks.NEW_SITES["town"]


def test_one_county_is_named_throughout(drawn_town: DemoCounty) -> None:
    counties = set(drawn_town.cells.loc[drawn_town.cells["level"] == "county", "name"])
    assert {demo_weeks.OFFICE["office"].removesuffix("社会治理中心（演示）")} == counties


def test_some_reports_make_a_desk_think(told: Database) -> None:
    with told.reading() as connection:
        flags = connection.execute(
            text("select flags::text from incident where source = 'demo-desk'")
        ).scalars()
        said = " ".join(flags)
    assert "datum" in said


def test_told_again_nothing_comes_twice(told: Database, drawn_town: DemoCounty) -> None:
    def counts() -> list[int]:
        with told.reading() as connection:
            tables = ("edition", "incident", "patrol_visit", "patrol_day", "siting_run", "position_fix")
            return [connection.execute(text(f"select count(*) from {one}")).scalar_one() for one in tables]

    before = counts()
    demo_weeks.tell_weeks(told, drawn_town, "town", NOW)
    assert counts() == before


def test_as_of_a_moment_some_wait_and_some_are_forgotten(
    told: Database, drawn_town: DemoCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 21, 4, tzinfo=UTC)
    again = drawn_town.incidents.tail(150)
    again = again.assign(id="again " + again["id"])
    rows = again.rename(columns={"id": "source_id"})
    take_in(told, Tilings(told), rows, source="demo", who="test")
    monkeypatch.setattr("geo_service.store.demo_lives.has_lives", lambda _: False)
    count = demo_lives.tell_lives(told, Ground(told), again, moment)
    assert count > 100
    with told.reading() as connection:
        statuses, latest, overdue = connection.execute(
            text("""
                select array_agg(status), max(last_at), count(*) filter (where next_due_at < :moment)
                from incident_life join incident on id = incident_id where source_id like 'again %'
            """),
            {"moment": moment},
        ).one()
    assert len(statuses) == count
    assert statuses.count("closed") > 0.8 * count
    assert statuses.count("accepted") >= 1
    assert latest <= moment
    assert 1 <= overdue <= 0.2 * count


def test_every_invariant_holds(told: Database) -> None:
    assert [one for one in invariants.examine(told) if not one.ok] == []


def test_a_worker_with_rounds_has_a_phone_once(told: Database) -> None:
    worker = demo_worker.first_phone(told, NOW)
    assert worker is not None
    with told.reading() as connection:
        (link,) = desk.links(connection)
        turns = {row["responder"] for row in routes.turns(connection, NOW.date() - timedelta(days=2))}
        stops = rounds.stops(connection, NOW.date() - timedelta(days=2), "Asia/Shanghai")
        walked = routes.days(connection, NOW.date() - timedelta(days=3), NOW.date())
    assert link["responder"] == worker.code
    assert worker.code in turns
    assert any(one["responder"] == worker.code and one["day"] >= NOW.date() for one in stops)
    assert any(row["walked_m"] > 0.7 * row["length_m"] for row in walked)
    assert worker.key.startswith("gsk_")
    assert demo_worker.first_phone(told, NOW) is None
