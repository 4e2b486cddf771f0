"""``geo-service site``: where to put stations and posts, and what each new one adds."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from geo_service.cli import common
from geo_service.errors import Fault, InvalidInputError
from geo_service.formats.export import write_vector
from geo_service.model import Mode
from geo_service.services import siting
from geo_service.services.ground import Ground
from geo_service.services.siting_question import HourOfWeek, Place, SitingQuestion
from geo_service.services.tiling import Tilings
from geo_service.staffing.siting import Goal
from geo_service.store import siting as store

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Standing(StrEnum):
    """What may stand already."""

    STATIONS = "stations"
    POSTS = "posts"
    BASES = "bases"
    ON_DUTY = "on_duty"


class From(StrEnum):
    """Where new ones may stand."""

    STREETS = "streets"
    STATIONS = "stations"
    POSTS = "posts"
    BASES = "bases"
    PLACES = "places"


@app.command()
def command(
    goal: Annotated[Goal, typer.Argument(help="What is wanted of all together.")],
    count: Annotated[
        int | None, typer.Option(help="How many new ones; of cover_all the most there may be.")
    ] = None,
    limit_s: Annotated[int, typer.Option(help="Seconds within which somebody must be there.")] = 300,
    mode: Annotated[Mode, typer.Option(help="How they travel.")] = Mode.EBIKE,
    depth: Annotated[int, typer.Option(help="2: with backup, by two.")] = 1,
    candidates: Annotated[From, typer.Option(help="Where new ones may stand.")] = From.STREETS,
    spread: Annotated[int, typer.Option(help="Points of the streets to choose from.")] = 300,
    place: Annotated[
        list[str] | None, typer.Option(help="A candidate as lon,lat or lon,lat,name; again for each.")
    ] = None,
    existing: Annotated[
        list[Standing] | None, typer.Option(help="What stands already; again for each. Default: stations.")
    ] = None,
    none_existing: Annotated[bool, typer.Option("--none-existing", help="Nothing stands yet.")] = False,
    hour: Annotated[
        list[str] | None,
        typer.Option(
            help="With on_duty: a moment and its hours of the week, 2026-11-23T02:00+08:00=128; again."
        ),
    ] = None,
    cell: Annotated[str | None, typer.Option(help="Only in this cell: level/code.")] = None,
    seconds: Annotated[float, typer.Option(help="How long to look for better ones and the proof.")] = 60.0,
    capacity: Annotated[
        float | None, typer.Option(help="cover_most: households that one new site can serve.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .geojson, .gpkg, .fgb, .csv, .zip.")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Choose sites for stations and posts, and tell what each adds.

    An answer that is proved says so; else it tells how far it may be from the best.

    Example: geo-service site cover_most --count 3 --limit-s 300 --out sites.geojson
    """
    if out:
        common.out_file(out)
    standing = [one.value for one in existing or ([] if none_existing else [Standing.STATIONS])]
    question = SitingQuestion(
        goal=goal,
        count=count,
        limit_s=limit_s,
        mode=mode,
        depth=depth,
        candidates=From.PLACES.value if place else candidates.value,
        spread=spread,
        places=tuple(_place(text) for text in place or []),
        existing=tuple(standing),
        hours=tuple(_hour(text) for text in hour or []),
        cell=cell_of(cell),
        seconds=seconds,
        capacity=capacity,
    )
    question.check()
    with common.progress("loading roads and cells") as say, common.open_database() as database:
        tiling = Tilings(database).get()
        with database.writing() as connection:
            run_id = store.begin(
                connection, edition_id=tiling.edition.id, question=question.as_dict(), who="command line"
            )

        def step(phase: str, done: int, total: int) -> None:
            say({"ways": "ways over the streets"}.get(phase, phase), done / total)

        siting.go_on(database, Ground(database), tiling, run_id, say=step)
        with database.reading() as connection:
            answer = dict(store.get(connection, run_id).answer or {})
        if out:
            write_vector(siting.sites_frame(answer), out)
    _print(run_id, answer, out, as_json=as_json)


def _print(run_id: int, answer: dict[str, Any], out: Path | None, *, as_json: bool) -> None:
    result = {"siting": run_id, **answer} | ({"out": str(out)} if out else {})
    if as_json:
        common.print_json(result)
        return
    lists = {"sites", "cells", "course", "standing_places"}
    common.print_report({name: value for name, value in result.items() if name not in lists})
    for one in answer["sites"]:
        name = f" {one['name']}" if one["name"] else ""
        served = f", serves {one['households_served']:g}" if "households_served" in one else ""
        typer.echo(
            f"{one['rank']:>3}. {one['lon']:.6f},{one['lat']:.6f}{name}: "
            f"+{one['households_added']:g} households, then {one['share_after']:.1%}{served}"
        )


def _place(text: str) -> Place:
    parts = text.split(",", 2)
    try:
        return Place(float(parts[0]), float(parts[1]), parts[2].strip() if len(parts) > 2 else "")
    except (ValueError, IndexError):
        raise _unreadable("--place", "write lon,lat or lon,lat,name", text) from None


def _hour(text: str) -> HourOfWeek:
    moment, _, hours = text.rpartition("=")
    at = common.parse_moment(moment, "--hour")
    try:
        assert at is not None  # noqa: S101 - a text gives a moment or a refusal
        return HourOfWeek(at, float(hours))
    except ValueError:
        raise _unreadable("--hour", "write moment=hours, like 2026-11-23T02:00+08:00=128", text) from None


def cell_of(text: str | None) -> tuple[str, str] | None:
    """Read a cell written as level/code."""
    if text is None:
        return None
    level, slash, code = text.partition("/")
    if not (level and slash and code):
        raise _unreadable("--cell", "write level/code", text)
    return level, code


def _unreadable(option: str, advice: str, text: str) -> InvalidInputError:
    return InvalidInputError("this cannot be read", [Fault(option, advice, value=text)])
