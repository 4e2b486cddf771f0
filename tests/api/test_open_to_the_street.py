"""Maps opened on a network: without a key everybody is the public, and small counts are kept back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.model import Role
from geo_service.services import identity
from geo_service.settings import Settings
from tests.api.conftest import BASE

AT = "2026-11-21T09:00:00+08:00"
SMALLEST = 40  # so that the demo town has some smaller ones
FIGURES = "/maps/figures/1/staffing/micro_grid.json"
#: Counts by cell: of these a single one may be small.
COUNTED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/figures/cells", {"level": "grid"}),
    ("/v1/coverage", {"at": AT}),
    ("/v1/coverage/cells", {"at": AT, "level": "grid"}),
    ("/v1/coverage/blind-spots", {"at": AT}),
    ("/v1/patrol/cells", {"level": "grid", "from": "2026-11-01", "to": "2026-11-02"}),
    ("/v1/patrol/against-incidents", {"level": "grid", "from": "2026-11-01", "to": "2026-11-02"}),
    ("/v1/gaps", {}),
    ("/v1/exclaves", {}),
]


def serving(url: str, home: Path, *, open_maps: bool | None, host: str = "127.0.0.1") -> TestClient:
    settings = Settings(home=home, database_url=url, open_maps=open_maps, host=host, smallest_count=SMALLEST)
    return TestClient(create_app(settings), base_url=BASE)


@pytest.fixture(scope="module")
def street(town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Somebody without a key, where the operator has opened the maps."""
    client = serving(town_url, tmp_path_factory.mktemp("home"), open_maps=True)
    yield client
    client.app.state.parts.database.close()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def key(street: TestClient) -> dict[str, str]:
    database = street.app.state.parts.database  # type: ignore[attr-defined]
    return {"X-API-Key": identity.issue(database, "who plans, openly", Role.PLANNER, by="test")[1]}


@pytest.mark.parametrize("asked", [{}, {"public": "false"}, {"public": "true"}])
def test_without_a_key_a_map_is_always_public(
    street: TestClient, key: dict[str, str], asked: dict[str, str]
) -> None:
    query = {"measure": "per_km2", "at": AT}
    given = street.get(FIGURES, params=query | asked)
    assert given.status_code == 200, given.text
    chosen = street.get(FIGURES, params=query | {"public": "true"}, headers=key)
    assert given.json() == chosen.json()
    whole = street.get(FIGURES, params=query, headers=key).json()
    assert whole != given.json()
    assert given.json()["hidden"]
    assert not whole.get("hidden")


def test_the_page_says_so_and_leaves_people_out(street: TestClient, key: dict[str, str]) -> None:
    page = street.get("/maps/staffing", params={"at": AT}).text
    assert f"公开版：小于 {SMALLEST} 的数不显示" in page
    assert "public=true" in page  # what it fetches is the same, for whoever it is sent on to
    assert "公开版：" not in street.get("/maps/staffing", params={"at": AT}, headers=key).text
    units = "/maps/overlays/1/staffing/units.json"
    assert street.get(units, params={"at": AT}).status_code == 404
    assert street.get(units, params={"at": AT}, headers=key).status_code == 200


def test_the_public_form_is_offered_to_those_who_have_another(
    street: TestClient, key: dict[str, str]
) -> None:
    assert "public=true" in street.get("/maps", headers=key).text
    page = street.get("/maps").text
    assert "public=true" not in page
    assert "这里是公开版" in page


@pytest.mark.parametrize(("address", "query"), COUNTED, ids=[address for address, _ in COUNTED])
def test_counts_by_cell_take_a_key(
    street: TestClient, key: dict[str, str], address: str, query: dict[str, Any]
) -> None:
    assert street.get(address, params=query).status_code == 401
    assert street.get(address, params=query, headers=key).status_code in {200, 404}


def test_cells_come_without_their_counts(street: TestClient, key: dict[str, str]) -> None:
    query = {"level": "micro_grid", "limit": 3, "geometry": "false"}
    open_cells = street.get("/v1/cells", params=query).json()["features"]
    assert [one["properties"]["attributes"] for one in open_cells] == [{}] * 3
    known = street.get("/v1/cells", params=query, headers=key).json()["features"]
    assert all(one["properties"]["attributes"] for one in known)
    code = known[0]["properties"]["code"]
    one = {"level": "micro_grid"}
    assert street.get(f"/v1/cells/{code}", params=one).json()["properties"]["attributes"] == {}
    assert street.get(f"/v1/cells/{code}", params=one, headers=key).json()["properties"]["attributes"]


def test_who_sits_at_the_machine_itself_reads_all(town_url: str, tmp_path: Path) -> None:
    """Nobody has opened anything: the service answers this machine alone, and whoever sits there chooses."""
    here = serving(town_url, tmp_path, open_maps=None)
    query = {"measure": "per_km2", "at": AT}
    assert not here.get(FIGURES, params=query).json().get("hidden")
    assert here.get(FIGURES, params=query | {"public": "true"}).json()["hidden"]
    assert here.get("/v1/figures/cells", params={"level": "grid"}).status_code == 200
    here.app.state.parts.database.close()  # type: ignore[attr-defined]
    elsewhere = serving(town_url, tmp_path, open_maps=None, host="0.0.0.0")
    assert elsewhere.get(FIGURES, params=query).status_code == 401
    elsewhere.app.state.parts.database.close()  # type: ignore[attr-defined]
