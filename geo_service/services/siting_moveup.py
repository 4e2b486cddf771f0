"""Move-up at a moment: who of those on duty should shift where while others are busy, over the streets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.model import Mode
from geo_service.roads.graph import UNREACHED, RoadGraph
from geo_service.roads.reach import reached_within
from geo_service.roads.snap import Snaps
from geo_service.services.coverage_places import PEOPLE, doors_of, places_of
from geo_service.services.coverage_question import Measure
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.rostering import on_duty
from geo_service.services.siting_ground import leaves_in
from geo_service.services.tiling import Tiling
from geo_service.staffing.siting_moveup import move_up
from geo_service.staffing.siting_ways import ways
from geo_service.store import siting as store
from geo_service.store.database import Database

MOST_SITES, MOST_MOVES, LONGEST_S = 200, 20, 4 * 3600
MOST_ENTRIES = 30_000_000
_CANNOT = Words("this cannot be asked", "这个问题无法计算")


@dataclass(frozen=True)
class MoveUpQuestion:
    """What is asked.

    Attributes
    ----------
    at : datetime
        Who is on duty then, and not bound to a post, can be counted on and may move.
    busy : sequence of str
        Codes of those who are busy.
    moves : int
        How many may move at most.
    limit_s : int
        Within which somebody must be there.
    longest_s : int
        Nobody moves farther than this.
    mode : Mode
    cell : (level, code), optional
        Only people, stations and households in this cell.
    """

    at: datetime
    busy: Sequence[str] = ()
    moves: int = 2
    limit_s: int = 300
    longest_s: int = 900
    mode: Mode = Mode.EBIKE
    cell: tuple[str, str] | None = None

    def check(self) -> None:
        """Refuse what is out of range.

        Raises
        ------
        InvalidInputError
            With a fault for each field.
        """
        faults = [
            Fault(name, Words(f"give a number from 0 to {most}", f"应在 0 至 {most} 之间"), value=value)
            for name, value, most in (
                ("moves", self.moves, MOST_MOVES),
                ("limit_s", self.limit_s, LONGEST_S),
                ("longest_s", self.longest_s, LONGEST_S),
            )
            if not 0 <= value <= most
        ]
        if len(self.busy) > MOST_SITES:
            words = Words(f"name at most {MOST_SITES}", f"最多 {MOST_SITES} 人")
            faults.append(Fault("busy", words, value=len(self.busy)))
        if faults:
            raise InvalidInputError(_CANNOT, faults)


def advise(database: Database, held: Ground, tiling: Tiling, question: MoveUpQuestion) -> dict[str, Any]:
    """Say who should move where; those who are free may go to a station, or to where a busy one stood.

    Returns
    -------
    dict
        ``moves`` (responder, name, from, to, to_name, seconds), shares of households within the limit
        ``before`` (everybody free), ``without`` (the busy ones) and ``after`` the moves, what no choice of as
        many moves can exceed (``bound``), ``is_optimal``, and counts. Where there are more than
        :data:`MOST_SITES` places to stand, those nearest to the busy ones are ``considered``, and what is
        proved is proved of them: who stands at another stays there, and what he covers counts.

    Raises
    ------
    InvalidInputError
        A number is out of range, somebody named busy is not on duty there, or there are too many places
        and nobody is busy.
    ConflictError
        There are no roads, nobody lives there, or nobody is on duty.
    NotFoundError
        There is no such cell.
    """
    question.check()
    network_id, _, graph, snapper = held.roads(question.mode)
    inside = leaves_in(tiling, question.cell)
    people = places_of(database, held, tiling, PEOPLE, question.at)
    lived_in = people.weights[Measure.HOUSEHOLDS] > 0
    which = np.flatnonzero(lived_in if inside is None else lived_in & inside[people.leaf])
    if not len(which):
        raise ConflictError(Words("nobody lives there as far as is known", "没有住户数据"))
    weight = people.weights[Measure.HOUSEHOLDS][which]
    with database.reading() as connection:
        duty = on_duty(connection, question.at)
        stations = store.stations(connection)
    duty = duty[~duty["pinned"] & duty["lon"].notna()]
    targets = _points([(row.lon, row.lat) for row in stations])
    names = [row.name or row.code for row in stations]
    if inside is not None:
        duty = duty[_within(tiling, inside, duty[["lon", "lat"]].to_numpy(dtype=float))]
        kept = _within(tiling, inside, targets)
        targets, names = targets[kept], [name for name, keep in zip(names, kept, strict=True) if keep]
    codes = duty["code"].tolist()
    _check_people(codes, question)
    base_deg = duty[["lon", "lat"]].to_numpy(dtype=float)
    site_deg, number = np.unique(np.concatenate([base_deg, targets]), axis=0, return_inverse=True)
    snaps = snapper.snap(site_deg, MAX_ACCESS_M)
    doors = doors_of(held, people, graph, snapper, network_id).snaps.take(which)
    limit_ms = question.limit_s * 1000
    standing = number.reshape(-1)[: len(base_deg)].astype(np.int64)
    busy = np.isin(codes, list(question.busy))
    sites = _considered(graph, snaps, np.unique(standing[busy]), question)
    # all others stay, and all that they cover is settled
    settled = reached_within(graph, snaps.take(np.setdiff1d(standing, sites)), doors, limit_ms)
    open_to = reached_within(graph, snaps.take(sites), doors, limit_ms) & ~settled
    if len(sites) * int(open_to.sum()) > MOST_ENTRIES:
        raise _too_many(len(sites), int(open_to.sum()))
    here = np.isin(standing, sites)
    duty, busy, standing = duty[here], busy[here], np.searchsorted(sites, standing[here])
    site_deg, snaps = site_deg[sites], snaps.take(sites)
    found = move_up(
        _times(graph, snaps, doors.take(np.flatnonzero(open_to)), question.limit_s),
        weight[open_to],
        standing,
        busy,
        _times(graph, snaps, snaps, question.longest_s),
        limit_ms=limit_ms,
        moves=question.moves,
        longest_ms=question.longest_s * 1000,
    )
    by_others = float(weight[settled].sum())
    total = float(weight.sum())
    return {
        "edition": tiling.edition.id,
        "at": question.at,
        "on_duty": len(codes),
        "busy": sorted(question.busy),
        "households": round(total, 1),
        "considered": len(sites),
        "before": round((by_others + found.covered_before) / total, 4),
        "without": round((by_others + found.covered_without) / total, 4),
        "after": round((by_others + found.covered_after) / total, 4),
        "bound": round(min((by_others + found.bound) / total, 1.0), 4),
        "is_optimal": found.is_optimal,
        "moves": _told(found.moves, duty, standing, busy, site_deg, targets, names),
    }


def _considered(
    graph: RoadGraph, snaps: Snaps, left: NDArray[np.int64], question: MoveUpQuestion
) -> NDArray[np.int64]:
    """Return the sites between which people may move: all, or the nearest to those left.

    Whoever moves may be missed where he stood, and another move there: as far as so many moves lead.
    """
    if len(snaps) <= MOST_SITES:
        return np.arange(len(snaps))
    if not len(left):
        raise _too_many(len(snaps), None)
    farthest_s = question.longest_s * max(question.moves, 1)
    away_ms = _times(graph, snaps.take(left), snaps, farthest_s).min(axis=0)
    away_ms[left] = -1  # before all others, also where there is no street
    nearest = np.argsort(away_ms, kind="stable")[:MOST_SITES]
    return np.sort(nearest[away_ms[nearest] < UNREACHED])


def _too_many(sites: int, places: int | None) -> InvalidInputError:
    to_reach = ("", "") if places is None else (f" and {places} to be reached", f"、服务点 {places} 处")
    words = Words(
        f"{sites} places to stand{to_reach[0]} are too many: name who is busy (busy), or a cell (township, "
        f"community) with at most {MOST_SITES} places to stand",
        f"可站位置 {sites} 处{to_reach[1]}，一次算不了：请在 busy 中指明忙者，或在 cell 中指明所在的乡镇"
        f"或村（社区），使可站位置不超过 {MOST_SITES} 处",
    )
    return InvalidInputError(_CANNOT, [Fault("cell", words)])


def _check_people(codes: Sequence[str], question: MoveUpQuestion) -> None:
    if not codes:
        raise ConflictError(Words("nobody is on duty there then", "当时该范围内无人在岗"))
    missing = sorted(set(question.busy) - set(codes))
    if missing:
        words = Words("is not on duty there, or stands at a post", "不在岗、在岗位上或不在该范围")
        raise InvalidInputError(_CANNOT, [Fault("busy", words, value=code) for code in missing])


def _told(  # noqa: PLR0917 - what the moves are told by
    moves: Sequence[Any],
    duty: Any,
    standing: NDArray[np.int64],
    busy: NDArray[np.bool_],
    site_deg: NDArray[np.float64],
    targets: NDArray[np.float64],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    """Name who makes each move: of several who stand at one place the first by code that is free."""
    left = {
        site: np.flatnonzero((standing == site) & ~busy).tolist() for site in {one.start for one in moves}
    }
    out = []
    for move in moves:
        who = duty.iloc[left[move.start].pop(0)]
        to = site_deg[move.stop]
        at = np.flatnonzero((targets == to).all(axis=1))
        out.append(
            {
                "responder": who["code"],
                "name": who["name"],
                "from": site_deg[move.start].round(7).tolist(),
                "to": to.round(7).tolist(),
                "to_name": names[at[0]] if len(at) else "",
                "seconds": round(move.time_ms / 1000, 1),
            }
        )
    return out


def _times(graph: RoadGraph, starts: Snaps, doors: Snaps, longest_s: int) -> NDArray[np.int32]:
    *_, (_, time_ms) = ways(graph, starts, doors, bound_ms=longest_s * 1000)
    return time_ms


def _within(tiling: Tiling, inside: NDArray[np.bool_], lonlat_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    leaf, _ = tiling.index.leaf_of(lonlat_deg)
    found: NDArray[np.bool_] = np.append(inside, False)[leaf]
    return found


def _points(given: list[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(given, dtype=np.float64).reshape(-1, 2)
