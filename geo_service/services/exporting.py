"""Exporting: the cells of a level as one frame, ready for a file or an answer."""

import geopandas as gpd
import pandas as pd

from geo_service.services.tiling import Tiling


def boundary_frame(tiling: Tiling, level: str) -> gpd.GeoDataFrame:
    """Return code, name, kind, parent and attributes of a level's cells with their outlines (EPSG:4326).

    Attributes become columns of their own; one that has the name of a column here is left out.
    """
    cells = tiling.at_level(level)
    own = cells[["code", "name", "kind", "level", "parent_level", "parent_code"]]
    attributes = pd.DataFrame(cells["attributes"].tolist(), index=cells.index)
    extra = attributes.drop(columns=[name for name in attributes if name in own.columns])
    return gpd.GeoDataFrame(pd.concat([own, extra], axis=1), geometry=cells["geom"].to_numpy(), crs=4326)
