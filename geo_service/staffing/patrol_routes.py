"""Fixed routes: how much of a line was walked, and on which days of somebody's week it is his turn."""

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.measure import length_m, local_xy_m

#: A line is looked at every so many metres: the share is right to that.
STEP_M = 2.0
DAY_MIN = 1440
_CLOCK = re.compile(r"([01]?\d|2[0-4])[:：]([0-5]\d)")


def walked_of(
    line: shapely.LineString, walked_deg: NDArray[np.float64], *, near_m: float
) -> tuple[float, float]:
    """Return the length of a line and how much of it lies near what was walked, m.

    Parameters
    ----------
    line : LineString
        EPSG:4326.
    walked_deg : (n, 2) float64
        Points along the streets that were walked, EPSG:4326, about ten metres apart.
    near_m : float
        A stretch counts when such a point is this near: the line may have been drawn beside the street.
    """
    whole_m = float(length_m([line])[0])
    if not len(walked_deg):
        return whole_m, 0.0
    origin = shapely.get_coordinates(line).mean(axis=0)
    flat = shapely.LineString(local_xy_m(shapely.get_coordinates(line), origin))
    count = max(1, int(np.ceil(flat.length / STEP_M)))
    middles = shapely.line_interpolate_point(flat, (np.arange(count) + 0.5) / count, normalized=True)
    tree = shapely.STRtree(shapely.points(local_xy_m(walked_deg, origin)))
    near = np.unique(tree.query(middles, predicate="dwithin", distance=near_m)[0])
    return whole_m, whole_m * len(near) / count


def spread(days: Sequence[date], times: int) -> list[date]:
    """Choose so many of some days, evenly; all of them where there are not more."""
    k = min(times, len(days))
    return [days[(2 * i + 1) * len(days) // (2 * k)] for i in range(k)]


def window(from_text: str, to_text: str) -> tuple[int, int] | None:
    """Read a window of a day as minutes; one that closes before it opens closes on the next day.

    None when it is none.
    """
    minutes = []
    for one in (from_text, to_text):
        found = _CLOCK.fullmatch(one.strip())
        if found is None or int(found[1]) * 60 + int(found[2]) > DAY_MIN:
            return None
        minutes.append(int(found[1]) * 60 + int(found[2]))
    begin, end = minutes[0] % DAY_MIN, minutes[1]
    return begin, end if end > begin else end + DAY_MIN


def clock(minutes: int) -> str:
    """Return minutes of a day as on a clock; those after midnight begin again."""
    shown = minutes % DAY_MIN if minutes != DAY_MIN else DAY_MIN
    return f"{shown // 60:02d}:{shown % 60:02d}"
