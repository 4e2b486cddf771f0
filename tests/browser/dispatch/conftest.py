"""A service with a demo town of its own in which twelve people are on duty now, and what acts on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pandas as pd
import pytest

from geo_service.model import Role
from geo_service.services import identity
from geo_service.services.tiling import Tilings
from geo_service.store import ground, staffing
from geo_service.store.database import Database
from tests.browser.serving import serving_database

PEOPLE = {
    "调度一": Role.DISPATCHER,
    "调度二": Role.DISPATCHER,
    "王主任": Role.LEADER,
    "手机": Role.WORKER,
    "网关": Role.DEVICE,
    "管理员": Role.ADMIN,
}


@dataclass(frozen=True)
class Scene:
    """Who is on duty, and a building round which they are."""

    workers: list[str]
    building: str
    place: tuple[float, float]

    def near(self, metres_east: float, metres_north: float = 0.0) -> tuple[float, float]:
        """A place so far from the building."""
        lon, lat = self.place
        return lon + metres_east / (111_195 * np.cos(np.radians(lat))), lat + metres_north / 111_195


@pytest.fixture(scope="module")
def scene(own_town_url: str) -> Scene:
    """Twelve grid workers whose shift began two hours ago, whatever the time of day."""
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    now = datetime.now(UTC)
    try:
        with database.writing() as connection:
            people = staffing.responders(connection)
            chosen = people[people["role"] == "grid_worker"].head(12)
            shifts = pd.DataFrame(
                {
                    "responder_id": chosen["id"].to_numpy(),
                    "start": now - timedelta(hours=2),
                    "end": now + timedelta(hours=6),
                }
            )
            staffing.replace_shifts(connection, shifts)
            points = ground.demand(connection)
        tiling = Tilings(database).get()
        middle = points[["lon", "lat"]].median().to_numpy()
        apart = ((points[["lon", "lat"]].to_numpy() - middle) ** 2).sum(axis=1)
        at = points.iloc[int(apart.argmin())]
        assert tiling.index.leaf_of(np.array([[at.lon, at.lat]]))[0][0] >= 0
        return Scene(chosen["code"].tolist(), str(at.source_id), (float(at.lon), float(at.lat)))
    finally:
        database.close()


@pytest.fixture(scope="module")
def keys(own_town_url: str) -> dict[str, str]:
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    try:
        return {name: identity.issue(database, name, role, by="test")[1] for name, role in PEOPLE.items()}
    finally:
        database.close()


@pytest.fixture(scope="module")
def service(own_town_url: str, scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the application, served by a process of its own."""
    assert scene.workers
    with serving_database(own_town_url, tmp_path_factory.mktemp("home")) as url:
        yield url


def client(service: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=service, headers={"Authorization": f"Bearer {key}"}, timeout=120)


@pytest.fixture(scope="module")
def api(service: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    """The API as the first dispatcher."""
    with client(service, keys["调度一"]) as made:
        yield made


@pytest.fixture(scope="module")
def admin(service: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with client(service, keys["管理员"]) as made:
        yield made


@pytest.fixture
def around(service: str, keys: dict[str, str], scene: Scene, api: httpx.Client) -> Iterator[Scene]:
    """Everybody free and round the building, the first of them the nearest; afterwards nobody is sent."""
    fixes = []
    for i, code in enumerate(scene.workers):
        lon, lat = scene.near(60.0 * (i + 2), 15.0 * i)
        fixes.append({"responder": code, "at": datetime.now(UTC).isoformat(), "lon": lon, "lat": lat})
    with client(service, keys["网关"]) as gateway:
        taken = gateway.post("/v1/positions", json={"fixes": fixes}).raise_for_status().json()
    assert not taken["refused"], taken
    yield scene
    for one in api.get("/v1/dispatches", params={"open": True}).json()["dispatches"]:
        api.post(f"/v1/dispatches/{one['id']}/cancel", json={"reason": "end of the test"})
