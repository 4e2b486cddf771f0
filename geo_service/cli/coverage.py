"""``geo-service coverage``: what share of each cell is reached in time, at a moment or over a week."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from geo_service.cli import common
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.formats.export import write_vector
from geo_service.model import Mode
from geo_service.services.coverage import coverage_frame, run_coverage
from geo_service.services.coverage_question import (
    Added,
    Changes,
    Counted,
    Measure,
    Moved,
    Positions,
    Question,
)
from geo_service.services.coverage_readings import read_coverage, settle_question
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store.database import Database

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Travelling(StrEnum):
    """How people travel: all in one way, or each his own."""

    OWN = "own"
    WALK = "walk"
    EBIKE = "ebike"
    CAR = "car"


@app.command()
def command(
    at: Annotated[str, typer.Option(help="Moment with its UTC offset: 2026-11-22T02:00+08:00.")],
    mode: Annotated[
        Travelling, typer.Option(help="How responders travel; own: each his own way.")
    ] = Travelling.EBIKE,
    limit_s: Annotated[int, typer.Option(help="Seconds within which somebody must arrive.")] = 300,
    level: Annotated[
        str | None, typer.Option(help="Level of the cells in the file (default: the leaves).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write: .geojson, .gpkg, .fgb, .csv, .zip; .json with --week and --what-if."
        ),
    ] = None,
    depth: Annotated[bool, typer.Option("--depth", help="By how many, residents, median: in full.")] = False,
    week: Annotated[bool, typer.Option("--week", help="Each of the 168 hours of the moment's week.")] = False,
    what_if: Annotated[
        Path | None,
        typer.Option(help="JSON: add, remove, move, edges, streets, bridges; tells before and after."),
    ] = None,
    blind_spots: Annotated[
        bool, typer.Option("--blind-spots", help="Polygons of what nobody reaches in time, into --out.")
    ] = False,
    free: Annotated[bool, typer.Option("--free", help="Only who is not sent anywhere.")] = False,
    capability: Annotated[list[str] | None, typer.Option(help="Only who has it; several times.")] = None,
    pinned: Annotated[bool, typer.Option("--pinned", help="Also who is bound to a post.")] = False,
    stations: Annotated[bool, typer.Option("--stations", help="Stations count too, by car.")] = False,
    border: Annotated[str | None, typer.Option(help="No help over the borders of this level.")] = None,
    actual: Annotated[bool, typer.Option("--actual", help="From where they were seen last.")] = False,
    pace: Annotated[str, typer.Option(help="free, typical, rush, night, or a stored table.")] = "free",
    rain: Annotated[float | None, typer.Option(help="Share of the speed that rain leaves, 0.1 to 1.")] = None,
    as_json: common.Json = False,
) -> None:
    """Compute the coverage at a moment.

    With --out share, weight and longest time of each cell are written.

    Example: geo-service coverage --at 2026-11-22T02:00+08:00 --mode ebike --out coverage.geojson

    A week by the hour: geo-service coverage --at 2026-11-20T08:00+08:00 --mode own --week --out week.json

    What if: geo-service coverage --at 2026-11-20T08:00+08:00 --what-if flood.json --level grid
    """
    moment = common.parse_moment(at, "--at")
    assert moment is not None  # noqa: S101 - at is required
    if out:
        common.out_file(out)
    asked = (depth, week, what_if, blind_spots, free, capability, pinned, stations, border, actual, rain)
    if mode is not Travelling.OWN and not any(asked) and pace == "free":
        result, notes = _plain(moment, Mode(mode.value), limit_s, level, out)
    else:
        question = Question(
            at=moment,
            limit_s=limit_s,
            mode=None if mode is Travelling.OWN else Mode(mode.value),
            counted=Counted(
                free, tuple(sorted(set(capability or []))), pinned, () if stations else None, True, border
            ),
            positions=Positions.ACTUAL if actual else Positions.BASE,
            pace=pace,
            rain=rain,
            measures=tuple(Measure) if depth else (Measure.HOUSEHOLDS, Measure.RESIDENTS),
        )
        changes = _changes(what_if) if what_if else None
        result, notes = _asked(question, changes, level, out, week=week, blind=blind_spots), []
    for note in notes:
        common.warn(note)
    if as_json:
        common.print_json(result)
    else:
        hidden = {"notes", "share", "people", "cells", "asked", "inputs"} if week or what_if else {"notes"}
        common.print_report({name: value for name, value in result.items() if name not in hidden})


def _plain(
    moment: datetime, mode: Mode, limit_s: int, level: str | None, out: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Compute the standard run."""
    with common.progress("loading roads and cells") as say, common.open_database() as database:
        tiling = Tilings(database).get(moment)
        say("travelling", None)
        run = run_coverage(
            database, common.ground_of(database), tiling, at=moment, mode=mode, limit_s=limit_s
        )
        if out:
            write_vector(coverage_frame(tiling, run, level or tiling.levels[-1]), out)
    return run.as_dict() | ({"out": str(out)} if out else {}), run.summary["notes"]


def _asked(
    question: Question,
    changes: Changes | None,
    level: str | None,
    out: Path | None,
    *,
    week: bool,
    blind: bool,
) -> dict[str, Any]:
    """Answer a question in full."""
    with common.progress("loading roads and cells") as say, common.open_database() as database:
        tiling = Tilings(database).get(question.at)
        ground = common.ground_of(database)
        say("travelling", None)
        if changes is not None:
            return _what_if(database, ground, tiling, question, (changes, level or tiling.levels[-1], out))
        if week:
            return _week(database, ground, tiling, question, (level, out))
        return _reading(database, ground, tiling, question, (level, out, blind))


def _what_if(
    database: Database,
    ground: Ground,
    tiling: Tiling,
    question: Question,
    given: tuple[Changes, str, Path | None],
) -> dict[str, Any]:
    from geo_service.services import coverage_views  # noqa: PLC0415 - the planner's code is not needed else

    changes, level, out = given
    told = coverage_views.what_if(database, ground, tiling, question, changes, level=level)
    if out:
        out.write_bytes(orjson.dumps(told))
    shares = {
        f"share_{side}": told[side]["measures"][question.measures[0].value]["share"]
        for side in ("before", "after")
    }
    return {**shares, "cells_that_differ": len(told["cells"]), "cells": told["cells"]} | _written(out)


def _week(
    database: Database,
    ground: Ground,
    tiling: Tiling,
    question: Question,
    given: tuple[str | None, Path | None],
) -> dict[str, Any]:
    from geo_service.services import coverage_views, coverage_week  # noqa: PLC0415 - as above

    level, out = given
    found = coverage_week.read_week(database, ground, tiling, question)
    told = found.as_dict()
    if out:
        rows = coverage_views.week_rows(tiling, found, level) if level else []
        out.write_bytes(orjson.dumps(told | {"cells": rows}))
    return told | _written(out)


def _reading(
    database: Database,
    ground: Ground,
    tiling: Tiling,
    question: Question,
    given: tuple[str | None, Path | None, bool],
) -> dict[str, Any]:
    from geo_service.services import coverage_blind, coverage_views  # noqa: PLC0415 - as above

    level, out, blind = given
    reading = read_coverage(database, ground, tiling, question)
    told = coverage_views.headline(reading)
    if blind:
        setting = settle_question(database, ground, tiling, question)
        spots = coverage_blind.blind_spots(ground, setting).drop(columns="nearest_code")
        told |= {"blind_spots": len(spots), "blind_households": float(spots["households"].sum())}
        if out:
            write_vector(spots, out)
    elif out:
        write_vector(coverage_views.cell_frame(tiling, reading, level or tiling.levels[-1]), out)
    return told | _written(out)


def _written(out: Path | None) -> dict[str, Any]:
    return {"out": str(out)} if out else {}


def _changes(path: Path) -> Changes:
    """Read what is changed from a file.

    Raises
    ------
    InvalidInputError
        The file cannot be read, or is not of this form.
    """
    try:
        given = orjson.loads(path.read_bytes())
        return Changes(
            add=tuple(
                Added(float(one["lon"]), float(one["lat"]), Mode(one.get("mode", "ebike")))
                for one in given.pop("add", [])
            ),
            remove=tuple(map(str, given.pop("remove", []))),
            move=tuple(
                Moved(str(one["code"]), float(one["lon"]), float(one["lat"])) for one in given.pop("move", [])
            ),
            **{name: tuple(values) for name, values in given.items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        words = Words(
            "give JSON with add, remove, move, edges, streets or bridges, each a list",
            "请给出 JSON：add、remove、move、edges、streets、bridges，各为列表",
        )
        raise InvalidInputError(words, [Fault("--what-if", words, value=path.name)]) from error
