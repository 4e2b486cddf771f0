"""Plans: drafts of a redraw as they are kept, each with its changes in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Connection, case, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql

from geo_service.errors import ConflictError, Fault, NotFoundError, Words
from geo_service.store.office_tables import declared_exclave
from geo_service.store.plan_tables import plan, plan_change, plan_code, plan_comment, waiver


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as it is kept."""

    id: int
    name: str
    note: str
    status: str
    base_edition_id: int
    revision: int
    rebased_revision: int
    created_by: str
    created_at: datetime
    published_edition_id: int | None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change of a plan, without what it did edge by edge."""

    number: int
    verb: str
    arguments: Mapping[str, Any]
    cells: list[list[str]]
    state: str
    revision: int
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CommentRow:
    """What somebody wrote about a plan."""

    id: int
    who: str
    at: datetime
    body: str
    place: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """What somebody accepted, and why."""

    id: int
    rule: str
    cells: list[list[str]]
    who: str
    why: str
    until: date | None
    at: datetime


_PLAN: tuple[Column[Any], ...] = (
    plan.c.id,
    plan.c.name,
    plan.c.note,
    plan.c.status,
    plan.c.base_edition_id,
    plan.c.revision,
    plan.c.rebased_revision,
    plan.c.created_by,
    plan.c.created_at,
    plan.c.published_edition_id,
)
_CHANGE: tuple[Column[Any], ...] = (
    plan_change.c.number,
    plan_change.c.verb,
    plan_change.c.arguments,
    plan_change.c.cells,
    plan_change.c.state,
    plan_change.c.revision,
    plan_change.c.who,
    plan_change.c.at,
)


def create(connection: Connection, *, name: str, note: str, base_edition_id: int, who: str) -> PlanRow:
    """Open a plan on an edition."""
    values = {"name": name, "note": note, "base_edition_id": base_edition_id, "created_by": who}
    return PlanRow(*connection.execute(insert(plan).values(**values).returning(*_PLAN)).one())


def every(connection: Connection, *, before: int = 0, limit: int = 100) -> list[PlanRow]:
    """Return plans, the newest first; ``before``: only those with a smaller number than this."""
    rows = select(*_PLAN).order_by(plan.c.id.desc()).limit(limit)
    if before:
        rows = rows.where(plan.c.id < before)
    return [PlanRow(*row) for row in connection.execute(rows)]


def subject(plan_id: int) -> str:
    """Return the name under which the audit and the jobs know a plan."""
    return f"plan {plan_id}"


def get(connection: Connection, plan_id: int, *, lock: bool = False) -> PlanRow:
    """Return a plan; with ``lock`` nobody else changes it until the transaction ends.

    Raises
    ------
    NotFoundError
        There is no such plan.
    """
    rows = select(*_PLAN).where(plan.c.id == plan_id)
    found = connection.execute(rows.with_for_update() if lock else rows).one_or_none()
    if found is None:
        raise NotFoundError(Words(f"there is no plan {plan_id}", f"没有第 {plan_id} 号方案"))
    return PlanRow(*found)


def applied(connection: Connection, plan_id: int) -> list[int]:
    """Return the numbers of the changes that are in effect, in order."""
    rows = select(plan_change.c.number).where(
        plan_change.c.plan_id == plan_id, plan_change.c.state == "applied"
    )
    return list(connection.execute(rows.order_by(plan_change.c.number)).scalars())


def patches(connection: Connection, plan_id: int, numbers: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Return what some changes did, edge by edge, by number."""
    rows = select(plan_change.c.number, plan_change.c.patch).where(
        plan_change.c.plan_id == plan_id, plan_change.c.number.in_(numbers)
    )
    return {row[0]: row[1] for row in connection.execute(rows)}


def changes(
    connection: Connection, plan_id: int, after: int = 0, limit: int | None = None
) -> list[ChangeRow]:
    """Return the changes of a plan after a number, those undone and dropped as well, in order."""
    rows = select(*_CHANGE).where(plan_change.c.plan_id == plan_id, plan_change.c.number > after)
    return [ChangeRow(*row) for row in connection.execute(rows.order_by(plan_change.c.number).limit(limit))]


def changes_since(connection: Connection, plan_id: int, revision: int) -> list[ChangeRow]:
    """Return the changes that came into effect or were undone after a revision, in order of that."""
    rows = select(*_CHANGE).where(plan_change.c.plan_id == plan_id, plan_change.c.revision > revision)
    return [ChangeRow(*row) for row in connection.execute(rows.order_by(plan_change.c.revision))]


def last_applied(connection: Connection, plan_id: int) -> int | None:
    """Return the number of the change that undo would take back."""
    return _extreme(connection, plan_id, "applied", func.max)


def first_undone(connection: Connection, plan_id: int) -> int | None:
    """Return the number of the change that redo would bring back."""
    return _extreme(connection, plan_id, "undone", func.min)


def _extreme(connection: Connection, plan_id: int, state: str, pick: Any) -> int | None:
    rows = select(pick(plan_change.c.number)).where(
        plan_change.c.plan_id == plan_id, plan_change.c.state == state
    )
    number: int | None = connection.execute(rows).scalar_one()
    return number


def add_change(
    connection: Connection,
    plan_id: int,
    *,
    verb: str,
    arguments: Mapping[str, Any],
    patch: Mapping[str, Any],
    cells: Sequence[Sequence[str]],
    revision: int,
    who: str,
) -> ChangeRow:
    """Append a change; what was undone before it can no longer be brought back."""
    drop = update(plan_change).values(state="dropped")
    connection.execute(drop.where(plan_change.c.plan_id == plan_id, plan_change.c.state == "undone"))
    last = select(func.coalesce(func.max(plan_change.c.number), 0)).where(plan_change.c.plan_id == plan_id)
    values = {
        "plan_id": plan_id,
        "number": connection.execute(last).scalar_one() + 1,
        "verb": verb,
        "arguments": dict(arguments),
        "patch": dict(patch),
        "cells": [list(cell) for cell in cells],
        "revision": revision,
        "who": who,
    }
    return ChangeRow(*connection.execute(insert(plan_change).values(**values).returning(*_CHANGE)).one())


def set_state(connection: Connection, plan_id: int, number: int, state: str, revision: int) -> ChangeRow:
    """Say whether a change is in effect from this revision on."""
    statement = (
        update(plan_change)
        .values(state=state, revision=revision)
        .where(plan_change.c.plan_id == plan_id, plan_change.c.number == number)
    )
    return ChangeRow(*connection.execute(statement.returning(*_CHANGE)).one())


def step_on(connection: Connection, plan_id: int) -> int:
    """Count the revision up by one and return it."""
    statement = update(plan).values(revision=plan.c.revision + 1).where(plan.c.id == plan_id)
    revision: int = connection.execute(statement.returning(plan.c.revision)).scalar_one()
    return revision


def step_on_open(connection: Connection) -> None:
    """Count the revision of every open plan up by one: what all are judged by has changed."""
    connection.execute(update(plan).values(revision=plan.c.revision + 1).where(plan.c.status == "open"))


def rebase(connection: Connection, plan_id: int, edition_id: int, revision: int) -> None:
    """Let a plan start from another edition; what was undone on the old one can no longer be brought back."""
    drop = update(plan_change).values(state="dropped", revision=revision)
    connection.execute(drop.where(plan_change.c.plan_id == plan_id, plan_change.c.state == "undone"))
    statement = update(plan).values(base_edition_id=edition_id, rebased_revision=revision)
    connection.execute(statement.where(plan.c.id == plan_id))


def reserved_codes(connection: Connection) -> list[tuple[str, str, int]]:
    """Return level, code and plan of every code that was given to a cell in a plan."""
    rows = connection.execute(select(plan_code.c.level, plan_code.c.code, plan_code.c.plan_id))
    return [(row[0], row[1], row[2]) for row in rows]


def reserve_codes(connection: Connection, plan_id: int, codes: Sequence[tuple[str, str]]) -> None:
    """Keep codes for a plan.

    Raises
    ------
    ConflictError
        Another plan has one of them.
    """
    if not codes:
        return
    rows = [{"level": level, "code": code, "plan_id": plan_id} for level, code in codes]
    connection.execute(postgresql.insert(plan_code).values(rows).on_conflict_do_nothing())
    wanted = tuple_(plan_code.c.level, plan_code.c.code).in_(codes)
    others = select(plan_code).where(wanted, plan_code.c.plan_id != plan_id)
    for level, code, owner in connection.execute(others):
        message = f"plan {owner} has given the code {code} to a {level}; choose another"
        raise ConflictError(message, [Fault("code", message, value=code)])


def close(connection: Connection, plan_id: int, *, edition_id: int | None) -> None:
    """End a plan: as the edition that it became, or dropped."""
    status = "published" if edition_id is not None else "dropped"
    statement = update(plan).values(status=status, published_edition_id=edition_id)
    connection.execute(statement.where(plan.c.id == plan_id))


def comments(connection: Connection, plan_id: int) -> list[CommentRow]:
    """Return what was written about a plan, in order."""
    has_place = plan_comment.c.geom.is_not(None)
    rows = select(
        plan_comment.c.id,
        plan_comment.c.who,
        plan_comment.c.at,
        plan_comment.c.body,
        case((has_place, func.ST_X(plan_comment.c.geom))),
        case((has_place, func.ST_Y(plan_comment.c.geom))),
    ).where(plan_comment.c.plan_id == plan_id)
    return [
        CommentRow(*row[:4], place=None if row[4] is None else (row[4], row[5]))
        for row in connection.execute(rows.order_by(plan_comment.c.id))
    ]


def add_comment(
    connection: Connection, plan_id: int, *, who: str, body: str, place: tuple[float, float] | None
) -> None:
    """Append a comment, perhaps with a place (lon, lat in EPSG:4326)."""
    point = None if place is None else func.ST_SetSRID(func.ST_MakePoint(*place), 4326)
    connection.execute(insert(plan_comment).values(plan_id=plan_id, who=who, body=body, geom=point))


def waivers(connection: Connection, plan_id: int) -> list[WaiverRow]:
    """Return what was accepted in a plan, in order."""
    columns = (
        waiver.c.id,
        waiver.c.rule,
        waiver.c.cells,
        waiver.c.who,
        waiver.c.why,
        waiver.c.until,
        waiver.c.at,
    )
    rows = select(*columns).where(waiver.c.plan_id == plan_id).order_by(waiver.c.id)
    return [WaiverRow(*row) for row in connection.execute(rows)]


def judgement_mark(connection: Connection, plan_id: int) -> str:
    """Return a mark that changes when a finding of a plan is waived, an exclave declared or withdrawn.

    These change what the rules say of a plan, not the plan: its revision stays.
    """
    waived = select(func.count()).where(waiver.c.plan_id == plan_id).scalar_subquery()
    declared = select(func.count(), func.count(declared_exclave.c.withdrawn_at), waived)
    return "-".join(map(str, connection.execute(declared).one()))


def add_waiver(
    connection: Connection,
    plan_id: int,
    *,
    rule: str,
    cells: Sequence[Sequence[str]],
    who: str,
    why: str,
    until: date | None,
) -> None:
    """Write down that somebody accepts what a rule says of some cells."""
    values = {"plan_id": plan_id, "rule": rule, "cells": [list(cell) for cell in cells]}
    connection.execute(insert(waiver).values(**values, who=who, why=why, until=until))
