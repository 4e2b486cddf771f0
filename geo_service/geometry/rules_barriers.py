"""The rule about barriers: whoever looks after a cell can get about in it without leaving it.

A cell may hold both banks of a stream if it holds a bridge. So: the barriers cut the cell's land into faces;
a crossing joins the faces it is within reach of; what then lies in several pieces that matter (somebody lives
there, or, where ``min_share`` is set, they are such a share of the land) is cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.geometry.measure import area_m2, metres_per_degree
from geo_service.geometry.rules_ground import Geoms, Ground, Ints
from geo_service.geometry.rules_register import setting_of
from geo_service.geometry.rules_scene import Key, Scene
from geo_service.geometry.rules_settings import RuleSetting, RuleSettings
from geo_service.geometry.rules_words import say
from geo_service.model import Finding

_KIND_WORDS = {
    "river": ("the river", "河流"),
    "stream": ("the stream", "溪流"),
    "canal": ("the canal", "运河"),
    "railway": ("the railway", "铁路"),
    "avenue": ("the avenue", "主干道"),
}
_NEAR_DEG = 1e-9


@dataclass(frozen=True, slots=True)
class CutOff:
    """Land of a cell that its barriers cut off from where most of its people are.

    Attributes
    ----------
    shape : Polygon or MultiPolygon
    area_m2 : float
    households : int
    barriers : tuple of int
        Those that bound it, by their number in the ground.
    """

    shape: BaseGeometry
    area_m2: float
    households: int
    barriers: tuple[int, ...]


def barrier(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """No barrier cuts a cell in two, except where it can be crossed inside the cell."""
    ground = scene.ground
    set_for = [(key, found) for key in keys if (found := setting_of(scene, settings, "barrier", key))]
    if not set_for or len(ground.pieces) == 0:
        return
    shapes = scene.outlines([key for key, _ in set_for])
    cell, piece = _crossed_by(ground, shapes, [setting for _, (setting, _) in set_for])
    by_land = np.array(["min_share" in setting.numbers for _, (setting, _) in set_for])
    suspects = by_land | _people_may_be_parted(ground, shapes, cell, piece)
    starts = np.searchsorted(cell, np.arange(len(shapes) + 1))
    for number in np.flatnonzero(suspects & (np.diff(starts) > 0)).tolist():
        key, (setting, severity) = set_for[number]
        cut = cut_off(ground, shapes[number], piece[starts[number] : starts[number + 1]], setting)
        if cut is None:
            continue
        yield say(
            "barrier",
            "barrier",
            severity,
            [key],
            names=scene.words(key),
            shape=cut.shape,
            numbers={"far_side_households": cut.households, "far_side_m2": cut.area_m2},
            barrier=_named(ground, cut.barriers),
            households=cut.households,
            area=cut.area_m2,
        )


def _crossed_by(ground: Ground, shapes: Geoms, settings: Sequence[RuleSetting]) -> tuple[Ints, Ints]:
    """Return pairs of cell and piece that meet, of the kinds each cell's setting names, by cell."""
    cell, piece = ground.piece_tree.query(shapes, predicate="intersects")
    kinds = np.array(ground.barrier_kinds, dtype=object)[ground.piece_barrier[piece]]
    named = [setting.barriers for setting in settings]
    wanted = [not named[k] or kind in named[k] for k, kind in zip(cell.tolist(), kinds.tolist(), strict=True)]
    chosen = np.array(wanted, dtype=bool)
    order = np.lexsort((piece[chosen], cell[chosen]))
    return cell[chosen][order].astype(np.int64), piece[chosen][order].astype(np.int64)


def _people_may_be_parted(ground: Ground, shapes: Geoms, cell: Ints, piece: Ints) -> NDArray[np.bool_]:
    """Sort out, at little cost, the cells whose people surely all live on one side.

    A walk past all lived-in buildings of a cell that stays in the cell and meets no barrier is such a proof.
    """
    out = np.zeros(len(shapes), dtype=bool)
    crossed = np.unique(cell)
    which, building = ground.point_tree.query(shapes[crossed], predicate="intersects")
    lived_in = ground.households[building] > 0
    which, building = which[lived_in], building[lived_in]
    several = np.bincount(which, minlength=len(crossed)) > 1
    if not several.any():
        return out
    renumbered = np.cumsum(several) - 1
    which, building = renumbered[which[several[which]]], building[several[which]]
    order = np.lexsort((shapely.get_x(ground.points[building]), which))
    walks = shapely.linestrings(
        shapely.get_coordinates(ground.points[building[order]]), indices=which[order].astype(np.intp)
    )
    asked = crossed[several]
    proved = shapely.covers(shapes[asked], walks)
    number = np.searchsorted(asked, cell)
    known = (number < len(asked)) & (asked[np.minimum(number, len(asked) - 1)] == cell)
    met = shapely.intersects(walks[number[known]], ground.pieces[piece[known]])
    proved[number[known][met]] = False
    out[asked] = ~proved
    return out


def cut_off(ground: Ground, shape: BaseGeometry, pieces: Ints, setting: RuleSetting) -> CutOff | None:
    """Find the land of a cell that barriers cut off; None if nothing that matters is.

    Parameters
    ----------
    ground : Ground
    shape : Polygon or MultiPolygon
        The cell, EPSG:4326.
    pieces : (k,) int
        Pieces of barriers that meet it.
    setting : RuleSetting
        ``min_share``, ``min_households``, ``reach_m``.

    Returns
    -------
    CutOff or None
        Of several, the one with the most households, then the most land. Parts of the cell that lie apart
        anyway are looked at one by one.
    """
    found: list[tuple[BaseGeometry, float, int]] = []
    for part in shapely.get_parts(shape):
        faces = _faces(part, ground.pieces[pieces])
        homes = ground.count_in(faces)[0]
        enough = homes >= setting.number("min_households", 1.0)
        if len(faces) > 1 and ("min_share" in setting.numbers or np.count_nonzero(enough) > 1):
            found += _lost(ground, faces, homes, setting)
    if not found:
        return None
    lost, land_m2, households = max(found, key=lambda one: (one[2], one[1]))
    return CutOff(lost, land_m2, households, _between(ground, shape, lost, pieces))


def _faces(part: BaseGeometry, lines: Geoms) -> Geoms:
    """Cut a polygon by lines."""
    whole = np.array([part], dtype=object)
    shapely.prepare(part)
    lines = lines[shapely.intersects(part, lines)]
    if len(lines) == 0:
        return whole
    noded = shapely.union_all(np.append(lines, shapely.boundary(part)))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    if len(faces) < 2:
        return whole
    own: Geoms = faces[shapely.contains(part, shapely.point_on_surface(faces))]
    return own


def _lost(
    ground: Ground, faces: Geoms, homes_in_face: Ints, setting: RuleSetting
) -> list[tuple[BaseGeometry, float, int]]:
    """Return the pieces that matter beside the one where most people (or, with none, most land) are."""
    labels, group = np.unique(_joined(ground, faces, setting.number("reach_m", 15.0)), return_inverse=True)
    if len(labels) < 2:
        return []
    land = np.bincount(group, area_m2(faces))
    homes = np.bincount(group, homes_in_face)
    matters = homes >= setting.number("min_households", 1.0)
    if "min_share" in setting.numbers:
        matters |= land >= setting.numbers["min_share"] * land.sum()
    if matters.sum() < 2:
        return []
    main = int(np.lexsort((land, homes))[-1])
    others = [k for k in np.flatnonzero(matters).tolist() if k != main]
    return [(shapely.union_all(faces[group == k]), float(land[k]), int(homes[k])) for k in others]


def _joined(ground: Ground, faces: Geoms, reach_m: float) -> Ints:
    """Give faces that a crossing joins the same number."""
    label = np.arange(len(faces))
    west, south, east, north = shapely.total_bounds(faces).tolist()
    scale = np.array(metres_per_degree((south + north) / 2.0))
    dx, dy = (reach_m / scale).tolist()
    points = ground.crossings[
        ground.crossing_tree.query(shapely.box(west - dx, south - dy, east + dx, north + dy))
    ]
    flat = shapely.transform(faces, lambda deg: deg * scale)
    at = shapely.transform(points, lambda deg: deg * scale)
    for near in shapely.dwithin(at[:, None], flat[None, :], reach_m):
        joined = np.unique(label[near])
        label[np.isin(label, joined)] = joined[0] if len(joined) else -1
    return label


def _between(ground: Ground, shape: BaseGeometry, lost: BaseGeometry, pieces: Ints) -> tuple[int, ...]:
    """Name the barriers along which a piece was cut off."""
    line = shapely.difference(shapely.boundary(lost), shapely.boundary(shape))
    near = shapely.dwithin(ground.pieces[pieces], line, _NEAR_DEG)
    touching = shapely.length(shapely.intersection(ground.pieces[pieces], shapely.buffer(line, _NEAR_DEG)))
    along = near & (touching > 4.0 * _NEAR_DEG)
    return tuple(sorted({int(k) for k in ground.piece_barrier[pieces[along]]}))


def _named(ground: Ground, barriers: tuple[int, ...]) -> tuple[str, str]:
    english, chinese = [], []
    for number in barriers:
        kind, name = ground.barrier_words(number)
        words = _KIND_WORDS.get(kind, (f"the {kind}", kind))
        english.append(f"{words[0]} {name}".strip())
        chinese.append(name or words[1])
    return " and ".join(english) or "a barrier", "、".join(chinese) or "屏障"
