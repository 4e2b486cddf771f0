"""Move-up: who should shift where while somebody is busy, so that the least cover is lost.

Who is free stands at places; at most ``moves`` of them go to another place. What is covered by the new
places is to be the most. Solved as an integer program by HiGHS, from the answer of greedy moves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array, eye_array, hstack, vstack

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.roads.graph import UNREACHED
from geo_service.staffing import siting_exact as exact
from geo_service.staffing.siting_lists import Lists, alike, within


@dataclass(frozen=True)
class Move:
    """Somebody goes from one site to another, and needs so long for it."""

    start: int
    stop: int
    time_ms: int


@dataclass(frozen=True)
class MoveUp:
    """What is to be done, and what it saves.

    Attributes
    ----------
    moves : list of Move
        In order of the site they leave.
    covered_before, covered_without, covered_after : float
        Weight within the limit with everybody, without those who are busy, and after the moves.
    bound : float
        No choice of as many moves covers more.
    is_optimal : bool
    """

    moves: list[Move]
    covered_before: float
    covered_without: float
    covered_after: float
    bound: float
    is_optimal: bool


def move_up(
    time_ms: NDArray[np.int32],
    weight: NDArray[np.float64],
    standing: NDArray[np.int64],
    busy: NDArray[np.bool_],
    between_ms: NDArray[np.int32],
    *,
    limit_ms: int,
    moves: int,
    longest_ms: int = int(UNREACHED) - 1,
    seconds: float = 5.0,
) -> MoveUp:
    """Find at most so many moves after which most is covered.

    Parameters
    ----------
    time_ms : (m, n) int32
        From each site to each place that counts ``weight`` (n,).
    standing : (k,) int64
        Site of each one; several may stand at one.
    busy : (k,) bool
        Who cannot be counted on.
    between_ms : (m, m) int32
        From site to site.
    limit_ms : int
        Within which somebody must be there.
    moves : int
        How many may move at most.
    longest_ms : int
        Nobody moves farther than this.
    seconds : float
        For the proof.

    Raises
    ------
    InvalidInputError
        A number is out of range.
    """
    if moves < 0 or (standing < 0).any() or (standing >= len(time_ms)).any() or len(busy) != len(standing):
        message = Words("give sites that there are, and 0 moves or more", "请给出已有的点位，移动数不小于 0")
        raise InvalidInputError(message, [Fault("moves", message, value=moves)])
    m = len(time_ms)
    free = np.bincount(standing[~busy], minlength=m).astype(np.int64)
    covers = within(time_ms, limit_ms, np.ones(m, np.bool_))
    before = _covered(covers, weight, np.bincount(standing, minlength=m))
    without = _covered(covers, weight, free)
    most = _covered(covers, weight, np.ones(m, np.int64))
    if without >= most or not moves:
        return MoveUp([], before, without, without, without, is_optimal=True)  # nothing is to be gained
    may = (between_ms <= longest_ms) & ~np.eye(m, dtype=np.bool_)
    may[free == 0] = False
    verdict = exact.solve(_program(covers, weight, free, may, moves), seconds)
    done: list[Move] = []
    after = without
    if verdict.x is not None:
        pairs = np.argwhere(may)
        taken = pairs[verdict.x[: len(pairs)] > 0.5]
        after = _covered(covers, weight, _after(free, taken))
        done = _shortest(taken, between_ms, longest_ms) if after > without else []
        after = max(after, without)
    bound = after if verdict.is_final else min(-verdict.bound, most)
    return MoveUp(done, before, without, after, max(bound, after), verdict.is_final)


def _after(free: NDArray[np.int64], taken: NDArray[np.int64]) -> NDArray[np.int64]:
    there = free.copy()
    np.subtract.at(there, taken[:, 0], 1)
    np.add.at(there, taken[:, 1], 1)
    return there


def _covered(covers: csr_array, weight: NDArray[np.float64], there: NDArray[np.int64]) -> float:
    return float(weight[covers @ (there > 0).astype(np.float64) > 0].sum())


def _program(
    covers: csr_array,
    weight: NDArray[np.float64],
    free: NDArray[np.int64],
    may: NDArray[np.bool_],
    moves: int,
) -> exact.Program:
    """Variables: each move that may be; whether somebody is at each site; whether each row is covered."""
    m = len(free)
    group = alike(covers, np.zeros(covers.shape[0], np.int64))
    _, first = np.unique(group, return_index=True)
    rows = covers[first]
    worth = np.bincount(group, weights=weight, minlength=len(first))
    pairs = np.argwhere(may)
    k, n = len(pairs), len(first)
    ones, at = np.ones(k), np.arange(k)
    leave = csr_array((ones, (pairs[:, 0], at)), shape=(m, k))
    come = csr_array((ones, (pairs[:, 1], at)), shape=(m, k))
    none = csr_array((m, n))
    # who is there is at most who was, less who left, and who came; nobody leaves twice
    there = hstack([come - leave, -eye_array(m), none])
    left = hstack([-leave, csr_array((m, m)), none])
    seen = hstack([csr_array((n, k)), Lists.of(rows).matrix, -eye_array(n)])
    few = csr_array(np.concatenate([-np.ones(k), np.zeros(m + n)])[None, :])
    least = np.concatenate([-free, -free, np.zeros(n), [-float(moves)]]).astype(np.float64)
    # a hair against moves that bring nothing
    small = 0.25 * float(worth[worth > 0].min(initial=1.0)) / max(moves, 1)
    cost = np.concatenate([np.full(k, min(small, 1e-3)), np.zeros(m), -worth])
    return exact.Program(
        cost,
        vstack([there, left, seen, few]).tocsr(),
        least,
        np.zeros(k + m + n),
        np.ones(k + m + n),
        k + m,
    )


def _shortest(taken: NDArray[np.int64], between_ms: NDArray[np.int32], longest_ms: int) -> list[Move]:
    """Let who leaves and who is wanted meet with the least time on the way together."""
    leaves, wanted = taken[:, 0], taken[:, 1]
    ways = between_ms[np.ix_(leaves, wanted)].astype(np.float64)
    a, b = linear_sum_assignment(np.where(ways <= longest_ms, ways, 1e12))
    made = [Move(int(leaves[i]), int(wanted[j]), int(ways[i, j])) for i, j in zip(a, b, strict=True)]
    return sorted(
        (move for move in made if move.start != move.stop), key=lambda move: (move.start, move.stop)
    )
