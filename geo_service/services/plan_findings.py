"""What the rules say of a plan, as it stands and before it is published."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date

from geo_service.errors import Fault, GeoServiceError, InvalidInputError
from geo_service.geometry.rules import Judged, Waiver, apply_waivers, check
from geo_service.geometry.rules_ground import Ground
from geo_service.geometry.rules_scene import Scene, SceneCell, cell_text
from geo_service.model import Finding, Level, Severity
from geo_service.planning.register import CellKey
from geo_service.services.plan_state import Plans, PlanState
from geo_service.services.planning import viewing
from geo_service.services.tiling import Tiling
from geo_service.store import barriers, boundaries, ground, plan_ground, plans, staffing
from geo_service.store.database import Connection
from geo_service.store.plans import PlanRow, WaiverRow


def judge(
    connection: Connection, row: PlanRow, state: PlanState, cells: Iterable[CellKey] | None = None
) -> list[Judged]:
    """Run the rules on some cells and all above them, or on all; with each finding the waiver of it."""
    findings = check(scene_of(connection, state), cells)
    waivers = [_waiver(waiver) for waiver in plans.waivers(connection, row.id)]
    return apply_waivers(findings, waivers, boundaries.moment(connection).date())


def open_findings(connection: Connection, row: PlanRow, state: PlanState) -> list[Finding]:
    """Return what stands against publishing: findings that nobody has waived.

    What is wrong with cells that the plan does not touch was so before: it is told, but does not block.
    """
    changed = {cell_text(key) for key in state.changed()}
    out = []
    for judged in judge(connection, row, state):
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
    if until < boundaries.moment(connection).date():
        raise InvalidInputError(
            "the waiver has ended already", [Fault("until", "give a day to come", value=until)]
        )
    Waiver(rule, frozenset(map(cell_text, cells)), who, why, until)
    plans.add_waiver(connection, row.id, rule=rule, cells=cells, who=who, why=why, until=until)


def scene_of(connection: Connection, state: PlanState) -> Scene:
    """Return the plan as the rules see it: that of its edition, kept up with the edits."""
    if state.scene is None:
        state.begin_scene(base_scene(connection, state.store, state.base))
    scene: Scene = state.scene  # type: ignore[assignment]  # begin_scene set it
    stale = state.take_stale()
    if stale:
        register = state.redraw.register
        changed = [_cell(state, key) for key in stale if register.get(key) is not None]
        scene = scene.with_changes(changed, [key for key in stale if register.get(key) is None])
        state.scene = scene
    return scene


def base_scene(connection: Connection, store: Plans, tiling: Tiling) -> Scene:
    """Return an edition as the rules see it, made once while buildings and duties stay as they are."""
    duties = staffing.duties(connection, boundaries.moment(connection))
    mark = (tiling.edition.id, ground.demand_version(connection), hash(tuple(sorted(duties["cell_id"]))))
    return store.base_scene(mark, lambda: _make_scene(connection, tiling, set(duties["cell_id"])))


def warm_in_background(store: Plans, plan_id: int) -> None:
    """Begin to make what the first edit of a plan will need, so that it need not wait."""

    def warm() -> None:
        with suppress(GeoServiceError), viewing(store, plan_id) as (_, state, connection):
            base = state.base
        with suppress(GeoServiceError), store.database.reading() as connection:
            check(base_scene(connection, store, base), [next(iter(state.base_records))])

    threading.Thread(target=warm, name=f"warm plan {plan_id}", daemon=True).start()


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
    return Scene.of(
        levels,
        scene_cells,
        lies_on,
        owned=owned if held else None,
        base=frozenset(keys),
        codes_used=frozenset((level, code) for level, codes in used.items() for code in codes),
    )


def rule_ground(connection: Connection) -> Ground:
    """Return buildings, barriers and crossings as the rules look at them."""
    buildings = ground.buildings(connection)
    lines, crossings = barriers.every(connection)
    return Ground.build(
        buildings=buildings["shape"],
        building_names=buildings["name"].tolist(),
        households=buildings["households"].to_numpy(dtype=int),
        residents=buildings["residents"].to_numpy(dtype=int),
        barriers=lines.geometry,
        barrier_kinds=lines["kind"].tolist(),
        barrier_names=lines["name"].tolist(),
        crossings=crossings.geometry,
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


def _waiver(row: WaiverRow) -> Waiver:
    cells = frozenset(cell_text((level, code)) for level, code in row.cells)
    return Waiver(row.rule, cells, row.who, row.why, row.until or date.max)
