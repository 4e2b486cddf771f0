"""Placing points in the 14,199 cells of a synthetic county (341,000 border segments), one core."""

import gc
import threading
import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.measure import Row, compare, time_of
from benchmarks.tilings import border_points, clustered_points, county
from geo_service.geometry.segments import Segments, segments_of
from geo_service.locate.index import CellIndex, warm_up

PEER_POINTS = 200_000
MANY_POINTS = 10_000_000
SINGLES = 20_000


def run() -> list[Row]:
    cells = county()
    segments, codes = segments_of(cells), [f"{i:06d}" for i in range(len(cells))]
    warm_up()
    index = CellIndex.build(segments, codes)
    return [
        _build_time(segments, codes),
        _build_memory(segments, codes),
        Row.figure("size of the index", index.nbytes / len(segments), "bytes a segment", at_most=100),
        *_cloud(index, cells),
        *_borders(index, cells),
        *_more(index),
    ]


def _build_time(segments: Segments, codes: list[str]) -> Row:
    seconds = time_of(lambda: CellIndex.build(segments, codes), rounds=5)
    return Row.figure("build the index, with the proof that it is a tiling", seconds, "s", at_most=3)


def _build_memory(segments: Segments, codes: list[str]) -> Row:
    """Growth of the process's memory at its peak, sampled while an index is built, index included."""
    peak = _peak_growth_mb(lambda: CellIndex.build(segments, codes))
    return Row.figure("memory while building", peak, "MB", at_most=200, note="peak growth of resident memory")


def _cloud(index: CellIndex, cells: NDArray[np.object_]) -> list[Row]:
    few, many = clustered_points(PEER_POINTS), clustered_points(MANY_POINTS)
    frame = gpd.GeoDataFrame(geometry=cells, crs=4326)
    points = shapely.points(few)

    def join(
        predicate: str,
    ) -> gpd.GeoDataFrame:  # new points, as every batch has; the index of cells is kept
        return gpd.GeoDataFrame(geometry=points.copy(), crs=4326).sjoin(frame, predicate=predicate)

    cell, on_edge = index.leaf_of(few)
    expected = join("intersects")["index_right"].groupby(level=0).min()
    expected = expected.reindex(range(len(few)), fill_value=-1).to_numpy()
    # the join takes the raw point and the index the lattice point: within a step of a border they may differ
    _require(int(np.count_nonzero((expected != cell) & ~on_edge)) <= len(few) * 2e-4, "clustered points")
    same_rule = compare(lambda: index.leaf_of(few), lambda: join("intersects"))
    fastest = compare(lambda: index.leaf_of(few), lambda: join("within"))
    rate = len(many) / time_of(lambda: index.leaf_of(many), rounds=3)
    return [
        Row.versus(
            f"place {PEER_POINTS:,} clustered points",
            "geopandas sjoin",
            same_rule,
            at_least=30,
            count=len(few),
            note="its default predicate: border points count, as with ours; points made beforehand",
        ),
        Row.versus(
            f"place {PEER_POINTS:,} clustered points",
            "geopandas sjoin, within",
            fastest,
            count=len(few),
            note="its fastest way; points on borders are left out",
        ),
        Row.figure(
            f"place {MANY_POINTS:,} clustered points",
            rate / 1e6,
            "M points/s",
            note="ours alone: the peer would take most of a minute a turn",
        ),
    ]


def _borders(index: CellIndex, cells: NDArray[np.object_]) -> list[Row]:
    lonlat_deg = border_points(cells, PEER_POINTS)
    points, tree = shapely.points(lonlat_deg), shapely.STRtree(cells)
    found, at = tree.query(points, predicate="intersects")
    expected = np.full(len(points), len(cells))
    np.minimum.at(expected, found, at)
    cell, on_edge = index.leaf_of(lonlat_deg)
    wrong = int(np.count_nonzero(cell != expected) + np.count_nonzero(~on_edge))
    _require(wrong == 0, "points on borders")
    timing = compare(lambda: index.leaf_of(lonlat_deg), lambda: tree.query(points, predicate="intersects"))
    return [
        Row.versus(
            f"place {PEER_POINTS:,} points on vertices and edges",
            "shapely STRtree, exact predicate",
            timing,
            at_least=10,
            count=len(points),
            note=f"{wrong} wrong (smallest of the cells that shapely finds to touch the point)",
        )
    ]


def _more(index: CellIndex) -> list[Row]:
    points = clustered_points(SINGLES)
    pairs = points.tolist()
    one = time_of(lambda: [index.leaf_of_one(lon, lat) for lon, lat in pairs], rounds=5) / SINGLES
    border = time_of(lambda: index.locate(points, border=True), rounds=5) / SINGLES
    fix = time_of(lambda: [index.candidates(lon, lat, 50.0) for lon, lat in pairs[:200]], rounds=3) / 200
    return [
        Row.figure("one point, one call", one * 1e6, "µs"),
        Row.figure("distance to the border and runner-up", border * 1e6, "µs a point"),
        Row.figure("candidates of a fix accurate to 50 m", fix * 1e3, "ms"),
    ]


def _require(good: bool, what: str) -> None:
    if not good:
        raise AssertionError(f"{what}: the answers differ from the peer's")


def _peak_growth_mb(work: Callable[[], object]) -> float:
    gc.collect()
    before, peak, done = _resident_mb(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, _resident_mb())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        kept = work()
    finally:
        done.set()
        watcher.join()
    del kept
    return peak - before


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - read a thousand times
        return int(statm.read().split()[1]) * 4096 / 1e6
