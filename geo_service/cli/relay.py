"""``geo-service relay``: announce what happened to those who listen."""

import signal
import threading

import typer

from geo_service.cli import common
from geo_service.services.relaying import relay

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command() -> None:
    """Announce events to those who listen.

    On the database's channel geo_service_events, until stopped.

    Example: geo-service relay
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with common.open_database() as database:
        common.talk.print("relay: announcing on channel geo_service_events; Ctrl-C stops")
        count = relay(database, stop=stopping.is_set, said=common.talk.print, pause=stopping.wait)
    common.talk.print(f"relay: stopped after {count} events")
