"""From a plan to an edition: publishing, going back to an earlier edition, moving a plan to a new base."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import shapely

from geo_service.errors import ConflictError, Fault, GeoServiceError
from geo_service.model import Finding, Severity
from geo_service.planning.redraw import Patch
from geo_service.services.drafting import COLUMNS, Draft, draft_whole
from geo_service.services.placing import Progress
from geo_service.services.plan_findings import open_findings
from geo_service.services.plan_state import Plans, PlanState
from geo_service.services.planning import require_open, viewing
from geo_service.services.publishing import Published, publish
from geo_service.store import audit, boundaries, plans
from geo_service.store.database import Connection
from geo_service.store.plans import PlanRow

#: Attributes that are counted on the ground: a redraw counts them anew.
COUNTED = ("households", "residents")


class FindingsError(ConflictError):
    """Rules stand in the way of publishing; the faults name each, with its place."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(
            f"{len(findings)} finding(s) stand in the way of publishing: mend or waive them",
            [_fault(finding) for finding in findings],
        )


@dataclass(frozen=True)
class Clash:
    """A change that does not fit the new base."""

    number: int
    verb: str
    message: str
    place: tuple[float, float] | None


class RebaseError(ConflictError):
    """Some changes of the plan do not fit the edition now in force."""

    def __init__(self, clashes: list[Clash]) -> None:
        super().__init__(
            f"{len(clashes)} change(s) do not fit the edition in force; leave them out (drop)",
            [Fault(f"changes[{c.number}]", c.message, value=c.number, place=c.place) for c in clashes],
        )
        self.clashes = clashes


def publish_plan(
    store: Plans,
    plan_id: int,
    *,
    revision: int,
    note: str,
    who: str,
    valid_from: datetime | None = None,
    supersede: bool = False,
    progress: Progress | None = None,
) -> Published:
    """Publish a plan: from then on it is the edition in force.

    The whole tiling is proved again. Nobody can change the plan meanwhile; nobody else can publish.

    Raises
    ------
    FindingsError
        Rules of severity error speak against it and are not waived.
    ConflictError
        The plan is not at ``revision``, is not open, or its base is no longer in force at ``valid_from``.
    """
    with store.hold(plan_id):
        with viewing(store, plan_id) as (row, state, connection):
            _require_revision(row, revision)
            findings = open_findings(connection, row, state)
            if errors := [finding for finding in findings if finding.severity is Severity.ERROR]:
                raise FindingsError(errors)
            draft = draft_of(state, connection)
            start = valid_from or boundaries.moment(connection)
            _require_base_in_force(connection, row, start)

        def close(writing: Connection, edition_id: int) -> None:
            _require_revision(plans.get(writing, plan_id, lock=True), revision)
            plans.close(writing, plan_id, edition_id=edition_id)

        return publish(
            store.database,
            store.tilings,
            draft,
            who=who,
            note=note,
            valid_from=start,
            supersede=supersede,
            progress=progress,
            also=close,
        )


def restore_edition(
    store: Plans,
    edition_id: int,
    *,
    note: str,
    who: str,
    valid_from: datetime | None = None,
    supersede: bool = False,
) -> Published:
    """Publish the tiling of an earlier edition again, as a new edition."""
    with store.database.reading() as connection:
        old = store.base_tiling(connection, edition_id)
        start = valid_from or boundaries.moment(connection)
        current = store.tilings.get(as_of=start)
        draft = draft_whole(old.cells[COLUMNS], boundaries.levels(connection), current)
    return publish(
        store.database,
        store.tilings,
        draft,
        who=who,
        note=note or f"edition {edition_id} again",
        valid_from=start,
        supersede=supersede,
    )


def draft_of(state: PlanState, connection: Connection) -> Draft:
    """Return the edition that a plan would become, the whole tiling checked."""
    redraw = state.redraw
    shapes = redraw.shapes()
    rows = []
    for record in redraw.register:
        shape = shapes.get(record.key)
        if isinstance(shape, shapely.Polygon):
            shape = shapely.MultiPolygon([shape])
        attributes = dict(record.attributes)
        if state.is_changed(record.key):
            figures = state.figures(record.key)
            attributes |= {name: round(figures[name]) for name in COUNTED if name in attributes}
        parent = record.parent or (None, None)
        rows.append((record.level, record.code, record.kind, record.name, *parent, attributes, shape))
    cells = pd.DataFrame(
        {name: pd.Series([row[k] for row in rows], dtype=object) for k, name in enumerate(COLUMNS)}
    )
    return draft_whole(cells, boundaries.levels(connection), state.base)


def rebase_plan(store: Plans, plan_id: int, *, revision: int, drop: frozenset[int], who: str) -> PlanRow:
    """Let a plan start from the edition in force, its changes made again upon it.

    Raises
    ------
    RebaseError
        Changes do not fit; nothing was written. Name their numbers in ``drop`` to leave them out.
    """
    with store.hold(plan_id), store.database.writing() as connection:
        row = plans.get(connection, plan_id, lock=True)
        require_open(row)
        _require_revision(row, revision)
        target = store.tilings.edition().id
        if target == row.base_edition_id:
            raise ConflictError("the plan starts from the edition in force already")
        state = store.build(connection, target)
        numbers = plans.applied(connection, plan_id)
        stored = plans.patches(connection, plan_id, numbers)
        history = {change.number: change for change in plans.changes(connection, plan_id)}
        clashes = []
        for number in numbers:
            if number in drop:
                continue
            try:
                _again(state, state.redraw.patch_from_json(stored[number]))
            except GeoServiceError as error:
                fault = error.faults[0] if error.faults else Fault("", error.detail)
                clashes.append(Clash(number, history[number].verb, fault.message, fault.place))
        if clashes:
            raise RebaseError(clashes)
        now = plans.step_on(connection, plan_id)
        for number in drop.intersection(numbers):
            plans.set_state(connection, plan_id, number, "dropped", now)
        plans.rebase(connection, plan_id, target)
        details = {"from": row.base_edition_id, "to": target, "dropped": sorted(drop)}
        audit.record(connection, who, "plan.rebase", f"plan {plan_id}", details)
        return plans.get(connection, plan_id)


def _again(state: PlanState, patch: Patch) -> None:
    state.redraw.replay(patch)
    state.follow(patch)


def _require_base_in_force(connection: Connection, row: PlanRow, start: datetime) -> None:
    in_force = boundaries.edition_in_force(connection, as_of=start)
    if in_force is None or in_force.id != row.base_edition_id:
        message = (
            f"another edition was published since: at {start:%Y-%m-%d %H:%M%z} edition "
            f"{in_force.id if in_force else 'none'} is in force, the plan starts from {row.base_edition_id}"
        )
        raise ConflictError(
            message, [Fault("base_edition_id", "move the plan to the new base (rebase) first")]
        )


def _require_revision(row: PlanRow, revision: int) -> None:
    require_open(row)
    if row.revision != revision:
        message = f"the plan is at revision {row.revision}; look at what changed, then try again"
        raise ConflictError(message, [Fault("If-Match", message, value=revision)])


def _fault(finding: Finding) -> Fault:
    place = finding.shape.representative_point() if finding.shape is not None else None
    at = (place.x, place.y) if place is not None and not place.is_empty else None
    words = f"{finding.rule}: {finding.message}" + (f"; {finding.remedy}" if finding.remedy else "")
    return Fault("findings", words, value=", ".join(finding.cells[:3]), place=at)
