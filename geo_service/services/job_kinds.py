"""What jobs there are: publishing a plan, restoring an edition, importing boundaries, finding sites.

And the monthly report, and the lists of a week.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from geo_service.services.attaining import Attainment
from geo_service.services.desk import Desks
from geo_service.services.ground import Ground
from geo_service.services.importing import ImportReport
from geo_service.services.jobs import Run, Work
from geo_service.services.monthly import Sources
from geo_service.services.monthly_files import ReportWish, make_report
from geo_service.services.plan_publishing import publish_plan, restore_edition
from geo_service.services.plan_state import Plans
from geo_service.services.publishing import Published
from geo_service.services.siting import go_on
from geo_service.services.uploads import BoundaryUpload
from geo_service.services.week_lists import make_week
from geo_service.store.database import Connection

PUBLISH_PLAN = "publish_plan"
RESTORE_EDITION = "restore_edition"
IMPORT_BOUNDARIES = "import_boundaries"
FIND_SITES = "find_sites"
MONTHLY_REPORT = "monthly_report"
WEEK_LISTS = "week_lists"
#: Kinds with a thread of their own: a search may take an hour, and nobody who publishes waits for a report.
APART = (frozenset({FIND_SITES}), frozenset({MONTHLY_REPORT, WEEK_LISTS}))


def kinds(store: Plans, ground: Ground) -> Mapping[str, Work]:
    """Return what to do for a job of each kind."""
    return {
        PUBLISH_PLAN: lambda run: _publish(store, run),
        RESTORE_EDITION: lambda run: _restore(store, run),
        IMPORT_BOUNDARIES: lambda run: _import(store, run),
        FIND_SITES: lambda run: _find_sites(store, ground, run),
        MONTHLY_REPORT: lambda run: _report(store, ground, run),
        WEEK_LISTS: lambda run: _make_week(store, ground, run),
    }


def _publish(store: Plans, run: Run) -> None:
    wish = run.arguments
    publish_plan(
        store,
        wish["plan_id"],
        revision=wish["revision"],
        note=wish["note"],
        who=run.who,
        valid_from=_moment(wish["valid_from"]),
        supersede=wish["supersede"],
        progress=run.step,
        finish=lambda connection, done: _end(run, connection, done),
    )


def _restore(store: Plans, run: Run) -> None:
    wish = run.arguments
    restore_edition(
        store,
        wish["edition_id"],
        note=wish["note"],
        who=run.who,
        valid_from=_moment(wish["valid_from"]),
        supersede=wish["supersede"],
        progress=run.step,
        finish=lambda connection, done: _end(run, connection, done),
    )


def _import(store: Plans, run: Run) -> None:
    def end(connection: Connection, report: ImportReport) -> None:
        run.finish(connection, report.as_dict())

    BoundaryUpload.of(run.arguments).take_in(
        store.database, store.tilings, run.content, who=run.who, commit=True, progress=run.step, finish=end
    )


def _find_sites(store: Plans, ground: Ground, run: Run) -> None:
    go_on(
        store.database,
        ground,
        store.tilings.get(),
        run.arguments["siting"],
        say=run.step,
        finish=run.finish,
    )


def _report(store: Plans, ground: Ground, run: Run) -> None:
    wish = ReportWish.of(run.arguments)
    causes = Attainment(store.database, ground, Desks(store.database))
    made, edition = make_report(Sources(store.database, store.tilings, ground, causes), wish, run.step)
    with store.database.writing() as connection:
        run.finish_with_file(connection, made, {"month": wish.month, "edition_id": edition})


def _make_week(store: Plans, ground: Ground, run: Run) -> None:
    def end(connection: Connection, counts: dict[str, Any]) -> None:
        run.finish(connection, counts)

    monday = date.fromisoformat(run.arguments["monday"])
    tiling = store.tilings.get()
    make_week(store.database, ground, tiling, monday, who=run.who, say=run.step, finish=end)


def _end(run: Run, connection: Connection, done: Published) -> None:
    run.finish(connection, done.as_dict())


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
