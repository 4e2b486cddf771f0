"""``geo-service move-up``: who should shift where while others are busy."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.cli.siting import cell_of
from geo_service.model import Mode
from geo_service.services.ground import Ground
from geo_service.services.siting_moveup import MoveUpQuestion, advise
from geo_service.services.tiling import Tilings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    busy: Annotated[list[str] | None, typer.Option(help="Code of who is busy; again for each.")] = None,
    moves: Annotated[int, typer.Option(help="At most so many move.")] = 2,
    at: Annotated[str | None, typer.Option(help="Moment (default: now).")] = None,
    limit_s: Annotated[int, typer.Option(help="Seconds within which somebody must be there.")] = 300,
    longest_s: Annotated[int, typer.Option(help="Nobody moves farther than this.")] = 900,
    mode: Annotated[Mode, typer.Option(help="How they travel.")] = Mode.EBIKE,
    cell: Annotated[str | None, typer.Option(help="Only in this cell: level/code.")] = None,
    as_json: common.Json = False,
) -> None:
    """Say who of those on duty should move where while others are busy 移防: nothing is changed by it.

    Example: geo-service move-up --busy W339801001001001-1 --moves 2
    """
    moment = common.parse_moment(at, "--at") or datetime.now(UTC)
    question = MoveUpQuestion(moment, tuple(busy or ()), moves, limit_s, longest_s, mode, cell_of(cell))
    with common.progress("loading roads and people"), common.open_database() as database:
        told = advise(database, Ground(database), Tilings(database).get(), question)
    if as_json:
        common.print_json(told)
        return
    common.print_report({name: value for name, value in told.items() if name != "moves"})
    if not told["moves"]:
        typer.echo("nobody needs to move: no move gains any cover 无需移防：没有能增加覆盖的移动")
    for one in told["moves"]:
        lon, lat = one["to"]
        where = one["to_name"] or f"{lon:.6f},{lat:.6f}"
        typer.echo(f"{one['responder']} {one['name']} -> {where} ({one['seconds'] / 60:.1f} min)")
