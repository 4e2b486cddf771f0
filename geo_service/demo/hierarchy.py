"""From labelled mesh sites to the table of cells: quirks of the map, codes, names, shapes."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.demo.cells import Division, Ground
from geo_service.demo.frame import Floats
from geo_service.demo.mesh import Ints, outlines, smooth_borders
from geo_service.demo.names import COUNTY_NAME
from geo_service.demo.spec import DemoSpec
from geo_service.model import Level

DISTRICT_CODE = "339801"
LEVELS = (
    Level("county", 0, "县", "County"),
    Level("township", 1, "乡镇（街道）", "Township"),
    Level("community", 2, "村（社区）", "Community"),
    Level("grid", 3, "网格", "Grid"),
    Level("micro_grid", 4, "微网格", "Micro-grid"),
)


def _neighbours(ground: Ground, leaf: Ints, n: int) -> list[list[int]]:
    p, q = leaf[ground.mesh.p], leaf[ground.mesh.q]
    touch = (p >= 0) & (q >= 0) & (p != q)
    pairs = np.unique(np.r_[p[touch] * n + q[touch], q[touch] * n + p[touch]])
    out: list[list[int]] = [[] for _ in range(n)]
    for pair in pairs.tolist():
        out[pair // n].append(pair % n)
    return out


def swap_leaves(spec: DemoSpec, ground: Ground, division: Division, homes_of_leaf: Ints) -> Division:
    """Make the map as tangled as a real one: one exclave, and two villages that interleave."""
    grid_of_leaf = division.grid_of_leaf.copy()
    community = division.community_of_grid
    near = _neighbours(ground, division.leaf_of_site, len(grid_of_leaf))
    rural = ~division.urban_community
    a, b = _interleaving_pair(
        near, community[grid_of_leaf], rural, homes_of_leaf, division.township_of_community
    )
    original = grid_of_leaf.copy()
    for own, other in ((a, b), (b, a)):
        rim = [
            leaf
            for leaf in np.flatnonzero(community[original] == own).tolist()
            if any(community[original[x]] == other for x in near[leaf])
        ]
        inner = sorted({x for leaf in rim for x in near[leaf] if community[original[x]] == own} - set(rim))
        inner = [leaf for leaf in inner if homes_of_leaf[leaf] > 0]
        target = next(original[x] for leaf in rim for x in near[leaf] if community[original[x]] == other)
        for leaf in inner[:: max(2, len(inner) // 2)][:2]:
            grid_of_leaf[leaf] = target
    _place_exclave(spec, near, original, grid_of_leaf, division, homes=homes_of_leaf, busy={a, b})
    return replace(division, grid_of_leaf=grid_of_leaf)


def _interleaving_pair(
    near: list[list[int]], community: Ints, rural: NDArray[np.bool_], homes: Ints, township: Ints
) -> tuple[int, int]:
    """Return the two villages of one township that meet along the most inhabited border."""
    score: dict[tuple[int, int], int] = {}
    for leaf, others in enumerate(near):
        for x in others:
            c, d = int(community[leaf]), int(community[x])
            if c < d and rural[c] and rural[d] and township[c] == township[d]:
                score[c, d] = score.get((c, d), 0) + int(min(homes[leaf], homes[x]))
    if not score:
        raise ValueError("no two villages touch: choose another seed")
    return max(sorted(score), key=lambda pair: score[pair])


def _place_exclave(
    spec: DemoSpec,
    near: list[list[int]],
    before: Ints,
    after: Ints,
    division: Division,
    *,
    homes: Ints,
    busy: set[int],
) -> None:
    """Give one inhabited leaf deep inside a village to a grid of the community next door."""
    community = division.community_of_grid[before]
    for leaf in range(len(near)):
        own = int(community[leaf])
        ring = {int(community[x]) for x in near[leaf]}
        second = {int(community[y]) for x in near[leaf] for y in near[x]}
        if homes[leaf] < 2 or ring != {own} or second != {own} or after[leaf] != before[leaf]:
            continue
        if not division.urban_community[own] and (own not in busy or spec.size == "town"):
            others = [
                int(before[y])
                for x in np.flatnonzero(community == own).tolist()
                for y in near[x]
                if community[y] != own
                and division.urban_community[int(community[y])] == (spec.size == "town")
            ]
            if others:
                after[leaf] = others[0]
                return
    raise ValueError("no leaf lies deep enough for an exclave: choose another seed")


def leaf_shapes(ground: Ground, leaf: Ints, n_leaves: int) -> NDArray[np.object_]:
    """Return the polygons of the leaves: borders drawn out, then thinned together, still an exact tiling."""
    mesh = ground.mesh
    border = leaf[mesh.p] != leaf[mesh.q]
    fixed = np.zeros(len(mesh.vertex_xy_m), dtype=bool)
    on_line = border & (mesh.barrier > 0)
    fixed[mesh.a[on_line]] = True
    fixed[mesh.b[on_line]] = True
    for rounds in (5, 2, 0):
        xy = smooth_borders(mesh, border, fixed, rounds)
        shapes = outlines(mesh, leaf, xy, n_leaves)
        whole = all(shape is not None for shape in shapes) and shapely.is_valid(shapes).all()
        if whole and shapely.coverage_is_valid(shapes):
            thin = shapely.coverage_simplify(shapes, 6e-6)
            return np.asarray(thin if shapely.coverage_is_valid(thin) else shapes, dtype=object)
    raise ValueError("the borders do not make a tiling: choose another seed")


def _middles(ground: Ground, label: Ints, n: int) -> Floats:
    ok = label >= 0
    size = np.maximum(np.bincount(label[ok], minlength=n), 1)
    xy = ground.mesh.site_xy_m[ok]
    return np.stack([np.bincount(label[ok], xy[:, k], minlength=n) / size for k in (0, 1)], axis=-1)


def reading_order(xy_m: Floats, bands: int) -> Ints:
    """Return the order in which codes are issued: by bands from north to south, west to east in each."""
    if len(xy_m) < 2:
        return np.arange(len(xy_m))
    north = (xy_m[:, 1].max() - xy_m[:, 1]) / (np.ptp(xy_m[:, 1]) + 1e-9)
    return np.lexsort((xy_m[:, 0], np.minimum(bands - 1, (north * bands).astype(np.int64))))


def _number(
    parent: Ints, middle: Floats, series: Ints, start: tuple[int, ...], parent_code: NDArray[np.object_]
) -> NDArray[np.object_]:
    """Issue three-digit codes within each parent, one run of numbers for each series."""
    code = np.empty(len(parent), dtype=object)
    for p in range(len(parent_code)):
        for which in range(len(start)):
            own = np.flatnonzero((parent == p) & (series == which))
            rank = own[reading_order(middle[own], max(1, round(np.sqrt(len(own)))))]
            for number, cell in enumerate(rank.tolist()):
                code[cell] = f"{parent_code[p]}{start[which] + number:03d}"
    return code


def build_cells(
    ground: Ground,
    division: Division,
    shapes: NDArray[np.object_],
    names: dict[str, list[str]],
    leaf_facts: pd.DataFrame,
) -> tuple[gpd.GeoDataFrame, NDArray[np.object_]]:
    """Return the table of all cells, parents before children, and the code of each leaf."""
    leaf, grid_of_leaf = division.leaf_of_site, division.grid_of_leaf
    community_of_grid, township_of = division.community_of_grid, division.township_of_community
    lift = [np.where(leaf >= 0, grid_of_leaf[leaf], -1)]
    lift.append(np.where(leaf >= 0, community_of_grid[lift[0]], -1))
    n = [len(grid_of_leaf), len(community_of_grid), len(township_of), int(township_of.max()) + 1]
    lift.append(np.where(leaf >= 0, township_of[lift[1]], -1))
    middle = [_middles(ground, x, k) for x, k in zip([leaf, *lift], n, strict=True)]
    root = np.array([DISTRICT_CODE], dtype=object)
    kinds = np.array([_township_series(name) for name in names["township"]], dtype=np.int64)
    township = _number(np.zeros(n[3], dtype=np.int64), middle[3], kinds, (1, 100, 200), root)
    settled = division.urban_community | division.market_community
    community = _number(township_of, middle[2], np.where(settled, 0, 1), (1, 200), township)
    zero = np.zeros(n[1], dtype=np.int64)
    grid = _number(community_of_grid, middle[1], zero, (1,), community)
    code = _number(grid_of_leaf, middle[0], np.zeros(n[0], dtype=np.int64), (1,), grid)
    urban = settled[community_of_grid[grid_of_leaf]]
    facts = leaf_facts.assign(urban=urban)
    everything = np.zeros(n[0], dtype=np.int64)
    community_of_leaf = community_of_grid[grid_of_leaf]
    grid_names = [
        f"{names['community'][c].removesuffix('社区').removesuffix('村')}第{int(g[-3:])}网格"
        for c, g in zip(community_of_grid.tolist(), grid, strict=True)
    ]
    leaf_names = [f"{place}{int(c[-3:])}号微网格" for place, c in zip(facts["place"], code, strict=True)]
    no_parent = np.array([None], dtype=object)
    levels = (
        ("county", root, [COUNTY_NAME], no_parent, everything),
        ("township", township, names["township"], np.repeat(root, n[3]), township_of[community_of_leaf]),
        ("community", community, names["community"], township[township_of], community_of_leaf),
        ("grid", grid, grid_names, community[community_of_grid], grid_of_leaf),
        ("micro_grid", code, leaf_names, grid[grid_of_leaf], np.arange(n[0])),
    )
    *rows, leaves = [
        _level_table(level, own, name, parent, facts=facts, of_leaf=of_leaf)
        for level, own, name, parent, of_leaf in levels
    ]
    leaves["geometry"] = shapes
    table = pd.concat([*rows, leaves], ignore_index=True)
    return gpd.GeoDataFrame(table, geometry="geometry", crs="EPSG:4326"), code


def _township_series(name: str) -> int:
    return 0 if name.endswith("街道") else 1 if name.endswith("镇") else 2


def _level_table(
    level: str,
    code: NDArray[np.object_],
    name: list[str],
    parent: NDArray[np.object_],
    *,
    facts: pd.DataFrame,
    of_leaf: Ints,
) -> pd.DataFrame:
    """Return the rows of one level in order of code, with the sums of its leaves."""
    n = len(code)
    totals = {
        column: np.bincount(of_leaf, facts[column].to_numpy(), minlength=n).astype(np.int64)
        for column in ("households", "residents")
    }
    urban = np.bincount(of_leaf, facts["urban"].to_numpy(), minlength=n) * 2 > np.bincount(
        of_leaf, minlength=n
    )
    kind = facts["kind"].to_numpy() if level == "micro_grid" else np.full(n, "regular", dtype=object)
    table = pd.DataFrame(
        {
            "code": code,
            "name": name,
            "level": level,
            "parent_code": parent,
            "kind": kind,
            **totals,
            "class": np.where(urban, "urban", "rural"),
            "geometry": None,
        }
    )
    return table if level == "micro_grid" else table.sort_values("code", kind="stable", ignore_index=True)
