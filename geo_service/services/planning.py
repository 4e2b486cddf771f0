"""Working on a plan: opening it, changing it, undo and redo, several planners at once.

The server is the only authority. A change names the revision it was made on. If others changed the plan
since, it is made all the same as long as they touched other cells; otherwise the caller is told what changed,
and nothing is lost: he can look and make it again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from geo_service.errors import ConflictError, Fault, InvalidInputError, PreconditionFailedError, Words
from geo_service.formats.faults import FaultList
from geo_service.formats.refused import Purpose, note_refused, note_refused_values
from geo_service.planning import verbs
from geo_service.planning.redraw import Patch
from geo_service.planning.register import CellKey
from geo_service.planning.telling import summary
from geo_service.services import plan_tracing
from geo_service.services.plan_state import Plans, PlanState
from geo_service.store import audit, jobs, plan_ground, plans
from geo_service.store.database import Connection
from geo_service.store.plans import ChangeRow, PlanRow

#: What a change may hold: a plan of a hundred thousand cells is a mistake, not a redraw.
MAX_CHANGES = 100_000


@dataclass(frozen=True)
class Changed:
    """What a change, an undo or a redo has done.

    Attributes
    ----------
    row : PlanRow
        The plan afterwards.
    change : ChangeRow
    cells : list of (level, code)
        All cells that have to do with it, those above the ones changed as well.
    missed : list of ChangeRow
        What others did since the revision that the caller knew.
    """

    row: PlanRow
    change: ChangeRow
    cells: list[CellKey]
    missed: list[ChangeRow] = field(default_factory=list)


#: Told of a change in the transaction that makes it, with the plan as it is then.
Within = Callable[[Connection, Changed, PlanState], None]


def _nothing_more(connection: Connection, changed: Changed, state: PlanState) -> None:
    """Do nothing more in the transaction of a change."""
    del connection, changed, state


class StalePlanError(ConflictError):
    """Others changed the same cells meanwhile."""

    def __init__(self, row: PlanRow, missed: list[ChangeRow]) -> None:
        faults = [Fault("revision", _told(change), value=change.number) for change in missed[:20]]
        detail = Words(
            f"others changed the same cells; the plan is at revision {row.revision}, nothing was written",
            f"别人改了同样的网格；方案已到修订 {row.revision}，这一步没有保存",
        )
        super().__init__(detail, faults)
        self.row, self.missed = row, missed


def open_plan(
    store: Plans,
    *,
    name: str,
    note: str,
    edition_id: int | None,
    who: str,
    within: Callable[[Connection, PlanRow], None] = lambda _connection, _row: None,
) -> PlanRow:
    """Open a plan on an edition; without one on that in force now.

    ``within`` is called in the transaction that opens it.

    Raises
    ------
    NotFoundError
        There is no such edition, or none in force.
    """
    base = edition_id if edition_id is not None else store.tilings.edition().id
    with store.database.writing() as connection:
        plan_ground.edition_of(connection, base)
        row = plans.create(connection, name=name, note=note, base_edition_id=base, who=who)
        audit.record(connection, who, "plan.open", f"plan {row.id}", {"name": name, "base_edition_id": base})
        within(connection, row)
    return row


def drop_plan(store: Plans, plan_id: int, *, who: str, revision: int | None = None) -> PlanRow:
    """Give a plan up; what was done in it stays readable.

    Raises
    ------
    PreconditionFailedError
        The plan is not at ``revision``.
    ConflictError
        The plan is published or dropped.
    """
    with store.database.writing() as connection:
        row = plans.get(connection, plan_id, lock=True)
        require_open(row)
        if revision is not None:
            require_seen(connection, row, revision)
        plans.step_on(connection, plan_id)  # so that those who look on are told
        plans.close(connection, plan_id, edition_id=None)
        audit.record(connection, who, "plan.drop", f"plan {plan_id}")
        return plans.get(connection, plan_id)


@contextmanager
def viewing(store: Plans, plan_id: int) -> Iterator[tuple[PlanRow, PlanState, Connection]]:
    """Give a plan as it stands, for reading."""
    with store.hold(plan_id) as held, store.database.reading() as connection:
        row = plans.get(connection, plan_id)
        yield row, held.state(connection, row), connection


def change_plan(
    store: Plans,
    plan_id: int,
    *,
    revision: int,
    verb: str,
    arguments: Mapping[str, Any],
    who: str,
    within: Within = _nothing_more,
) -> Changed:
    """Carry out a verb on a plan and write it down; ``within`` is called in the same transaction.

    Raises
    ------
    InvalidInputError
        The verb refuses: see :func:`geo_service.planning.verbs.apply`.
    StalePlanError
        Others changed the same cells since ``revision``.
    ConflictError
        The plan is published or dropped.
    """
    with store.hold(plan_id) as held, _taken_back_on_error() as made:
        with store.database.writing() as connection:
            row = _locked(connection, plan_id, revision)
            _refuse_persons(verb, arguments)
            state = held.state(connection, row)
            arguments = plan_tracing.resolve(connection, state, verb, arguments)
            patch = verbs.apply(state.redraw, verb, arguments)
            made.append((state, patch))
            state.follow(patch)
            touched = state.touched_by(patch)
            missed = _refuse_overlap(connection, row, revision, touched)
            change = plans.add_change(
                connection,
                plan_id,
                verb=verb,
                arguments=arguments,
                patch=state.redraw.patch_to_json(patch),
                cells=touched,
                revision=plans.step_on(connection, plan_id),
                who=who,
            )
            plans.reserve_codes(connection, plan_id, [c.key for c in patch.records if c.before is None])
            if change.number > MAX_CHANGES:
                message = Words(
                    f"a plan holds at most {MAX_CHANGES} changes; publish it, or open another",
                    f"一个方案最多 {MAX_CHANGES} 处修改：请发布，或另开一个方案",
                )
                raise InvalidInputError(message)
            changed = Changed(plans.get(connection, plan_id), change, state.cells_of(patch), missed)
            within(connection, changed, state)
            details = {
                "number": change.number,
                "verb": verb,
                "cells": [" ".join(key) for key in touched[:50]],
            }
            audit.record(connection, who, "plan.change", f"plan {plan_id}", details)
        made.clear()  # it is in the database now
        state.keep(change.number)
        return changed


def undo(store: Plans, plan_id: int, *, revision: int, who: str, within: Within = _nothing_more) -> Changed:
    """Take the last change back.

    Raises
    ------
    ConflictError
        There is nothing to undo; or the last change is not the one that the caller knew as the last.
    """
    return _move(store, plan_id, revision, who, within, forward=False)


def redo(store: Plans, plan_id: int, *, revision: int, who: str, within: Within = _nothing_more) -> Changed:
    """Bring back the change that was undone last."""
    return _move(store, plan_id, revision, who, within, forward=True)


def _move(store: Plans, plan_id: int, revision: int, who: str, within: Within, *, forward: bool) -> Changed:
    with store.hold(plan_id) as held, _taken_back_on_error() as made:
        with store.database.writing() as connection:
            row = _locked(connection, plan_id, revision)
            missed = plans.changes_since(connection, plan_id, revision)
            if missed or revision < row.rebased_revision:
                raise StalePlanError(row, missed)
            pick = plans.first_undone if forward else plans.last_applied
            number = pick(connection, plan_id)
            if number is None:
                raise ConflictError(
                    Words("there is nothing to redo", "没有可以重做的修改")
                    if forward
                    else Words("there is nothing to undo", "没有可以撤销的修改")
                )
            state = held.state(connection, row)
            patch = state.redraw.patch_from_json(plans.patches(connection, plan_id, [number])[number])
            patch = patch if forward else patch.reversed()
            # others may have been changed since it was undone: it is proved as if it were new
            (state.take_proving if forward else state.take)(patch)
            made.append((state, patch))
            revision = plans.step_on(connection, plan_id)
            change = plans.set_state(
                connection, plan_id, number, "applied" if forward else "undone", revision
            )
            changed = Changed(plans.get(connection, plan_id), change, state.cells_of(patch))
            within(connection, changed, state)
            verb = "plan.redo" if forward else "plan.undo"
            audit.record(connection, who, verb, f"plan {plan_id}", {"number": number})
        made.clear()  # it is in the database now
        (state.keep if forward else state.drop)(number)
        return changed


def _refuse_persons(verb: str, arguments: Mapping[str, Any]) -> None:
    """Raise when cells would be described by what this service does not hold: data of persons."""
    given = arguments.get("attributes")
    if verb != "describe" or not isinstance(given, dict):
        return
    faults = FaultList()
    note_refused([str(name) for name in given], Purpose.BOUNDARIES, faults)
    for name, value in given.items():
        note_refused_values(str(name), [value], faults)
    faults.raise_if_any("attributes about persons, whom this service does not hold")


def require_open(row: PlanRow) -> None:
    """Raise unless the plan can still be changed."""
    if row.status != "open":
        state_zh = "已发布" if row.status == "published" else "已放弃"
        raise ConflictError(
            Words(f"plan {row.id} is {row.status}; open another one", f"方案 {row.id} {state_zh}：请另开一个")
        )


def require_seen(connection: Connection, row: PlanRow, revision: int) -> None:
    """Raise unless a plan is at the revision that the caller knows.

    Raises
    ------
    PreconditionFailedError
        It is not; each change made since is told.
    """
    if row.revision == revision:
        return
    message = Words(
        f"the plan is at revision {row.revision}; look at what changed, then try again",
        f"方案已到修订 {row.revision}：请看看有什么改动，再试一次",
    )
    missed = plans.changes_since(connection, row.id, revision)
    told = [Fault("revision", _told(change), value=change.number) for change in missed[:20]]
    raise PreconditionFailedError(message, [Fault("If-Match", message, value=revision), *told])


def _locked(connection: Connection, plan_id: int, revision: int) -> PlanRow:
    row = plans.get(connection, plan_id, lock=True)
    require_open(row)
    if (job := jobs.unfinished(connection, plans.subject(plan_id))) is not None:
        message = Words(
            f"the plan is being published (job {job}): wait for it, or cancel it",
            f"方案正在发布（任务 {job}），请等它完成，或先取消它",
        )
        raise ConflictError(message, [Fault("plan_id", message, value=plan_id)])
    if revision > row.revision:
        message = Words(f"the plan is at revision {row.revision}", f"方案在修订 {row.revision}")
        raise InvalidInputError(message, [Fault("revision", message, value=revision)])
    return row


def _refuse_overlap(
    connection: Connection, row: PlanRow, revision: int, touched: list[CellKey]
) -> list[ChangeRow]:
    """Return what others did since; raise if any of it touched the same cells."""
    if revision == row.revision:
        return []
    missed = plans.changes_since(connection, row.id, revision)
    theirs = {(level, code) for change in missed for level, code in change.cells}
    if theirs.intersection(touched) or revision < row.rebased_revision:
        raise StalePlanError(row, missed)
    return missed


@contextmanager
def _taken_back_on_error() -> Iterator[list[tuple[PlanState, Patch]]]:
    """Take back in memory what the database did not get."""
    made: list[tuple[PlanState, Patch]] = []
    try:
        yield made
    except BaseException:
        for state, patch in reversed(made):
            state.take(patch.reversed())
        raise


def _told(change: ChangeRow) -> Words:
    """Say who did what."""
    said = summary(change.verb, change.arguments, change.cells, lambda cell: cell[1])
    return Words(f"{change.who}: {said}", f"{change.who}：{said.zh}")
