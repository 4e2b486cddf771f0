"""``geo-service map``: one map as one file that opens on a machine without a network."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.model import Mode
from geo_service.services.ground import Ground
from geo_service.services.mapping import Mapper, View
from geo_service.services.tiling import Tilings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Kind(StrEnum):
    """The maps there are."""

    STAFFING = "staffing"
    COVERAGE = "coverage"
    INCIDENTS = "incidents"


@app.command()
def command(
    kind: Annotated[Kind, typer.Argument(help="What to show.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")],
    at: Annotated[str | None, typer.Option(help="Moment with its UTC offset (default: now).")] = None,
    mode: Annotated[Mode, typer.Option(help="How responders travel, for coverage.")] = Mode.EBIKE,
    limit_s: Annotated[int, typer.Option(help="Seconds within which somebody must arrive.")] = 300,
) -> None:
    """Write a map as one file.

    Scripts, styles and data are inside; it asks for nothing outside.

    Example: geo-service map coverage --at 2026-11-22T02:00+08:00 --out coverage.html
    """
    moment = common.parse_moment(at, "--at") or datetime.now().astimezone()
    common.out_file(out)
    with common.progress("loading") as say, common.open_database() as database:
        tiling = Tilings(database).get(moment)
        mapper = Mapper(database, Ground(database))
        say("drawing", None)
        page = mapper.file_page(kind.value, tiling, View(moment, mode, limit_s))
        out.write_text(page.html, encoding="utf-8")
    common.talk.print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)", markup=False)
