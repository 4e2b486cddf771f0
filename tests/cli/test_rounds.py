"""Rounds on the command line, from places to the lists of a week; ``coverage --what-if``."""

import csv
import io
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest

from geo_service.services.tiling import Tilings
from geo_service.store import ground
from geo_service.store.database import Database
from tests.cli.conftest import Call

pytestmark = pytest.mark.postgis


@pytest.fixture
def homes(own_town_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Let commands work on a town of this test's own; returns three of its buildings that lie in cells."""
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", own_town_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    try:
        with database.reading() as connection:
            at = ground.demand(connection)[["lon", "lat"]].to_numpy(dtype=float)
        leaf, _ = Tilings(database).get().index.leaf_of(at)
    finally:
        database.close()
    return [(float(at[i, 0]), float(at[i, 1])) for i in np.flatnonzero(leaf >= 0)[[0, 40, 80]]]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_rounds_from_places_to_the_lists_of_a_week(
    geo_service: Call, homes: list[tuple[float, float]], tmp_path: Path
) -> None:
    places = tmp_path / "places.csv"
    head = "place_code,place_name,department,grade,lon,lat\n"
    lines = [f"s{i},店铺{i},消防,A,{lon},{lat}\n" for i, (lon, lat) in enumerate(homes)]
    places.write_text(head + "".join(lines) + lines[0].replace("消防", "市监"), encoding="utf-8")
    assert geo_service("import", "places", places, "--commit").status == 0
    told = rows_of(geo_service("patrol", "places").out)
    assert [(row["code"], row["department"]) for row in told] == [
        ("s0", "市监"), ("s0", "消防"), ("s1", "消防"), ("s2", "消防")
    ]  # fmt: skip
    assert len(geo_service("patrol", "places", "--json").json["places"]) == 3

    monday = date(2026, 11, 16)  # a week of the town's roster
    line = {"type": "LineString", "coordinates": [homes[0], homes[1]]}
    feature = {
        "type": "Feature",
        "geometry": line,
        "properties": {"code": "r1", "name": "路线", "days_a_week": 2},
    }
    routes = tmp_path / "routes.geojson"
    routes.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert geo_service("import", "routes", routes, "--commit", "--json").json["new"] == 1
    (route,) = rows_of(geo_service("patrol", "routes").out)
    assert (route["code"], route["from"], route["to"]) == ("r1", "00:00", "24:00")
    span = ("--from", monday, "--to", monday + timedelta(days=6))
    assert geo_service("patrol", "routes", *span, "--json").json == {"routes": []}

    paper = tmp_path / "week.pdf"
    made = geo_service("patrol", "week", monday, "--make", "--out", paper)
    assert made.status == 0, made.err
    assert paper.read_bytes()[:5] == b"%PDF-"
    week = geo_service("patrol", "week", monday, "--json").json
    stops = [stop for who in week["people"] for day in who["days"] for stop in day["stops"]]
    left = {one["place"] for one in week["left_out"]}
    assert {stop["place"] for stop in stops} | left >= {"s0", "s1", "s2"}
    assert len(rows_of(geo_service("patrol", "week", monday).out)) == len(stops)

    signs = tmp_path / "signs.pdf"
    address = ("--address", "https://grid.example.org")
    assert geo_service("patrol", "signs", signs, *address, "--place", "s1").status == 0
    assert signs.read_bytes()[:5] == b"%PDF-"
    assert geo_service("patrol", "visits", *span, "--json").json == {"visits": []}
    assert geo_service("patrol", "posts", *span, "--json").json["counts"]["missed"] == 0
    people = geo_service("patrol", "quotas", f"{monday:%Y-%m}", "--json").json["people"]
    assert len(rows_of(geo_service("patrol", "quotas", f"{monday:%Y-%m}").out)) == len(people)
    assert geo_service("patrol", "week", monday + timedelta(days=1), "--make").status == 1
    assert geo_service("patrol", "quotas", "2026-13").status == 1


def test_what_if_from_a_file(geo_service: Call, homes: list[tuple[float, float]], tmp_path: Path) -> None:
    at = ("--at", "2026-11-20T11:00:00+08:00", "--limit-s", "60", "--level", "grid")
    change, out = tmp_path / "more.json", tmp_path / "told.json"
    change.write_bytes(orjson.dumps({"add": [{"lon": homes[0][0], "lat": homes[0][1], "mode": "car"}]}))
    told = geo_service("coverage", *at, "--what-if", change, "--out", out, "--json")
    assert told.status == 0, told.err
    assert 0 <= told.json["share_before"] <= told.json["share_after"] <= 1
    assert len(told.json["cells"]) == told.json["cells_that_differ"]
    assert all(cell["households_gained"] > 0 for cell in told.json["cells"])
    kept = orjson.loads(out.read_bytes())
    assert kept["after"]["measures"]["households"]["share"] == told.json["share_after"]
    for wrong in (b"[]", b"{", b'{"add": [{"lon": 1}]}', b'{"fly": []}'):
        change.write_bytes(wrong)
        refused = geo_service("coverage", *at, "--what-if", change)
        assert (refused.status, "--what-if" in refused.err) == (1, True), refused.err
    change.write_bytes(b'{"streets": ["no such street"]}')
    assert geo_service("coverage", *at, "--what-if", change).status == 1
