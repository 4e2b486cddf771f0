"""Figures over lineage: nothing is lost over any chain of editions, and an independent count agrees."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError, NotFoundError
from geo_service.services import correcting, place_series
from geo_service.services.apportioning import PARTS, By, share_out
from geo_service.services.figure_tables import axes_of, moment_of
from geo_service.services.intake import incident_id, take_in
from geo_service.services.reporting import Place
from geo_service.services.series import Axis, Question, count_incidents
from geo_service.services.tiling import Tilings
from geo_service.store import ground, series
from geo_service.store.database import Database
from tests.services.places import middle, square
from tests.services.test_cell_figures import put

SINCE, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = 6
database_test = pytest.mark.postgis


def runs(cuts: list[int], stem: str) -> dict[str, shapely.Geometry]:
    """Divide a strip of squares at some columns; what keeps its place in two editions keeps its code."""
    ends = [0, *sorted(set(cuts)), COLUMNS]
    return {f"{stem}{a}-{b}": square(a, 0, b - a) for a, b in pairwise(ends)}


def month(number: int) -> datetime:
    return datetime(2025, number, 1, tzinfo=UTC)


def report(database: Database, tilings: Tilings, seed: int, count: int, first: int = 0) -> pd.DataFrame:
    """Report incidents: most with coordinates, some with the code of the cell of their time, some without."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame([middle(*xy) for xy in rng.uniform((-0.7, -0.7), (COLUMNS - 0.3, 0.7), (count, 2))])
    rows.columns = ["lon", "lat"]
    rows["occurred_at"] = [SINCE + timedelta(days=float(day)) for day in rng.uniform(0, 364, count)]
    rows["source_id"] = [str(first + k) for k in range(count)]
    rows["category"] = rng.choice(["noise", "parking"], count)
    told: list[dict[str, str]] = []
    for k, moment in enumerate(rows["occurred_at"]):
        codes = tilings.get(moment).leaf_codes
        told.append({"cell_code": str(codes[k % len(codes)])} if k % 5 == 0 else {})
    rows["attributes"] = pd.Series(told, dtype=object)
    rows.loc[rows.index % 5 == 0, ["lon", "lat"]] = np.nan
    rows.loc[rows.index % 35 == 0, "attributes"] = pd.Series([{}] * count, dtype=object)
    take_in(database, tilings, rows, source="s", who="t")
    return rows


def ask(database: Database, tilings: Tilings, tiling, by: str = "", **more):
    question = Question(SINCE, UNTIL, axes_of(by), "UTC", **more)
    with database.reading() as connection:
        return count_incidents(connection, tilings, tiling, "grid", question)


def covered(database: Database, edition_id: int) -> dict[str, int]:
    """Count the located incidents in each cell by PostGIS."""
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "select cell.code, count(*) from incident"
            " join cell_version on st_covers(cell_version.geom, incident.geom)"
            " join cell on cell.id = cell_id"
            " where editions @> %s::int and occurred_at >= %s and occurred_at < %s"
            " group by cell.code",
            (edition_id, SINCE, UNTIL),
        ).all()
    return dict(tuple(row) for row in rows)


def populate(database: Database, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lonlat = np.array([middle(*xy) for xy in rng.uniform((-0.4, -0.4), (COLUMNS - 0.6, 0.4), (40, 2))])
    points = pd.DataFrame(lonlat, columns=["lon", "lat"]).assign(
        source_id=[str(k) for k in range(40)],
        footprint=None,
        households=rng.integers(0, 9, 40),
        residents=rng.integers(0, 20, 40),
        kind="building",
        address="",
        attributes=[{} for _ in range(40)],
    )
    with database.writing() as connection:
        ground.replace_demand(connection, points)


@database_test
@pytest.mark.parametrize("seed", [1, 2])
def test_totals_are_conserved_over_a_chain_of_splits_and_merges(database: Database, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tilings = Tilings(database)
    populate(database, seed)
    put(database, tilings, runs(rng.integers(1, COLUMNS, 3).tolist(), "a"))
    for number in (3, 6, 9):
        put(database, tilings, runs(rng.integers(1, COLUMNS, 3).tolist(), "abc"[seed % 2]), month(number))
    rows = report(database, tilings, seed, 700)
    for edition in tilings.spans():
        tiling = tilings.load(edition)
        for by in By:
            counted = ask(database, tilings, tiling, apportion_by=by)
            assert counted.rows["total"].sum() == pytest.approx(len(rows), abs=1e-9)
            totals = counted.totals()
            assert totals["incidents"] == len(rows)
            assert totals["measured"] == int(rows["lon"].notna().sum())
            assert totals["unplaced"] == 20  # without coordinates, and no cell named
        measured = counted.rows.dropna(subset="code").set_index("code")["measured"]
        assert measured[measured > 0].to_dict() == covered(database, edition.id)
        split = ask(database, tilings, tiling, "month,category")
        assert split.rows["total"].sum() == pytest.approx(len(rows), abs=1e-9)
        assert (split.rows["apportioned"] * PARTS).round().sum() == split.totals()["apportioned"] * PARTS
        summed = split.rows.groupby("code")["measured"].sum()
        assert summed[summed > 0].to_dict() == measured[measured > 0].to_dict()


@database_test
def test_a_code_is_shared_out_by_households_or_land(database: Database) -> None:
    tilings = Tilings(database)
    put(database, tilings, {"A": square(0, 0, 4)})
    put(database, tilings, {"B": square(0, 0, 1), "C": square(1, 0, 3)}, month(6))
    points = pd.DataFrame([middle(0, 0), middle(2, 0)], columns=["lon", "lat"]).assign(
        source_id=["1", "2"], footprint=None, households=[9, 1], residents=[9, 1], kind="building", address=""
    )
    points["attributes"] = [{}, {}]
    with database.writing() as connection:
        ground.replace_demand(connection, points)
    rows = pd.DataFrame({"source_id": ["1", "2"], "lon": np.nan, "lat": np.nan})
    rows["occurred_at"] = [month(2), month(8)]
    rows["attributes"] = pd.Series([{"cell_code": "A"}, {"网格编码": "C"}], dtype=object)
    take_in(database, tilings, rows, source="s", who="t")
    by_people = ask(database, tilings, tilings.get()).rows.set_index("code")["apportioned"]
    assert by_people[["B", "C"]].tolist() == [0.9, 1.1]
    by_land = ask(database, tilings, tilings.get(), apportion_by=By.LAND).rows.set_index("code")[
        "apportioned"
    ]
    assert by_land[["B", "C"]].tolist() == pytest.approx([0.25, 1.75], abs=0.002)
    old = ask(database, tilings, tilings.get(month(2))).rows.set_index("code")["apportioned"]
    assert old["A"] == 2.0


@database_test
def test_the_series_of_a_place_across_a_split_names_the_break(database: Database) -> None:
    tilings = Tilings(database)
    populate(database, 5)
    put(database, tilings, {"A": square(0, 0, 4), "Z": square(4, 0, 2)})
    put(database, tilings, {"B": square(0, 0, 1), "C": square(1, 0, 3), "Z": square(4, 0, 2)}, month(6))
    put(database, tilings, {"B": square(0, 0, 1), "D": square(1, 0, 5)}, month(9))
    report(database, tilings, 7, 600)
    question = Question(SINCE, UNTIL, (Axis.MONTH,), "UTC")
    with database.reading() as connection:
        found = place_series.series_of(connection, tilings, tilings.get(), (None, "B"), question)
        merged = place_series.series_of(connection, tilings, tilings.get(), ("grid", "D"), question)
    assert [one["period"] for one in found.periods] == [f"2025-{k:02}" for k in range(1, 13)]
    total = sum(one["measured"] for one in found.periods)
    assert total == covered(database, tilings.get().edition.id)["B"]
    january, july = found.periods[0], found.periods[6]
    assert (january["label"], january["cells"], july["cells"]) == ("apportioned", ["A"], ["B"])
    assert [(one["kind"], one["at"]) for one in found.breaks] == [("split", month(6))]
    assert found.periods[5]["breaks"] == [found.breaks[0]["edition"]]
    first, _, last = found.editions
    assert first.cells[0].share_given == pytest.approx(0.25, abs=1e-3)
    assert first.area_m2 == pytest.approx(last.area_m2, abs=1)
    assert (first.figures["households"]["label"], last.is_itself) == ("counted", True)
    assert [one["kind"] for one in merged.breaks] == ["split", "merge"]
    assert [cell.code for cell in merged.editions[0].cells] == ["A", "Z"]
    everything = sum(one["total"] for one in [*found.periods, *merged.periods])
    assert everything == pytest.approx(ask(database, tilings, tilings.get()).totals()["in_cells"], abs=1e-9)
    with database.reading() as connection, pytest.raises(NotFoundError, match="no cell 'A'"):
        place_series.series_of(connection, tilings, tilings.get(), (None, "A"), question)


@database_test
def test_what_was_not_known_yet_is_not_counted(database: Database) -> None:
    tilings = Tilings(database)
    put(database, tilings, runs([2], "a"))
    report(database, tilings, 1, 50)
    with database.reading() as connection:
        then = connection.exec_driver_sql("select clock_timestamp()").scalar_one()
    report(database, tilings, 2, 30, first=1000)
    assert ask(database, tilings, tilings.get(), known_at=then).totals()["incidents"] == 50
    assert ask(database, tilings, tilings.get()).totals()["incidents"] == 80


@database_test
def test_what_was_said_to_lie_elsewhere_since_is_counted_where_it_was(database: Database) -> None:
    tilings = Tilings(database)
    put(database, tilings, runs([1, 2], "a"))
    at = SINCE + timedelta(days=3)
    lon, lat = middle(0, 0)
    row = {"source_id": "moved", "occurred_at": at, "lon": lon, "lat": lat}
    take_in(database, tilings, pd.DataFrame([row]), source="s", who="t", live=True)

    def told(**asked: Any) -> list[tuple[str, int]]:
        rows = ask(database, tilings, tilings.get(), **asked).rows
        return [(one.code or one.where, round(one.total)) for one in rows.itertuples() if one.total]

    def now() -> datetime:
        with database.reading() as connection:
            return connection.exec_driver_sql("select clock_timestamp()").scalar_one()

    key, me = incident_id("s", "moved"), correcting.Asked("desk")
    moments, expected = [now()], [told()]
    for place in (Place(*middle(1, 0)), Place(), Place(*middle(0, 0)), Place(*middle(1, 0))):
        correcting.locate(database, tilings, key, place, me)
        moments.append(now())
        expected.append(told())
    assert len({str(one) for one in expected}) == 3
    assert [told(known_at=moment) for moment in moments] == expected


@database_test
def test_the_stream_says_what_the_database_says(database: Database) -> None:
    tilings = Tilings(database)
    put(database, tilings, runs([2], "a"))
    rows = report(database, tilings, 3, 100)
    with database.reading() as connection:
        found = series.located(connection, SINCE, UNTIL)
        nothing = series.located(connection, UNTIL, UNTIL + timedelta(days=1))
    known = rows[rows["lon"].notna()]
    told = sorted(zip(*known[["lon", "lat"]].to_numpy().T, known["category"], strict=True))
    words = [found.categories[k] for k in found.category]
    assert sorted(zip(*found.lonlat_deg.T, words, strict=True)) == told
    moments = sorted(int(pd.Timestamp(one).value // 1000) for one in known["occurred_at"])
    assert sorted(found.at_us.tolist()) == moments
    assert len(nothing.lonlat_deg) == 0


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1 << 40), min_size=1, max_size=8))
def test_thousandths_add_up(count, parts):
    assert sum(share_out(count, list(range(len(parts))), parts).values()) == count * PARTS


def test_spans_are_read_as_people_write_them():
    assert moment_of("2025", "Asia/Shanghai", "from").isoformat() == "2025-01-01T00:00:00+08:00"
    assert moment_of("2025-03", "UTC", "from").isoformat() == "2025-03-01T00:00:00+00:00"
    assert moment_of("2025-03-04T05:00+08:00", "UTC", "from").hour == 5
    for text, zone in (
        ("2025-13", "UTC"),
        ("2025-03-04T05:00", "UTC"),
        ("9999", "UTC"),
        ("2025", "Moon/Sea"),
    ):
        with pytest.raises(InvalidInputError):
            moment_of(text, zone, "from")
    with pytest.raises(InvalidInputError, match="one of week, month and year"):
        Question(SINCE, UNTIL, axes_of("week,month"))
    with pytest.raises(InvalidInputError, match="ends before"):
        Question(UNTIL, SINCE)
    with pytest.raises(InvalidInputError, match="use some of"):
        axes_of("colour")
