"""Before and after (比对): two editions, or an edition and a plan, side by side under a bar that is moved."""

import numpy as np

from geo_service.errors import NotFoundError, Words
from geo_service.maps.figures import Label
from geo_service.maps.layers import Measure
from geo_service.services.atlas.kinds import Drawing, MapKind, Opening, Scene, Values, at_note
from geo_service.services.atlas.staffing import CASES, HOUSEHOLDS, PEOPLE, on_duty_counts, people_and_cases
from geo_service.services.coverage_views import plan_tiling
from geo_service.services.tiling import Tiling
from geo_service.staffing.workload import means, workload_index

MEASURES = (
    Measure("households", Label("户数", "households")),
    Measure("incidents", Label("事件", "incidents")),
    Measure("workload", Label("工作量", "workload")),
    Measure("staff", Label("在岗", "on duty")),
    Measure("area", Label("面积", "area")),
)


_ONLY = Label(
    "没有可比的版本：用“对照”选一个，或在地址里写 plan=编号",
    "no other edition: choose one under Against, or write plan=NUMBER in the address",
)


def other_tiling(scene: Scene) -> Tiling | None:
    """Return what the tiling is compared with: the plan, the edition asked for, or the one before it.

    None where there is no other, or none of this number.

    Raises
    ------
    NotFoundError
        There is no such plan.
    """
    view = scene.view
    if view.plan is not None and scene.plans is not None:
        return plan_tiling(scene.plans, view.plan)
    spans = scene.tilings.spans()
    wanted = view.against
    if wanted is None:
        numbers = [span.id for span in spans]
        at = numbers.index(scene.tiling.edition.id) if scene.tiling.edition.id in numbers else 0
        if at == 0:
            return None
        wanted = numbers[at - 1]
    found = next((span for span in spans if span.id == wanted), None)
    if found is None:
        raise NotFoundError(Words(f"there is no edition {wanted}", f"没有编号为 {wanted} 的边界版本"))
    return scene.tilings.load(found)


def _opening(scene: Scene) -> Opening:
    scene.once(other_tiling)
    return Opening()


def _measured(scene: Scene, level: str, measure: str) -> Values:
    if measure == "staff":
        return on_duty_counts(scene, level)
    if measure == "area":
        return scene.up(level, scene.of_leaves("area_km2"))
    if measure == "incidents":
        return scene.up(level, scene.incidents)
    if measure == "households":
        return scene.up(level, scene.of_leaves("households"))
    sums = {
        "area_m2": scene.up(level, scene.of_leaves("area_km2") * 1e6),
        "households": scene.up(level, scene.of_leaves("households")),
        "residents": scene.up(level, scene.of_leaves("residents")),
        "incidents_year": scene.up(level, scene.incidents),
    }
    index: Values = workload_index(sums, means(sums))
    return index


def _compare(scene: Scene, level: str, measure: str) -> Drawing:
    values = _measured(scene, level, measure)
    other = scene.once(other_tiling)
    there = other is not None and level in other.levels
    also = _measured(scene.on(other), level, measure) if other is not None and there else np.zeros(0)
    words = next(one.label for one in MEASURES if one.code == measure)
    unit = {
        "households": HOUSEHOLDS,
        "incidents": CASES,
        "staff": PEOPLE,
        "area": Label("平方公里", "km²"),
        "workload": Label("本级平均为 1", "1 = mean cell of the level"),
    }[measure]
    return Drawing(
        values,
        words,
        unit,
        palette="YlOrRd" if measure in {"incidents", "workload"} else "YlGnBu",
        note=at_note(scene.view) if other is not None else _ONLY,
        also=also,
    )


COMPARE = MapKind(
    "compare",
    Label("前后比对", "Before and after"),
    Label(
        "两个边界版本（或版本与方案）左右对照，拖动中间的滑杆。",
        "Two editions, or an edition and a plan, side by side under a bar that you move.",
    ),
    MEASURES,
    _compare,
    asks=("against", "plan", "days"),
    counts=people_and_cases,
    finest="grid",
    compares=True,
    opening=_opening,
    example="--against 1",
)
