"""The hierarchy of cells: mesh cells grown into communities, grids and micro-grids, coded and named."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_service.demo.buildings import Buildings
from geo_service.demo.frame import Floats, Valley
from geo_service.demo.mesh import Ints, Mesh
from geo_service.demo.spec import DemoSpec

GAP = -2
# what it costs, in metres of easy walking, to step over each kind of barrier line
STREET, STREAM, AVENUE, RAILWAY, RIVER = 1, 2, 3, 4, 5
_STEP_OVER_M = np.array([0.0, 80.0, 110.0, 260.0, 320.0, 900.0])


@dataclass(frozen=True, slots=True)
class Division:
    """Who holds each mesh site: leaf, and the parents of leaves, grids and communities.

    ``leaf_of_site`` is -1 outside the county and ``GAP`` in the gap.
    """

    leaf_of_site: Ints
    grid_of_leaf: Ints
    community_of_grid: Ints
    township_of_community: Ints
    urban_community: NDArray[np.bool_]
    market_community: NDArray[np.bool_]


def apportion(weight: Floats | Ints, total: int, least: int) -> Ints:
    """Share ``total`` units by weight, at least ``least`` each, by largest remainders."""
    n = len(weight)
    exact = weight / weight.sum() * (total - least * n)
    share = np.floor(exact).astype(np.int64)
    rest = total - least * n - int(share.sum())
    share[np.argsort(share - exact, kind="stable")[:rest]] += 1
    return np.asarray(share + least, dtype=np.int64)


def k_means(rng: np.random.Generator, points: Floats, weight: Floats, k: int, rounds: int = 12) -> Floats:
    """Return ``k`` centres of weighted points: farthest-first start, then Lloyd's rounds."""
    first = int(rng.integers(len(points)))
    centres = [points[first]]
    away = np.full(len(points), np.inf)
    for _ in range(k - 1):
        away = np.minimum(away, ((points - centres[-1]) ** 2).sum(axis=1))
        centres.append(points[int(np.argmax(away * (0.3 + weight)))])
    middle = np.array(centres)
    for _ in range(rounds):
        near = cKDTree(middle).query(points)[1]
        total = np.bincount(near, weight, minlength=k)
        moved = np.stack(
            [np.bincount(near, weight * points[:, c], minlength=k) for c in range(points.shape[1])], axis=-1
        )
        middle = np.where(total[:, None] > 0, moved / np.maximum(total, 1e-9)[:, None], middle)
    return np.asarray(middle, dtype=np.float64)


def _even_parts(points: Floats, weight: Floats, k: int) -> Floats:
    """Return the middles of ``k`` parts of about equal weight: halve by the longer side until there are k."""
    if k == 1 or len(points) < 2:
        return np.repeat(np.average(points, axis=0, weights=weight)[None], k, axis=0)
    axis = int(np.argmax(points.std(axis=0)))
    order = np.argsort(points[:, axis], kind="stable")
    total = np.cumsum(weight[order])
    cut = int(np.clip(np.searchsorted(total, total[-1] * (k // 2) / k), 1, len(points) - 1))
    low, high = order[:cut], order[cut:]
    lower = _even_parts(points[low], weight[low], k // 2)
    return np.concatenate([lower, _even_parts(points[high], weight[high], k - k // 2)])


def distinct_nearest(points: Floats, centres: Floats) -> Ints:
    """Return for each centre a nearby point, no point twice (``len(points) >= len(centres)``)."""
    near = cKDTree(points).query(centres, k=min(len(points), 24))[1].reshape(len(centres), -1)
    used: set[int] = set()
    out = []
    for row in near.tolist():
        pick = next((x for x in row if x not in used), None)
        if pick is None:
            pick = next(x for x in range(len(points)) if x not in used)
        used.add(pick)
        out.append(pick)
    return np.array(out, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the growing of cells needs to know about each site of the mesh."""

    mesh: Mesh
    cost: Floats
    inside: NDArray[np.bool_]
    building: Ints  # index of the building the site stands on, -1 where none
    bank: NDArray[np.int8]  # which side of the river


def step_costs(mesh: Mesh, height_m: Floats, building: Ints, house_m: Floats) -> Floats:
    """Return the cost of each mesh edge: distance, climbing, and the barrier it crosses.

    Built-up land is cheap, so that a settlement is not torn between cells; a building and the ground at
    its walls are nearly free, so that borders keep off the buildings.
    """
    p, q = mesh.p, mesh.q
    distance = np.hypot(*(mesh.site_xy_m[p] - mesh.site_xy_m[q]).T)
    climb = np.abs(height_m[p] - height_m[q])
    ease = np.where(np.maximum(house_m[p], house_m[q]) < 60.0, 0.45, 1.0)
    ease = np.where((building[p] >= 0) | (building[q] >= 0), 0.3, ease)
    ease = np.where((building[p] >= 0) & (building[p] == building[q]), 0.01, ease)
    return np.asarray((distance + 10.0 * climb) * ease + _STEP_OVER_M[mesh.barrier])


def county_sites(mesh: Mesh, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Make the county one piece without holes."""
    part = mesh.parts(inside.astype(np.int64))
    largest = np.bincount(part[inside]).argmax()
    outer = part[np.argmin(mesh.site_xy_m[:, 0])]
    return np.asarray((part == largest) | (part != outer))


def _grow_within(ground: Ground, parent: Ints, seeds: Ints) -> Ints:
    """Grow seeds without leaving their parent cell; what no seed reaches stays -1."""
    mesh = ground.mesh
    use = (parent[mesh.p] == parent[mesh.q]) & (parent[mesh.p] >= 0)
    return mesh.grow(ground.cost, use, seeds)


def grow_communities(
    rng: np.random.Generator,
    spec: DemoSpec,
    ground: Ground,
    table: Buildings,
    *,
    town: NDArray[np.bool_],
    villages: Floats,
) -> Ints:
    """Return the community of each site: the urban ones share the seat, the villages all other land."""
    sites = ground.mesh.site_xy_m
    homes = np.flatnonzero(np.isin(table.use, ("flats", "shophouse")))
    bank = ground.bank[cKDTree(sites).query(table.xy_m[homes])[1]]
    features = np.c_[table.xy_m[homes], bank * 4000.0]
    centres = k_means(rng, features, capacity(table)[homes], spec.n_urban, 25)
    town = _one_piece(ground, town & ground.inside)
    own = np.flatnonzero(town)
    seeds = own[distinct_nearest(np.c_[sites[own], ground.bank[own] * 4000.0], centres)]
    open_land = np.flatnonzero(ground.inside & ~town)
    far = open_land[distinct_nearest(sites[open_land], villages)]
    zone = np.where(ground.inside, np.where(town, 0, 1), -1)
    community = _grow_within(ground, zone, np.r_[seeds, far])
    return fill(ground, community, ground.inside)


def _one_piece(ground: Ground, mark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    part = ground.mesh.parts(mark.astype(np.int64))
    return np.asarray(part == np.bincount(part[mark]).argmax())


def fill(ground: Ground, label: Ints, where: NDArray[np.bool_]) -> Ints:
    """Give sites that nobody reached to the labelled neighbour they are cheapest to reach from."""
    known = np.flatnonzero(where & (label >= 0))
    if len(known) == int(where.sum()):
        return label
    use = where[ground.mesh.p] & where[ground.mesh.q]
    nearest = ground.mesh.grow(ground.cost, use, known)
    return np.where(where, label[known[nearest]], label)


def capacity(table: Buildings) -> Floats:
    """Return how many households a building could hold; public buildings and factories none."""
    area = table.length_m * table.depth_m * table.floors
    per_home = np.array(
        [{"flats": 105.0, "shophouse": 130.0, "farmhouse": 190.0}.get(u, 0.0) for u in table.use]
    )
    return np.where(per_home > 0, np.maximum(1.0, area / np.maximum(per_home, 1.0)), 0.0)


def grow_grids(spec: DemoSpec, ground: Ground, table: Buildings, community: Ints) -> tuple[Ints, Ints]:
    """Return the grid of each site and the community of each grid."""
    weight = np.zeros(len(ground.building))
    first = np.unique(ground.building, return_index=True)
    weight[first[1][first[0] >= 0]] = capacity(table)[first[0][first[0] >= 0]]
    per = np.bincount(community[community >= 0], weight[community >= 0], minlength=spec.n_communities)
    per = np.maximum(per, 1.0)
    urban = apportion(per[: spec.n_urban], spec.n_urban_grids, 1)
    rural = apportion(np.sqrt(per[spec.n_urban :]), spec.n_grids - spec.n_urban_grids, 1)
    count = np.r_[urban, rural]
    seeds, parent = [], []
    order = np.argsort(community, kind="stable")
    starts = np.searchsorted(community[order], np.arange(spec.n_communities + 1))
    for c in range(spec.n_communities):
        own = order[starts[c] : starts[c + 1]]
        homes = own[weight[own] > 0]
        homes = homes if len(homes) >= count[c] else own
        features = np.c_[ground.mesh.site_xy_m[homes], ground.bank[homes] * 600.0]
        centres = _even_parts(features, weight[homes] + 0.01, int(count[c]))
        seeds.append(homes[distinct_nearest(features, centres)])
        parent.append(np.full(count[c], c))
    grid = _grow_within(ground, community, np.concatenate(seeds))
    return grid, np.concatenate(parent)


def grow_leaves(rng: np.random.Generator, spec: DemoSpec, ground: Ground, grid: Ints) -> tuple[Ints, Ints]:
    """Return the leaf of each site and the grid of each leaf."""
    built = ground.building >= 0
    first = np.zeros(len(built), dtype=bool)
    first[np.unique(ground.building, return_index=True)[1]] = True
    first &= built
    homes = np.bincount(grid[first & (grid >= 0)], minlength=spec.n_grids).astype(np.float64)
    room = np.bincount(grid[grid >= 0], minlength=spec.n_grids)
    count = apportion(np.minimum(homes, 260.0) ** 0.75 + 2.0, spec.n_micro_grids, 7)
    if np.any(count > room):
        raise ValueError("a grid has fewer mesh sites than micro-grids: use a finer mesh")
    order = np.argsort(grid, kind="stable")
    starts = np.searchsorted(grid[order], np.arange(spec.n_grids + 1))
    seeds, parent = [], []
    for g in range(spec.n_grids):
        own = order[starts[g] : starts[g + 1]]
        houses, k = own[first[own]], int(count[g])
        land = own[~built[own]]
        some = land[rng.permutation(len(land))[: max(2, len(houses) // 12)]]
        pool = np.r_[houses, some] if len(houses) + len(some) >= k else own
        weight = np.where(built[pool], 1.0, 0.6)
        centres = k_means(rng, ground.mesh.site_xy_m[pool], weight, k, 8)
        seeds.append(pool[distinct_nearest(ground.mesh.site_xy_m[pool], centres)])
        parent.append(np.full(k, g))
    return _grow_within(ground, grid, np.concatenate(seeds)), np.concatenate(parent)


def carve_gap(spec: DemoSpec, valley: Valley, ground: Ground, grid: Ints) -> Ints:
    """Take a strip of river bank, opposite the old town, out of every cell: nobody's land."""
    s, t = valley.to_st(ground.mesh.site_xy_m)
    low, high = (0.10, 0.46) if spec.size == "town" else (0.16, 0.34)
    strip = (s > low * spec.seat_half_m) & (s < high * spec.seat_half_m)
    strip &= (t < 0.0) & (t > -(spec.river_width_m / 2.0 + 17.0)) & (ground.building < 0) & (grid >= 0)
    return np.where(strip, GAP, grid)


def group_townships(
    rng: np.random.Generator, spec: DemoSpec, ground: Ground, community: Ints, homes: Floats
) -> Ints:
    """Group neighbouring communities into townships, the seat's communities into its subdistricts."""
    n, n_urban = spec.n_communities, spec.n_urban
    if spec.n_townships == 1:
        return np.zeros(n, dtype=np.int64)
    mesh, valid = ground.mesh, community >= 0
    size = np.bincount(community[valid], minlength=n)
    middle = np.stack(
        [np.bincount(community[valid], mesh.site_xy_m[valid, k], minlength=n) / size for k in (0, 1)], axis=-1
    )
    middle[n_urban:] = homes
    urban = k_means(rng, middle[:n_urban], np.ones(n_urban), spec.n_subdistricts, 30)
    rural = k_means(rng, middle[n_urban:], np.ones(n - n_urban), spec.n_townships - spec.n_subdistricts, 30)
    seeds = np.r_[
        distinct_nearest(middle[:n_urban], urban), n_urban + distinct_nearest(middle[n_urban:], rural)
    ]
    low = np.minimum(community[mesh.p], community[mesh.q])
    high = np.maximum(community[mesh.p], community[mesh.q])
    touch = (low >= 0) & (low != high) & ((low < n_urban) == (high < n_urban))
    pairs = np.unique(low[touch] * n + high[touch])
    p, q = pairs // n, pairs % n
    small = Mesh(middle, p, q, p, q, middle, np.zeros(len(p), dtype=np.int8))
    cost = np.hypot(*(middle[p] - middle[q]).T)
    group = small.grow(cost, np.ones(len(p), dtype=bool), seeds)
    lost = np.flatnonzero(group < 0)
    if len(lost):
        held = np.flatnonzero(group >= 0)
        group[lost] = group[held[cKDTree(middle[held]).query(middle[lost])[1]]]
    return group
