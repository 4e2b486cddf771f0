"""``geo-service demo-live``: let things happen in the demo, beside the server."""

import signal
import threading
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.errors import ConflictError
from geo_service.services import demoing
from geo_service.services.demo_live import LiveDemo

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    reports: Annotated[int, typer.Option(help="Reports that come in at once.", min=0, max=500)] = 8,
    every: Annotated[float, typer.Option(help="Seconds between further ones.", min=5)] = 60.0,
    seed: Annotated[int, typer.Option(help="Another seed, other events.")] = 1,
) -> None:
    """Let things happen in the demo: reports, people who walk, accept, arrive and get done.

    Runs beside geo-service demo or serve until Ctrl-C. Whoever acts through a linked key acts for himself.

    Example: geo-service demo-live --reports 12 --every 30
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with common.open_database() as database:
        edition = demoing.newest_edition(database)
        if edition is None or demoing.size_of(edition) is None:
            raise ConflictError("this home holds no demo: make one with geo-service demo")
        demo = LiveDemo(database, seed)
        try:
            fixes = demo.step()
            made = demo.report(reports) if reports else 0
            common.talk.print(f"live: {made} reports, {fixes} people tell where they are; Ctrl-C stops")
            demo.run(stopping.wait, every_s=every, said=common.talk.print)
        finally:
            demo.desk.board.close()
    common.talk.print("live: stopped")
