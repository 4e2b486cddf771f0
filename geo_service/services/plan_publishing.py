"""From a plan to an edition: publishing, going back to an earlier edition, moving a plan to a new base."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import shapely

from geo_service.errors import ConflictError, Fault, GeoServiceError, InvalidInputError, Words
from geo_service.model import Finding, Severity
from geo_service.services.drafting import COLUMNS, Draft, draft_whole
from geo_service.services.plan_findings import open_findings
from geo_service.services.plan_state import Plans, PlanState
from geo_service.services.planning import require_open, require_seen, viewing
from geo_service.services.progress import Phase, Progress, silent
from geo_service.services.publishing import Finish, Published, publish, what_changed
from geo_service.store import audit, boundaries, plans
from geo_service.store.database import Connection
from geo_service.store.plans import PlanRow


class FindingsError(ConflictError):
    """Rules stand in the way of publishing; the faults name each, with its place."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(
            Words(
                f"{len(findings)} finding(s) stand in the way of publishing: mend or waive them",
                f"还有 {len(findings)} 个错误，不能发布：请改正或豁免",
            ),
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
            Words(
                f"{len(clashes)} change(s) do not fit the edition in force; leave them out (drop)",
                f"有 {len(clashes)} 处修改与现行边界不符，可以去掉它们",
            ),
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
    progress: Progress = silent,
    finish: Finish | None = None,
) -> Published:
    """Publish a plan: from then on it is the edition in force.

    The whole tiling is proved again. Everybody can read the plan meanwhile, nobody else can publish; edits
    are refused while a job publishes it, and one that slipped in ends this without effect. For ``progress``
    and ``finish`` see :func:`geo_service.services.publishing.publish`.

    Raises
    ------
    FindingsError
        Rules of severity error speak against it and are not waived.
    PreconditionFailedError
        The plan is not at ``revision``.
    ConflictError
        The plan is not open, or its base is no longer in force at ``valid_from``.
    """
    with viewing(store, plan_id) as (row, state, connection):
        require_open(row)
        require_seen(connection, row, revision)
        start = valid_from or boundaries.moment(connection)
        _require_base_in_force(connection, row, start)
        leaves = sum(1 for _ in state.redraw.space.leaves())
        progress(Phase.PROOF, 0, leaves)
        findings = open_findings(connection, row, state, start)
        if errors := [finding for finding in findings if finding.severity is Severity.ERROR]:
            raise FindingsError(errors)
        draft = draft_of(state, connection)
        progress(Phase.PROOF, leaves, leaves)
        new = frozenset(key for key in state.changed() if key not in state.base_records)

    def close(writing: Connection, edition_id: int) -> None:
        row = plans.get(writing, plan_id, lock=True)
        require_open(row)
        require_seen(writing, row, revision)
        plans.step_on(writing, plan_id)  # so that those who look on are told
        plans.close(writing, plan_id, edition_id=edition_id)

    # the plan is let go here: a county takes its time, and others want to look at the plan meanwhile
    return publish(
        store.database,
        store.tilings,
        draft,
        who=who,
        note=note,
        valid_from=valid_from,  # without one it is the moment at which nobody else publishes any more
        back_dated=False,
        supersede=supersede,
        progress=progress,
        never_before=new,
        also=close,
        finish=finish,
    )


def refuse_at_once(store: Plans, plan_id: int, *, revision: int) -> None:
    """Raise what :func:`publish_plan` would raise, as far as it is known without work."""
    with store.database.reading() as connection:
        row = plans.get(connection, plan_id)
        require_open(row)
        require_seen(connection, row, revision)


def restore_edition(
    store: Plans,
    edition_id: int,
    *,
    note: str,
    who: str,
    valid_from: datetime | None = None,
    supersede: bool = False,
    progress: Progress = silent,
    finish: Finish | None = None,
) -> Published:
    """Publish the tiling of an earlier edition again, as a new edition."""
    with store.database.reading() as connection:
        old = store.base_tiling(connection, edition_id)
        start = valid_from or boundaries.moment(connection)
        in_force = boundaries.edition_in_force(connection, as_of=start)
        current = store.tilings.load(in_force, connection) if in_force is not None else None
        progress(Phase.PROOF, 0, len(old.leaves))
        draft = draft_whole(old.cells[COLUMNS], boundaries.levels(connection), current)
        progress(Phase.PROOF, len(old.leaves), len(old.leaves))
    return publish(
        store.database,
        store.tilings,
        draft,
        who=who,
        note=note or f"edition {edition_id} again",
        valid_from=valid_from,
        back_dated=False,
        supersede=supersede,
        progress=progress,
        finish=finish,
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
        parent = record.parent or (None, None)
        attributes = dict(record.attributes)  # their counts have followed each edit
        rows.append((record.level, record.code, record.kind, record.name, *parent, attributes, shape))
    cells = pd.DataFrame(
        {name: pd.Series([row[k] for row in rows], dtype=object) for k, name in enumerate(COLUMNS)}
    )
    return draft_whole(cells, boundaries.levels(connection), state.base)


def rebase_plan(
    store: Plans,
    plan_id: int,
    *,
    revision: int,
    drop: frozenset[int],
    who: str,
    as_of: datetime | None = None,
) -> PlanRow:
    """Let a plan start from the edition in force at a moment (now), its changes made again upon it.

    Where an edition that begins later is published already, ``as_of`` is the day from which the plan is to
    hold.

    Raises
    ------
    RebaseError
        Changes do not fit; nothing was written. Name their numbers in ``drop`` to leave them out.
    """
    with store.hold(plan_id), store.database.writing() as connection:
        row = plans.get(connection, plan_id, lock=True)
        require_open(row)
        _require_revision(row, revision)
        in_force = boundaries.edition_in_force(connection, as_of=as_of)
        if in_force is None or in_force.id == row.base_edition_id:
            message = Words(
                "the plan starts from the edition in force then already", "方案的底版就是那时现行的边界"
            )
            raise ConflictError(
                message,
                [
                    Fault(
                        "as_of",
                        Words("name the day from which the plan is to hold", "请指明方案从哪天起适用"),
                    )
                ],
            )
        target = in_force.id
        state = store.build(connection, target)
        numbers = plans.applied(connection, plan_id)
        stored = plans.patches(connection, plan_id, numbers)
        history = {change.number: change for change in plans.changes(connection, plan_id)}
        clashes = []
        if strange := drop.difference(numbers):
            message = Words("only changes that are in effect can be left out", "只能去掉仍有效的修改")
            raise InvalidInputError(message, [Fault("drop", message, value=min(strange))])
        for number in numbers:
            if number in drop:
                continue
            try:
                state.take_proving(state.redraw.patch_from_json(stored[number]))
            except GeoServiceError as error:
                fault = error.faults[0] if error.faults else Fault("", error.detail)
                clashes.append(Clash(number, history[number].verb, fault.message, fault.place))
        if clashes:
            raise RebaseError(clashes)
        now = plans.step_on(connection, plan_id)
        for number in drop.intersection(numbers):
            plans.set_state(connection, plan_id, number, "dropped", now)
        plans.rebase(connection, plan_id, target, now)
        details = {"from": row.base_edition_id, "to": target, "dropped": sorted(drop)}
        audit.record(connection, who, "plan.rebase", f"plan {plan_id}", details)
        return plans.get(connection, plan_id)


def _require_base_in_force(connection: Connection, row: PlanRow, start: datetime) -> None:
    in_force = boundaries.edition_in_force(connection, as_of=start)
    if in_force is None or in_force.id != row.base_edition_id:
        number = in_force.id if in_force else None
        message = Words(
            f"another edition was published since: at {start:%Y-%m-%d %H:%M%z} edition "
            f"{number or 'none'} is in force, the plan starts from {row.base_edition_id}",
            f"其间发布了新的边界：{start:%Y-%m-%d %H:%M%z} 时现行的是第 {number or '—'} 版，"
            f"方案的底版是第 {row.base_edition_id} 版",
        )
        advice = Words("move the plan to that edition (rebase) first", "请先更新底版")
        faults = what_changed(connection, row.base_edition_id, in_force)
        raise ConflictError(message, [Fault("base_edition_id", advice, value=number), *faults])


def _require_revision(row: PlanRow, revision: int) -> None:
    require_open(row)
    if row.revision != revision:
        message = Words(
            f"the plan is at revision {row.revision}; look at what changed, then try again",
            f"方案已到修订 {row.revision}：请看看有什么改动，再试一次",
        )
        raise ConflictError(message, [Fault("revision", message, value=revision)])


def _fault(finding: Finding) -> Fault:
    place = finding.shape.representative_point() if finding.shape is not None else None
    at = (place.x, place.y) if place is not None and not place.is_empty else None
    words = Words(
        f"{finding.rule}: {finding.message}" + (f"; {finding.remedy}" if finding.remedy else ""),
        finding.message_zh + (f"；{finding.remedy_zh}" if finding.remedy_zh else ""),
    )
    return Fault("findings", words, value=", ".join(finding.cells[:3]), place=at)
