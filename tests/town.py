"""The demo town in a database, made once for a session; tests that use it only read."""

from collections.abc import Iterator

import pytest

from geo_service.services import demoing
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store.database import Database
from tests.postgis import TestServer


@pytest.fixture(scope="session")
def town_url(postgis: TestServer) -> Iterator[str]:
    """Address of a database that holds the demo town and its first coverage. Only read it."""
    with postgis.fresh_url() as url:
        database = Database.connect(url, read_size=2, write_size=2)
        try:
            demoing.load_demo(database, "town")
            demoing.show_coverage(database)
        finally:
            database.close()
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
