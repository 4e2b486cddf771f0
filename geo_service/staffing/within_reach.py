"""What lies within some metres, as the crow flies, of a camera, a post, a shop."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from geo_service.geometry.measure import local_xy_m


def within_reach(places_deg: ArrayLike, sources_deg: ArrayLike, reach_m: ArrayLike) -> NDArray[np.bool_]:
    """Return which places lie within the reach of any source.

    Parameters
    ----------
    places_deg : (n, 2) float
        EPSG:4326.
    sources_deg : (m, 2) float
        EPSG:4326, all within some tens of kilometres: distances are those of a plane about their middle.
    reach_m : (m,) float or float
        How far each reaches, its end included.
    """
    places = np.asarray(places_deg, np.float64).reshape(-1, 2)
    sources = np.asarray(sources_deg, np.float64).reshape(-1, 2)
    reach = np.broadcast_to(np.asarray(reach_m, np.float64), len(sources))
    inside = np.zeros(len(places), np.bool_)
    if not len(places) or not len(sources):
        return inside
    origin = places.mean(axis=0)
    place_xy, source_xy = local_xy_m(places, origin), local_xy_m(sources, origin)
    for metres in np.unique(reach):
        tree = cKDTree(source_xy[reach == metres])
        distance, _ = tree.query(place_xy[~inside])
        inside[np.flatnonzero(~inside)[distance <= metres]] = True
    return inside
