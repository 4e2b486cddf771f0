"""The demo town in a database, made once for a run; tests that use it only read."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from geo_service.demo.county import DemoCounty
from geo_service.services import demoing
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store.database import Database
from tests import town_at_hand
from tests.postgis import TestServer


@pytest.fixture(scope="session")
def drawn_town() -> DemoCounty:
    """The demo town as it is drawn, before any database. Only read it."""
    return town_at_hand.generate()


@contextmanager
def drawn_once(town: DemoCounty) -> Iterator[None]:
    """Let the demo take the town that is drawn already: the same seed draws the same bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo_service.demo.county.generate", {"town": town}.__getitem__)
        yield


@pytest.fixture(scope="session")
def loaded_town(postgis: TestServer, request: pytest.FixtureRequest) -> str:
    """Name of a database that holds the demo town. Nobody connects to it: it is copied."""

    def load(database: Database) -> None:
        with drawn_once(request.getfixturevalue("drawn_town")):
            demoing.load_demo(database, "town")

    return postgis.made_once("town", load)


@pytest.fixture(scope="session")
def covered_town(postgis: TestServer, loaded_town: str) -> str:
    """Name of a database that holds the demo town and its first coverage. Nobody connects to it either."""

    def cover(database: Database) -> None:
        demoing.show_coverage(database)

    return postgis.made_once("covered", cover, loaded_town)


@pytest.fixture(scope="session")
def town_url(postgis: TestServer, covered_town: str) -> Iterator[str]:
    """Address of a database that holds the demo town and its first coverage. Only read it."""
    with postgis.fresh_url(covered_town) as url:
        yield url


@pytest.fixture(scope="session")
def town(town_url: str) -> Iterator[Database]:
    """The demo town. Only read it."""
    made = Database.connect(town_url, read_size=4, write_size=4)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def town_tiling(town: Database) -> Tiling:
    """The cells of the demo town."""
    return Tilings(town).get()


@pytest.fixture(scope="module")
def own_town_url(postgis: TestServer, loaded_town: str) -> Iterator[str]:
    """Address of a demo town of the module's own, which its tests may change."""
    with postgis.fresh_url(loaded_town) as url:
        yield url
