"""The whole answer to "whose is this place": owners, who is on duty, premises, gap, how long it holds."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.inside import inner_shape
from geo_service.model import Edition
from geo_service.services.locating import locate_closely
from geo_service.services.ownership import owners_of
from geo_service.services.scopes import Part
from geo_service.services.tiling import Tiling
from geo_service.store import owners, premises, validity
from geo_service.store.database import Connection

#: A point may be off its place by this much after it was put on the lattice.
_LATTICE_M = 0.02


def details(
    connection: Connection,
    tiling: Tiling,
    edition: Edition,
    lonlat_deg: NDArray[np.float64],
    *,
    accuracy_m: Sequence[float | None],
    as_of: datetime | None,
    known_at: datetime | None,
    on_duty: frozenset[int],
    part: Part | None = None,
    shapes: bool = False,
) -> list[dict[str, Any]]:
    """Return for each point :func:`geo_service.services.locating.locate_closely` and more.

    ``runner_up_name`` and ``runner_up_owner`` where the point may lie beside its cell as well;
    ``owner`` and ``above`` (who holds the cell, or the nearest one above it that somebody holds; and those
    over it), each person on duty now (ids: ``on_duty``) or not; ``premises``; ``gap`` with its ``fallback``
    and who holds that; ``as_of``, ``known_at``; ``valid_until``: when the next edition is due to begin;
    ``valid_within``: a circle inside which the cell is the same, so that a phone can go on without a line.
    With ``part`` nobody is named who answers for a place in another part of the town. With ``shapes`` it is a
    GeoJSON polygon inside which the cell (or gap) and the premises are the same; None on and beside borders.
    """
    now = datetime.now(UTC)
    moment = as_of or now
    points = [(float(lon), float(lat)) for lon, lat in lonlat_deg]
    near = [
        locate_closely(tiling, *point, accuracy) for point, accuracy in zip(points, accuracy_m, strict=True)
    ]
    cell_ids = [_id(tiling, one["level"], one["cell_code"]) for one in near]
    outside = [point for point, key in zip(points, cell_ids, strict=True) if key is None]
    found_gaps = iter(owners.gaps_at(connection, outside, tiling.edition.id) if outside else [])
    gaps = [next(found_gaps) if key is None else None for key in cell_ids]
    fallbacks = [_id(tiling, *_fallback(gap)) for gap in gaps]
    beside = [_id(tiling, one["level"], one["runner_up_code"]) if _rivals(one) else None for one in near]
    known_to = [*cell_ids, *fallbacks, *beside]
    asked = [key if part is None or key in part.cells else None for key in known_to]
    held = owners_of(connection, tiling, asked, moment, on_duty)
    inside = premises.holding(connection, points, [as_of] * len(points))
    ends = (edition.valid_to, validity.next_change_of_premises(connection, moment))
    known = {
        "as_of": moment,
        "known_at": known_at or now,
        "valid_until": min((one for one in ends if one is not None), default=None),
    }
    out = []
    for i, one in enumerate(near):
        gap = gaps[i]
        whole = one | held[i] | {"premises": inside[i]} | known
        whole["gap"] = None if gap is None else gap | {"fallback_owner": held[len(near) + i]["owner"]}
        if shapes:
            codes = [ground["code"] for ground in inside[i]]
            land = _land(connection, tiling, one, gap)
            whole["valid_within"] = _shape(connection, land, points[i], codes, as_of)
        else:
            whole["valid_within"] = _circle(points[i], one)
        if one.get("candidates"):
            whole["runner_up_probability"] = _rivals(one)
        if (key := beside[i]) is not None:
            whole["runner_up_name"] = tiling.path_of_cell(key)[-1]["name"]
            whole["runner_up_owner"] = held[2 * len(near) + i]["owner"]
        out.append(whole)
    return out


def _rivals(near: dict[str, Any]) -> float:
    """Return how likely a point lies in the cell beside its own; 0 where no accuracy was given."""
    likely = {cell["cell_code"]: cell["probability"] for cell in near.get("candidates") or ()}
    return float(likely.get(near["runner_up_code"], 0.0))


def _id(tiling: Tiling, level: str | None, code: str | None) -> int | None:
    return tiling.id_of_cell(level, code) if level is not None and code is not None else None


def _fallback(gap: dict[str, Any] | None) -> tuple[str | None, str | None]:
    if gap is None or gap["fallback"] is None:
        return None, None
    return gap["fallback"]["level"], gap["fallback"]["cell_code"]


def _land(connection: Connection, tiling: Tiling, near: dict[str, Any], gap: dict[str, Any] | None) -> Any:
    """Return the land of the leaf or gap of a point; None outside both: nothing says how far it goes."""
    if near["cell_code"] is not None:
        at = int(np.flatnonzero(tiling.leaf_codes == near["cell_code"])[0])
        return tiling.cells["geom"].to_numpy()[tiling.leaves[at]]
    return validity.outline_of_gap(connection, gap["id"]) if gap is not None else None


def _shape(
    connection: Connection,
    land: Any,
    point: tuple[float, float],
    premises_codes: Sequence[str],
    as_of: datetime | None,
) -> dict[str, Any] | None:
    """Return the part of some land in which the premises are these, as a GeoJSON polygon."""
    if land is None:
        return None
    for code, outline in validity.premises_around(connection, land.bounds, as_of):
        land = land.intersection(outline) if code in premises_codes else land.difference(outline)
    found = inner_shape(land, point)
    return None if found is None else dict(shapely.geometry.mapping(found))


def _circle(point: tuple[float, float], near: dict[str, Any]) -> dict[str, Any] | None:
    """Return the circle round a point that no border enters; None where a border passes through the point."""
    radius_m = near["border_m"] if near["cell_code"] is not None else near.get("nearest_m")
    if radius_m is None:
        return None
    safe_m = math.floor((radius_m - _LATTICE_M) * 100) / 100
    return {"lon": point[0], "lat": point[1], "radius_m": safe_m} if safe_m > 0 else None
