"""Another agency's grids laid over our cells (多网合一): what is the same land, and what is not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.formats.boundaries import BoundaryTable
from geo_service.geometry.crosswalk import NONE, SLIVER_M, Crosswalk, Piece, crosswalk, majority
from geo_service.geometry.derive import outlines
from geo_service.services.tiling import Tiling
from geo_service.store import ground
from geo_service.store.database import Connection

Geoms = NDArray[np.object_]

MAX_SHAPES = 2000
_DECIMALS = 7


@dataclass(frozen=True)
class Comparison:
    """A level of an edition and an agency's layer, compared.

    Attributes
    ----------
    edition_id : int
    level : str
    cells, agency : list of str
        Codes of either layer, in the order of the crosswalk's numbers.
    found : Crosswalk
    leaves : list of (level, code)
    agency_of_leaf : (n,) int64
        Which agency's cell each leaf would go to in a common grid.
    share_of_leaf : (n,) float64
    common : array of shapely Polygon or MultiPolygon
        Outline of each agency's cell in the common grid; empty where no leaf goes to it.
    notes : tuple of str
        What was decided when the file was read.
    """

    edition_id: int
    level: str
    cells: list[str]
    agency: list[str]
    found: Crosswalk
    leaves: list[tuple[str, str]]
    agency_of_leaf: NDArray[np.int64]
    share_of_leaf: NDArray[np.float64]
    common: Geoms
    notes: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return the figures that tell how far the layers agree."""
        found = self.found
        mutual = [k for k, best in enumerate(found.best_of_ours.tolist()) if self._is_mutual(k, best)]
        return {
            "edition_id": self.edition_id,
            "level": self.level,
            "cells": len(self.cells),
            "agency_cells": len(self.agency),
            "agreement_land": round(found.agreement_land, 4),
            "agreement_households": round(found.agreement_households, 4),
            "mutual_matches": len(mutual),
            "overlaps": len(found.overlaps),
            "slivers": len(found.slivers),
            "sliver_m2": round(sum(piece.area_m2 for piece in found.slivers), 1),
            "conflicts": len(found.conflicts),
            "conflict_m2": round(sum(piece.area_m2 for piece in found.conflicts), 1),
            "leaves": len(self.leaves),
            "leaves_without_agency": int((self.agency_of_leaf == NONE).sum()),
            "notes": list(self.notes),
        }

    def _is_mutual(self, cell: int, agency: int) -> bool:
        return agency != NONE and int(self.found.best_of_theirs[agency]) == cell

    def as_dict(self) -> dict[str, Any]:
        """Return all as JSON, shapes as GeoJSON; of slivers and conflicts the :data:`MAX_SHAPES` largest."""
        return self.summary() | {
            "matrix": self._matrix(),
            "best": self._best(),
            "sliver_shapes": [self._piece(piece) for piece in self.found.slivers[:MAX_SHAPES]],
            "conflict_shapes": [self._piece(piece) for piece in self.found.conflicts[:MAX_SHAPES]],
            "common": self._common(),
        }

    def _matrix(self) -> list[dict[str, Any]]:
        pairs = self.found.overlaps
        return [
            {
                "cell": self.cells[ours],
                "agency": self.agency[theirs],
                "area_m2": round(float(pairs.area_m2[k]), 1),
                "land_of_cell": round(float(pairs.land_of_ours[k]), 6),
                "land_of_agency": round(float(pairs.land_of_theirs[k]), 6),
                "households": float(pairs.households[k]),
                "households_of_cell": round(float(pairs.households_of_ours[k]), 6),
                "households_of_agency": round(float(pairs.households_of_theirs[k]), 6),
            }
            for k, (ours, theirs) in enumerate(zip(pairs.ours.tolist(), pairs.theirs.tolist(), strict=True))
        ]

    def _best(self) -> dict[str, list[dict[str, Any]]]:
        found = self.found
        ours = [
            {
                "cell": code,
                "agency": None if best == NONE else self.agency[best],
                "mutual": self._is_mutual(k, best),
                "land_without_agency": round(float(found.alone_of_ours[k]), 6),
            }
            for k, (code, best) in enumerate(zip(self.cells, found.best_of_ours.tolist(), strict=True))
        ]
        theirs = [
            {
                "agency": code,
                "cell": None if best == NONE else self.cells[best],
                "mutual": best != NONE and int(found.best_of_ours[best]) == k,
                "land_without_cell": round(float(found.alone_of_theirs[k]), 6),
            }
            for k, (code, best) in enumerate(zip(self.agency, found.best_of_theirs.tolist(), strict=True))
        ]
        return {"cells": ours, "agency": theirs}

    def _piece(self, piece: Piece) -> dict[str, Any]:
        return {
            "cell": self.cells[piece.ours],
            "agency": self.agency[piece.theirs],
            "area_m2": round(piece.area_m2, 1),
            "width_m": round(piece.width_m, 2),
            "geometry": _geojson(piece.shape),
        }

    def _common(self) -> dict[str, Any]:
        leaves = [
            {
                "leaf": list(leaf),
                "agency": None if best == NONE else self.agency[best],
                "share": round(float(share), 4),
            }
            for leaf, best, share in zip(
                self.leaves, self.agency_of_leaf.tolist(), self.share_of_leaf.tolist(), strict=True
            )
        ]
        features = [
            {
                "type": "Feature",
                "id": code,
                "geometry": _geojson(shape),
                "properties": {"agency": code, "leaves": int((self.agency_of_leaf == k).sum())},
            }
            for k, (code, shape) in enumerate(zip(self.agency, self.common, strict=True))
            if not shape.is_empty
        ]
        return {"leaves": leaves, "grid": {"type": "FeatureCollection", "features": features}}


def compare(
    connection: Connection, tiling: Tiling, table: BoundaryTable, level: str, *, sliver_m: float = SLIVER_M
) -> Comparison:
    """Compare an agency's layer with the cells of a level.

    Raises
    ------
    NotFoundError
        The edition has no such level.
    InvalidInputError
        The layers lie nowhere near each other.
    """
    cells = tiling.at_level(level)
    frame = pd.DataFrame(table.frame)
    theirs: Geoms = frame["geometry"].to_numpy(dtype=object)
    demand = ground.demand(connection)
    deg = demand[["lon", "lat"]].to_numpy(dtype=np.float64)
    households = demand["households"].to_numpy(dtype=np.float64)
    found = crosswalk(cells["geom"].to_numpy(dtype=object), theirs, deg, households, sliver_m=sliver_m)
    if len(found.overlaps) == 0:
        message = "the file's cells have no land in common with the edition's: look at the datum (crs)"
        raise InvalidInputError(message, [Fault("file", message)])
    leaf_shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
    by_leaf = crosswalk(leaf_shapes, theirs, deg, households, sliver_m=sliver_m)
    goes_to, share = majority(by_leaf.overlaps, len(leaf_shapes))
    held = goes_to != NONE
    leaves = tiling.cells.iloc[tiling.leaves]
    return Comparison(
        edition_id=tiling.edition.id,
        level=level,
        cells=[str(code) for code in cells["code"]],
        agency=[str(code) for code in frame["code"]],
        found=found,
        leaves=list(zip(leaves["level"], leaves["code"], strict=True)),
        agency_of_leaf=goes_to,
        share_of_leaf=share,
        common=outlines(leaf_shapes[held], goes_to[held], len(theirs)),
        notes=table.notes,
    )


def _geojson(shape: shapely.Geometry) -> Any:
    rounded = shapely.transform(shape, lambda xy: np.round(xy, _DECIMALS))
    return shapely.geometry.mapping(rounded)
