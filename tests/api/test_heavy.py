"""Heavy readings take few threads: however many are asked for, light questions are answered meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType

import geopandas as gpd
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.routes import isochrones, monthly
from geo_service.api.state import HEAVY_THREADS
from tests.api.conftest import BASE

#: More than there are threads for all other requests together.
MANY = 44


@pytest.fixture
def client(app: FastAPI, admin_key: str) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE, headers={"X-API-Key": admin_key}) as made:
        yield made


@dataclass
class Made:
    """A report without a word."""

    name: str = "report.json"
    content: bytes = b"{}"
    media_type: str = "application/json"


NO_LAND = gpd.GeoDataFrame({"minutes": [], "mode": []}, geometry=[], crs=4326)


@pytest.mark.parametrize(
    ("module", "name", "answer", "address"),
    [
        (isochrones, "isochrones", NO_LAND, "/v1/isochrones?place=118.9,28.9"),
        (monthly, "make_report", (Made(), 1), "/v1/reports/monthly?month=2026-10&format=json"),
    ],
    ids=["isochrones", "monthly report"],
)
def test_light_questions_do_not_wait_for_heavy_ones(  # noqa: PLR0917 - the rows above
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    answer: object,
    address: str,
) -> None:
    lock, full, go_on = threading.Lock(), threading.Event(), threading.Event()
    running, most = 0, 0

    def long_reading(*_: object) -> object:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running >= HEAVY_THREADS:
                full.set()
        go_on.wait(120)
        with lock:
            running -= 1
        return answer

    monkeypatch.setattr(module, name, long_reading)
    with ThreadPoolExecutor(MANY + 1) as pool:
        heavy = [pool.submit(client.get, address) for _ in range(MANY)]
        try:
            assert full.wait(60)
            light = pool.submit(client.get, "/v1/keys").result(timeout=60)
            assert not any(one.done() for one in heavy)
        finally:
            go_on.set()
        assert light.status_code == 200
        assert {one.result().status_code for one in heavy} == {200}
    assert most == HEAVY_THREADS
