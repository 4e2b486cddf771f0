"""The datums of Chinese web maps, for which no CRS of pyproj stands."""

import geopandas as gpd
import numpy as np

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import crs as datums
from geo_service.library.frames import require_frame, shapes_deg


def from_datum(frame: gpd.GeoDataFrame, datum: str) -> gpd.GeoDataFrame:
    """Read coordinates in GCJ-02, BD-09 or any EPSG system as what they are, and give them in EPSG:4326.

    Parameters
    ----------
    frame : GeoDataFrame
        Its own CRS does not matter: those who save GCJ-02 often write "WGS 84" beside it.
    datum : str
        ``"GCJ02"`` (Gaode, Tencent), ``"BD09"`` (Baidu), ``"CGCS2000"``, ``"EPSG:4549"``.

    Returns
    -------
    GeoDataFrame
        The same rows in EPSG:4326.

    Raises
    ------
    InvalidInputError
        The datum is not known, or a coordinate is outside what it can represent.

    Examples
    --------
    >>> from geo_service import from_datum
    >>> shops = from_datum(shops_of_the_web_map, "GCJ02")          # doctest: +SKIP
    """
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InvalidInputError("A frame of shapes is needed.", [Fault("frame", "give a GeoDataFrame")])
    geoms = np.asarray(frame.geometry.array, dtype=object)
    converted = datums.transform_geometry(geoms, datums.parse_datum(datum))
    return frame.set_geometry(gpd.GeoSeries(converted, index=frame.index, crs=4326))


def to_datum(frame: gpd.GeoDataFrame, datum: str) -> gpd.GeoDataFrame:
    """Give coordinates in GCJ-02 or BD-09, for a web map that expects them.

    Parameters
    ----------
    frame : GeoDataFrame
        In any CRS.
    datum : str
        As for :func:`from_datum`.

    Returns
    -------
    GeoDataFrame
        The same rows. In GCJ-02 and BD-09 it has no CRS, because none stands for them: a frame that called
        itself EPSG:4326 would lie up to 700 m off.

    Raises
    ------
    InvalidInputError
        The frame has no CRS, or the datum is not known.
    """
    frame = require_frame(frame, "frame")
    wanted = datums.parse_datum(datum)
    converted = datums.transform_geometry(shapes_deg(frame, "frame"), wanted, inverse=True)
    bare = frame.set_geometry(gpd.GeoSeries(converted, index=frame.index))
    return bare.set_crs(wanted.epsg, allow_override=True)
