"""Points as the page takes them: incidents gathered on a fine raster, responders one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from geo_service.maps.figures import Label

HEAT_FORMAT = "geo-service-heat/1"
UNITS_FORMAT = "geo-service-units/3"
_HEAT_STEP_DEG = 2.0**-12  # 27 m north to south: below what heat shows, above what names a door
_PUBLIC_STEP_DEG = 2.0**-9  # 217 m


@dataclass(frozen=True, slots=True)
class Unit:
    """A responder, station or camera on the map, with what to say of it beside its name.

    ``reach_m`` draws how far it reaches, as the crow flies.
    """

    lon: float
    lat: float
    name: str
    role: Label | None = None
    note: Label | None = None
    reach_m: float | None = None


def heat_json(
    lonlat_deg: NDArray[np.float64],
    weight: NDArray[np.float64] | None = None,
    *,
    located: int | None = None,
    unlocated: int = 0,
    smallest: int = 0,
) -> bytes:
    """Gather incidents on a raster of 27 m and encode what lies in each raster cell.

    Gathering makes the answer small (a year's incidents of a county in a few tens of kilobytes) and keeps
    the exact place of an incident off the map.

    Parameters
    ----------
    lonlat_deg : (n, 2) float64
        EPSG:4326; rows with NaN are counted as unlocated.
    weight : (n,) float64, optional
        Weight of each; 1 when absent.
    located : int, optional
        How many incidents the rows stand for; as many as there are rows when absent.
    unlocated : int
        Incidents without coordinates that are not among the rows.
    smallest : int
        For the public: gathered on a raster of 220 m, and raster cells with fewer are left out; of those left
        out not even the number is told.

    Returns
    -------
    bytes
        UTF-8 JSON ``{"format", "step_deg", "xy": [dx, dy, ...], "weight": [...], "located", "unlocated"}``;
        ``xy`` are integers times ``step_deg``, each point less the one before it.
    """
    lonlat_deg = np.asarray(lonlat_deg, dtype=np.float64).reshape(-1, 2)
    there = np.isfinite(lonlat_deg).all(axis=1)
    weight = np.ones(len(lonlat_deg)) if weight is None else np.asarray(weight, dtype=np.float64)
    step_deg = _PUBLIC_STEP_DEG if smallest else _HEAT_STEP_DEG
    xy = np.rint(lonlat_deg[there] / step_deg).astype(np.int64)
    place, member = np.unique(xy, axis=0, return_inverse=True)
    total = np.bincount(member.ravel(), weights=weight[there], minlength=len(place))
    if smallest:
        place, total = place[total >= smallest], total[total >= smallest]
        located, unlocated, there = int(total.sum()), 0, np.ones(0, np.bool_)
    return orjson.dumps(
        {
            "format": HEAT_FORMAT,
            "step_deg": step_deg,
            "xy": np.diff(place, axis=0, prepend=np.zeros((1, 2), dtype=np.int64)).ravel(),
            "weight": [int(w) if w == int(w) else round(w, 3) for w in total.tolist()],
            "located": int(there.sum()) if located is None else located,
            "unlocated": int((~there).sum()) + unlocated,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def units_json(units: Sequence[Unit]) -> bytes:
    """Encode responders or stations.

    Returns
    -------
    bytes
        UTF-8 JSON ``{"format", "units": [{"lon", "lat", "name", "role", "note", "reach_m"}]}``; role and note
        are ``{"zh", "en"}`` or null.
    """
    return orjson.dumps(
        {
            "format": UNITS_FORMAT,
            "units": [
                {
                    "lon": round(float(u.lon), 6),
                    "lat": round(float(u.lat), 6),
                    "name": u.name,
                    "role": u.role.as_dict() if u.role else None,
                    "note": u.note.as_dict() if u.note else None,
                    "reach_m": u.reach_m,
                }
                for u in units
            ],
        }
    )
