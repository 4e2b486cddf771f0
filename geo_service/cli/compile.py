"""``geo-service compile``: have every kernel compiled before anybody waits for one."""

import typer

from geo_service.cli import common
from geo_service.services.kernels import compile_all

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command() -> None:
    """Compile the fast parts ahead: minutes once on a machine, then seconds.

    A service does it by itself after it has started; for an image or a release it is done beforehand.

    Example: geo-service compile
    """
    for part, took_s in compile_all():
        common.talk.print(f"compiled: {part} ({took_s:.0f} s)")
