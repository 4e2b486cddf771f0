"""``geo-service history``: what a cell got from others and passed on, edition by edition (沿革)."""

import sys
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.errors import NotFoundError
from geo_service.store import lineage, plan_ground

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    code: Annotated[str, typer.Argument(help="Code of the cell, also of one that is no more.")],
    level: Annotated[str, typer.Option(help="Its level.")],
    *,
    as_json: common.Json = False,
) -> None:
    """Tell where the land, the households and the incidents of a cell came from and went.

    Shares are of what the giver had.

    Example: geo-service history 339801001001001 --level grid
    """
    with common.open_database() as database, database.reading() as connection:
        if code not in plan_ground.codes_ever(connection).get(level, set()):
            raise NotFoundError(f"there never was a {level} {code}")
        rows = lineage.of_cell(connection, level, code)
    if as_json:
        common.print_json(rows)
        return
    for row in rows:
        land, people = _percent(row["share_land"]), _percent(row["share_households"])
        giver, taker = _called(row["from_code"], row["from_name"]), _called(row["to_code"], row["to_name"])
        whole = "" if row["land_m2"] is None else f" ({row['land_m2']:,.0f} m²)"
        sys.stdout.write(
            f"edition {row['edition_id']:>4}  {row['kind']:<10}  {giver} -> {taker}"
            f"  land {land}{whole}, households {people}\n"
        )
    if not rows:
        common.talk.print(f"{level} {code} has been as it is since its first edition", markup=False)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _called(code: str | None, name: str | None) -> str:
    """Write a cell as code and name."""
    if code is None:
        return "nobody 无主"
    return f"{code} {name}" if name and name != code else code
