"""The base map: water, woods, fields, built-up land, parks and the railway as named shapes."""

import geopandas as gpd
import numpy as np
import shapely

from geo_service.demo.frame import UNIT_DEG, Floats, Valley, geometry_to_degrees
from geo_service.demo.mesh import Ints, Mesh, outlines, smooth_borders
from geo_service.demo.names import stream_name
from geo_service.demo.streets import Blocks
from geo_service.demo.water import Water

WOODS, FIELDS, BUILT_UP = 0, 1, 2
_LAND = ("wood", "field", "built_up")


def land_cover(
    house_distance_m: Floats, stream_distance_m: Floats, above_valley_m: Floats, slope: Floats
) -> Ints:
    """Return each site's cover: built-up near houses, fields on flat land and along streams, else woods."""
    flat = (above_valley_m < 45.0) & (slope < 0.22)
    valley_floor = (stream_distance_m < 55.0 + 300.0 * np.exp(-slope * 4.0)) | (house_distance_m < 95.0)
    cover = np.where(flat | (valley_floor & (slope < 0.75)), FIELDS, WOODS)
    return np.where(house_distance_m < 34.0, BUILT_UP, cover)


def tidy(mesh: Mesh, cover: Ints, least_sites: int) -> Ints:
    """Turn specks of field in the woods into woods, and specks of wood in the fields into fields."""
    part = mesh.parts(cover)
    speck = (np.bincount(part)[part] < least_sites) & (cover != BUILT_UP)
    return np.where(speck, np.where(cover == WOODS, FIELDS, WOODS), cover)


def make_features(
    mesh: Mesh,
    cover: Ints,
    inside: np.ndarray,
    water: Water,
    *,
    rail_xy_m: Floats,
    valley: Valley,
    blocks: Blocks,
) -> gpd.GeoDataFrame:
    """Return the base map's shapes, largest kinds first, so that drawing in order looks right."""
    rows: list[tuple[str, str, shapely.Geometry]] = []
    label = np.where(inside, cover, -1)
    xy = smooth_borders(mesh, label[mesh.p] != label[mesh.q], np.zeros(len(mesh.vertex_xy_m), dtype=bool), 3)
    for kind, shape in zip(_LAND, outlines(mesh, label, xy, len(_LAND)), strict=True):
        rows += [(kind, "", part) for part in shapely.get_parts(shape)]
    parks = np.flatnonzero(blocks.use == "park")
    for number, k in enumerate(parks.tolist()):
        s = [blocks.s0[k] + 9, blocks.s1[k] - 9, blocks.s1[k] - 9, blocks.s0[k] + 9]
        t = [blocks.t0[k] + 9, blocks.t0[k] + 9, blocks.t1[k] - 9, blocks.t1[k] - 9]
        shape = geometry_to_degrees(np.array([shapely.Polygon(valley.to_xy(np.array(s), np.array(t)))]))[0]
        rows.append(("park", f"{blocks.street[k][:2]}公园" if number else "澜江公园", shape))
    banks = geometry_to_degrees(water.stream_banks)
    rows += [("water", stream_name(number), shape) for number, shape in enumerate(banks)]
    rows.append(("water", "澜江", geometry_to_degrees(np.array([water.river], dtype=object))[0]))
    rail = geometry_to_degrees(np.array([shapely.LineString(rail_xy_m)], dtype=object))[0]
    rows.append(("railway", "衢澜铁路", rail))
    shapes = shapely.set_precision(np.array([row[2] for row in rows], dtype=object), UNIT_DEG)
    table = gpd.GeoDataFrame(
        [row[:2] for row in rows], columns=["kind", "name"], geometry=shapes, crs="EPSG:4326"
    )
    return table[~table.geometry.is_empty].reset_index(drop=True)
