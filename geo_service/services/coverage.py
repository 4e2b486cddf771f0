"""Coverage: who is on duty at a moment, one travel pass, and what share of each cell is reached in time."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.model import Mode
from geo_service.roads import reach
from geo_service.roads.graph import UNREACHED
from geo_service.roads.kernels import NONE
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time
from geo_service.services import coverage_by_server
from geo_service.services.cell_figures import sum_up
from geo_service.services.coverage_engines import server_of
from geo_service.services.exporting import boundary_frame
from geo_service.services.ground import MAX_ACCESS_M, Ground, Travel
from geo_service.services.rostering import on_duty
from geo_service.services.tiling import Tiling
from geo_service.store import coverage
from geo_service.store.database import Database

LONGEST_LIMIT_S = 4 * 3600
STANDARD_MODE, STANDARD_LIMIT_S = Mode.EBIKE, 300

#: A run of a county takes about a megabyte.
RUNS_KEPT = 100

#: Part of the fingerprint: raise it when the same inputs would give other numbers.
METHOD_VERSION = 1


@dataclass(frozen=True)
class CoverageRun:
    """A computed or remembered run.

    ``leaves`` has a row for each leaf in the order of the index: weight, covered_weight, by_area, median_s,
    worst_s.
    """

    id: int
    mode: Mode
    at: datetime
    limit_s: int
    summary: dict[str, Any]
    leaves: pd.DataFrame

    def as_dict(self) -> dict[str, Any]:
        """Return the run without its cells."""
        return {
            "run_id": self.id,
            "mode": self.mode.value,
            "at": self.at.isoformat(),
            "limit_s": self.limit_s,
            **self.summary,
        }


def run_coverage(
    database: Database, ground: Ground, tiling: Tiling, *, at: datetime, mode: Mode, limit_s: int
) -> CoverageRun:
    """Return the coverage at a moment, computed once for equal inputs.

    Everyone on duty and not pinned at a post counts, from his base, in the given mode.

    Raises
    ------
    InvalidInputError
        The limit is out of range.
    ConflictError
        No road network has been imported.
    UnavailableError, TimedOutError
        A travel server is set for the mode, and does not answer as it should.
    """
    if not 0 < limit_s <= LONGEST_LIMIT_S:
        fault = Fault("limit_s", f"give seconds from 1 to {LONGEST_LIMIT_S}", value=limit_s)
        raise InvalidInputError("the time limit is out of range", [fault])
    travel = ground.travel(tiling, mode)
    with database.reading() as connection:
        duty = on_duty(connection, at)
    free = duty[~duty["pinned"] & duty["lon"].notna()]
    bases = free[["lon", "lat"]].to_numpy(dtype=float)
    sources = travel.snapper.snap(bases, MAX_ACCESS_M)
    fingerprint = _fingerprint(tiling, travel, sources, limit_s)
    by_server = mode in ground.servers.modes
    if by_server:
        server = coverage_by_server.version_mark(ground, mode)
        fingerprint = hashlib.sha256(fingerprint + bases.tobytes() + server.encode()).digest()
    facts: dict[str, Any] = {
        "edition": tiling.edition.id,
        "responders": {
            "on_duty": len(duty),
            "pinned": int(duty["pinned"].sum()),
            "counted": int(sources.snapped.sum()),
            "far_from_roads": int((~sources.snapped).sum()),
        },
        "demand_points": {
            "total": len(travel.demand_snaps),
            "far_from_roads": int((~travel.demand_snaps.snapped).sum()),
        },
        "households_in_no_cell": travel.demand.outside_households,
    }
    facts["engine"] = ground.servers.kind if by_server else "embedded"
    facts["notes"] = _notes(at, duty, sources, travel, by_area=bool(travel.demand.by_area.all()))
    known = _remembered(database, tiling, fingerprint)
    if known is None:
        if by_server:
            times_ms = _server_ms(ground, travel, mode, bases[sources.snapped], limit_s)
        else:
            node_ms, nearest = travel_time(travel.graph, sources)
            times_ms, _ = reach.demand_time_ms(travel.graph, travel.demand_snaps, node_ms, nearest, sources)
        leaves = _leaves(tiling, travel, times_ms, limit_s)
        total = _total(leaves)
        with database.writing() as connection:
            run_id = coverage.store(
                connection,
                edition_id=tiling.edition.id,
                network_id=travel.network_id,
                mode=mode.value,
                at=at,
                limit_s=limit_s,
                fingerprint=fingerprint,
                summary=total,
                cell_ids=tiling.leaf_ids,
                shares=leaves,
            )
            coverage.prune(connection, RUNS_KEPT, STANDARD_MODE.value, STANDARD_LIMIT_S)
        known = run_id, total, leaves
    run_id, total, leaves = known
    return CoverageRun(run_id, mode, at, limit_s, {**total, **facts}, leaves)


def _notes(at: datetime, duty: pd.DataFrame, sources: Snaps, travel: Travel, *, by_area: bool) -> list[str]:
    """Say what makes the share say little: nobody to come, no streets to come by, nobody to come to."""
    notes = []
    places, reached = len(travel.demand_snaps), int(travel.demand_snaps.snapped.sum())
    if not len(duty):
        notes.append(f"nobody is on duty at {at.isoformat(timespec='minutes')}")
    elif not len(sources):
        notes.append(f"none of the {len(duty)} on duty can be sent: they stand at posts or have no base")
    elif not sources.snapped.any():
        notes.append(f"none of the {len(sources)} who can be sent is within {MAX_ACCESS_M:.0f} m of a street")
    if not reached:
        notes.append(f"no streets near any of the {places} places: none is within {MAX_ACCESS_M:.0f} m")
    if by_area:
        notes.append("no households in any cell: the share is of land (geo-service import demand)")
    return notes


def _fingerprint(tiling: Tiling, travel: Travel, sources: Snaps, limit_s: int) -> bytes:
    """Return SHA-256 over everything that decides the numbers; the moment only decides who is on duty."""
    digest = hashlib.sha256(f"{METHOD_VERSION} {tiling.edition.id} {limit_s}".encode())
    for array in (
        travel.graph.edge_ms,  # mode, speeds and barriers are in the times
        sources.edge,
        sources.fraction,
        sources.access_ms,
        travel.demand_snaps.edge,
        travel.demand_snaps.fraction,
        travel.demand_snaps.access_ms,
    ):
        digest.update(hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest())
    digest.update(travel.network_mark + travel.demand.fingerprint)
    return digest.digest()


def _remembered(
    database: Database, tiling: Tiling, fingerprint: bytes
) -> tuple[int, dict[str, Any], pd.DataFrame] | None:
    """Return id, total and leaves of the run with these inputs, if it is stored."""
    with database.reading() as connection:
        known = coverage.find(connection, fingerprint)
        if known is None:
            return None
        leaves = coverage.cells(connection, known["id"]).set_index("cell_id").reindex(tiling.leaf_ids)
    return known["id"], known["summary"], leaves.reset_index(drop=True)


def _server_ms(
    ground: Ground, travel: Travel, mode: Mode, bases: np.ndarray, limit_s: int
) -> NDArray[np.int32]:
    """Return the time of the soonest at each demand point as the server of the mode says."""
    with server_of(ground.servers, mode) as server:
        label = coverage_by_server.soonest(
            server,
            mode,
            bases,
            travel.demand.lonlat_deg,
            delay_ms=np.zeros(len(bases), np.int64),
            limit_ms=limit_s * 1000,
        )[:, 0]
    return np.where(label == NONE, np.int64(UNREACHED), label >> 32).astype(np.int32)


def _leaves(tiling: Tiling, travel: Travel, times_ms: NDArray[np.int32], limit_s: int) -> pd.DataFrame:
    """Return weight, covered_weight, by_area, median_s and worst_s of each leaf."""
    demand = travel.demand
    n_cells = len(tiling.leaves)
    shares = reach.cell_shares(demand.leaf, demand.weight, times_ms, limit_s * 1000, n_cells=n_cells)
    return pd.DataFrame(
        {
            "weight": shares["weight"],
            "covered_weight": shares["covered_weight"],
            "by_area": demand.by_area,
            "median_s": shares["median_ms"] / 1000,
            # the longest time says nothing where somebody is not reached at all
            "worst_s": (shares["worst_ms"] / 1000).where(shares["unreached_weight"] == 0),
        }
    )


def _total(leaves: pd.DataFrame) -> dict[str, Any]:
    """Return the share of all households, or of all land where nobody lives anywhere."""
    by_area = bool(leaves["by_area"].all())
    counted = leaves if by_area else leaves[~leaves["by_area"]]
    weight = float(counted["weight"].sum())
    share = float(counted["covered_weight"].sum()) / weight if weight else None
    return {"share": share, "share_of": "area" if by_area else "households", "weight": weight}


def by_level(tiling: Tiling, run: CoverageRun, level: str) -> pd.DataFrame:
    """Return the run for the cells of a level, in the order of ``at_level``.

    Columns: share (0 to 1, NaN: no demand), weight, covered_weight, by_area, worst_s (NaN: some demand is
    not reached at all). Where anybody lives in a cell its share is of households; else it is of area.
    """
    by_area = run.leaves["by_area"].to_numpy(dtype=bool)
    columns: dict[str, np.ndarray] = {}
    for name in ("weight", "covered_weight"):
        values = run.leaves[name].to_numpy(dtype=float)
        columns[name] = sum_up(tiling, level, np.where(by_area, 0.0, values))
        columns[f"{name}_m2"] = sum_up(tiling, level, np.where(by_area, values, 0.0))
    frame = pd.DataFrame(columns)
    frame["by_area"] = frame["weight"] == 0
    for name in ("weight", "covered_weight"):
        frame[name] = frame[name].where(~frame["by_area"], frame[f"{name}_m2"])
    frame["share"] = frame["covered_weight"] / frame["weight"].where(frame["weight"] > 0)
    frame["worst_s"] = _worst(tiling, level, run.leaves["worst_s"].to_numpy(dtype=float), len(frame))
    return frame[["share", "weight", "covered_weight", "by_area", "worst_s"]]


def _worst(tiling: Tiling, level: str, worst_s: np.ndarray, count: int) -> np.ndarray:
    group = tiling.group_of_leaf(level)
    out = np.full(count, -np.inf)
    # an unreached leaf (NaN) makes the whole cell unreached: NaN must win over every number
    np.maximum.at(out, group[group >= 0], np.where(np.isnan(worst_s), np.inf, worst_s)[group >= 0])
    return np.where(np.isfinite(out), out, np.nan)


def coverage_frame(tiling: Tiling, run: CoverageRun, level: str) -> gpd.GeoDataFrame:
    """Return the cells of a level with their outlines (EPSG:4326) and what is covered of each."""
    frame = boundary_frame(tiling, level)[["code", "name", "level", "parent_code", "geometry"]]
    cells = by_level(tiling, run, level)
    return frame.assign(
        covered_share=cells["share"].round(4),
        weight=cells["weight"].round(1),
        weight_unit=np.where(cells["by_area"], "m2", "households"),
        worst_s=cells["worst_s"].round(1),
        at=run.at.isoformat(),
        mode=run.mode.value,
        limit_s=run.limit_s,
    )
