"""What every vector reader hands on: geometries, columns and the number of the feature each came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class VectorTable:
    """The features of one file, as they stand in it: no datum is applied yet.

    Attributes
    ----------
    geometry : (n,) object
        shapely geometries in the file's own coordinates, two dimensions; None where a fault was noted or the
        feature has none.
    columns : mapping of str to (n,) object
        Attributes as Python values (str, int, float, bool, None), in the file's order.
    row : (n,) int64
        1-based number of the feature in the file.
    format : str
        ``"GeoJSON"``, ``"ESRI Shapefile"``, ``"GPKG"``, ``"FlatGeobuf"`` or ``"LIBKML"``.
    epsg : int or None
        The CRS the file declares, when it is one that EPSG numbers. None for GeoJSON: it is WGS84.
    crs_name : str or None
        What the file calls its CRS, for messages.
    datum : str or None
        What a GeoJSON of our own says in its member ``datum``; it holds unless the caller names another.
    notes : tuple of str
        What the reader decided or left out, for the person who loads the file.
    """

    geometry: NDArray[np.object_]
    columns: Mapping[str, NDArray[np.object_]]
    row: NDArray[np.int64]
    format: str
    epsg: int | None = None
    crs_name: str | None = None
    datum: str | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        """Return the number of features."""
        return len(self.row)
