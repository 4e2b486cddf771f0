"""Map matching: from the fixes of people on the move to the streets along which they went.

A hidden Markov model after P. Newson and J. Krumm, *Hidden Markov map matching through noise and sparseness*
(ACM SIGSPATIAL 2009): each fix may lie on any street near it, less likely the farther that is (a normal
error); from fix to fix the way over the streets is about as long as the crow flies, less likely the more the
two differ (exponentially). The chain of places that is most likely as a whole is found by Viterbi's
algorithm, and how sure each place is by summing over all chains (forward and backward).

Beyond the paper: a way must be possible in the time there was; fixes that stand still are one observation; a
fix that no way leads to is skipped; a chain is broken where fixes are missing for too long, or where the way
over the streets would be a long way round: there somebody crossed where the map has no street.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.model import Mode
from geo_service.roads import kernels_snap, match_kernels, match_trail, match_viterbi
from geo_service.roads.graph import RoadGraph
from geo_service.roads.match_kernels import MATCHED, NO_WAY, OFF_STREET
from geo_service.roads.plain import metres_per_degree
from geo_service.roads.snap import Snapper

__all__ = [
    "MATCHED",
    "NO_WAY",
    "OFF_STREET",
    "REPEATED",
    "UNPLACED",
    "Matched",
    "Matcher",
    "Matching",
    "Travelled",
]

REPEATED, UNPLACED = 3, 4
"""Why a fix has no place: a second one of its moment, or no coordinates; see :attr:`Matched.why`."""

CELL_M = 60.0
MOST_CELLS = 4_000_000
MOST_PLACES = 32
SERVICE = ("service", "track")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How fixes are matched.

    Attributes
    ----------
    sigma_m : float
        Standard deviation of a fix about its street. A fix with a stated accuracy has at least half of that.
    beta_m : float
        Mean of the difference between the way and the crow's flight.
    radius_m, most_places : float, int
        Streets within this distance are looked at, the nearest of them only, 1 to 32.
    gap_s : float
        With no fix for longer than this the chain ends.
    most_kmh : float
        Nobody moves faster.
    detour_m : float
        A way longer than the crow's flight by more than this is not believed: somebody went where the map has
        no street, and the chain is broken rather than led round the block.
    still_m : float
        Fixes within this of the middle of those before them are one observation; 0 takes each for itself.
    beam : float
        Places whose log likelihood is this much below the best of their fix are left behind.
    most_skipped : int
        So many fixes in a row may be left out because no way leads to them.
    service_doubt : float
        What the log likelihood of a service way or track is lowered by. Cars keep to the street beside the
        yard; for those on foot give 0: the ways inside a compound are what they walk.
    """

    sigma_m: float = 12.0
    beta_m: float = 10.0
    radius_m: float = 50.0
    most_places: int = 16
    gap_s: float = 180.0
    most_kmh: float = 120.0
    detour_m: float = 100.0
    still_m: float = 6.0
    beam: float = 15.0
    most_skipped: int = 3
    service_doubt: float = 0.0

    @classmethod
    def of(cls, mode: Mode) -> Self:
        """Return what suits a mode: how fast one can be, and whether one goes into yards."""
        if mode is Mode.CAR:
            return cls(service_doubt=4.0)
        return cls(most_kmh=12.0 if mode is Mode.WALK else 45.0)

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        positive = ("sigma_m", "beta_m", "radius_m", "gap_s", "most_kmh", "beam")
        faults = [
            Fault(name, "give a positive number", value=getattr(self, name))
            for name in positive
            if not 0 < getattr(self, name) < np.inf
        ]
        faults += [
            Fault(name, "give 0 or more", value=getattr(self, name))
            for name in ("detour_m", "still_m", "most_skipped", "service_doubt")
            if not 0 <= getattr(self, name) < np.inf
        ]
        if not 1 <= self.most_places <= MOST_PLACES:
            faults.append(Fault("most_places", f"give 1 to {MOST_PLACES}", value=self.most_places))
        if faults:
            raise InvalidInputError("The settings of map matching are not in order.", faults)


@dataclass(frozen=True, slots=True, eq=False)
class Travelled:
    """Parts of edges travelled, in order of track and time; one after the other they make the way of a chain.

    Attributes
    ----------
    track : (k,) int64
        Whose.
    chain : (k,) int32
        Which chain; between chains nothing is known of the way.
    edge : (k,) int32
        Edge of the network.
    start, stop : (k,) float64
        Fractions of the edge's length; ``start > stop`` runs from ``v`` to ``u``.
    from_s, to_s : (k,) float64
        When, unix seconds, at even speed between two observations.
    length_m : (k,) float64
        Along the street.
    """

    track: NDArray[np.int64]
    chain: NDArray[np.int32]
    edge: NDArray[np.int32]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    from_s: NDArray[np.float64]
    to_s: NDArray[np.float64]
    length_m: NDArray[np.float64]

    def __len__(self) -> int:
        """Count of parts."""
        return len(self.edge)

    def take(self, index: ArrayLike) -> Self:
        """Return the parts at ``index`` (numbers or a mask)."""
        chosen = np.asarray(index)
        return type(self)(*(getattr(self, f.name)[chosen] for f in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What became of n fixes, in the order in which they were given.

    Attributes
    ----------
    edge : (n,) int32
        Edge of the network, -1 where the fix has no place.
    fraction : (n,) float64
        Share of the edge's length between its ``u`` end and the place.
    distance_m : (n,) float64
        From the fix to its place; infinite without one.
    lonlat_deg : (n, 2) float64
        The place, EPSG:4326; NaN without one.
    confidence : (n,) float64
        Probability that it is this edge among those near, given the whole chain; 0 without a place.
    why : (n,) int8
        :data:`MATCHED`, or why there is no place: :data:`OFF_STREET` (no street near), :data:`NO_WAY` (no way
        leads there in the time), :data:`REPEATED` (another fix of the same moment counts), :data:`UNPLACED`.
    chain : (n,) int32
        Number of the chain, -1 without a place. Where it changes within a track, the track is broken.
    travelled : Travelled
        The ways between them.
    """

    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    lonlat_deg: NDArray[np.float64]
    confidence: NDArray[np.float64]
    why: NDArray[np.int8]
    chain: NDArray[np.int32]
    travelled: Travelled

    def __len__(self) -> int:
        """Count of fixes."""
        return len(self.edge)


class Matcher:
    """Matches tracks to the streets of one graph. Immutable after building; threads may share it.

    Parameters
    ----------
    snapper : Snapper
        Of the graph of the mode in which the people move: it says where one may go.
    matching : Matching, optional
        How.
    """

    def __init__(self, snapper: Snapper, matching: Matching | None = None) -> None:
        self.graph: RoadGraph = snapper.graph
        self.matching = matching or Matching.of(self.graph.mode)
        self._raster = _raster(snapper)
        self._streets = _streets(self.graph, self.matching.service_doubt)

    def match(
        self,
        lonlat_deg: NDArray[np.float64],
        at_s: NDArray[np.float64],
        *,
        track: ArrayLike | None = None,
        accuracy_m: NDArray[np.float64] | None = None,
    ) -> Matched:
        """Match fixes, given in any order.

        Parameters
        ----------
        lonlat_deg : (n, 2) float64
            EPSG:4326; a fix without coordinates (NaN) is passed over.
        at_s : (n,) float64
            Unix seconds.
        track : (n,) int64, optional
            Whose; one track when left out.
        accuracy_m : (n,) float64, optional
            Radius within which the fix lies in two cases of three, NaN where not known.

        Returns
        -------
        Matched
            The same for the same fixes in any order, and with fixes given twice.

        Raises
        ------
        InvalidInputError
            When the arrays do not fit together or a moment is no number.
        """
        points, moments, whose, sigma_m = self._checked(lonlat_deg, at_s, track, accuracy_m)
        order, why = _in_order(points, moments, whose, sigma_m)
        points, moments, whose, sigma_m = points[order], moments[order], whose[order], sigma_m[order]
        tuning, how = self._tuning(), self.matching
        run = match_kernels.still_runs(points, whose, moments, how.still_m, how.gap_s)
        fixes = _observations(points, moments, whose, sigma_m, run)
        columns = match_kernels.places_near(fixes.lonlat_deg, how.radius_m, how.most_places, self._raster)
        search = self._search()
        longest = int(np.bincount(np.unique(fixes.track, return_inverse=True)[1]).max(initial=1))
        chain = match_viterbi.best_chains(fixes, columns, self._streets, search, tuning, longest)
        graph = self.graph
        parts = match_trail.retrace(
            fixes, columns, chain, self._streets, graph.arc_edge, graph.arc_back, search, tuning
        )
        chain_of = _chains(chain)
        travelled = _travelled(graph, fixes, chain, chain_of, parts)
        chosen = _Chosen(order, points, run, columns, chain, chain_of)
        return self._matched(why, chosen, travelled)

    def _checked(
        self,
        lonlat_deg: NDArray[np.float64],
        at_s: NDArray[np.float64],
        track: ArrayLike | None,
        accuracy_m: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
        """Refuse arrays that do not fit together; return places, moments, tracks and errors."""
        points = np.ascontiguousarray(lonlat_deg, dtype=np.float64)
        moments = np.ascontiguousarray(at_s, dtype=np.float64)
        n = len(points)
        whose = np.zeros(n, np.int64) if track is None else np.ascontiguousarray(track, dtype=np.int64)
        accuracy = np.full(n, np.nan) if accuracy_m is None else np.asarray(accuracy_m, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InvalidInputError(
                "Fixes must be pairs of lon, lat.", [Fault("lonlat_deg", "give an (n, 2) array")]
            )
        faults = [
            Fault(name, f"give one for each of the {n} fixes", value=str(values.shape))
            for name, values in (("at_s", moments), ("track", whose), ("accuracy_m", accuracy))
            if values.shape != (n,)
        ]
        if not faults and not np.isfinite(moments).all():
            faults = [
                Fault("at_s", "give unix seconds", row=int(i) + 1)
                for i in np.flatnonzero(~np.isfinite(moments))[:20]
            ]
        if faults:
            raise InvalidInputError("The fixes are not in order.", faults)
        with np.errstate(invalid="ignore"):
            told = np.isfinite(accuracy) & (accuracy > 0)
        sigma_m = np.where(told, np.maximum(self.matching.sigma_m, accuracy / 2), self.matching.sigma_m)
        return points, moments, whose, sigma_m

    def _tuning(self) -> match_kernels.Tuning:
        how = self.matching
        return match_kernels.Tuning(
            beta_m=float(how.beta_m),
            gap_s=float(how.gap_s),
            most_mps=how.most_kmh / 3.6,
            detour_m=float(how.detour_m),
            slip_m=2.0 * how.sigma_m,
            beam=float(how.beam),
            most_skipped=int(how.most_skipped),
        )

    def _search(self) -> match_kernels.Search:
        """Make working memory for one call."""
        n, k = max(1, self.graph.n_nodes), self.matching.most_places
        return match_kernels.Search(
            mm=np.full(n, match_kernels.FAR, np.int64),
            arc=np.full(n, -1, np.int32),
            wanted=np.zeros(n, np.bool_),
            heap=np.empty(self.graph.n_arcs + 4, np.int64),
            touched=np.empty(n, np.int32),
            doors=np.empty((2 * k, 3), np.int64),
            entries=np.empty((2 * k, 3), np.int64),
        )

    def _matched(self, why: NDArray[np.int8], of: "_Chosen", travelled: Travelled) -> Matched:
        """Carry the answers of observations back to the fixes."""
        n = len(why)
        edge, fraction, distance_m = np.full(n, -1, np.int32), np.zeros(n), np.full(n, np.inf)
        lonlat_deg, confidence = np.full((n, 2), np.nan), np.zeros(n)
        number = np.full(n, -1, np.int32)
        choice = of.chain.choice[of.run]
        found = np.flatnonzero(choice >= 0)
        why[of.order] = of.chain.why[of.run]
        target, seen = of.order[found], of.run[found]
        edge[target] = of.columns.edge[seen, choice[found]]
        at, place, off_m = _on_edge(self.graph, edge[target], of.points[found])
        fraction[target], lonlat_deg[target], distance_m[target] = at, place, off_m
        confidence[target] = of.chain.confidence[seen]
        number[target] = of.chain_of[seen]
        return Matched(edge, fraction, distance_m, lonlat_deg, confidence, why, number, travelled)


class _Chosen(NamedTuple):
    """Fixes in order, the observation of each, and what was chosen for the observations."""

    order: NDArray[np.intp]
    points: NDArray[np.float64]
    run: NDArray[np.int64]
    columns: match_kernels.Columns
    chain: match_kernels.Chain
    chain_of: NDArray[np.int32]


def _in_order(
    points: NDArray[np.float64],
    moments: NDArray[np.float64],
    whose: NDArray[np.int64],
    sigma_m: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.int8]]:
    """Sort by track and time, of one moment the surest fix; and say of the others why they do not count."""
    why = np.full(len(points), REPEATED, np.int8)
    with np.errstate(invalid="ignore"):
        placed = np.asarray((np.abs(points) <= (180.0, 90.0)).all(axis=1))
    why[~placed] = UNPLACED
    order = np.lexsort((points[:, 1], points[:, 0], sigma_m, moments, whose))
    order = order[placed[order]]
    first = np.ones(len(order), np.bool_)
    first[1:] = (whose[order][1:] != whose[order][:-1]) | (moments[order][1:] != moments[order][:-1])
    return order[first], why


def _observations(
    points: NDArray[np.float64],
    moments: NDArray[np.float64],
    whose: NDArray[np.int64],
    sigma_m: NDArray[np.float64],
    run: NDArray[np.int64],
) -> match_kernels.Fixes:
    """Make one observation of each run of fixes: their mean place, their span, the least of their errors."""
    if len(run) == 0:
        nothing = np.empty(0)
        return match_kernels.Fixes(np.empty((0, 2)), np.empty(0, np.int64), nothing, nothing, nothing)
    first = np.flatnonzero(np.diff(run, prepend=-1))
    count = np.diff(np.append(first, len(run)))
    # the mean is taken about the first fix, so that a fix alone keeps its coordinates to the last bit
    offset = points - points[first][run]
    mean = points[first] + np.add.reduceat(offset, first, axis=0) / count[:, None]
    last = np.append(first[1:], len(run)) - 1
    return match_kernels.Fixes(
        mean, whose[first], moments[first], moments[last], np.minimum.reduceat(sigma_m, first)
    )


def _chains(chain: match_kernels.Chain) -> NDArray[np.int32]:
    """Give chains of observations a number, a break within one beginning a new one; -1 without one."""
    live = chain.choice >= 0
    starts = live & ((chain.before < 0) | chain.broken)
    return np.where(live, np.cumsum(starts) - 1, -1).astype(np.int32)


def _travelled(
    graph: RoadGraph,
    fixes: match_kernels.Fixes,
    chain: match_kernels.Chain,
    chain_of: NDArray[np.int32],
    parts: match_trail.Parts,
) -> Travelled:
    """Give each part its time: at even speed from one observation to the next."""
    length_m = graph.network.edge_length_m[parts.edge] * np.abs(parts.stop - parts.start)
    step = np.bincount(parts.fix, weights=length_m, minlength=len(fixes.track))
    run = np.cumsum(length_m)
    opens = np.ones(len(parts.fix), np.bool_)
    opens[1:] = parts.fix[1:] != parts.fix[:-1]
    base = (run - length_m)[opens][np.cumsum(opens) - 1] if len(run) else run
    whole = step[parts.fix]
    with np.errstate(invalid="ignore", divide="ignore"):
        until = np.where(whole > 0, np.minimum((run - base) / whole, 1.0), 1.0)
        since = np.where(whole > 0, np.minimum((run - length_m - base) / whole, 1.0), 0.0)
    left = fixes.last_s[chain.before[parts.fix]]
    span = fixes.first_s[parts.fix] - left
    return Travelled(
        track=fixes.track[parts.fix],
        chain=chain_of[parts.fix],
        edge=parts.edge,
        start=parts.start,
        stop=parts.stop,
        from_s=left + since * span,
        to_s=left + until * span,
        length_m=length_m,
    )


def _on_edge(
    graph: RoadGraph, edge: NDArray[np.int32], points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Nearest place on a given edge to each point: fraction, lon and lat, distance in metres.

    Measured in the plane that touches the ellipsoid at the point.
    """
    if len(edge) == 0:
        return np.empty(0), np.empty((0, 2)), np.empty(0)
    coordinates, owner = shapely.get_coordinates(graph.network.edge_shape[edge], return_index=True)
    scale = np.stack(metres_per_degree(points[:, 1]), axis=1)
    flat = shapely.linestrings((coordinates - points[owner]) * scale[owner], indices=owner)
    origin = shapely.points(np.zeros((len(edge), 2)))
    fraction = shapely.line_locate_point(flat, origin, normalized=True)
    fraction = np.where(np.isfinite(fraction), np.clip(fraction, 0.0, 1.0), 0.0)
    foot = shapely.get_coordinates(shapely.line_interpolate_point(flat, fraction, normalized=True))
    return fraction, points + foot / scale, np.hypot(foot[:, 0], foot[:, 1])


def _streets(graph: RoadGraph, doubt: float) -> match_kernels.Streets:
    """Return what the kernels read of a graph."""
    edge_mm = np.maximum(1, np.floor(graph.network.edge_length_m * 1000.0 + 0.5)).astype(np.int64)
    return match_kernels.Streets(
        edge_node=graph.edge_node,
        edge_open=graph.edge_ms >= 0,
        edge_mm=edge_mm,
        out_ptr=graph.out_ptr,
        out_head=np.ascontiguousarray(graph.out_arc[:, 0]),
        out_tail=np.repeat(np.arange(graph.n_nodes, dtype=np.int32), np.diff(graph.out_ptr)),
        out_mm=edge_mm[graph.arc_edge],
        doubt=np.where(np.isin(graph.network.edge_class.astype(str), SERVICE), doubt, 0.0),
    )


def _raster(snapper: Snapper) -> match_kernels.Raster:
    """Lay a raster of about :data:`CELL_M`, or coarser if it would be too large, over the streets."""
    pieces = snapper.pieces
    if len(pieces.edge) == 0:
        low, step, shape = np.zeros(2), np.ones(2), np.zeros(2, np.int64)
        ptr, item = np.zeros(1, np.int64), np.empty(0, np.int32)
    else:
        low = np.minimum(pieces.a, pieces.b).min(axis=0)
        high = np.maximum(pieces.a, pieces.b).max(axis=0)
        scale = np.array(metres_per_degree(float(low[1] + high[1]) / 2))
        cell_m = CELL_M
        while np.prod(np.floor((high - low) * scale / cell_m) + 1) > MOST_CELLS:
            cell_m *= 2
        step = cell_m / scale
        shape = (np.floor((high - low) / step) + 1).astype(np.int64)
        ptr, item = kernels_snap.fill_grid(pieces.a, pieces.b, low, step, shape)
    return match_kernels.Raster(
        pieces.a, pieces.b, pieces.edge, pieces.start, pieces.stop, low, step, shape, ptr, item
    )
