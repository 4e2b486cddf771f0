"""A running application on a database of its own, and clients that hold keys of each role."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.model import Role
from geo_service.services import identity
from geo_service.settings import Settings
from geo_service.store.database import Database
from tests.postgis import TestServer

BASE = "http://127.0.0.1:8000"


def client_of(app: FastAPI, key: str) -> TestClient:
    """Return a client of an application that holds a key."""
    return TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture(scope="module")
def service_url(postgis: TestServer) -> Iterator[str]:
    with postgis.fresh_url() as url:
        yield url


@pytest.fixture(scope="module")
def service_settings(service_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home: Path = tmp_path_factory.mktemp("home")
    return Settings(home=home, database_url=service_url)


@pytest.fixture(scope="module")
def app(service_settings: Settings) -> Iterator[FastAPI]:
    application = create_app(service_settings)
    yield application
    application.state.parts.database.close()


@pytest.fixture(scope="module")
def service_database(app: FastAPI) -> Database:
    return app.state.parts.database


@pytest.fixture(scope="module")
def admin_key(service_database: Database) -> str:
    key = identity.ensure_admin(service_database)
    assert key is not None
    return key


@pytest.fixture(scope="module")
def key_of(service_database: Database) -> Callable[[Role], str]:
    """A key of a role, made once for each role."""
    made: dict[Role, str] = {}

    def key(role: Role) -> str:
        if role not in made:
            made[role] = identity.issue(service_database, f"the {role.value}", role, by="test")[1]
        return made[role]

    return key


@pytest.fixture(scope="module")
def town_app(town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application on the demo town, which is only read."""
    home: Path = tmp_path_factory.mktemp("home")
    application = create_app(Settings(home=home, database_url=town_url))
    yield application
    application.state.parts.database.close()


@pytest.fixture(scope="session")
def town_key_of(town: Database) -> Callable[[Role], str]:
    """A key of a role in the demo town, made once for each role."""
    made: dict[Role, str] = {}

    def key(role: Role) -> str:
        if role not in made:
            made[role] = identity.issue(town, f"reader of the town, {role.value}", role, by="test")[1]
        return made[role]

    return key


@pytest.fixture(scope="module")
def own_app(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application on a demo town of the module's own, which its tests may change."""
    home: Path = tmp_path_factory.mktemp("home")
    application = create_app(Settings(home=home, database_url=own_town_url))
    yield application
    application.state.parts.database.close()


@pytest.fixture(scope="module")
def planner(own_app: FastAPI) -> TestClient:
    """A planner in the module's own town."""
    database = own_app.state.parts.database
    return client_of(own_app, identity.issue(database, "张三", Role.PLANNER, by="test")[1])


@pytest.fixture(scope="module")
def running(app: FastAPI) -> Iterator[TestClient]:
    """The application at work for the whole module: it is started, and stopped, once."""
    with TestClient(app, base_url=BASE) as made:
        yield made


@pytest.fixture
def client(app: FastAPI, running: TestClient) -> TestClient:
    """A client without a key; it does not follow redirects."""
    app.state.parts.attempts.__init__()
    made = TestClient(app, base_url=BASE, follow_redirects=False, raise_server_exceptions=False)
    made.portal = running.portal  # of the application that runs already
    return made


@pytest.fixture
def admin(client: TestClient, admin_key: str) -> TestClient:
    """The client with the admin's key."""
    client.headers["Authorization"] = f"Bearer {admin_key}"
    return client
