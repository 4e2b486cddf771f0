"""An application served by a process of its own, on a free port of this machine."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

CHECKOUT = Path(__file__).parents[2]


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
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # asyncio does not on sockets it is given
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.listen(64)
        code = (
            f"import uvicorn; uvicorn.run({factory!r}, factory=True, fd={listener.fileno()}, "
            "log_level='warning', access_log=False, timeout_graceful_shutdown=1)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[listener.fileno()], env=environment, cwd=CHECKOUT
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            httpx.get(url + ready, timeout=300).raise_for_status()  # waits until it answers
            yield url
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def serving_database(database_url: str, home: Path) -> Iterator[str]:
    """Serve the real application on a database, whatever the settings of who runs the tests."""
    environment = {name: value for name, value in os.environ.items() if "GEO_SERVICE_" not in name}
    environment["GEO_SERVICE_DATABASE_URL"] = database_url
    environment["GEO_SERVICE_HOME"] = str(home)
    with serving("geo_service.api.app:create_app", environment) as url:
        yield url
