"""TopoJSON: shared borders written once, so that a reader who simplifies or edits opens no gap.

Of the format of M. Bostock and others (TopoJSON 1.0): quantised, arcs as differences, polygons as lists of
arcs. In degrees the step is 10⁻⁷, which brings every lattice point back; in metres it is a millimetre.
"""

from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.arcs import Arcs, quantised_rings, shared_arcs


def topojson_bytes(frame: gpd.GeoDataFrame, *, decimals: int, name: str, members: dict[str, Any]) -> bytes:
    """Return polygons as a TopoJSON topology.

    Parameters
    ----------
    frame : GeoDataFrame
        Polygons and MultiPolygons; empty ones become null.
    decimals : int
        Decimals of a coordinate.
    name : str
        Of the one object in it.
    members : dict
        Further members of the topology, such as ``datum``.

    Raises
    ------
    InvalidInputError
        A shape is neither a Polygon nor a MultiPolygon.
    """
    geoms = frame.geometry.to_numpy()
    kinds = set(shapely.get_type_id(geoms[~shapely.is_empty(geoms) & ~shapely.is_missing(geoms)]).tolist())
    if kinds - {shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON}:
        fault = Fault("format", "take GeoJSON or GeoPackage for points and lines", value="topojson")
        raise InvalidInputError("TopoJSON is written of areas only", [fault])
    step = 10.0**-decimals
    arcs = shared_arcs(quantised_rings(geoms, step))
    low = arcs.xy.min(axis=0) if len(arcs.xy) else np.zeros(2, dtype=np.int64)
    names = [column for column in frame.columns if column != frame.geometry.name]
    columns = [frame[column].tolist() for column in names]
    rows = zip(*columns, strict=True) if names else [()] * len(frame)
    geometries = [
        {**shape, "properties": dict(zip(names, row, strict=True))}
        for shape, row in zip(_geometries(arcs, len(frame)), rows, strict=True)
    ]
    topology = {
        "type": "Topology",
        **members,
        "transform": {"scale": [step, step], "translate": (low * step).round(decimals).tolist()},
        "objects": {name: {"type": "GeometryCollection", "geometries": geometries}},
        "arcs": _differences(arcs, low),
    }
    return orjson.dumps(topology, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS, default=str)


def _differences(arcs: Arcs, low: NDArray[np.int64]) -> list[list[list[int]]]:
    """Return each arc as its first point and the steps from there."""
    steps = arcs.xy - low
    steps[1:] -= arcs.xy[:-1] - low
    first = arcs.start[:-1]
    steps[first] = arcs.xy[first] - low
    points = steps.tolist()
    return [points[a:b] for a, b in zip(arcs.start[:-1].tolist(), arcs.start[1:].tolist(), strict=True)]


def _geometries(arcs: Arcs, n_cells: int) -> list[dict[str, Any]]:
    """Return each cell as a Polygon or MultiPolygon of arcs, null where it has no ring."""
    polygons: list[list[list[list[int]]]] = [[] for _ in range(n_cells)]
    starts, numbers = arcs.ring_start.tolist(), arcs.ring_arcs.tolist()
    for r, cell in enumerate(arcs.ring_cell.tolist()):
        ring = numbers[starts[r] : starts[r + 1]]
        if _runs_counter_clockwise(arcs, ring):
            polygons[cell].append([ring])
        else:  # a hole of the shell before it
            polygons[cell][-1].append(ring)
    return [_geometry(found) for found in polygons]


def _geometry(polygons: list[list[list[int]]]) -> dict[str, Any]:
    if not polygons:
        return {"type": None}
    if len(polygons) == 1:
        return {"type": "Polygon", "arcs": polygons[0]}
    return {"type": "MultiPolygon", "arcs": polygons}


def _runs_counter_clockwise(arcs: Arcs, ring: list[int]) -> bool:
    pieces = []
    for number in ring:
        arc = number if number >= 0 else ~number
        points = arcs.xy[arcs.start[arc] : arcs.start[arc + 1]]
        pieces.append((points if number >= 0 else points[::-1])[:-1])
    xy = np.concatenate(pieces)
    xy = xy - xy[0]
    after = np.roll(xy, -1, axis=0)
    return int((xy[:, 0] * after[:, 1] - xy[:, 1] * after[:, 0]).sum()) > 0
