"""``geo-service plan``: plans from the command line, the same as in the planner."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from geo_service.cli import common
from geo_service.errors import Fault, GeoServiceError, InvalidInputError
from geo_service.formats.plan_pdf import plan_report_pdf
from geo_service.geometry.rules import Judged
from geo_service.model import Severity
from geo_service.planning import verbs
from geo_service.services import plan_findings, plan_publishing, planning, preview
from geo_service.services.ground import Ground
from geo_service.services.plan_state import Plans
from geo_service.services.preview import Previews
from geo_service.services.preview_views import Views
from geo_service.services.progress import Phase, Progress
from geo_service.services.publishing import Published
from geo_service.services.tiling import Tilings
from geo_service.store import plans
from geo_service.store.database import Database
from geo_service.store.plans import PlanRow

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Redraw boundaries in a plan, and publish it from a date.\n\n"
    'Example: geo-service plan open "three villages merge"',
)

_BY = "command line"
#: A file of edits larger than this is no file of edits.
_MAX_FILE = 64 * 1024 * 1024

Number = Annotated[int, typer.Argument(metavar="PLAN", min=1, help="Number of the plan, see plan list.")]
Note = Annotated[str, typer.Option(help="Why; kept with the edition.")]
ValidFrom = Annotated[
    str | None, typer.Option(help="In force from this moment, with its UTC offset (default: now).")
]
Supersede = Annotated[bool, typer.Option("--supersede", help="Replace editions that begin later.")]


@contextmanager
def _held(title: str) -> Iterator[tuple[Database, Plans]]:
    with common.progress(title), common.open_database() as database:
        yield database, Plans(database, Tilings(database))


@contextmanager
def _publishing() -> Iterator[tuple[Database, Plans, Progress]]:
    """Give what publishing takes, and whom to tell how it goes on."""
    with common.progress("publishing") as say, common.open_database() as database:

        def tell(phase: Phase, done: int, total: int) -> None:
            say(phase.words, done / total if total else None)

        yield database, Plans(database, Tilings(database)), tell


def _as_dict(row: PlanRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "status": row.status,
        "revision": row.revision,
        "base_edition_id": row.base_edition_id,
        "published_edition_id": row.published_edition_id,
        "created_by": row.created_by,
        "created_at": row.created_at,
    }


def _print(result: dict[str, Any], as_json: bool) -> None:
    (common.print_json if as_json else common.print_report)(result)


@app.command(name="list")
def list_plans(*, as_json: common.Json = False) -> None:
    """List the plans, the newest first.

    Example: geo-service plan list
    """
    with common.open_database() as database, database.reading() as connection:
        rows = plans.every(connection, limit=1000)
    if as_json:
        common.print_json([_as_dict(row) for row in rows])
        return
    for row in rows:
        sys.stdout.write(f"{row.id:>5}  {row.status:<9}  revision {row.revision:<5}  {row.name}\n")
    if not rows:
        common.talk.print("there are no plans yet: geo-service plan open NAME")


@app.command(name="open")
def open_plan(
    name: Annotated[str, typer.Argument(help="What it is about.")],
    note: Annotated[str, typer.Option(help="More about it.")] = "",
    edition: Annotated[int | None, typer.Option(min=1, help="Start from this edition.")] = None,
    *,
    as_json: common.Json = False,
) -> None:
    """Open a plan on the edition in force.

    Example: geo-service plan open "three villages merge"
    """
    text = name.strip()
    if not 1 <= len(text) <= 200:
        raise InvalidInputError("a plan needs a name", [Fault("NAME", "write 1 to 200 characters")])
    with _held("opening") as (_, held):
        row = planning.open_plan(held, name=text, note=note, edition_id=edition, who=_BY)
    _print(_as_dict(row), as_json)


@app.command()
def show(plan: Number, *, as_json: common.Json = False) -> None:
    """Show a plan and its changes.

    Example: geo-service plan show 3
    """
    with common.open_database() as database, database.reading() as connection:
        row = plans.get(connection, plan)
        rows = plans.changes(connection, plan)
    listed = [
        {
            "number": change.number,
            "state": change.state,
            "verb": change.verb,
            "arguments": change.arguments,
            "cells": change.cells,
            "who": change.who,
            "at": change.at,
        }
        for change in rows
    ]
    if as_json:
        common.print_json(_as_dict(row) | {"changes": listed})
        return
    common.print_report(_as_dict(row))
    for change in rows:
        cells = ", ".join(" ".join(cell) for cell in change.cells[:4]) + (
            ", ..." if len(change.cells) > 4 else ""
        )
        sys.stdout.write(f"{change.number:>5}  {change.state:<8}  {change.verb:<14}  {cells}\n")


@app.command(name="verbs")
def list_verbs(*, as_json: common.Json = False) -> None:
    """List what edits there are and what each takes, for plan apply and for the API.

    What stands in brackets may be left out.

    Example: geo-service plan verbs
    """
    if as_json:
        told = {name: {"name_zh": one.name_zh, "takes": one.takes} for name, one in verbs.VERBS.items()}
        common.print_json({"verbs": told, "written": verbs.NOTATION})
        return
    sys.stdout.write("\n".join(verbs.verb_lines()) + "\n\n")
    for name, written in verbs.NOTATION.items():
        sys.stdout.write(f"{name:<6}{written}\n")


@app.command()
def apply(
    plan: Number,
    file: Annotated[Path, typer.Argument(help='JSON list of {"verb": ..., "arguments": {...}}.')],
    *,
    as_json: common.Json = False,
) -> None:
    """Carry out the edits of a file, one after the other.

    At the first that is refused it stops; those before it hold, and plan show has them. What edits there
    are, and what each takes: geo-service plan verbs.

    [{"verb": "hand_over", "arguments": {"cells": [["micro_grid", "339801001001001001"]],
    "to": ["grid", "339801001001002"]}}]

    Example: geo-service plan apply 3 merge.json
    """
    edits = read_edits(file)
    cells: set[tuple[str, str]] = set()
    with _held(f"applying {file.name}") as (database, held):
        with database.reading() as connection:
            revision = plans.get(connection, plan).revision
        for number, edit in enumerate(edits, start=1):
            try:
                done = planning.change_plan(
                    held, plan, revision=revision, verb=edit["verb"], arguments=edit["arguments"], who=_BY
                )
            except GeoServiceError as error:
                raise _at(error, number, len(edits)) from error
            revision = done.row.revision
            cells.update((level, code) for level, code in done.change.cells)
    result = {"plan": plan, "revision": revision, "applied": len(edits), "cells": len(cells)}
    _print(result, as_json)


def _at(error: GeoServiceError, number: int, total: int) -> GeoServiceError:
    """Return the error saying which edit of a file it is about."""
    detail = f"edit {number} of {total} is refused, {number - 1} before it hold: {error.detail}"
    return InvalidInputError(detail, error.faults)


def read_edits(file: Path) -> list[dict[str, Any]]:
    """Read a file of edits.

    Raises
    ------
    InvalidInputError
        It is not a JSON list of objects with ``verb`` and ``arguments``; each bad one is named by its row.
    """
    if not file.is_file():
        what = f"{file} is a folder" if file.is_dir() else f"There is no file {file}"
        raise InvalidInputError(what, [Fault("FILE", "name a file of edits")])
    if file.stat().st_size > _MAX_FILE:
        raise InvalidInputError(f"{file} is too large", [Fault("FILE", "give at most 64 MiB of edits")])
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{file} is not JSON", [Fault("FILE", str(error)[:200])]) from error
    if not isinstance(content, list):
        raise InvalidInputError(
            f"{file} is not a list", [Fault("FILE", 'write [{"verb": ..., "arguments": {...}}]')]
        )
    wrong = [
        Fault("FILE", 'each edit is {"verb": "...", "arguments": {...}}', row=number)
        for number, edit in enumerate(content, start=1)
        if not (
            isinstance(edit, dict)
            and set(edit) == {"verb", "arguments"}
            and isinstance(edit["verb"], str)
            and isinstance(edit["arguments"], dict)
        )
    ]
    if wrong:
        raise InvalidInputError(f"{file} holds what is no edit", wrong[:20])
    return content


@app.command()
def check(
    plan: Number,
    scope: Annotated[str, typer.Option(help="touched: cells of the plan; all: every cell.")] = "touched",
    *,
    as_json: common.Json = False,
) -> None:
    """Run the rules; exit 1 if something stands in the way of publishing.

    Example: geo-service plan check 3 --scope all
    """
    if scope not in {"touched", "all"}:
        raise typer.BadParameter("use touched or all", param_hint="--scope")
    with _held("running the rules") as (_, held), planning.viewing(held, plan) as (row, state, connection):
        judged = plan_findings.judge(connection, row, state, state.changed() if scope == "touched" else None)
    print_findings(judged, as_json=as_json)
    if any(one.blocks for one in judged):
        raise typer.Exit(1)


def print_findings(judged: list[Judged], *, as_json: bool) -> None:
    """Print findings: a JSON line each, or a line for people; the sum goes to stderr."""
    for one in judged:
        finding = one.finding
        if as_json:
            place = finding.shape.representative_point() if finding.shape is not None else None
            line = {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "cells": list(finding.cells),
                "place": [place.x, place.y] if place is not None and not place.is_empty else None,
                "numbers": dict(finding.numbers),
                "message": finding.message,
                "remedy": finding.remedy,
                "waived": one.waiver.as_dict() if one.waiver else None,
            }
            sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            continue
        state = "waived" if one.waiver else finding.severity.value
        remedy = f"; {finding.remedy}" if finding.remedy else ""
        sys.stdout.write(f"{state:<8}  {finding.rule:<13}  {finding.message}{remedy}\n")
    counts = {
        severity.value: sum(one.finding.severity is severity and one.waiver is None for one in judged)
        for severity in Severity
    }
    common.talk.print(", ".join(f"{count} {name}(s)" for name, count in counts.items()), markup=False)


@app.command(name="preview")
def show_preview(
    plan: Number,
    against: Annotated[int | None, typer.Option(min=1, help="Another plan (default: the edition).")] = None,
    level: Annotated[str | None, typer.Option(help="Level of the cells shown one by one.")] = None,
    at: Annotated[str | None, typer.Option(help="Moment for staff and duty, with its UTC offset.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write the report for the file as a PDF.")] = None,
    *,
    as_json: common.Json = False,
) -> None:
    """Compare before and after.

    Example: geo-service plan preview 3 --pdf report.pdf
    """
    moment = common.parse_moment(at, "--at")
    if pdf:
        common.out_file(pdf)
    with _held("comparing") as (database, held):
        made = Previews(database, Views(database, held, Ground(database))).of(
            plan, against=against, level=level, at=moment
        )
        if pdf:
            maps = preview.map_cells(made, 0), preview.map_cells(made, 1)
            pdf.write_bytes(plan_report_pdf(made.report, maps, preview.window(made)))
    if as_json:
        common.print_json(made.report)
        return
    for name, after in made.report["after"].items():
        before = made.report["before"][name]
        arrow = f"{before}" if before == after else f"{before} -> {after}"
        typer.echo(f"{name.replace('_', ' ')}: {arrow}")
    for row in made.report["cells"]:
        loads = [row[word]["workload"] if row[word] else "-" for word in ("before", "after")]
        typer.echo(
            f"  {row['status']:<10}  {row['cell'][1]}  {row['name']}  workload {loads[0]} -> {loads[1]}"
        )
    if pdf:
        common.talk.print(f"written: {pdf}", markup=False)


@app.command()
def publish(
    plan: Number,
    note: Note,
    valid_from: ValidFrom = None,
    revision: Annotated[
        int | None, typer.Option(min=0, help="Only if the plan is at this revision (default: as it is).")
    ] = None,
    supersede: Supersede = False,
    *,
    as_json: common.Json = False,
) -> None:
    """Publish a plan: it becomes the edition in force from a moment on.

    Example: geo-service plan publish 3 --note "three villages" --valid-from 2027-01-01T00:00+08:00
    """
    start = common.parse_moment(valid_from, "--valid-from")
    with _publishing() as (database, held, tell):
        with database.reading() as connection:
            known = plans.get(connection, plan).revision
        published = plan_publishing.publish_plan(
            held,
            plan,
            revision=known if revision is None else revision,
            note=note,
            who=_BY,
            valid_from=start,
            supersede=supersede,
            progress=tell,
        )
    _print(_published(published, as_json=as_json), as_json)


@app.command()
def rollback(
    edition: Annotated[int, typer.Argument(min=1, help="Number of the edition to bring back.")],
    note: Note = "",
    valid_from: ValidFrom = None,
    supersede: Supersede = False,
    *,
    as_json: common.Json = False,
) -> None:
    """Publish the tiling of an earlier edition again, as a new edition.

    Example: geo-service plan rollback 1 --note "as before the merger"
    """
    start = common.parse_moment(valid_from, "--valid-from")
    with _publishing() as (_, held, tell):
        published = plan_publishing.restore_edition(
            held,
            edition,
            note=note,
            who=_BY,
            valid_from=start,
            supersede=supersede,
            progress=tell,
        )
    _print(_published(published, as_json=as_json), as_json)


def _published(published: Published, *, as_json: bool) -> dict[str, Any]:
    touched = published.touched
    counts = {"duties": len(touched.duties), "sign_boards": len(touched.boards)}
    return {
        "edition": published.edition_id,
        "valid_from": published.valid_from,
        "incidents_placed": published.placed,
        "touched": touched.as_dict() if as_json else counts,
    }


@app.command()
def drop(plan: Number) -> None:
    """Give a plan up; it stays readable.

    Example: geo-service plan drop 3
    """
    with _held("dropping") as (_, held):
        row = planning.drop_plan(held, plan, who=_BY)
    common.talk.print(f"plan {row.id} is dropped; nothing was published", markup=False)
