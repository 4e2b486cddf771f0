"""``geo-service serve``: the API and the pages, over HTTP."""

import errno
import os
import signal
import socket
from contextlib import nullcontext
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn

from geo_service.api.app import is_loopback
from geo_service.cli import common
from geo_service.cli.watching import kept_alive
from geo_service.errors import BadRequestError, UnavailableError
from geo_service.services import identity
from geo_service.settings import Settings
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database
from geo_service.store.migrate import migrate

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_SHUTDOWN_S = 10


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Where to listen; anything but loopback only when said here.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes that answer.")] = None,
) -> None:
    """Start the service and stay until Ctrl-C. The first start prints the admin key, this once.

    Example: geo-service serve --port 8010 --workers 2
    """
    settings = Settings()
    if host is None and not is_loopback(settings.host):
        raise BadRequestError(
            f"GEO_SERVICE_HOST is {settings.host}: to open the service to other machines say so with --host"
        )
    given = {"host": host, "port": port, "workers": workers}
    run(settings.model_copy(update={name: value for name, value in given.items() if value is not None}))


def run(settings: Settings) -> None:
    """Serve with these settings until a signal comes; what was started here is stopped again.

    Raises
    ------
    UnavailableError
        The port is taken, or may not be had.
    """
    check_port(settings.host, settings.port)
    end_in_order_on_signals()
    cluster = Cluster(settings.home, binaries_folder=settings.postgres_bin) if settings.is_embedded else None
    with (
        cluster.running() if cluster else nullcontext(settings.external_url or "") as url,
        kept_alive(cluster, url),
    ):
        announce(settings, prepare(url))
        # worker processes make the application for themselves, from the environment
        os.environ.update(
            {
                f"GEO_SERVICE_{name}": str(getattr(settings, name.lower()))
                for name in ("HOME", "HOST", "WORKERS")
            }
        )
        uvicorn.run(
            "geo_service.api.app:create_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            access_log=False,  # our own has no addresses of people in it
            log_config=log_config(settings.log_level),
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=_SHUTDOWN_S,
            timeout_keep_alive=20,
            # compiling a kernel holds a worker for seconds; it is not dead
            timeout_worker_healthcheck=60,
            h11_max_incomplete_event_size=65_536,
            server_header=False,
        )


def end_in_order_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind like an end of the program: what was started is stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    """End in good order, so that the private PostGIS is stopped; uvicorn hands its signals on to this."""
    raise SystemExit(0)


def prepare(url: str) -> str | None:
    """Bring the database up to date; return the admin key if this is the first start."""
    database = Database.connect(
        url,
        read_size=1,
        write_size=1,
        statement_timeout_ms=common.COMMAND_TIMEOUT_MS,
        application="geo-service serve",
    )
    try:
        migrate(database.write)
        return identity.ensure_admin(database)
    finally:
        database.close()


def announce(settings: Settings, admin_key: str | None) -> None:
    """Say where the service is, and the admin key while it is new."""
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{shown}:{settings.port}"
    lines = [
        f"geo_service at {address}/",
        f"  planner  {address}/planner",
        f"  API      {address}/docs",
        "  stop     Ctrl-C",
    ]
    if admin_key:
        lines += [
            f"  admin key, shown this once:  {admin_key}",
            f"  keep it; open {address}/sign-in, give the key there, then plan at {address}/planner",
        ]
    common.talk.print("\n".join(lines), markup=False, soft_wrap=True)


def check_port(host: str, port: int) -> None:
    """Raise with what to do when nobody can listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = (
                f"port {port} is taken by another program: choose another with --port, or stop that program"
            )
        elif error.errno == errno.EACCES:
            reason = f"port {port} is for the system's own programs: choose one from 1024 up with --port"
        else:
            reason = f"cannot listen on {host}: it is no address of this machine"
        raise UnavailableError(reason) from error


def log_config(level: str) -> dict[str, Any]:
    """Return the logging set-up: one line an event on stderr, uvicorn's and ours alike."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "format": "%(asctime)s %(levelname)-7s %(name)s %(message)s",
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "geo_service": {"level": level.upper()},
            "uvicorn": {"level": "WARNING" if level == "error" else "INFO"},
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
    }
