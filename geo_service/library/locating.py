"""From points to cells."""

from typing import Any

import geopandas as gpd
import numpy as np

from geo_service.errors import Fault, InvalidInputError
from geo_service.library.frames import labels_at, new_columns, points_deg, require_frame
from geo_service.library.tilings import Tiling


def locate(
    points: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame | Tiling,
    *,
    code: str | None = None,
    column: str = "cell",
    border: bool = False,
    near_gap_m: float | None = None,
) -> gpd.GeoDataFrame:
    """Say in which cell each point lies: exactly one row for each point, whatever it lies on.

    A point on a border belongs, of the cells that touch it there, to the one with the smallest code, and is
    marked. The answer is exact (in integers, on a lattice of 1.3 cm) and the same on every machine; the
    server gives the same one.

    Parameters
    ----------
    points : GeoDataFrame
        Points in any CRS; rows without a place get no cell.
    cells : GeoDataFrame or Tiling
        Polygons that do not overlap, in any CRS, also another one than the points'.
    code : str, optional
        Column of the cells' codes; by default ``code``, and where there is none the index.
    column : str
        Name of the column for the answer.
    border : bool
        Also tell how far the border is and who is beyond it.
    near_gap_m : float, optional
        A point in no cell, but at most so far from one, is told from those that lie far outside.

    Returns
    -------
    GeoDataFrame
        The points with ``cell`` (code, missing for none) and ``how``: ``inside``, ``on_edge``, ``near_gap``,
        ``none``. With ``border``, or of ``nearest_m`` with ``near_gap_m`` too: ``border_m`` (metres to the
        border of its cell), ``runner_up`` (code of the cell beyond it), and for points in no cell ``nearest``
        and ``nearest_m``.

    Raises
    ------
    InvalidInputError
        The cells overlap, a shape is no point, a frame has no CRS, or a column of such a name is there.

    Examples
    --------
    >>> from geo_service import locate
    >>> placed = locate(reports, grids)                            # doctest: +SKIP
    >>> placed.groupby("cell").size()                              # doctest: +SKIP
    """
    places = require_frame(points, "points")
    if near_gap_m is not None and not (np.isfinite(near_gap_m) and near_gap_m >= 0):
        raise InvalidInputError(
            "The width of a gap is not a distance.",
            [Fault("near_gap_m", "give metres, 0 or more", value=near_gap_m)],
        )
    tiling = Tiling.of(cells, code=code)
    found, row = tiling.located(points_deg(places, "points"), border=border, near_gap_m=near_gap_m)

    def codes(cell: Any) -> Any:
        return labels_at(tiling.code, row[cell])

    columns = {column: codes(found.cell), "how": found.how.astype(object)}
    if border:
        columns |= {"border_m": found.border_m, "runner_up": codes(found.runner_up)}
    if border or near_gap_m is not None:
        columns |= {"nearest": codes(found.nearest), "nearest_m": found.nearest_m}
    return new_columns(places, columns, "points")
