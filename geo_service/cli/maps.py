"""``geo-service map``: the list of maps, and one of them as one file that opens without a network."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.model import Mode
from geo_service.services.atlas.kinds import SMALLEST, YEAR_DAYS, View
from geo_service.services.atlas.registry import KINDS
from geo_service.services.mapping import Mapper
from geo_service.services.plan_state import Plans
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tilings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_NAMES = ", ".join(KINDS)


@app.command()
def command(
    name: Annotated[str, typer.Argument(help=f"What to show: {_NAMES}. Without a name: the list.")] = "",
    single_file: Annotated[
        Path | None, typer.Option("--single-file", "--out", help="HTML file to write.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Moment with its UTC offset (default: now).")] = None,
    mode: Annotated[Mode, typer.Option(help="How responders travel.")] = Mode.EBIKE,
    limit_s: Annotated[
        int, typer.Option(min=1, max=14_400, help="Seconds within which somebody must arrive.")
    ] = 300,
    role: Annotated[str, typer.Option(help="Only those on duty with this role, as grid_worker.")] = "",
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Span of incidents and patrols before the moment.")
    ] = YEAR_DAYS,
    against: Annotated[
        int | None, typer.Option(help="Edition to compare with (default: the one before).")
    ] = None,
    plan: Annotated[int | None, typer.Option(help="Plan to compare with.")] = None,
    siting: Annotated[int | None, typer.Option(help="Siting run to show (default: the last).")] = None,
    public: Annotated[
        bool, typer.Option("--public", help="For the public: small counts, people and cameras left out.")
    ] = False,
    smallest: Annotated[
        int, typer.Option(min=1, max=1000, help="With --public: the smallest count that is told.")
    ] = SMALLEST,
    as_json: common.Json = False,
) -> None:
    """List the maps, or write one as one file.

    Scripts, styles and data are inside; it asks for nothing outside.

    Example: geo-service map coverage --at 2026-11-22T02:00+08:00 --single-file coverage.html
    """
    if not name:
        _list(as_json=as_json)
        return
    if name not in KINDS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(KINDS)}", param_hint="NAME")
    kind = KINDS[name]
    out = single_file or Path(f"{kind.code}.html")
    moment = common.parse_moment(at, "--at") or datetime.now().astimezone()
    common.out_file(out)
    with common.progress("loading") as say, common.open_database() as database:
        tilings = Tilings(database)
        with database.reading() as connection:
            moment = moment.astimezone(town_zone(connection))
        tiling = tilings.get(moment)
        mapper = Mapper(database, common.ground_of(database), tilings, Plans(database, tilings))
        say("drawing", None)
        hidden_below = smallest if public else 0
        view = View(moment, mode, limit_s, role, days, against, plan, siting, hidden_below)
        page = mapper.file_page(kind.code, tiling, view)
        out.write_text(page.html, encoding="utf-8")
    common.talk.print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)", markup=False)


def _list(*, as_json: bool) -> None:
    """Print every map with what it tells and an example."""
    if as_json:
        common.print_json({"maps": [one.describe() for one in KINDS.values()]})
        return
    for one in KINDS.values():
        measures = ", ".join(f"{m.label.zh} {m.code}" for m in one.measures)
        typer.echo(f"{one.code:<10} {one.label.zh}  {one.label.en}")
        typer.echo(f"           {one.about.zh}")
        typer.echo(f"           {one.about.en}")
        typer.echo(f"           指标 measures: {measures}")
        typer.echo(f"           geo-service map {one.code} {one.example} --single-file {one.code}.html\n")
