"""The seat: streets in blocks on both banks, bent with the river, and what stands in each block."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_service.demo.frame import Floats, Valley, Waves
from geo_service.demo.names import STREET_ACROSS, STREET_ALONG
from geo_service.demo.spec import DemoSpec
from geo_service.demo.terrain import resample
from geo_service.demo.ways import Way, poke

OUTER_ROADS = ("迎宾大道", "建设大道", "凤凰路", "柯城路", "新华路", "北环路")  # beyond the railway
AVENUES = ("澜江大道", "南岸大道")
SOUTH_SHARE = 0.86  # the south bank is built on a shorter stretch


@dataclass(frozen=True, slots=True)
class Blocks:
    """Street blocks as rectangles in valley coordinates, their use, and the street in front of each."""

    s0: Floats
    s1: Floats
    t0: Floats
    t1: Floats
    use: NDArray[np.object_]
    street: NDArray[np.object_]
    district: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.s0)


@dataclass(frozen=True, slots=True)
class Seat:
    """The seat's ways and blocks, and where its avenues run (t north and south of the river)."""

    ways: list[Way]
    blocks: Blocks
    avenue_t: tuple[float, float]
    bridge_s: Floats


def _ladder(rng: np.random.Generator, low: float, high: float, step: float) -> Floats:
    n = max(1, round((high - low) / step))
    at = np.linspace(low, high, n + 1)
    at[1:-1] += rng.uniform(-0.14, 0.14, n - 1) * (high - low) / n
    return at


def _bank(
    rng: np.random.Generator, spec: DemoSpec, sign: int, bridges: Floats, rungs: tuple[float, float]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return street positions along and across for one bank, and which blocks are built."""
    depth = spec.seat_north_m if sign > 0 else spec.seat_south_m
    half = spec.seat_half_m * (1.0 if sign > 0 else SOUTH_SHARE)
    t = _ladder(rng, spec.river_width_m * 0.5 + 24.0, depth, rungs[1])
    s = _ladder(rng, -half, half, rungs[0])
    for bridge in bridges:
        s[np.argmin(np.abs(s - bridge))] = bridge
    middle_s, middle_t = (s[1:] + s[:-1]) / 2.0, (t[1:] + t[:-1]) / 2.0
    ragged = Waves.draw(rng, 0.13, half * 0.6, 5)(middle_s)
    room = np.sqrt(np.clip(1.0 - (np.abs(middle_s) / (half * 1.06)) ** 2.6, 0.0, 1.0)) + ragged + 0.05
    built = (middle_t[None, :] / depth) < room[:, None]
    built[:, 0] |= np.abs(middle_s) < 0.9 * half
    return s, sign * t, built


def make_seat(rng: np.random.Generator, spec: DemoSpec, valley: Valley) -> Seat:
    """Lay out the seat."""
    n_bridges = 2 if spec.size == "town" else 5
    bridges = np.linspace(-0.55, 0.55, n_bridges) * spec.seat_half_m + rng.uniform(-60, 60, n_bridges)
    ways: list[Way] = []
    tables: list[Blocks] = []
    avenues = []
    for sign in (1, -1):
        s, t, built = _bank(rng, spec, sign, bridges, (128.0, 88.0))
        avenue = int(np.argmin(np.abs(np.abs(t) - (0.5 * np.abs(t[-1]) + 10.0))))
        avenues.append(float(t[avenue]))
        ways += _bank_ways(rng, valley, s, t, built, avenue=avenue, bridges=bridges)
        tables.append(_bank_blocks(rng, spec, s, t, built, avenue=avenue))
    ways += _bridge_ways(spec, valley, bridges, float(tables[0].t0.min()), float(tables[1].t1.max()))
    columns = [np.concatenate([getattr(table, name) for table in tables]) for name in Blocks.__slots__]
    return Seat(ways, Blocks(*columns), (avenues[0], avenues[1]), bridges)


def _street(valley: Valley, s: tuple[float, float], t: tuple[float, float]) -> Floats:
    length = np.hypot(s[1] - s[0], t[1] - t[0])
    n = max(2, round(length / 20.0) + 1)
    return valley.to_xy(np.linspace(s[0], s[1], n), np.linspace(t[0], t[1], n))


def _bank_ways(
    rng: np.random.Generator,
    valley: Valley,
    s: Floats,
    t: Floats,
    built: NDArray[np.bool_],
    *,
    avenue: int,
    bridges: Floats,
) -> list[Way]:
    """Return the streets around built blocks; a few minor pieces are footways instead of streets."""
    ways = []
    padded = np.pad(built, 1)
    for j in range(len(t)):
        name = STREET_ALONG[(j + (0 if t[0] > 0 else 12)) % len(STREET_ALONG)]
        grand = "primary" if t[0] > 0 else "secondary"
        if j == avenue:
            name = AVENUES[0 if t[0] > 0 else 1]
        for i in range(len(s) - 1):
            if j == avenue or padded[i + 1, j] or padded[i + 1, j + 1]:
                minor = j not in (0, avenue) and j % 2 == 0
                kind = (
                    "footway" if minor and rng.random() < 0.2 else ("tertiary" if j == 0 else "residential")
                )
                kind = grand if j == avenue else kind
                ways.append(Way(_street(valley, (s[i], s[i + 1]), (t[j], t[j])), kind, name))
    for i in range(len(s)):
        name = STREET_ACROSS[(i + (0 if t[0] > 0 else 17)) % len(STREET_ACROSS)]
        main = bool(np.any(np.abs(bridges - s[i]) < 1.0))
        for j in range(len(t) - 1):
            if main or padded[i, j + 1] or padded[i + 1, j + 1]:
                minor = not main and i % 2 == 1
                kind = "living_street" if minor and rng.random() < 0.35 else "residential"
                kind = "secondary" if main else kind
                ways.append(Way(_street(valley, (s[i], s[i]), (t[j], t[j + 1])), kind, name))
    return ways


def _bridge_ways(spec: DemoSpec, valley: Valley, bridges: Floats, north: float, south: float) -> list[Way]:
    ways = []
    beyond = spec.rail_t_m + 210.0
    for number, s in enumerate(bridges.tolist()):
        name = f"澜江{('一', '二', '三', '四', '五')[number]}桥"
        ways.append(Way(_street(valley, (s, s), (south, north)), "secondary", name))
        ways.append(
            Way(_street(valley, (s, s), (spec.seat_north_m, beyond)), "secondary", OUTER_ROADS[number])
        )
    for first, second in zip(bridges[:-1].tolist(), bridges[1:].tolist(), strict=True):
        ways.append(Way(_street(valley, (first, second), (beyond, beyond)), "tertiary", OUTER_ROADS[-1]))
    return ways


def _bank_blocks(
    rng: np.random.Generator,
    spec: DemoSpec,
    s: Floats,
    t: Floats,
    built: NDArray[np.bool_],
    *,
    avenue: int,
) -> Blocks:
    i, j = np.nonzero(built)
    low, high = np.minimum(t[j], t[j + 1]), np.maximum(t[j], t[j + 1])
    middle_s = (s[i] + s[i + 1]) / 2.0
    n_rows = len(t) - 1
    old = np.exp(-((middle_s / (0.45 * spec.seat_half_m)) ** 2)) * (j < max(2, n_rows * 0.6))
    draw = rng.random(len(i))
    use = np.where(draw < 0.75 * old, "shophouses", "flats").astype(object)
    extra = rng.random(len(i))
    use[extra < 0.055] = "park"
    use[(extra >= 0.055) & (extra < 0.11)] = "campus"
    if t[0] > 0:
        use[(j == n_rows - 1) & (extra > 0.45)] = "factory"
    street = np.array(
        [
            AVENUES[0 if t[0] > 0 else 1]
            if b in (avenue, avenue - 1)
            else STREET_ALONG[(b + (0 if t[0] > 0 else 12)) % len(STREET_ALONG)]
            for b in j.tolist()
        ],
        dtype=object,
    )
    return Blocks(s[i], s[i + 1], low, high, use, street, np.where(t[0] > 0, 0, 1) + 0 * i)


def block_lanes(valley: Valley, blocks: Blocks) -> list[Way]:
    """Return the lane through the middle of each block of shop-houses or flats."""
    ways = []
    for k in range(len(blocks)):
        if blocks.use[k] in ("shophouses", "flats"):
            middle = float(blocks.t0[k] + blocks.t1[k]) / 2.0
            ends = (float(blocks.s0[k]), float(blocks.s1[k]))
            if blocks.use[k] == "flats" and k % 3:
                ends = (ends[0], ends[0] + 0.72 * (ends[1] - ends[0]))
            kind = "living_street" if blocks.use[k] == "shophouses" else "service"
            line = poke(resample(_street(valley, ends, (middle, middle)), 20.0), both=ends[1] == blocks.s1[k])
            ways.append(Way(line, kind, f"{blocks.street[k][:2]}弄"))
    return ways
