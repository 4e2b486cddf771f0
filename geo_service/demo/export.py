"""The boundaries of the demo county as GeoJSON objects, one collection per level."""

import json
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.demo.county import DemoCounty

CODE_WIDTHS = {"county": 6, "township": 9, "community": 12, "grid": 15, "micro_grid": 18}


def cell_shapes(demo: DemoCounty, level: str) -> NDArray[np.object_]:
    """Return the outline of each cell of a level, in order of the table: the union of its leaves."""
    leaves = demo.cells[demo.cells["level"] == "micro_grid"]
    shapes = leaves.geometry.to_numpy()
    codes = demo.cells.loc[demo.cells["level"] == level, "code"].to_numpy().astype(str)
    held = leaves["code"].str[: CODE_WIDTHS[level]].to_numpy().astype(str)
    order = np.argsort(held, kind="stable")
    start, stop = (np.searchsorted(held[order], codes, side=side) for side in ("left", "right"))
    groups = (shapes[order[a:b]] for a, b in zip(start.tolist(), stop.tolist(), strict=True))
    return np.array(
        [own[0] if len(own) == 1 else shapely.coverage_union_all(own) for own in groups], dtype=object
    )


def _coordinates(shape: shapely.Geometry) -> list[Any]:
    parts = [
        [np.round(shapely.get_coordinates(ring), 7).tolist() for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(shapely.orient_polygons(shape))
    ]
    return parts if shape.geom_type == "MultiPolygon" else parts[0]


def boundary_collections(demo: DemoCounty) -> dict[str, dict[str, Any]]:
    """Return one GeoJSON FeatureCollection per level: code, name, parent_code, kind, class, counts, outline.

    Seven decimals are enough: snapping to the lattice brings every vertex back exactly.
    """
    out = {}
    for level in CODE_WIDTHS:
        table = demo.cells[demo.cells["level"] == level]
        facts = table[["code", "name", "parent_code", "kind", "class", "households", "residents"]]
        features = [
            {
                "type": "Feature",
                "properties": row,
                "geometry": {"type": shape.geom_type, "coordinates": _coordinates(shape)},
            }
            for row, shape in zip(facts.to_dict("records"), cell_shapes(demo, level), strict=True)
        ]
        out[level] = {"type": "FeatureCollection", "name": level, "features": features}
    return out


def geojson_text(collection: dict[str, Any], name: str) -> str:
    """Write a collection with one feature on a line, so that a change shows as a readable difference."""
    features = ",\n".join(
        json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in collection["features"]
    )
    return f'{{"type":"FeatureCollection","name":{json.dumps(name)},"features":[\n{features}\n]}}\n'
