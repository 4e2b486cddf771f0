"""Keeping the register of gaps (三不管) and looking at exclaves (插花地), edition after edition."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.exclaves import Belonging, ExclaveIndex, Swap, exclave_index, propose_swaps
from geo_service.geometry.gaps import GapChange, GapRecord, gaps_of, match_gaps
from geo_service.geometry.measure import area_m2
from geo_service.geometry.segments import segments_of
from geo_service.services.tiling import Tiling
from geo_service.store import audit, boundaries, gaps
from geo_service.store.database import Connection
from geo_service.store.gaps import GapMeasures, GapRow

CellName = tuple[str, str]


def record(connection: Connection, tiling: Tiling, start: datetime | None) -> None:
    """Bring the register up to a new edition: gaps it opened, those still there, those it closed.

    The edition takes the place of those that begin at ``start`` (None: at the beginning of time) or later.
    They are in force at no time any more, so what they closed is open again, and what they opened the new
    one opens if it has it. That makes the register follow valid time: a gap is there from the beginning of
    the edition that opened it to that of the one that closed it.

    A gap that was split goes on as its largest part, gaps that grew together as the one that changed least;
    of the others it is written down which gap they became part of.
    """
    edition_id = tiling.edition.id
    replaced = gaps.editions_named(connection) - _staying(connection, start)
    gaps.reopen(connection, replaced)
    shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
    names = leaf_names(tiling)
    known = gaps.known(connection)
    now = gaps_of(segments_of(shapes))
    changes = match_gaps([_record(row) for row in known], now, shapes)
    goes_on = _going_on(changes)
    for before, row in enumerate(known):
        if before in goes_on:
            found = _measures(now[goes_on[before]], names)
            gaps.see(connection, row.id, edition_id, found, opened=row.opened_edition_id in replaced)
        else:
            mine = [change for change in changes if change.before == before]
            listed: list[Any] = [[*names[leaf], round(m2, 1)] for leaf, m2 in mine[0].taken_by]
            successor = {after: known[k].id for k, after in goes_on.items()}
            for after in (change.after for change in mine if change.after is not None):
                shared = shapely.intersection(row.measures.shape, now[after].shape)
                found_m2 = round(float(area_m2([shared])[0]), 1)
                listed.append({"gap": successor[after], "area_m2": found_m2})
            gaps.close(connection, row.id, edition_id, listed)
    for after in sorted(set(range(len(now))) - set(goes_on.values())):
        gaps.open_one(connection, edition_id, _measures(now[after], names))


def _staying(connection: Connection, start: datetime | None) -> set[int]:
    """Return the editions that stay in force for some time when another begins."""
    return {
        span.id
        for span in boundaries.spans_in_force(connection)
        if start is not None and (span.valid_from is None or span.valid_from < start)
    }


def _going_on(changes: Sequence[GapChange]) -> dict[int, int]:
    """Return for each earlier gap that goes on the later one that it is, each at most once."""
    out: dict[int, int] = {}
    pairs = [c for c in changes if c.before is not None and c.after is not None]
    for change in sorted(pairs, key=lambda c: (c.closed_m2 + c.opened_m2, c.before, c.after)):
        if change.before is None or change.after is None:
            continue
        if change.before not in out and change.after not in out.values():
            out[change.before] = change.after
    return out


def _record(row: GapRow) -> GapRecord:
    found = row.measures
    return GapRecord(found.shape, found.area_m2, found.length_m, found.width_m, ())


def _measures(found: GapRecord, names: list[CellName]) -> GapMeasures:
    beside = [[*names[leaf], round(metres, 1)] for leaf, metres in found.neighbours]
    return GapMeasures(found.shape, found.area_m2, found.length_m, found.width_m, beside)


def leaf_names(tiling: Tiling) -> list[CellName]:
    """Return level and code of each leaf, in the order of the index."""
    leaves = tiling.cells.iloc[tiling.leaves]
    return list(zip(leaves["level"], leaves["code"], strict=True))


def set_fallback(
    connection: Connection, tiling: Tiling, gap_id: int, fallback: CellName | None, *, who: str
) -> None:
    """Say which cell answers for a gap until it is closed.

    Raises
    ------
    InvalidInputError
        The edition in force has no such cell.
    NotFoundError
        There is no such gap.
    """
    cells = tiling.cells
    if fallback is not None and not ((cells["level"] == fallback[0]) & (cells["code"] == fallback[1])).any():
        message = f"there is no {fallback[0]} {fallback[1]} in force"
        raise InvalidInputError(message, [Fault("fallback_code", message, value=fallback[1])])
    gaps.set_fallback(connection, gap_id, fallback)
    audit.record(connection, who, "gap.fallback", f"gap {gap_id}", {"fallback": list(fallback or ())})


def exclaves(
    tiling: Tiling, level: str, households: NDArray[np.floating[Any]]
) -> tuple[list[CellName], list[ExclaveIndex], list[Swap]]:
    """Return the cells of a level, how far each lies apart, and the swaps that would mend it.

    Parameters
    ----------
    tiling : Tiling
    level : str
    households : (n,) float
        Of each leaf, in the order of the index.

    Raises
    ------
    InvalidInputError
        The edition has no such level.
    """
    rows, land = _belonging(tiling, level, households)
    index = exclave_index(land)
    codes = tiling.cells["code"].to_numpy(dtype=object)[rows]
    return [(level, str(code)) for code in codes], index, propose_swaps(land, index)


def lying_apart(
    tiling: Tiling, level: str, households: NDArray[np.floating[Any]]
) -> tuple[list[CellName], list[ExclaveIndex]]:
    """Return the same as :func:`exclaves` without the swaps, which take by far the longest.

    Raises
    ------
    InvalidInputError
        The edition has no such level.
    """
    rows, land = _belonging(tiling, level, households)
    codes = tiling.cells["code"].to_numpy(dtype=object)[rows]
    return [(level, str(code)) for code in codes], exclave_index(land)


def _belonging(
    tiling: Tiling, level: str, households: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.int32], Belonging]:
    """Return the positions of a level's cells that hold land, and which leaf belongs to which."""
    if level not in tiling.levels:
        message = f"there is no level {level!r}; use one of: {', '.join(tiling.levels)}"
        raise InvalidInputError(message, [Fault("level", message, value=level)])
    row = tiling.ancestry[:, tiling.levels.index(level)]
    rows, number = np.unique(row[row >= 0], return_inverse=True)
    group = np.full(len(row), -1, dtype=np.int64)
    group[row >= 0] = number
    shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
    land = Belonging.of(shapes, group, len(rows), households=np.rint(households).astype(np.int64))
    return rows, land
