"""Fabrics of a synthetic county of 14,199 cells (342,000 border segments): building, proof, inspection."""

import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.measure import Row, compare, time_of
from benchmarks.tilings import COUNTY_DEG, SCALE, county
from geo_service.geometry import crs
from geo_service.geometry.derive import outlines, simplify_tiling
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.inspect import inspect_tiling

MILLION = 1_000_000


def run() -> list[Row]:
    cells = county()
    fabric = Fabric.from_polygons(cells)
    vertices = int(shapely.get_num_coordinates(cells).sum())
    return [
        Row.figure(
            "build the fabric, proof included",
            time_of(lambda: Fabric.from_polygons(cells), rounds=5),
            "s",
            at_most=5,
            note=f"{len(cells):,} cells, {vertices:,} vertices",
        ),
        _proof(fabric),
        Row.figure("segments of the fabric", time_of(fabric.segments, rounds=5), "s"),
        Row.figure("polygons of the fabric", time_of(fabric.polygons, rounds=5), "s"),
        *_inspection(cells),
        *_derived(cells),
        *_datums(),
    ]


def _proof(fabric: Fabric) -> Row:
    """Ours against GEOS' own check of the same polygons."""
    polygons = fabric.polygons()

    def prove() -> None:
        assert shapely.is_valid(polygons).all()
        assert fabric.twins_cancel()
        assert len(fabric.wrong_border_edges()) == 0

    timing = compare(prove, lambda: shapely.coverage_is_valid(polygons))
    return Row.versus("prove the whole tiling", "shapely coverage_is_valid", timing)


def _inspection(cells: NDArray[np.object_]) -> list[Row]:
    codes = [str(k) for k in range(len(cells))]
    rows = [
        Row.figure(
            "inspect it, clean", time_of(lambda: inspect_tiling(cells, codes, tolerance_m=1), rounds=3), "s"
        )
    ]
    broken = _shaken(cells)
    found = inspect_tiling(broken, codes, tolerance_m=1)
    assert found.ok
    assert Fabric.from_polygons(found.geoms).twins_cancel()
    note = found.findings[-1].message
    seconds = time_of(lambda: inspect_tiling(broken, codes, tolerance_m=1), rounds=1)
    rows.append(
        Row.figure("mend it, the vertices of one cell in 20 moved by up to 15 cm", seconds, "s", note=note)
    )
    large = county(10_000, bends=4)
    codes = codes[: len(large)]
    vertices = int(shapely.get_num_coordinates(large).sum())
    seconds = time_of(lambda: inspect_tiling(large, codes, tolerance_m=1), rounds=1)
    rows.append(Row.figure("inspect a finer county, clean", seconds, "s", note=f"{vertices:,} vertices"))
    return rows


def _shaken(cells: NDArray[np.object_]) -> NDArray[np.object_]:
    """Move the vertices of one cell in twenty, so that its borders fit no neighbour's."""
    rng = np.random.default_rng(1)
    xy, ring = shapely.get_coordinates(shapely.get_rings(cells), return_index=True)
    moved = xy + rng.uniform(-11, 11, xy.shape) / SCALE
    first = np.append(True, ring[1:] != ring[:-1])
    last = np.append(first[1:], True)
    moved[last] = moved[first]
    out = shapely.polygons(shapely.linearrings(moved, indices=ring))
    return np.where(shapely.is_valid(out) & (rng.random(len(cells)) < 0.05), out, cells)


def _derived(cells: NDArray[np.object_]) -> list[Row]:
    west, south, east, north = COUNTY_DEG
    centre = shapely.get_coordinates(shapely.centroid(cells))
    column = ((centre[:, 0] - west) / (east - west) * 25).astype(int).clip(0, 24)
    row = ((centre[:, 1] - south) / (north - south) * 20).astype(int).clip(0, 19)
    group = row * 25 + column
    return [
        Row.figure("derive 500 outlines", time_of(lambda: outlines(cells, group, 500), rounds=3), "s"),
        Row.figure(
            "simplify the tiling for zoom 11",
            time_of(lambda: simplify_tiling(cells, 360 / 2**19), rounds=3),
            "s",
        ),
    ]


def _datums() -> list[Row]:
    points = np.random.default_rng(2).uniform((74, 18), (134, 53), (MILLION, 2))
    return [
        Row.figure(
            f"a million points {words} {datum}",
            time_of(lambda datum=datum, convert=convert: convert(points, datum), rounds=3),
            "s",
        )
        for datum in (crs.GCJ02, crs.BD09)
        for words, convert in (("to", crs.from_wgs84), ("from", crs.to_wgs84))
    ]
