"""Where a name is written along a line: at the middle of its longest straight run, never upside down."""

import math
from dataclasses import dataclass

import numpy as np
import shapely


@dataclass(frozen=True, slots=True)
class Anchor:
    """The middle of a name, in the units of the line, its turn against the x axis, and the room along it.

    ``angle_deg`` lies in (-90, 90], counted counter-clockwise.
    """

    x: float
    y: float
    angle_deg: float
    room: float


def anchor_on(shape: shapely.Geometry, *, bend_deg: float = 12.0) -> Anchor | None:
    """Return where to write along a line; None for a line without length.

    The longest run of segments is taken whose direction stays within ``bend_deg`` of the run's first.

    Parameters
    ----------
    shape : shapely LineString or MultiLineString
        In the plane of the drawing.
    """
    best: Anchor | None = None
    for part in shapely.get_parts(shape):
        at = shapely.get_coordinates(part)
        if len(at) < 2:
            continue
        step = np.diff(at, axis=0)
        length = np.hypot(step[:, 0], step[:, 1])
        at, step, length = at[np.append(True, length > 0)], step[length > 0], length[length > 0]
        start = 0
        while start < len(step):
            stop = _end_of_run(step, start, bend_deg)
            found = _middle(at[start : stop + 1])
            if best is None or found.room > best.room:
                best = found
            start = stop
    return best


def _end_of_run(step: np.ndarray, start: int, bend_deg: float) -> int:
    """Return the number of the first segment after a start that leaves its direction."""
    first = math.atan2(step[start, 1], step[start, 0])
    for at in range(start + 1, len(step)):
        turn = math.remainder(math.atan2(step[at, 1], step[at, 0]) - first, 2 * math.pi)
        if abs(turn) > math.radians(bend_deg):
            return at
    return len(step)


def _middle(at: np.ndarray) -> Anchor:
    (x0, y0), (x1, y1) = at[0], at[-1]
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
    if angle > 90:
        angle -= 180
    elif angle <= -90:
        angle += 180
    middle = shapely.line_interpolate_point(shapely.LineString(at), 0.5, normalized=True)
    return Anchor(float(middle.x), float(middle.y), angle, math.hypot(x1 - x0, y1 - y0))
