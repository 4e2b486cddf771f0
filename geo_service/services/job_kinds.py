"""What jobs there are: publishing a plan, restoring an edition, importing boundaries, finding sites."""

from collections.abc import Mapping
from datetime import datetime

from geo_service.services.ground import Ground
from geo_service.services.importing import ImportReport
from geo_service.services.jobs import Run, Work
from geo_service.services.plan_publishing import publish_plan, restore_edition
from geo_service.services.plan_state import Plans
from geo_service.services.publishing import Published
from geo_service.services.siting import go_on
from geo_service.services.uploads import BoundaryUpload
from geo_service.store.database import Connection

PUBLISH_PLAN = "publish_plan"
RESTORE_EDITION = "restore_edition"
IMPORT_BOUNDARIES = "import_boundaries"
FIND_SITES = "find_sites"
#: Kinds that may take an hour: they hold up no other job.
LONG = frozenset({FIND_SITES})


def kinds(store: Plans, ground: Ground) -> Mapping[str, Work]:
    """Return what to do for a job of each kind."""
    return {
        PUBLISH_PLAN: lambda run: _publish(store, run),
        RESTORE_EDITION: lambda run: _restore(store, run),
        IMPORT_BOUNDARIES: lambda run: _import(store, run),
        FIND_SITES: lambda run: _find_sites(store, ground, run),
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


def _end(run: Run, connection: Connection, done: Published) -> None:
    run.finish(connection, done.as_dict())


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
