"""An application served by a process of its own, on a free port of this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.forked import ForkedService, environment_of


@contextmanager
def serving(factory: str, environment: Mapping[str, str], *, ready: str = "/v1/status") -> Iterator[str]:
    """Serve what a factory makes; give its address once it answers.

    Parameters
    ----------
    factory : str
        ``module:function`` without arguments.
    environment : mapping
        Variables of the process.
    ready : str
        Path that is asked for until it answers.
    """
    service = ForkedService(factory, environment)
    try:
        httpx.get(service.address + ready, timeout=300).raise_for_status()  # waits until it answers
        yield service.address
    finally:
        service.end()


@contextmanager
def serving_database(database_url: str, home: Path) -> Iterator[str]:
    """Serve the real application on a database, whatever the settings of who runs the tests."""
    with serving("geo_service.api.app:create_app", environment_of(database_url, home)) as url:
        yield url
