"""The peer of the edits: PostGIS topology that holds the same leaves, each edit one statement rolled back.

Adding one polygon after another takes it minutes a thousand, so that is timed on few leaves; the whole tiling
is written straight into the tables of a topology, with all that they have to hold: nodes, faces, edges, and
for each edge the next one round the face on either side.
"""

import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import psycopg
import shapely

from benchmarks.tilings import SCALE
from geo_service.geometry.arcs import Arcs, quantised_rings, shared_arcs
from geo_service.store.cluster import Cluster

LOADED = 300
EACH = 30
_WORLD = 0  # the face outside all others


def peer_ms(cells: np.ndarray) -> dict[str, float]:
    """Median milliseconds of loading a leaf into few others; of moving, splitting and merging among all."""
    with _database() as connection:
        return {"load": _load_ms(connection, cells), **_edit_ms(connection, cells)}


@contextmanager
def _database() -> Iterator[psycopg.Connection]:
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder) / "pg")
        cluster.start()
        try:
            with psycopg.connect(cluster.create_database("peer")) as connection:
                connection.execute("create extension if not exists postgis")
                connection.execute("create extension postgis_topology")
                (home,) = connection.execute(
                    "select extnamespace::regnamespace::text from pg_extension where extname = 'postgis'"
                ).fetchone()
                connection.execute(f"set search_path to public, topology, {home}")
                connection.commit()
                yield connection
        finally:
            cluster.stop()


def _load_ms(connection: psycopg.Connection, cells: np.ndarray) -> float:
    middle = shapely.points(*np.median(shapely.get_coordinates(shapely.centroid(cells)), axis=0))
    near = cells[np.argsort(shapely.distance(cells, middle))[:LOADED]]
    connection.execute("select CreateTopology('few', 4326, 0)")
    start = time.perf_counter()
    for cell in near:
        connection.execute("select TopoGeo_AddPolygon('few', ST_GeomFromWKB(%s, 4326))", [cell.wkb])
    connection.commit()
    return 1000 * (time.perf_counter() - start) / len(near)


def _edit_ms(connection: psycopg.Connection, cells: np.ndarray) -> dict[str, float]:
    fill_topology(connection, "whole", cells)
    times, chance = defaultdict(list), random.Random(5)
    edges = connection.execute(
        "select edge_id, ST_AsBinary(geom) from whole.edge_data"
        " where left_face > 0 and right_face > 0 order by edge_id"
    ).fetchall()
    for _ in range(EACH):
        edge, shape = chance.choice(edges)
        bent = shapely.get_coordinates(shapely.from_wkb(bytes(shape)))
        if len(bent) > 2:
            bent[len(bent) // 2] += np.array([3.0, 2.0]) / SCALE
            statement = "select ST_ChangeEdgeGeom('whole', %s, ST_GeomFromWKB(%s, 4326))"
            times["move"] += _timed(connection, statement, [edge, shapely.linestrings(bent).wkb])
        times["merge"] += _timed(connection, "select ST_RemEdgeModFace('whole', %s)", [edge])
        face = chance.choice(cells)
        west, south, east, north = face.bounds
        inside = shapely.LineString([(west, (south + north) / 2), (east, (south + north) / 2)])
        inside = inside.intersection(face)
        if inside.geom_type == "LineString":
            statement = "select TopoGeo_AddLineString('whole', ST_GeomFromWKB(%s, 4326))"
            times["split"] += _timed(connection, statement, [inside.wkb])
    return {kind: statistics.median(found) for kind, found in times.items()}


def _timed(connection: psycopg.Connection, statement: str, arguments: list) -> list[float]:
    start = time.perf_counter()
    try:
        connection.execute(statement, arguments)
        connection.execute("set constraints all immediate")  # its own proof, put off to the commit otherwise
    except psycopg.DatabaseError:
        return []
    else:
        return [1000 * (time.perf_counter() - start)]
    finally:
        connection.rollback()


def fill_topology(connection: psycopg.Connection, name: str, cells: np.ndarray) -> None:
    """Make a topology of a tiling on the lattice, face k + 1 for cell k."""
    arcs = shared_arcs(quantised_rings(cells, 1 / SCALE))
    lines = [arcs.xy[low:high] for low, high in pairwise(arcs.start.tolist())]
    ends = np.array([line[[0, -1]] for line in lines]).reshape(-1, 2)
    corners, node = np.unique(ends, axis=0, return_inverse=True)
    node = node.reshape(-1, 2) + 1
    left, following = _walks(arcs, node)
    connection.execute("select CreateTopology(%s, 4326, 0)", [name])
    _copy(connection, f"{name}.node (node_id, geom)", enumerate(_hex(shapely.points(corners / SCALE)), 1))
    _copy(connection, f"{name}.face (face_id, mbr)", enumerate(_hex(shapely.envelope(cells)), 1))
    shapes = _hex(np.array([shapely.LineString(line / SCALE) for line in lines]))
    columns = "edge_id, start_node, end_node, next_left_edge, abs_next_left_edge, next_right_edge,"
    columns += " abs_next_right_edge, left_face, right_face, geom"
    rows = [
        (k, *ends, after, abs(after), before, abs(before), left[k], left[-k], shape)
        for k, ends, shape in zip(range(1, len(lines) + 1), node.tolist(), shapes, strict=True)
        for after, before in [(following[k], following[-k])]
    ]
    _copy(connection, f"{name}.edge_data ({columns})", rows)
    for table, column, last in (("node", "node_id", len(corners)), ("face", "face_id", len(cells))):
        connection.execute(f"select setval('{name}.{table}_{column}_seq', {last})")
    connection.execute(f"select setval('{name}.edge_data_edge_id_seq', {len(lines)})")
    connection.commit()
    connection.execute(f"analyze {name}.node, {name}.face, {name}.edge_data")
    connection.commit()


def _walks(arcs: Arcs, node: np.ndarray) -> tuple[dict[int, int], dict[int, int]]:
    """Return the face left of each edge and the edge after it; from 1, negative where it goes backwards."""
    left, following = dict[int, int](), dict[int, int]()
    for ring, (low, high) in enumerate(pairwise(arcs.ring_start.tolist())):
        steps = [arc + 1 if arc >= 0 else arc for arc in arcs.ring_arcs[low:high].tolist()]
        for step, after in zip(steps, [*steps[1:], steps[0]], strict=True):
            left[step], following[step] = int(arcs.ring_cell[ring]) + 1, after
    outer = [s for k in range(1, len(node) + 1) for s in (k, -k) if s not in left]
    start = {int(node[abs(s) - 1][0 if s > 0 else 1]): s for s in outer}
    assert len(start) == len(outer), "the tiling touches itself at a corner of its outer border"
    for step in outer:
        left[step], following[step] = _WORLD, start[int(node[abs(step) - 1][1 if step > 0 else 0])]
    return left, following


def _hex(shapes: np.ndarray) -> list[str]:
    return shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True).tolist()


def _copy(connection: psycopg.Connection, columns: str, rows: Iterator[tuple] | list[tuple]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"copy {columns} from stdin") as copy:
        for row in rows:
            copy.write_row(row)
