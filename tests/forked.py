"""Serving processes for tests, forked from one process that has imported everything.

Each is a process of its own, with its own environment, that serves the real application and dies when it is
killed. What it does not do again are the seconds of imports, and of loading compiled kernels, that every
start of the program costs; that start itself is tried in ``tests/cli`` and ``tests/faults``, on the program
as people run it.
"""

import multiprocessing
import os
import signal
import socket
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
END_S = 20


class ForkedService:
    """An application served on a free port of this machine; it may not answer yet.

    Parameters
    ----------
    factory : str
        ``module:function`` without arguments that makes the application.
    environment : mapping
        All variables of the process.

    Attributes
    ----------
    address : str
    """

    def __init__(self, factory: str, environment: Mapping[str, str]) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            # asyncio does not on sockets it is given
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.listen(64)
            self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self._process = FORKS.Process(
                target=_serve, args=(factory, listener, dict(environment)), daemon=True
            )
            self._process.start()

    @property
    def runs(self) -> bool:
        """Whether the process is alive."""
        return self._process.is_alive()

    def kill(self) -> None:
        """Kill it as the kernel does when memory runs out: it can put nothing in order."""
        self._process.kill()
        self._process.join(END_S)
        assert self._process.exitcode == -signal.SIGKILL

    def end(self) -> None:
        """Ask it to stop, if it still runs, and wait until it has."""
        if self.runs:
            self._process.terminate()
            self._process.join(END_S)
            assert not self.runs, "the service does not end"


def environment_of(database_url: str, home: Path) -> dict[str, str]:
    """Return variables with which the application serves a database, whatever those of who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if "GEO_SERVICE_" not in name}
    return kept | {"GEO_SERVICE_DATABASE_URL": database_url, "GEO_SERVICE_HOME": str(home)}


def _from_one_that_is_ready() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.forked_ready"])
    return context


#: What else forks from it passes by this.
FORKS = _from_one_that_is_ready()


def _serve(factory: str, listener: socket.socket, environment: Mapping[str, str]) -> None:
    import uvicorn  # there already, in the process that serves

    os.chdir(CHECKOUT)
    os.environ.clear()
    os.environ.update(environment)
    uvicorn.run(
        factory,
        factory=True,
        fd=listener.fileno(),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
