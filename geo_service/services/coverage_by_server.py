"""Coverage by the travel times of a server: which questions it can answer, and what is asked of it.

A matrix of everybody and every place would be millions of pairs. Asked is only who might be there in time
as the crow flies at the top speed of his mode, and for each place the nearest few, so that also the time of a
place that is not reached in time is known, if only from those few.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Words
from geo_service.geometry.measure import local_xy_m
from geo_service.model import Mode
from geo_service.roads.demand import merged
from geo_service.roads.graph import UNREACHED
from geo_service.roads.kernels import NONE
from geo_service.roads.snap import Snaps
from geo_service.services.coverage_engines import MOST_PAIRS, MOST_PLACES, Server, server_of
from geo_service.services.coverage_people import People
from geo_service.services.coverage_places import Places
from geo_service.services.coverage_question import Question
from geo_service.services.coverage_reach import DEPTH, Reach
from geo_service.services.ground import Ground

#: Nobody is faster than that as the crow flies, m/s: 9, 45 and 140 km/h.
TOP_MPS = {Mode.WALK: 2.5, Mode.EBIKE: 12.5, Mode.CAR: 38.9}
#: So many are asked about for each place however far they are.
NEAREST = 5
#: What a server runs on is asked again after so many seconds.
VERSION_HOLDS_S = 30.0

SIDE = min(MOST_PLACES // 2, int(MOST_PAIRS**0.5))

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """What of a question goes to servers.

    ``marks`` has a digest of each mode's server, for the fingerprint; ``notes`` say what does not go there,
    though a server is set, and why.
    """

    kind: str = "embedded"
    marks: Mapping[Mode, str] = field(default_factory=dict)
    notes: tuple[Words, ...] = ()

    @property
    def modes(self) -> frozenset[Mode]:
        """Modes whose times are those of a server."""
        return frozenset(self.marks)

    def told(self, modes: frozenset[Mode]) -> dict[str, Any]:
        """Tell by whom each mode was answered, and the notes."""
        by = {mode.value: self.kind if mode in self.marks else "embedded" for mode in Mode if mode in modes}
        notes = [{"message": str(note), "message_zh": note.zh} for note in self.notes]
        return {"by_mode": by, "notes": notes}


def share_of(held: Ground, question: Question, modes: frozenset[Mode]) -> Share:
    """Return what of a question the operator's servers answer.

    Raises
    ------
    UnavailableError, TimedOutError
        A server does not answer, or not as it should.
    """
    servers = held.servers
    if not servers.modes & modes:
        notes = [_by_us(modes)] if servers.modes and modes else []
        return Share(servers.kind, {}, tuple(notes))
    if (why := _beyond_servers(question)) is not None:
        return Share(servers.kind, {}, (why,))
    marks = {mode: version_mark(held, mode) for mode in Mode if mode in servers.modes & modes}
    rest = modes - frozenset(marks)
    return Share(servers.kind, marks, (_by_us(rest),) if rest else ())


def version_mark(held: Ground, mode: Mode) -> str:
    """Return the digest of a mode's server and what it runs on, asked anew twice a minute."""
    servers = held.servers

    def ask() -> str:
        with server_of(servers, mode) as server:
            return servers.mark(mode, server.version())

    return held.keep(("travel server", servers, mode, int(time.monotonic() // VERSION_HOLDS_S)), ask)


def _by_us(modes: frozenset[Mode]) -> Words:
    names = ", ".join(sorted(mode.value for mode in modes))
    return Words(
        f"no travel server is set for {names}: the embedded engine answered",
        f"{names} 未设置外部路径服务器：由内置引擎计算",
    )


def _beyond_servers(question: Question) -> Words | None:
    """Say what a server's matrix cannot take into account; None when it can answer."""
    changes = question.changes
    if changes.edges or changes.streets or changes.bridges:
        return Words(
            "a travel server knows nothing of closed streets: the embedded engine answered",
            "外部路径服务器不了解假设封闭的道路：由内置引擎计算",
        )
    if question.pace != "free" or question.rain is not None:
        return Words(
            "a travel server knows nothing of speeds by the hour or of rain: the embedded engine answered",
            "外部路径服务器不了解分时车速和雨天：由内置引擎计算",
        )
    return None


def reach_of(
    held: Ground,
    people: People,
    starts: Mapping[Mode, Snaps],
    places: Mapping[str, Places],
    *,
    limit_ms: int,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> dict[str, Reach]:
    """Return the reach of each kind of places by those of some modes, as the servers say.

    Parameters as of :func:`geo_service.services.coverage_reach.travel`.

    Raises
    ------
    UnavailableError, TimedOutError
        A server does not answer, or not as it should.
    """
    reach = {
        kind: Reach(np.full(len(one), NONE, np.int64), np.full((len(one), DEPTH), NONE, np.int64))
        for kind, one in places.items()
    }
    for mode, snaps in starts.items():
        rows = np.flatnonzero(snaps.snapped)
        with server_of(held.servers, mode) as server:
            for kind, some in places.items():
                found = soonest(
                    server,
                    mode,
                    people.lonlat_deg[rows],
                    some.lonlat_deg,
                    delay_ms=people.delay_ms[rows],
                    limit_ms=limit_ms,
                    groups=None if groups is None else (groups[0][rows], groups[1][some.leaf]),
                )
                known = reach[kind]
                named = numbered(found, rows)
                known.nearest[:] = np.minimum(known.nearest, named[:, 0])
                within = np.where(named >> 32 <= limit_ms, named, NONE)
                known.within[:] = merged(known.within, within)
    return reach


def numbered(labels: Labels, rows: NDArray[np.int64]) -> Labels:
    """Return labels whose owners are numbers of all people, ``rows`` being those that were asked about."""
    if not len(rows):
        return np.full_like(labels, NONE)
    owner = rows[np.where(labels == NONE, 0, labels & 0xFFFFFFFF)]
    return np.where(labels == NONE, NONE, (labels >> 32 << 32) | owner)


def soonest(
    server: Server,
    mode: Mode,
    sources: NDArray[np.float64],
    targets: NDArray[np.float64],
    *,
    delay_ms: NDArray[np.int64],
    limit_ms: int,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Labels:
    """Return the soonest three for each place, of those who were asked about.

    Parameters
    ----------
    sources, targets : (n, 2), (m, 2) float64
        EPSG:4326.
    delay_ms : (n,) int64
        Before each sets out.
    limit_ms : int
        All who could be there within it are asked about.
    groups : pair of arrays, optional
        Group of each source, of each target: who is of another group (or of -1) does not count.

    Returns
    -------
    (m, 3) int64
        Labels, ``time_ms * 2**32 + row of the source``, ascending.
    """
    out = np.full((len(targets), DEPTH), NONE, np.int64)
    if not len(sources) or not len(targets):
        return out
    origin = targets.mean(axis=0)
    from_m, to_m = local_xy_m(sources, origin), local_xy_m(targets, origin)
    order = _along_a_curve(to_m)
    for first in range(0, len(order), SIDE):
        block = order[first : first + SIDE]
        far_m = np.hypot(*(to_m[block][:, None, :] - from_m[None, :, :]).transpose(2, 0, 1))
        if groups is not None:
            stranger = (groups[0][None, :] != groups[1][block][:, None]) | (groups[0][None, :] < 0)
            far_m[stranger] = np.inf
        asked = np.flatnonzero(_worth_asking(far_m, mode, limit_ms).any(axis=0))
        for part in range(0, len(asked), SIDE):
            who = asked[part : part + SIDE]
            ms = server.matrix(mode, sources[who], targets[block]).T.astype(np.int64)
            label = (ms + delay_ms[who]) << 32 | who
            label[(ms >= UNREACHED) | ~np.isfinite(far_m[:, who])] = NONE
            out[block] = _least(out[block], label)
    return out


def _least(known: Labels, more: Labels) -> Labels:
    both: Labels = np.sort(np.concatenate([known, more], axis=1), axis=1)
    return both[:, :DEPTH]


def _worth_asking(far_m: NDArray[np.float64], mode: Mode, limit_ms: int) -> NDArray[np.bool_]:
    """Return who may be there in time, or is among the nearest few; nobody who is infinitely far."""
    k = min(NEAREST, far_m.shape[1]) - 1
    few = np.partition(far_m, k, axis=1)[:, k]
    bound = np.maximum(few, TOP_MPS[mode] * limit_ms / 1000)
    return (far_m <= bound[:, None]) & np.isfinite(far_m)


def _along_a_curve(xy_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places in the order of a Z curve, so that what is asked together lies together."""
    low, high = xy_m.min(axis=0), xy_m.max(axis=0)
    cell = ((xy_m - low) / max(float((high - low).max()), 1.0) * 0xFFFF).astype(np.uint64)
    key = np.zeros(len(xy_m), np.uint64)
    for bit in range(16):
        for axis in (0, 1):
            key |= (cell[:, axis] >> np.uint64(bit) & np.uint64(1)) << np.uint64(2 * bit + axis)
    return np.argsort(key, kind="stable")
