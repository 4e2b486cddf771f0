"""What may be kept, by whom and for how long; the year that the incident map counts."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.model import Role
from geo_service.services import identity
from geo_service.services.mapping import shapes_mark
from geo_service.services.rostering import on_duty
from geo_service.services.tiling import Tiling
from geo_service.settings import Settings
from geo_service.store import tiles
from geo_service.store.database import Database
from tests.api.conftest import BASE

AT = "2026-11-22T02:00:00+08:00"
FOR_EVER = "max-age=31536000, immutable"


@pytest.fixture(scope="module")
def client_of(town_url: str, town: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """Clients of the demo town, with its maps open or a key shown."""
    key = identity.issue(town, "reader of maps", Role.LEADER, by="test")[1]
    made: list[FastAPI] = []

    def client(*, open_maps: bool) -> TestClient:
        home: Path = tmp_path_factory.mktemp("home")
        settings = Settings(home=home, database_url=town_url, open_maps=None if open_maps else False)
        made.append(create_app(settings))  # None: open, to whoever sits at this machine
        headers = {} if open_maps else {"X-API-Key": key}
        return TestClient(made[-1], base_url=BASE, headers=headers)

    yield client
    for app in made:
        app.state.parts.database.close()


@pytest.mark.parametrize("open_maps", [True, False])
def test_what_took_a_key_is_kept_by_that_caller_alone(
    client_of: Callable, town: Database, town_tiling: Tiling, open_maps: bool
) -> None:
    client = client_of(open_maps=open_maps)
    with town.reading() as connection:
        tile_mark = tiles.base_version(connection)
    shapes = "/maps/shapes/1/grid.json?detail=0"
    tile = "/maps/tiles/base/14/13603/6818.mvt"
    for address, kept in (
        (shapes, "no-cache"),
        (f"{shapes}&v=1", "no-cache"),
        (f"{shapes}&v={shapes_mark(town_tiling)}", FOR_EVER),
        (tile, "no-cache"),
        (f"{tile}?v=1", "no-cache"),
        (f"{tile}?v={tile_mark}", FOR_EVER),
        (f"/maps/units.json?at={AT.replace('+', '%2B')}", "no-cache"),
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == f"{'public' if open_maps else 'private'}, {kept}", address
        assert ("X-API-Key" in answer.headers.get("vary", "")) is not open_maps, address
        again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert again.headers["cache-control"] == answer.headers["cache-control"]


def test_pages_name_the_mark_of_the_shapes(client_of: Callable, town_tiling: Tiling) -> None:
    page = client_of(open_maps=True).get("/maps/staffing").text
    assert f"v={shapes_mark(town_tiling)}" in page


def test_the_incident_map_counts_the_year_up_to_its_moment(client_of: Callable, town: Database) -> None:
    client = client_of(open_maps=True)
    at = datetime.fromisoformat(AT)
    for moment in (at, at - timedelta(days=200), at - timedelta(days=4000)):
        with town.reading() as connection:
            total, located = connection.execute(
                text(
                    "select count(*), count(geom) from incident where occurred_at >= :a and occurred_at < :b"
                ),
                {"a": moment - timedelta(days=365), "b": moment},
            ).one()
        heat = client.get("/maps/heat.json", params={"at": moment.isoformat()}).json()
        assert (heat["located"], heat["unlocated"]) == (located, total - located)
        assert sum(heat["weight"]) == located
        assert not located or (np.abs(heat["xy"][:2]) > 4096 * 20).all()
        address = "/maps/figures/1/incidents/community.json"
        figures = client.get(address, params={"measure": "count", "at": moment.isoformat()}).json()
        assert 0 <= sum(figures["values"].values()) <= located
        assert f"{moment:%Y-%m-%d %H:%M}" in figures["note"]["zh"]
        assert f"{moment - timedelta(days=365):%Y-%m-%d %H:%M}" in figures["note"]["en"]


@pytest.mark.parametrize(
    ("limit_s", "title"), [(300, "五分钟到场覆盖"), (600, "10 分钟到场覆盖"), (180, "3 分钟到场覆盖")]
)
def test_the_title_of_the_coverage_map_follows_the_limit(
    client_of: Callable, limit_s: int, title: str
) -> None:
    page = client_of(open_maps=True).get("/maps/coverage", params={"limit_s": limit_s, "at": AT}).text
    assert f"<title>{title}" in page
    assert ("五分钟" in page) is (limit_s == 300)


def test_without_a_key_the_limit_is_one_that_is_offered(client_of: Callable) -> None:
    answer = client_of(open_maps=True).get("/maps/coverage", params={"limit_s": 181, "at": AT})
    assert answer.status_code == 422
    assert "900" in answer.text


def test_an_open_map_tells_how_many_are_on_duty_and_nobodys_place(
    client_of: Callable, town: Database, town_tiling: Tiling
) -> None:
    """Where people sit or live is for those who plan and lead, with a key for the whole town."""
    with town.reading() as connection:
        bases = on_duty(connection, datetime.fromisoformat(AT))
    address = f"/maps/units.json?at={AT.replace('+', '%2B')}"
    anybody, keyed = client_of(open_maps=True), client_of(open_maps=False)
    units = keyed.get(address).json()["units"]
    assert {one["name"] for one in units} == set(bases["code"])
    counted = anybody.get(address).json()["units"]
    assert sum(int(one["note"]["en"].split()[0]) for one in counted) == len(units)
    places = {(round(lon, 6), round(lat, 6)) for lon, lat in bases[["lon", "lat"]].to_numpy()}
    assert not places & {(one["lon"], one["lat"]) for one in counted}
    assert {one["name"] for one in counted} <= set(town_tiling.at_level(town_tiling.levels[-2])["name"])
    # shown to an open map, a key that may see places sees them there too
    shown = anybody.get(address, headers={"X-API-Key": keyed.headers["X-API-Key"]})
    assert shown.json()["units"] == units
    assert shown.headers["cache-control"].startswith("private")
