"""Points spread evenly over cells: stand-ins for demand where nothing but the area is known."""

import numpy as np
import shapely
from numpy.typing import NDArray


def spread(geoms: NDArray[np.object_], per_cell: int = 16) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Lay a square grid of about ``per_cell`` points over each polygon.

    The grid is square on the ground at the polygon's latitude and centred on its bounding box, so equal
    shapes get equal points; a polygon that every grid point misses gets one point of its inside.

    Parameters
    ----------
    geoms : (n,) object
        Valid (Multi)Polygons, EPSG:4326.
    per_cell : int
        Points aimed at for each polygon.

    Returns
    -------
    lonlat_deg : (m, 2) float64
        The points, those of a polygon together.
    cell : (m,) int64
        Index of each point's polygon.
    """
    points, owners = [], []
    bounds, areas_deg2 = shapely.bounds(geoms), shapely.area(geoms)
    for i, (geom, (west, south, east, north), area_deg2) in enumerate(
        zip(geoms, bounds, areas_deg2, strict=True)
    ):
        squeeze = np.cos(np.radians((south + north) / 2))
        step_lat = np.sqrt(area_deg2 * squeeze / per_cell)
        x, y = np.meshgrid(_centred(west, east, step_lat / squeeze), _centred(south, north, step_lat))
        inside = shapely.contains_xy(geom, x.ravel(), y.ravel())
        found = np.column_stack((x.ravel()[inside], y.ravel()[inside]))
        if not len(found):
            found = shapely.get_coordinates(shapely.point_on_surface(geom))
        points.append(found)
        owners.append(np.full(len(found), i))
    if not points:
        return np.empty((0, 2)), np.empty(0, dtype=np.int64)
    return np.concatenate(points), np.concatenate(owners)


def _centred(low: float, high: float, step: float) -> NDArray[np.floating]:
    """Return grid lines from low to high, half a rest away from either end."""
    count = max(1, int((high - low) / step))
    first = low + (high - low - (count - 1) * step) / 2
    return first + step * np.arange(count, dtype=np.float64)
