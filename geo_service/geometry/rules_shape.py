"""Rules about the shape of a cell: size, compactness, contiguity, whole buildings, units within lines."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.geometry.measure import area_m2, metres_per_degree
from geo_service.geometry.rules_ground import Geoms
from geo_service.geometry.rules_register import setting_of
from geo_service.geometry.rules_scene import DeclaredExclave, Key, Scene
from geo_service.geometry.rules_settings import RuleSetting, RuleSettings
from geo_service.geometry.rules_words import say
from geo_service.model import Finding, Severity

_POLSBY = ("4π·area/perimeter²", "4π×面积/周长²")
_REOCK = ("share of the smallest circle round it", "占最小外接圆的比例")


def area(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Neither too little land nor too much."""
    set_for = [(key, found) for key in keys if (found := setting_of(scene, settings, "area", key))]
    land = scene.areas_m2([key for key, _ in set_for])
    for (key, (setting, severity)), size in zip(set_for, land.tolist(), strict=True):
        low, high = setting.number("low_m2", 0.0), setting.number("high_m2", math.inf)
        if size == 0.0 or low <= size <= high:  # no land at all is another rule's matter
            continue
        yield say(
            "area",
            "area_small" if size < low else "area_large",
            severity,
            [key],
            names=scene.words(key),
            shape=scene.outline(key),
            numbers={"area_m2": size, **setting.numbers},
            area=size,
            low=low,
            high=high,
        )


def compactness(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Not too drawn out, by Polsby and Popper's measure and by Reock's; the worse one speaks.

    D. D. Polsby, R. D. Popper, The third criterion (1991): 4π·area/perimeter². E. C. Reock, Measuring
    compactness (1961): area over that of the smallest circle round it. Both are 1 for a circle.
    """
    set_for = [(key, found) for key in keys if (found := setting_of(scene, settings, "compactness", key))]
    shapes = scene.outlines([key for key, _ in set_for])
    polsby, reock = compactness_of(shapes)
    for k, (key, (setting, severity)) in enumerate(set_for):
        bounds = (setting.number("polsby_popper_low", 0.0), setting.number("reock_low", 0.0))
        short = [bound - score for bound, score in zip(bounds, (polsby[k], reock[k]), strict=True)]
        worst = int(np.argmax(short))
        if short[worst] <= 0.0 or shapes[k].is_empty:
            continue
        yield say(
            "compactness",
            "drawn_out",
            severity,
            [key],
            names=scene.words(key),
            shape=shapes[k],
            numbers={"polsby_popper": polsby[k], "reock": reock[k], **setting.numbers},
            score=(polsby[k], reock[k])[worst],
            low=bounds[worst],
            measure=(_POLSBY, _REOCK)[worst],
        )


def compactness_of(shapes: Geoms) -> NDArray[np.float64]:
    """Return (2, n) float64: Polsby–Popper and Reock score of each shape (EPSG:4326); 0 where it is empty."""
    flat = flattened(shapes)
    around, radius = shapely.length(flat), shapely.minimum_bounding_radius(shapely.convex_hull(flat))
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = shapely.area(flat) / np.stack((around**2 / (4.0 * math.pi), math.pi * radius**2))
    return np.asarray(np.nan_to_num(scores, posinf=0.0), dtype=np.float64)


def flattened(shapes: Geoms) -> Geoms:
    """Return shapes in metres east and north of their own corner, each at the scale of its own latitude."""
    south, north = shapely.bounds(shapes).T[[1, 3]]
    scale = np.array([metres_per_degree(lat) for lat in np.nan_to_num((south + north) / 2.0).tolist()])
    corner = np.nan_to_num(shapely.bounds(shapes)[:, :2])
    deg, owner = shapely.get_coordinates(shapes, return_index=True)
    scaled = (deg - corner[owner]) * scale.reshape(-1, 2)[owner]
    flat: Geoms = shapely.set_coordinates(shapes.copy(), scaled)
    return flat


def contiguous(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """All land of a cell hangs together along edges; pieces that are declared to lie apart are only noted."""
    shapes = scene.outlines(keys)
    for k in np.flatnonzero(shapely.get_num_geometries(shapes) > 1).tolist():
        found = setting_of(scene, settings, "contiguous", keys[k])
        if found is not None:
            yield from _apart(scene, keys[k], shapes[k], found)


def _apart(
    scene: Scene, key: Key, outline: BaseGeometry, found: tuple[RuleSetting, Severity]
) -> Iterator[Finding]:
    parts, land = parts_of(outline)
    declared = [one for one in scene.declared_exclaves if one.cell == key]
    meant, bare = list[int](), list[int]()
    words: list[DeclaredExclave] = []
    for k in range(1, len(parts)):
        of_piece = [one for one in declared if one.means(parts[k], float(land[k]))]
        (meant if of_piece else bare).append(k)
        words += of_piece[:1]
    for those, template in ((bare, "in_parts"), (meant, "in_parts_meant")):
        if not those:
            continue
        outside = float(land[those].sum())
        slight = outside <= found[0].number("slight_m2", 0.0)
        share = outside / float(land.sum())
        yield say(
            "contiguous",
            template,
            Severity.NOTE if slight or those is meant else found[1],
            [key],
            names=scene.words(key),
            shape=shapely.multipolygons(parts[those]),
            numbers={"parts": len(parts), "apart_m2": outside, "apart_share": share},
            parts=len(parts),
            area=outside,
            share=share,
            who=words[0].who if words else "",
            why=words[0].why if words else "",
            until=words[0].until if words else "",
        )


def parts_of(outline: BaseGeometry) -> tuple[Geoms, NDArray[np.float64]]:
    """Return the pieces of a cell and the land of each in square metres; its main part, the largest, first.

    The order of the others hangs on nothing but the shape.
    """
    parts: Geoms = shapely.get_parts(shapely.normalize(outline))
    land = area_m2(parts)
    order = np.argsort(-land, kind="stable")
    return parts[order], land[order]


# --------------------------------------------------------------------------------------- buildings kept whole


def building_cut(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """No border runs through the inside of a building, deeper from its walls than the tolerance.

    Severity and tolerance are those set for the highest level at which the pieces part: a line between two
    communities through a house is the communities' matter.
    """
    ground = scene.ground
    leaves = [key for key in keys if not scene.children.get(key) and not scene.outline(key).is_empty]
    for building in _on_borders(ground.building_tree, scene.outlines(leaves), ground.buildings):
        finding = _cut_building(scene, settings, building)
        if finding is not None:
            yield finding


def _on_borders(tree: shapely.STRtree, shapes: Geoms, buildings: Geoms) -> list[int]:
    """Find the footprints that meet a shape without lying well inside one."""
    if len(shapes) == 0 or len(buildings) == 0:
        return []
    shape, building = tree.query(shapes)
    inside = tree.query(shapes, predicate="contains_properly")[1]
    sure = np.zeros(len(buildings), dtype=bool)
    sure[inside] = True
    open_ = ~sure[building] & (shapely.get_dimensions(buildings[building]) == 2)
    shape, building = shape[open_], building[open_]
    return [int(k) for k in np.unique(building[shapely.intersects(shapes[shape], buildings[building])])]


def _cut_building(scene: Scene, settings: RuleSettings, building: int) -> Finding | None:
    footprint = scene.ground.buildings[building]
    near = scene.leaves_touching(footprint)
    shapes = scene.outlines(near)
    size = area_m2(shapely.intersection(shapes, footprint))
    whole = float(area_m2([footprint])[0])
    order = [k for k in np.argsort(-size, kind="stable").tolist() if size[k] > 0.0]
    if not order or whole == 0.0:
        return None
    found = setting_of(scene, settings, "building_cut", _parting_cell(scene, [near[k] for k in order]))
    if found is None:
        return None
    core = _shrunk(footprint, found[0].number("tolerance_m", 0.0))
    if shapely.covers(shapes, core).any():
        return None
    order = [k for k in order if shapely.relate_pattern(shapes[k], core, "T********")] or order[:1]
    holders = [near[k] for k in order]
    share = float(size[order[0]]) / whole
    bare = whole - float(size.sum()) > 1e-6 * whole
    return say(
        "building_cut",
        "building_cut",
        found[1],
        holders,
        names=scene.words(holders[0]),
        shape=footprint,
        numbers={
            "pieces": len(order) + bare,
            "largest_share": share,
            "footprint_m2": whole,
            "cut_off_m2": whole - float(size[order[0]]),
            "households": int(scene.ground.households[building]),
        },
        building=scene.ground.building_names[building],
        pieces=len(order) + bare,
        share=share,
    )


def _parting_cell(scene: Scene, holders: Sequence[Key]) -> Key:
    """Return the highest of the first holder's cells that the others are not all in."""
    lines = [list(scene.line_up(key)) for key in holders]
    common = set(lines[0]).intersection(*map(set, lines[1:])) if len(lines) > 1 else set(lines[0][1:])
    apart = [key for key in lines[0] if key not in common and key in scene.cells]
    return apart[-1] if apart else holders[0]


def _shrunk(footprint: BaseGeometry, by_m: float) -> BaseGeometry:
    """Take a margin off a footprint; one too narrow for that stays as it is."""
    west, south, _, north = footprint.bounds
    scale = np.array(metres_per_degree((south + north) / 2.0))
    corner = np.array([west, south])
    flat = shapely.transform(footprint, lambda deg: (deg - corner) * scale)
    core = shapely.buffer(flat, -by_m, join_style="mitre")
    core = flat if shapely.is_empty(core) else core
    return shapely.transform(core, lambda xy: xy / scale + corner)


# --------------------------------------------------------------------------------- units within others' lines


def street_face(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Keep a street-face unit within its community's line, as an overlay and as land of its own."""
    for key, parent, severity, limit in _units(scene, keys, settings, "street_face"):
        if scene.cells[key].overlay:
            yield from _outside_parent(scene, key, parent, ("street_face", severity), limit)
        elif _is_apart(scene, key, parent):
            words, above = scene.words(key), scene.words(parent)
            yield say(
                "street_face",
                "street_face_apart",
                severity,
                [key, parent],
                names=words,
                shape=scene.outline(key),
                numbers={"area_m2": float(scene.areas_m2([key])[0])},
                parent=above,
            )


def dedicated(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Keep a dedicated grid wholly inside one cell above, and to the premises it is for."""
    for key, parent, severity, limit in _units(scene, keys, settings, "dedicated"):
        if scene.cells[key].overlay:
            yield from _outside_parent(scene, key, parent, ("dedicated", severity), limit)
        yield from _cuts_premises(scene, key, severity, limit)


def _units(
    scene: Scene, keys: Sequence[Key], settings: RuleSettings, kind: str
) -> Iterator[tuple[Key, Key, Severity, float]]:
    """Go through the cells of a kind that have a cell above, and that the rule of its name holds for."""
    for key in keys:
        cell = scene.cells[key]
        if cell.kind != kind or cell.parent is None or cell.parent not in scene.cells:
            continue
        found = setting_of(scene, settings, kind, key)
        if found is not None:
            yield key, cell.parent, found[1], found[0].number("tolerance_m2", 0.0)


def _outside_parent(
    scene: Scene, key: Key, above: Key, rule: tuple[str, Severity], limit_m2: float
) -> Iterator[Finding]:
    shape = scene.outline(key)
    outside = shapely.difference(shape, scene.outline(above))
    size, whole = area_m2([outside, shape]).tolist()
    if size > limit_m2:
        yield say(
            rule[0],
            f"{rule[0]}_outside",
            rule[1],
            [key, above],
            names=scene.words(key),
            shape=outside,
            numbers={"outside_m2": size, "outside_share": size / whole},
            parent=scene.words(above),
            area=size,
            share=size / whole,
        )


def _is_apart(scene: Scene, key: Key, above: Key) -> bool:
    """Tell whether a cell shares no edge with its siblings, though it has some."""
    shape, siblings = scene.outline(key), [one for one in scene.land_children(above) if one != key]
    others = scene.outlines(siblings)
    others = others[~shapely.is_empty(others)]
    return bool(len(others)) and not shapely.relate_pattern(others, shape, "****1****").any()


def _cuts_premises(scene: Scene, key: Key, severity: Severity, limit_m2: float) -> Iterator[Finding]:
    ground, shape = scene.ground, scene.outline(key)
    if len(ground.premises) == 0 or shape.is_empty:
        return
    for number in np.sort(ground.premises_tree.query(shape, predicate="intersects")).tolist():
        yard = ground.premises[number]
        shared, beyond = shapely.intersection(shape, yard), shapely.difference(shape, yard)
        size, over, whole = area_m2([shared, beyond, yard]).tolist()
        if size > limit_m2 and over > limit_m2 and whole - size > limit_m2:
            yield say(
                "dedicated",
                "dedicated_cuts_premises",
                severity,
                [key],
                names=scene.words(key),
                shape=shapely.symmetric_difference(shape, yard),
                numbers={"premises_m2": whole, "premises_share": size / whole, "beyond_m2": over},
                premises=ground.premises_names[number],
                share=size / whole,
                area=over,
            )
