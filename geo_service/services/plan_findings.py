"""What the rules say of a plan, as it stands and before it is published."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime

from geo_service.errors import Fault, GeoServiceError, InvalidInputError, Words
from geo_service.geometry.rules import Judged, Waiver, apply_waivers
from geo_service.geometry.rules_ground import Ground
from geo_service.geometry.rules_scene import Scene, SceneCell, cell_text
from geo_service.model import Finding, Level, Severity
from geo_service.planning.register import CellKey
from geo_service.services.plan_state import Held, Plans, PlanState
from geo_service.services.rulebook import day_of, rulebook
from geo_service.services.tiling import Tiling
from geo_service.store import barriers, boundaries, ground, plan_ground, plans, premises, staffing
from geo_service.store.database import Connection
from geo_service.store.plans import PlanRow, WaiverRow


def judge(
    connection: Connection,
    row: PlanRow,
    state: PlanState,
    cells: Iterable[CellKey] | None = None,
    *,
    on: datetime | None = None,
) -> list[Judged]:
    """Run the rules on some cells and all above them, or on all; with each finding the waiver of it."""
    moment = on or boundaries.moment(connection)
    day = day_of(connection, moment)
    findings = rulebook(connection, day, row.id).check(scene_of(connection, state, moment), cells)
    waivers = [waiver for stored in plans.waivers(connection, row.id) for waiver in _waiver(stored)]
    return apply_waivers(findings, waivers, day)


def open_findings(connection: Connection, row: PlanRow, state: PlanState, on: datetime) -> list[Finding]:
    """Return what stands against publishing from a day on: findings that nobody has waived.

    What is wrong with cells that the plan does not touch was so before: it is told, but does not block.
    """
    changed = {cell_text(key) for key in state.changed()}
    out = []
    for judged in judge(connection, row, state, on=on):
        finding = judged.finding
        if judged.waiver is not None:
            continue
        if finding.severity is Severity.ERROR and not changed.intersection(finding.cells):
            finding = replace(finding, severity=Severity.WARNING)
        out.append(finding)
    return out


def waive(
    connection: Connection,
    row: PlanRow,
    state: PlanState,
    *,
    rule: str,
    cells: list[CellKey],
    who: str,
    why: str,
    until: date,
) -> None:
    """Accept what a rule says of some cells.

    Raises
    ------
    InvalidInputError
        The rule cannot be waived, or a cell is not in the plan.
    """
    for key in cells:
        state.redraw.register.require(key, "cells")
    if until < day_of(connection):
        raise InvalidInputError(
            Words("the waiver has ended already", "豁免的有效期已过"),
            [Fault("until", Words("give a day to come", "有效期须是以后的日期"), value=until)],
        )
    Waiver(rule, frozenset(map(cell_text, cells)), who, why, until)
    plans.add_waiver(connection, row.id, rule=rule, cells=cells, who=who, why=why, until=until)


def scene_of(connection: Connection, state: PlanState, on: datetime | None = None) -> Scene:
    """Return the plan as the rules see it on a day: that of its edition, kept up with the edits."""
    mark = scene_mark(connection, state.base, on or boundaries.moment(connection))
    if state.scene is None or state.scene_mark != mark:
        state.begin_scene(base_scene(connection, state.store, state.base, mark), mark)
    scene: Scene = state.scene  # type: ignore[assignment]  # begin_scene set it
    stale = state.stale()
    if stale:
        register = state.redraw.register
        changed = [_cell(state, key) for key in stale if register.get(key) is not None]
        scene = scene.with_changes(changed, [key for key in stale if register.get(key) is None])
        state.renew_scene(scene)
    return scene


@dataclass(frozen=True, slots=True)
class SceneMark:
    """What a scene was made from: with the same mark it would be made the same again."""

    edition_id: int
    demand: tuple[int, int]
    barriers: tuple[int, ...]
    premises: tuple[int, datetime | None]
    codes: int
    held: frozenset[int]


def scene_mark(connection: Connection, tiling: Tiling, on: datetime) -> SceneMark:
    """Return what the scene of an edition is made from, as it is now; duties as they are on a day."""
    return SceneMark(
        tiling.edition.id,
        ground.demand_version(connection),
        barriers.version(connection),
        premises.version(connection),
        plan_ground.codes_mark(connection)[0],
        frozenset(staffing.duties(connection, on)["cell_id"]),
    )


def base_scene(connection: Connection, store: Plans, tiling: Tiling, mark: SceneMark) -> Scene:
    """Return an edition as the rules see it, made once for all plans upon it."""
    return store.base_scene(mark, lambda: _make_scene(connection, tiling, set(mark.held)))


def warm_in_background(store: Plans, held: Held, edition_id: int) -> None:
    """Begin to make what the first edit of a plan will need, so that it need not wait; once for each plan."""
    if held.is_warmed:
        return
    held.is_warmed = True

    def warm() -> None:
        with suppress(GeoServiceError), store.database.reading() as connection:
            base = store.base_tiling(connection, edition_id)
            mark = scene_mark(connection, base, boundaries.moment(connection))
            base_scene(connection, store, base, mark)

    threading.Thread(target=warm, name=f"warm edition {edition_id}", daemon=True).start()


def _make_scene(connection: Connection, tiling: Tiling, held: set[int]) -> Scene:
    cells = tiling.cells
    levels: list[Level] = [one for one in boundaries.levels(connection) if one.code in tiling.levels]
    keys = list(zip(cells["level"], cells["code"], strict=True))
    owned = frozenset(key for key, number in zip(keys, cells["id"], strict=True) if number in held)
    used = plan_ground.codes_ever(connection)
    lies_on = rule_ground(connection)
    leaves = tiling.leaves.tolist()
    shapes = cells["geom"].to_numpy(dtype=object)
    counts = zip(*(values.tolist() for values in lies_on.count_in(shapes[tiling.leaves])), strict=True)
    people = dict(zip(leaves, counts, strict=True)) if len(lies_on.buildings) else {}
    parents = zip(cells["parent_level"], cells["parent_code"], strict=True)
    scene_cells = [
        SceneCell(
            *key,
            name=name,
            kind=kind,
            parent=parent if isinstance(parent[1], str) else None,
            area_class=str((attributes or {}).get("class", "")),
            shape=shapes[k],
            **dict(zip(("households", "residents", "buildings"), people.get(k, ()), strict=False)),
        )
        for k, (key, name, kind, parent, attributes) in enumerate(
            zip(keys, cells["name"], cells["kind"], parents, cells["attributes"], strict=True)
        )
    ]
    scene = Scene.of(
        levels,
        scene_cells,
        lies_on,
        owned=owned if held else None,
        base=frozenset(keys),
        codes_used=frozenset((level, code) for level, codes in used.items() for code in codes),
    )
    return scene.complete()


def rule_ground(connection: Connection) -> Ground:
    """Return buildings, barriers, crossings and premises as the rules look at them."""
    buildings = ground.buildings(connection)
    lines, crossings = barriers.every(connection)
    yards = premises.outlines(connection)
    return Ground.build(
        buildings=buildings["shape"],
        building_names=buildings["name"].tolist(),
        households=buildings["households"].to_numpy(dtype=int),
        residents=buildings["residents"].to_numpy(dtype=int),
        barriers=lines.geometry,
        barrier_kinds=lines["kind"].tolist(),
        barrier_names=lines["name"].tolist(),
        crossings=crossings.geometry,
        premises=[outline for _, outline in yards],
        premises_names=[name for name, _ in yards],
    )


def _cell(state: PlanState, key: CellKey) -> SceneCell:
    record = state.redraw.register.require(key)
    is_leaf = state.redraw.holds_land(key)
    figures = state.figures(key) if is_leaf else {}
    has_people = bool(state.tally.counted("buildings"))
    return SceneCell(
        level=record.level,
        code=record.code,
        name=record.name,
        kind=record.kind,
        parent=record.parent,
        area_class=str(record.attributes.get("class", "")),
        shape=state.outline(key) if is_leaf else None,
        households=round(figures["households"]) if is_leaf and has_people else None,
        residents=round(figures["residents"]) if is_leaf and has_people else None,
        buildings=round(figures["buildings"]) if is_leaf and has_people else None,
    )


def _waiver(row: WaiverRow) -> list[Waiver]:
    """Return a stored waiver; none if its rule is no more, or may no longer be waived."""
    cells = frozenset(cell_text((level, code)) for level, code in row.cells)
    try:
        return [Waiver(row.rule, cells, row.who, row.why, row.until or date.max)]
    except InvalidInputError:
        return []
