"""Assets (资源): cameras, police rooms, centres, shops as points with their reach; who lives within it."""

from collections.abc import Callable

import numpy as np

from geo_service.maps.classes import Method
from geo_service.maps.figures import Label
from geo_service.maps.layers import Measure
from geo_service.maps.points import Unit, units_json
from geo_service.services.atlas.kinds import Drawing, ExtraLine, MapKind, OverlayKind, Scene
from geo_service.services.coverage_places import PEOPLE, places_of
from geo_service.services.coverage_question import Measure as Weight
from geo_service.staffing.within_reach import within_reach
from geo_service.store import assets

#: Of each group: kinds of assets in it, colour, and whether the public may see where they stand.
GROUPS = {
    "cameras": (("camera",), Label("监控摄像", "cameras"), "#6a3d9a", False),
    "police_rooms": (("police", "police_room"), Label("派出所、警务室", "police rooms"), "#1f4e9c", True),
    "centres": (("governance", "service", "centre"), Label("中心、服务站", "centres"), "#0f766e", True),
    "shops": (("shop",), Label("沿街商铺", "shops"), "#b45309", True),
}
KIND_LABELS = {
    "camera": Label("监控摄像", "Camera"),
    "police": Label("派出所", "Police station"),
    "police_room": Label("警务室", "Police room"),
    "governance": Label("社会治理中心", "Governance centre"),
    "service": Label("便民服务站", "Service station"),
    "centre": Label("中心", "Centre"),
    "shop": Label("商铺", "Shop"),
    "fire": Label("消防站", "Fire station"),
}
MEASURES = tuple(Measure(code, label) for code, (_, label, _, _) in GROUPS.items())


def label_of(kind: str) -> Label:
    """Return the words of a kind of asset or station."""
    return KIND_LABELS.get(kind, Label(kind, kind))


def _rows(scene: Scene, group: str) -> list[assets.AssetRow]:
    kinds, _, _, public = GROUPS[group]
    if scene.view.smallest and not public:
        return []
    with scene.database.reading() as connection:
        return assets.of_kinds(connection, kinds)


def _assets(scene: Scene, level: str, measure: str) -> Drawing:
    rows = _rows(scene, measure)
    people = places_of(scene.database, scene.ground, scene.tiling, PEOPLE, scene.view.at)
    weight = people.weights[Weight.HOUSEHOLDS]
    lonlat_deg = np.array([(row.lon, row.lat) for row in rows]).reshape(-1, 2)
    inside = within_reach(people.lonlat_deg, lonlat_deg, np.array([row.reach_m for row in rows], float))
    n = len(scene.tiling.leaves)
    near, total = (
        scene.up(level, np.bincount(people.leaf, weights=weight * which, minlength=n).astype(float))
        for which in (inside, np.ones(len(weight)))
    )
    leaf, _ = scene.tiling.index.leaf_of(lonlat_deg)
    count = scene.up(level, np.bincount(leaf[leaf >= 0], minlength=n).astype(float))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, near / total, np.nan)
    _, words, _, public = GROUPS[measure]
    reach = sorted({row.reach_m for row in rows})
    metres = "–".join(f"{one:.0f}" for one in ([reach[0], reach[-1]] if len(reach) > 1 else reach))
    note = Label(f"{len(rows)} 处；直线半径 {metres} 米", f"{len(rows)} places; {metres} m as the crow flies")
    if not rows:
        note = Label("没有登记", "none registered")
        if scene.view.smallest and not public:
            note = Label("不对公众显示", "not shown to the public")
        share = np.full(len(share), np.nan)
    return Drawing(
        share,
        Label(f"{words.zh}：半径内住户", f"Households near {words.en}"),
        Label("户数占比", "share of households"),
        method=Method.GIVEN,
        breaks=(0.2, 0.4, 0.6, 0.8, 0.95, 1.0),
        palette="PuBuGn",
        percent=True,
        note=note,
        extras=(
            ExtraLine(Label("数量", "Number"), Label("处", ""), count),
            ExtraLine(Label("户数", "Households"), Label("户", ""), total),
        ),
    )


def _points(group: str) -> Callable[[Scene], bytes]:
    def make(scene: Scene) -> bytes:
        return units_json(
            [
                Unit(
                    row.lon,
                    row.lat,
                    row.name or row.code,
                    label_of(row.kind),
                    Label(f"半径 {row.reach_m:.0f} 米", f"reach {row.reach_m:.0f} m"),
                    row.reach_m,
                )
                for row in _rows(scene, group)
            ]
        )

    return make


def _households(scene: Scene) -> list[np.ndarray]:
    return [scene.of_leaves("households")]


ASSETS = MapKind(
    "assets",
    Label("资源分布", "Assets"),
    Label(
        "摄像头、派出所与警务室、中心与服务站、商铺的位置和半径，半径内住着多少户。",
        "Cameras, police rooms, centres and shops with their reach, and the households within it.",
    ),
    MEASURES,
    _assets,
    overlays=tuple(
        OverlayKind(code, "units", label, _points(code), color, public=public)
        for code, (_, label, color, public) in GROUPS.items()
    ),
    counts=_households,
    example="--public",
    ramp=("#f6eff7", "#bdc9e1", "#67a9cf", "#1c9099", "#016c59"),
)
