"""What patrols come to: streets walked, time in each cell, silences, posts kept, places visited, quotas.

Everything is counted from fixes of people on duty and from the streets that map matching says they took.
Moments are unix seconds, fixes are sorted by track and time, and a fix speaks for the time until the next of
its track, but never for longer than ``gap_s``: silence is nobody's presence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads.graph import RoadGraph
from geo_service.roads.match import Travelled
from geo_service.roads.plain import metres_per_degree

BIT_M = 10.0
"""Length of the bits into which streets are cut for counting; a walk's ends are right to half of it."""

LEAD_S = 600.0
"""How long before its window a post is to be taken: ten minutes."""

KEPT_SHARE = 0.8
FEWEST_CELLS = 5


@dataclass(frozen=True, slots=True, eq=False)
class StreetBits:
    """The streets that a mode may use, cut into equal bits of at most :data:`BIT_M`, in order of edge.

    Attributes
    ----------
    edge : (k,) int32
        Edge of each bit.
    length_m : (k,) float64
        Its length.
    lonlat_deg : (k, 2) float64
        Its middle, EPSG:4326: the cell that holds it counts the whole bit.
    first : (m + 1,) int64
        For each edge of the network its first bit.
    """

    edge: NDArray[np.int32]
    length_m: NDArray[np.float64]
    lonlat_deg: NDArray[np.float64]
    first: NDArray[np.int64]

    def passes(self, travelled: Travelled) -> NDArray[np.int64]:
        """Count how often each bit was gone along: its middle lies on the part of the edge, ends included."""
        count = np.diff(self.first)[travelled.edge]
        low = np.minimum(travelled.start, travelled.stop)
        high = np.maximum(travelled.start, travelled.stop)
        begin = self.first[travelled.edge] + np.ceil(low * count - 0.5 - 1e-9).clip(0).astype(np.int64)
        last = np.minimum(np.floor(high * count - 0.5 + 1e-9), count - 1).astype(np.int64)
        end = self.first[travelled.edge] + last + 1
        goes = end > begin
        steps = np.zeros(len(self.edge) + 1, np.int64)
        np.add.at(steps, begin[goes], 1)
        np.add.at(steps, end[goes], -1)
        return np.cumsum(steps[:-1])


def street_bits(graph: RoadGraph, *, bit_m: float = BIT_M) -> StreetBits:
    """Cut the streets of a graph into bits.

    Raises
    ------
    InvalidInputError
        When the length of a bit is not a positive number.
    """
    if not 0 < bit_m < np.inf:
        raise InvalidInputError(
            "A bit of street needs a length.", [Fault("bit_m", "give metres above 0", value=bit_m)]
        )
    length_m = graph.network.edge_length_m
    many = np.where(graph.edge_usable, np.maximum(1, np.ceil(length_m / bit_m)), 0).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(many)])
    edge = np.repeat(np.arange(len(many), dtype=np.int32), many)
    share = (np.arange(len(edge)) - first[edge] + 0.5) / many[edge]
    middle = shapely.line_interpolate_point(graph.network.edge_shape[edge], share, normalized=True)
    return StreetBits(edge, length_m[edge] / many[edge], shapely.get_coordinates(middle), first)


def streets_by_cell(
    bits: StreetBits, leaf: NDArray[np.int32], passes: NDArray[np.int64], n_cells: int
) -> pd.DataFrame:
    """Return for each cell its streets and what was patrolled of them.

    Parameters
    ----------
    bits : StreetBits
        Streets.
    leaf : (k,) int32
        Cell of each bit, -1 for none.
    passes : (k,) int64
        How often each was gone along.
    n_cells : int
        Count of cells.

    Returns
    -------
    DataFrame
        By cell: ``street_m``, ``patrolled_m`` (each bit once), ``walked_m`` (each time it was gone along),
        ``share`` (patrolled of all, NaN where a cell has no street).
    """
    held = leaf >= 0
    columns = {
        "street_m": bits.length_m,
        "patrolled_m": np.where(passes > 0, bits.length_m, 0.0),
        "walked_m": bits.length_m * passes,
    }
    frame = pd.DataFrame(
        {
            name: np.bincount(leaf[held], weights=values[held], minlength=n_cells)
            for name, values in columns.items()
        }
    )
    frame["share"] = (frame.patrolled_m / frame.street_m).where(frame.street_m > 0)
    return frame


def seconds_held(track: NDArray[np.int64], at_s: NDArray[np.float64], gap_s: float) -> NDArray[np.float64]:
    """Return for how long each fix speaks: until the next of its track, at most ``gap_s``; the last: 0."""
    held = np.zeros(len(at_s))
    follows = track[1:] == track[:-1]
    held[:-1] = np.where(follows, np.minimum(np.diff(at_s), gap_s), 0.0)
    return held


def time_by_cell(
    track: NDArray[np.int64], at_s: NDArray[np.float64], leaf: NDArray[np.int32], n_cells: int, gap_s: float
) -> pd.DataFrame:
    """Return for each cell ``seconds`` that people were in it, ``person_times`` and ``people``.

    A person-time (人次) is one stay: a run of fixes of one person in the cell without a longer silence than
    ``gap_s`` and without a fix elsewhere between.
    """
    held = leaf >= 0
    seconds = np.bincount(leaf[held], weights=seconds_held(track, at_s, gap_s)[held], minlength=n_cells)
    begins = np.ones(len(leaf), np.bool_)
    begins[1:] = (track[1:] != track[:-1]) | (leaf[1:] != leaf[:-1]) | (np.diff(at_s) > gap_s)
    stays = np.bincount(leaf[held & begins], minlength=n_cells)
    seen = pd.DataFrame({"leaf": leaf[held], "track": track[held]}).drop_duplicates()
    people = np.bincount(seen.leaf, minlength=n_cells)
    return pd.DataFrame({"seconds": seconds, "person_times": stays, "people": people})


@dataclass(frozen=True, slots=True)
class Span:
    """A span of somebody's time, unix seconds."""

    track: int
    from_s: float
    to_s: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.to_s - self.from_s


def absences(shift: Span, at_s: NDArray[np.float64], silent_s: float) -> list[Span]:
    """Return the spans of a shift with no fix for longer than ``silent_s``, from its beginning to its end."""
    inside = np.sort(at_s[(at_s >= shift.from_s) & (at_s <= shift.to_s)])
    edges = np.concatenate([[shift.from_s], inside, [shift.to_s]])
    silent = np.flatnonzero(np.diff(edges) > silent_s)
    return [Span(shift.track, float(edges[i]), float(edges[i + 1])) for i in silent]


def out_of_area(
    shift: Span, at_s: NDArray[np.float64], own: NDArray[np.bool_], *, gap_s: float, grace_s: float
) -> list[Span]:
    """Return the spans of a shift in which all fixes lie outside one's own cells for longer than ``grace_s``.

    ``at_s`` is sorted; ``own`` says of each fix whether it lies in an own cell. A silence ends a span.
    """
    inside = np.flatnonzero((at_s >= shift.from_s) & (at_s <= shift.to_s))
    moments, away = at_s[inside], ~own[inside]
    if len(moments) == 0:
        return []
    breaks = np.ones(len(moments), np.bool_)
    breaks[1:] = (away[1:] != away[:-1]) | (np.diff(moments) > gap_s)
    first = np.flatnonzero(breaks)
    last = np.append(first[1:], len(moments)) - 1
    # who is away until the next fix at home was away until then
    until = np.where(last + 1 < len(moments), moments[np.minimum(last + 1, len(moments) - 1)], moments[last])
    until = np.where(until - moments[last] > gap_s, moments[last], until)
    return [
        Span(shift.track, float(moments[a]), float(b))
        for a, b in zip(first, until, strict=True)
        if away[a] and b - moments[a] > grace_s
    ]


@dataclass(frozen=True, slots=True)
class PostKept:
    """How a post was kept.

    ``outcome`` is ``kept``, ``late`` (taken after the lead), ``left`` (too little of the time) or ``missed``.
    """

    outcome: str
    arrived_s: float | None
    share: float


def post_kept(
    window: Span,
    at_s: NDArray[np.float64],
    near: NDArray[np.bool_],
    *,
    gap_s: float,
    lead_s: float = LEAD_S,
    kept_share: float = KEPT_SHARE,
) -> PostKept:
    """Judge whether somebody was at a post in time and stayed.

    Parameters
    ----------
    window : Span
        The post's time; it is to be taken ``lead_s`` before.
    at_s, near : (n,) arrays
        His fixes in order of time, and which lie at the post.
    gap_s : float
        How long a fix speaks.
    kept_share : float
        Share of the window that he must be seen there.
    """
    held = seconds_held(np.zeros(len(at_s), np.int64), at_s, gap_s)
    until = at_s + held
    # who comes long before and leaves again has not taken the post
    there = near & (until >= window.from_s - lead_s) & (at_s <= window.to_s)
    if not there.any():
        return PostKept("missed", None, 0.0)
    arrived_s = float(at_s[there][0])
    overlap = np.minimum(until, window.to_s) - np.maximum(at_s, window.from_s)
    share = float(np.maximum(overlap[there], 0.0).sum() / window.seconds) if window.seconds > 0 else 1.0
    if share < kept_share:
        return PostKept("left" if share > 0 else "missed", arrived_s, share)
    return PostKept("kept" if arrived_s <= window.from_s - lead_s else "late", arrived_s, share)


def visits(
    track: NDArray[np.int64],
    at_s: NDArray[np.float64],
    lonlat_deg: NDArray[np.float64],
    places_deg: NDArray[np.float64],
    *,
    radius_m: float,
    dwell_s: float,
    gap_s: float,
) -> pd.DataFrame:
    """Find who stayed near which place: runs of fixes within ``radius_m`` that last ``dwell_s`` or longer.

    Returns
    -------
    DataFrame
        ``place`` (index), ``track``, ``from_s``, ``to_s``, in order of place, track and time.
    """
    columns: dict[str, list[float]] = {"place": [], "track": [], "from_s": [], "to_s": []}
    if len(at_s) and len(places_deg):
        scale = np.array(metres_per_degree(float(np.median(places_deg[:, 1]))))
        tree = shapely.STRtree(shapely.points(lonlat_deg * scale))
        place, fix = tree.query(shapely.points(places_deg * scale), predicate="dwithin", distance=radius_m)
        order = np.lexsort((fix, place))
        place, fix = place[order], fix[order]
        begins = np.ones(len(fix), np.bool_)
        begins[1:] = (place[1:] != place[:-1]) | (np.diff(fix) != 1) | (track[fix[1:]] != track[fix[:-1]])
        begins[1:] |= at_s[fix[1:]] - at_s[fix[:-1]] > gap_s
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(fix)) - 1 if len(fix) else first
        long_enough = at_s[fix[last]] - at_s[fix[first]] >= dwell_s
        for a, b in zip(first[long_enough], last[long_enough], strict=True):
            values = (place[a], track[fix[a]], at_s[fix[a]], at_s[fix[b]])
            for name, value in zip(columns, values, strict=True):
                columns[name].append(float(value))
    frame = pd.DataFrame(columns)
    return frame.astype({"place": np.int64, "track": np.int64, "from_s": np.float64, "to_s": np.float64})


@dataclass(frozen=True, slots=True)
class Quota:
    """What a role owes in a month: days on patrol and hours."""

    days: int
    hours: float


def quota_met(
    days_on: Mapping[int, int], hours_on: Mapping[int, float], quota: Quota, people: Sequence[int]
) -> pd.DataFrame:
    """Compare each person's month with the quota: ``days``, ``hours``, what is ``short`` of each, ``met``."""
    days = np.array([days_on.get(who, 0) for who in people], np.int64)
    hours = np.array([hours_on.get(who, 0.0) for who in people], np.float64)
    frame = pd.DataFrame({"days": days, "hours": hours}, index=pd.Index(people, name="track"))
    frame["days_short"] = np.maximum(quota.days - days, 0)
    frame["hours_short"] = np.maximum(quota.hours - hours, 0.0)
    frame["met"] = (frame.days_short == 0) & (frame.hours_short == 0)
    return frame


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """Patrols against incidents.

    Attributes
    ----------
    rho, p : float or None
        Spearman's rank correlation over the cells and its two-sided p; None for fewer than
        :data:`FEWEST_CELLS` cells, or where all cells are alike.
    n_cells, n_incidents : int
        What it rests on.
    cells : DataFrame
        By cell: ``incident_share``, ``patrol_share`` (of the whole), ``lift`` (the first over the second:
        above 1 incidents outweigh patrols; infinite where nobody patrols; NaN where there is neither).
    """

    rho: float | None
    p: float | None
    n_cells: int
    n_incidents: int
    cells: pd.DataFrame


def patrols_against_incidents(patrolled: ArrayLike, incidents: ArrayLike) -> Against:
    """Compare where patrols go with where incidents are, cell by cell.

    Parameters
    ----------
    patrolled : (n,) array
        Seconds or metres of patrol in each cell.
    incidents : (n,) array
        Incidents in each cell.

    Raises
    ------
    InvalidInputError
        When the two are not of one length, or hold a negative or no number.
    """
    effort, count = np.asarray(patrolled, np.float64), np.asarray(incidents, np.float64)
    if effort.shape != count.shape or effort.ndim != 1:
        raise InvalidInputError(
            "Patrols and incidents are compared cell by cell.", [Fault("incidents", "give one for each cell")]
        )
    if not ((effort >= 0) & (count >= 0) & np.isfinite(effort) & np.isfinite(count)).all():
        raise InvalidInputError(
            "Patrols and incidents are counts.", [Fault("patrolled, incidents", "give numbers of 0 or more")]
        )
    rho = p = None
    if len(effort) >= FEWEST_CELLS and np.ptp(effort) > 0 and np.ptp(count) > 0:
        rho, p = _spearman(effort, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        incident_share = np.nan_to_num(count / count.sum())
        patrol_share = np.nan_to_num(effort / effort.sum())
        lift = incident_share / patrol_share
    cells = pd.DataFrame({"incident_share": incident_share, "patrol_share": patrol_share, "lift": lift})
    return Against(rho, p, len(effort), int(count.sum()), cells)


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    """Return Spearman's rank correlation, and its two-sided p by Student's t with n - 2 degrees of freedom.

    That of scipy.stats is the same: only to import it would take every start of the program a second longer.
    """
    rho = float(np.corrcoef(pd.Series(first).rank(), pd.Series(second).rank())[0, 1])
    degrees = len(first) - 2
    with np.errstate(divide="ignore"):
        t = rho * np.sqrt(max(0.0, np.float64(degrees) / ((1 + rho) * (1 - rho))))
    return rho, float(2 * stdtr(degrees, -abs(t)))
