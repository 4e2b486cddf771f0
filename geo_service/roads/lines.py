"""A road network from lines: any layer of streets, with OpenStreetMap's tags or a class of one's own.

Lines meet where they have a vertex in common, to the lattice of 2⁻²³ degree (1.3 cm); lines that merely
cross do not, for one of them may be a bridge. Layers drawn without common vertices are cut
first (``at_crossings``).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.lattice import to_degrees, to_lattice
from geo_service.roads import osm_tags
from geo_service.roads.network import RoadNetwork
from geo_service.roads.noding import Runs, Streets, network_of_runs

_MAX_FAULTS = 20


def network_of_lines(
    lines: NDArray[np.object_], tags: Sequence[Mapping[str, str]], *, at_crossings: bool = False
) -> tuple[RoadNetwork, NDArray[np.int64]]:
    """Turn lines into a network.

    Parameters
    ----------
    lines : (n,) array of shapely LineString or MultiLineString
        EPSG:4326.
    tags : (n,) sequence of mapping
        What OpenStreetMap would say of each: ``highway`` (a class of :data:`~.osm_tags.CLASSES`), ``oneway``,
        ``maxspeed``, ``name``, ``access`` and the like. Lines that nobody may travel,
        or of another class, are left out.
    at_crossings : bool
        Lines meet wherever they cross or touch too.

    Returns
    -------
    network : RoadNetwork
        Edge ids count from 1, in order of the lines.
    line : (m,) int64
        Index of the line that each edge is a part of.

    Raises
    ------
    InvalidInputError
        A shape is no line, or has a vertex off the globe; no line can be travelled.
    """
    shapes = np.asarray(lines, dtype=object)
    _check(shapes, tags)
    access = np.array([int(_access(row)) for row in tags], np.uint8)
    parts, owner = shapely.get_parts(shapes, return_index=True)
    parts, owner = parts[access[owner] != 0], owner[access[owner] != 0]
    if at_crossings:
        parts = _with_crossings(parts)
    deg, part = shapely.get_coordinates(parts, return_index=True)
    ij = to_lattice(deg)
    new = np.ones(len(ij), np.bool_)
    new[1:] = (part[1:] != part[:-1]) | (ij[1:] != ij[:-1]).any(axis=1)
    ij, part = ij[new], part[new]
    size = np.bincount(part, minlength=len(parts))
    ij, part = ij[size[part] > 1], part[size[part] > 1]
    kept, run = np.unique(part, return_inverse=True)
    if len(kept) == 0:
        raise InvalidInputError(
            "None of the lines is a street that can be travelled.",
            [Fault("highway", "give lines of some length, of classes that somebody may travel")],
        )
    _, ref = np.unique(ij, axis=0, return_inverse=True)
    network = network_of_runs(
        Runs(
            node_ref=ref.reshape(-1).astype(np.int64) + 1,
            lonlat_deg=to_degrees(ij),
            size=np.bincount(run).astype(np.int64),
            street=owner[kept].astype(np.int64),
            first=_first_vertices(owner[kept], np.bincount(run)),
        ),
        Streets(
            number=np.arange(len(shapes), dtype=np.int64),
            kind=np.array([row.get("highway", "") for row in tags], object),
            access=access,
            maxspeed_kmh=np.array([osm_tags.maxspeed_kmh(row.get("maxspeed")) for row in tags], np.float32),
            name=np.array([row.get("name", "") for row in tags], object),
        ),
        {},
        edges_a_street=len(ij) + 1,
    )
    line = network.edge_id // (len(ij) + 1)
    network.edge_id[:] = np.arange(1, len(line) + 1)
    return network, line


def _first_vertices(owner: NDArray[np.intp], size: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return how many vertices of its line come before each part."""
    before = np.cumsum(size) - size
    starts = np.append(True, owner[1:] != owner[:-1])
    first: NDArray[np.int64] = before - before[starts][np.cumsum(starts) - 1]
    return first


def _access(tags: Mapping[str, str]) -> int:
    """Return who may travel a line; nobody where the tags say that it is no street."""
    return int(osm_tags.access(tags)) if osm_tags.street_class(tags) is not None else 0


def _with_crossings(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Add a vertex to both lines wherever two of them cross or touch."""
    tree = shapely.STRtree(lines)
    one, other = tree.query(lines, predicate="intersects")
    one, other = one[one < other], other[one < other]
    met = shapely.intersection(lines[one], lines[other])
    out = lines.copy()
    corners: dict[int, list[NDArray[np.float64]]] = {}
    for a, b, shape in zip(one.tolist(), other.tolist(), met, strict=True):
        xy = to_degrees(to_lattice(shapely.get_coordinates(shape)))
        corners.setdefault(a, []).append(xy)
        corners.setdefault(b, []).append(xy)
    for number, added in corners.items():
        out[number] = _with_vertices(lines[number], np.concatenate(added))
    return out


def _with_vertices(line: shapely.LineString, xy: NDArray[np.float64]) -> shapely.LineString:
    """Put places that lie on a line among its vertices."""
    own = to_degrees(to_lattice(shapely.get_coordinates(line)))
    plain = shapely.LineString(own)
    steps = np.hypot(*np.diff(own, axis=0).T)
    along_own = np.concatenate([[0.0], np.cumsum(steps)])
    along_new = shapely.line_locate_point(plain, shapely.points(xy))
    every = np.concatenate([own, xy])
    order = np.argsort(np.concatenate([along_own, along_new]), kind="stable")
    return shapely.LineString(every[order])


def _check(lines: NDArray[np.object_], tags: Sequence[Mapping[str, str]]) -> None:
    if len(lines) != len(tags):
        raise InvalidInputError(f"{len(lines)} lines but {len(tags)} sets of tags.")
    kinds = [int(shapely.GeometryType.LINESTRING), int(shapely.GeometryType.MULTILINESTRING)]
    bad = np.flatnonzero(~np.isin(shapely.get_type_id(lines), kinds))[:_MAX_FAULTS]
    if len(bad):
        faults = [
            Fault("geometry", "streets are lines", row=row + 1, value=getattr(lines[row], "geom_type", None))
            for row in bad.tolist()
        ]
        raise InvalidInputError("These are not streets.", faults)
