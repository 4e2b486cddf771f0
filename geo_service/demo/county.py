"""The demo county: one call, one seed, a whole place."""

from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_service.demo import basemap, cells, hierarchy, people
from geo_service.demo.assets import make_assets
from geo_service.demo.buildings import Buildings, block_buildings, clear, join
from geo_service.demo.frame import Floats, Valley, geometry_to_degrees, to_degrees
from geo_service.demo.incidents import make_incidents
from geo_service.demo.mesh import Ints, outlines
from geo_service.demo.names import (
    MARKET_TOWNS,
    NEIGHBOURHOODS,
    RURAL_TOWNSHIPS,
    SUBDISTRICTS,
    stream_name,
    village_names,
)
from geo_service.demo.network import build_network, find_crossings
from geo_service.demo.premises import make_premises
from geo_service.demo.roster import DemoRoster, make_roster
from geo_service.demo.sign_boards import make_sign_boards
from geo_service.demo.sites import Line, make_mesh
from geo_service.demo.spec import SPECS, DemoSpec
from geo_service.demo.streets import AVENUES, OUTER_ROADS, SOUTH_SHARE, Seat, block_lanes, make_seat
from geo_service.demo.terrain import Terrain, make_terrain
from geo_service.demo.villages import Village, make_villages
from geo_service.demo.water import Water, make_water
from geo_service.demo.ways import Way, pass_paths, railway_line, river_roads, stream_roads
from geo_service.model import Level
from geo_service.roads.network import RoadNetwork

DEFAULT_SEED = 2026


@dataclass(frozen=True, slots=True)
class DemoCounty:
    """Everything the demo county holds. All geometry is EPSG:4326 on the lattice of 2**-23 degree.

    Attributes
    ----------
    levels : tuple of Level
        county, township, community, grid, micro_grid.
    cells : GeoDataFrame
        code, name, level, parent_code, kind, households, residents, class, geometry (leaves only).
    demand : GeoDataFrame
        Buildings: geometry is the footprint, ``centroid`` a point; households, residents, address, floors,
        use and the ``cell_code`` of the leaf.
    barriers, crossings : GeoDataFrame
        Lines (kind river, stream, railway, avenue; name) and the points where ways cross them.
    features : GeoDataFrame
        The base map: kind (wood, field, built_up, park, water, railway), name, geometry.
    network : RoadNetwork
        Connected; streets, roads, lanes, footpaths and bridges.
    stations, responders, posts : GeoDataFrame
        Points with a ``cell_code``; posts have one row per window.
    shifts : DataFrame
        The rota: responder_id, weekday (1 Monday to 7), starts, ends, kind, every_weeks, week.
    roster : DemoRoster
        Required roles, teams, the school year, leave.
    incidents : DataFrame
        A year: id, occurred_at, category, urgency, channel, lon, lat (NaN where unknown), ...
    gap : Polygon or MultiPolygon
        The strip of land nobody owns.
    sign_boards : GeoDataFrame
        Points: id, cell_code, kind, name, owner, role.
    premises : GeoDataFrame
        Campuses, offices and factories: code, name, kind, responsible_unit; each within one leaf.
    assets : DataFrame
        Cameras, police rooms and shops: code, kind, name, lon, lat, reach_m.
    """

    levels: tuple[Level, ...]
    cells: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame
    crossings: gpd.GeoDataFrame
    features: gpd.GeoDataFrame
    network: RoadNetwork
    stations: gpd.GeoDataFrame
    responders: gpd.GeoDataFrame
    shifts: pd.DataFrame
    posts: gpd.GeoDataFrame
    roster: DemoRoster
    incidents: pd.DataFrame
    gap: shapely.Geometry
    sign_boards: gpd.GeoDataFrame
    premises: gpd.GeoDataFrame
    assets: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Land:
    """The land with everything on it, before it is divided."""

    valley: Valley
    terrain: Terrain
    water: Water
    seat: Seat
    rail_xy_m: Floats
    ways: list[Way]
    lanes: list[Way]
    villages: list[Village]
    table: Buildings


def generate(size: Literal["town", "county"] = "town", seed: int = DEFAULT_SEED) -> DemoCounty:
    """Make the demo county of the given size; the same size and seed give the same bytes."""
    if size not in SPECS:
        raise ValueError(f"size must be 'town' or 'county', not {size!r}")
    spec = SPECS[size]
    rng = np.random.default_rng(seed)
    land = _make_land(rng, spec)
    network = build_network(land.ways)
    return _divide(rng, spec, land, network)


def _make_land(rng: np.random.Generator, spec: DemoSpec) -> _Land:
    valley = Valley.draw(rng, spec)
    terrain = make_terrain(rng, spec, valley)
    water = make_water(rng, spec, valley, terrain)
    seat = make_seat(rng, spec, valley)
    rail = railway_line(rng, spec, valley)
    trunk = river_roads(spec, valley, seat.avenue_t, (spec.seat_half_m, spec.seat_half_m * SOUTH_SHARE))
    valleys = stream_roads(rng, water, trunk)
    names = village_names(rng, spec.n_villages)
    villages, village_ways, farmhouses = make_villages(
        rng, spec, valley, terrain, water=water, roads=trunk + valleys, rail_xy_m=rail, names=names
    )
    lanes = block_lanes(valley, seat.blocks)
    paths = pass_paths(rng, valleys, 3500.0 if spec.size == "county" else 1500.0)
    ways = seat.ways + lanes + trunk + valleys + paths + village_ways
    wet = np.r_[water.stream_banks, np.array([water.river], dtype=object)]
    table = clear(join([block_buildings(rng, valley, seat.blocks), farmhouses]), ways, wet, rail)
    return _Land(valley, terrain, water, seat, rail, ways, lanes, villages, table)


def _border_lines(land: _Land) -> list[Line]:
    lines = [Line(land.water.river_xy_m, cells.RIVER), Line(land.rail_xy_m, cells.RAILWAY)]
    lines += [Line(stream.xy_m, cells.STREAM) for stream in land.water.streams]
    for way in land.seat.ways + land.lanes:
        if not way.name.endswith("桥"):
            lines.append(Line(way.xy_m, cells.AVENUE if way.name in AVENUES else cells.STREET))
    return lines


def _divide(rng: np.random.Generator, spec: DemoSpec, land: _Land, network: RoadNetwork) -> DemoCounty:
    mesh, building, inside = make_mesh(rng, spec, land.terrain, land.table, _border_lines(land))
    height = land.terrain.height_at(mesh.site_xy_m)
    bank = (land.valley.to_st(mesh.site_xy_m)[1] > 0.0).astype(np.int8)
    house = cKDTree(land.table.xy_m).query(mesh.site_xy_m, distance_upper_bound=90.0)[0]
    cost = cells.step_costs(mesh, height, building, house)
    ground = cells.Ground(mesh, cost, cells.county_sites(mesh, inside), building, bank)
    division = _division(rng, spec, land, ground)
    n_leaves = len(division.grid_of_leaf)
    shapes = hierarchy.leaf_shapes(ground, division.leaf_of_site, n_leaves)
    gap_label = np.where(division.leaf_of_site == cells.GAP, 0, -1)
    footprints = geometry_to_degrees(land.table.footprints())
    leaf, whole = _leaf_of_buildings(footprints, shapes)
    table, footprints, leaf = land.table.take(whole), footprints[whole], leaf[whole]
    homes = np.bincount(leaf, minlength=n_leaves)
    division = hierarchy.swap_leaves(spec, ground, division, homes)
    urban = division.urban_community[division.community_of_grid]
    households, residents = people.house_people(rng, table, division.grid_of_leaf[leaf], urban)
    facts = _leaf_facts(table, leaf, households, residents, land=land, ground=ground, division=division)
    names = _names(rng, spec, land, division)
    frame, leaf_code = hierarchy.build_cells(ground, division, shapes, names, facts)
    gap = _gap_shape(shapes, ground, gap_label)
    demand = _demand(table, footprints, households, residents, leaf_code[leaf])
    return _assemble(rng, spec, land, network, ground, frame=frame, demand=demand, gap=gap)


def _division(rng: np.random.Generator, spec: DemoSpec, land: _Land, ground: cells.Ground) -> cells.Division:
    seat = _seat_area(spec, land)
    town = shapely.contains_xy(seat, *ground.mesh.site_xy_m.T)
    centres = np.array([village.xy_m for village in land.villages])
    community = cells.grow_communities(rng, spec, ground, land.table, town=town, villages=centres)
    township = cells.group_townships(rng, spec, ground, community, centres)
    grid, community_of_grid = cells.grow_grids(spec, ground, land.table, community)
    grid = cells.carve_gap(spec, land.valley, ground, grid)
    leaf, grid_of_leaf = cells.grow_leaves(rng, spec, ground, grid)
    leaf = cells.fill(ground, leaf, grid >= 0)
    urban = np.arange(spec.n_communities) < spec.n_urban
    market = np.r_[np.zeros(spec.n_urban, dtype=bool), [village.market for village in land.villages]]
    leaf = np.where(grid == cells.GAP, cells.GAP, leaf)
    return cells.Division(leaf, grid_of_leaf, community_of_grid, township, urban, market)


def _seat_area(spec: DemoSpec, land: _Land) -> shapely.Geometry:
    """Return the land of the seat: its streets with what lies beside them, both banks in one piece."""
    streets = [shapely.LineString(way.xy_m) for way in land.seat.ways if way.name not in OUTER_ROADS]
    closing = spec.river_width_m / 2.0 + 60.0
    area = shapely.buffer(shapely.union_all(streets), 55.0 + closing, quad_segs=4)
    return shapely.buffer(area, -closing, quad_segs=4)


def _leaf_of_buildings(
    footprints: NDArray[np.object_], shapes: NDArray[np.object_]
) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the leaf of each building, and which buildings lie wholly in one leaf."""
    building, leaf = shapely.STRtree(shapes).query(footprints, predicate="within")
    out = np.full(len(footprints), -1, dtype=np.int64)
    out[building] = leaf
    return out, out >= 0


def _gap_shape(shapes: NDArray[np.object_], ground: cells.Ground, gap_label: Ints) -> shapely.Geometry:
    """Return the gap exactly as the leaves around it leave it."""
    union = shapely.coverage_union_all(shapes)
    rough = outlines(ground.mesh, gap_label, ground.mesh.vertex_xy_m, 1)[0]
    holes = [
        shapely.Polygon(ring)
        for part in shapely.get_parts(union)
        for ring in part.interiors
        if shapely.Polygon(ring).intersects(rough)
    ]
    return shapely.union_all(holes)


def _leaf_facts(
    table: Buildings,
    leaf: Ints,
    households: Ints,
    residents: Ints,
    *,
    land: _Land,
    ground: cells.Ground,
    division: cells.Division,
) -> pd.DataFrame:
    """Return households, residents, kind and the place a leaf is named after."""
    n_leaves = len(division.grid_of_leaf)
    order = np.lexsort((table.place.astype(str), leaf))
    place = np.full(n_leaves, "", dtype=object)
    place[leaf[order]] = table.place[order]
    hamlets = [hamlet for village in land.villages for hamlet in village.hamlets]
    held = division.leaf_of_site >= 0
    size = np.bincount(division.leaf_of_site[held], minlength=n_leaves)
    middle = np.stack(
        [
            np.bincount(division.leaf_of_site[held], ground.mesh.site_xy_m[held, k], minlength=n_leaves)
            / size
            for k in (0, 1)
        ],
        axis=-1,
    )
    bare = np.flatnonzero(place == "")
    near = cKDTree(np.array([[h[1], h[2]] for h in hamlets])).query(middle[bare])[1]
    place[bare] = np.array([f"{hamlets[k][0]}山场" for k in near.tolist()], dtype=object)
    big = np.isin(table.use, ("public", "factory"))
    public = np.bincount(leaf, big * table.length_m * table.depth_m, minlength=n_leaves)
    lived = np.bincount(leaf, households, minlength=n_leaves)
    return pd.DataFrame(
        {
            "households": lived.astype(np.int64),
            "residents": np.bincount(leaf, residents, minlength=n_leaves).astype(np.int64),
            "kind": np.where((public > 900.0) & (lived < 8), "dedicated", "regular"),
            "place": place,
        }
    )


def _names(
    rng: np.random.Generator, spec: DemoSpec, land: _Land, division: cells.Division
) -> dict[str, list[str]]:
    """Name the communities, and the townships after what lies in them."""
    urban = [
        f"{NEIGHBOURHOODS[k]}社区" for k in rng.permutation(len(NEIGHBOURHOODS))[: spec.n_urban].tolist()
    ]
    rural = [f"{v.name}社区" if v.market else f"{v.name}村" for v in land.villages]
    if spec.n_townships == 1:
        return {"township": ["澜城街道"], "community": urban + rural}
    has_market = np.bincount(
        division.township_of_community, division.market_community, minlength=spec.n_townships
    )
    rest = list(range(spec.n_subdistricts, spec.n_townships))
    rest.sort(key=lambda k: (-has_market[k], k))
    township = list(SUBDISTRICTS[: spec.n_subdistricts]) + [""] * len(rest)
    for k, name in zip(rest, MARKET_TOWNS + RURAL_TOWNSHIPS, strict=True):
        township[k] = name
    return {"township": township, "community": urban + rural}


def _demand(
    table: Buildings,
    footprints: NDArray[np.object_],
    households: Ints,
    residents: Ints,
    code: NDArray[np.object_],
) -> gpd.GeoDataFrame:
    number = np.zeros(len(table), dtype=np.int64)
    order = np.lexsort((table.xy_m[:, 0], table.place.astype(str)))
    place = table.place[order].astype(str)
    start = np.r_[0, np.flatnonzero(place[1:] != place[:-1]) + 1]
    number[order] = np.arange(len(table)) - np.repeat(start, np.diff(np.r_[start, len(table)])) + 1
    centroid = shapely.points(to_degrees(table.xy_m))
    return gpd.GeoDataFrame(
        {
            "id": np.arange(1, len(table) + 1),
            "use": table.use,
            "floors": table.floors,
            "households": households,
            "residents": residents,
            "address": [f"{p}{k}号" for p, k in zip(table.place, number.tolist(), strict=True)],
            "cell_code": code,
            "centroid": gpd.GeoSeries(centroid, crs="EPSG:4326"),
        },
        geometry=footprints,
        crs="EPSG:4326",
    )


def _barriers(land: _Land) -> gpd.GeoDataFrame:
    rows = [("river", "澜江", land.water.river_xy_m), ("railway", "衢澜铁路", land.rail_xy_m)]
    rows += [("stream", stream_name(k), stream.xy_m) for k, stream in enumerate(land.water.streams)]
    for name in AVENUES:
        own = [way.xy_m for way in land.seat.ways if way.name == name]
        rows.append(("avenue", name, np.concatenate([own[0][:1], *[xy[1:] for xy in own]])))
    lines = geometry_to_degrees(np.array([shapely.LineString(row[2]) for row in rows], dtype=object))
    return gpd.GeoDataFrame(
        [row[:2] for row in rows], columns=["kind", "name"], geometry=lines, crs="EPSG:4326"
    )


def _middles(frame: gpd.GeoDataFrame, demand: gpd.GeoDataFrame) -> dict[str, shapely.Point]:
    """Return for each cell the building nearest to the middle of its people (its base), by code."""
    out: dict[str, shapely.Point] = {}
    xy = shapely.get_coordinates(demand["centroid"].to_numpy())
    weight = demand["households"].to_numpy() + 0.01
    for width in (6, 9, 12, 15):
        codes, cell = np.unique(demand["cell_code"].str[:width].to_numpy().astype(str), return_inverse=True)
        order = np.argsort(cell, kind="stable")
        starts = np.searchsorted(cell[order], np.arange(len(codes) + 1))
        for k, code in enumerate(codes.tolist()):
            own = order[starts[k] : starts[k + 1]]
            middle = np.average(xy[own], axis=0, weights=weight[own])
            out[code] = shapely.Point(xy[own[np.argmin(((xy[own] - middle) ** 2).sum(axis=1))]])
    leaves = frame[frame["level"] == "micro_grid"]
    for code, shape in zip(leaves["code"], leaves.geometry, strict=True):
        for width in (9, 12, 15):
            out.setdefault(code[:width], shapely.Point(shapely.get_coordinates(shape)[0]))
    return out


def _assemble(
    rng: np.random.Generator,
    spec: DemoSpec,
    land: _Land,
    network: RoadNetwork,
    ground: cells.Ground,
    *,
    frame: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    gap: shapely.Geometry,
) -> DemoCounty:
    barriers = _barriers(land)
    middle = _middles(frame, demand)
    responders = people.make_responders(rng, frame, middle)
    schools = _schools(frame, demand)
    posts = people.make_posts(schools, responders)
    attraction = {"flats": 1.0, "shophouse": 2.6, "public": 9.0, "factory": 5.0, "farmhouse": 0.55}
    draw = np.array([attraction[u] for u in demand["use"]]) * (1.0 + demand["households"].to_numpy()) ** 0.5
    points = shapely.get_coordinates(demand["centroid"].to_numpy())
    stations = people.make_stations(frame, middle)
    return DemoCounty(
        levels=hierarchy.LEVELS,
        cells=frame,
        demand=demand,
        barriers=barriers,
        crossings=find_crossings(network, barriers),
        features=_features(land, ground),
        network=network,
        stations=stations,
        assets=make_assets(network, stations, demand),
        responders=responders,
        shifts=people.make_shifts(responders),
        posts=posts,
        # draws of its own: what else there is stays as it is when the roster changes
        roster=make_roster(rng.spawn(1)[0], frame, responders, posts),
        incidents=make_incidents(rng, spec.n_incidents, points, draw, gap),
        gap=gap,
        sign_boards=make_sign_boards(rng, frame, network, responders, middle),
        premises=make_premises(frame, demand, schools),
    )


def _features(land: _Land, ground: cells.Ground) -> gpd.GeoDataFrame:
    sites = ground.mesh.site_xy_m
    up, right = np.array([0.0, 60.0]), np.array([60.0, 0.0])
    house = cKDTree(land.table.xy_m).query(sites, distance_upper_bound=120.0)[0]
    north, south = land.terrain.height_at(sites + up), land.terrain.height_at(sites - up)
    east, west = land.terrain.height_at(sites + right), land.terrain.height_at(sites - right)
    slope = np.hypot(north - south, east - west) / 120.0
    above = land.terrain.height_at(sites) - 60.0
    streams = np.concatenate([stream.xy_m for stream in land.water.streams])
    stream = cKDTree(streams).query(sites, distance_upper_bound=500.0)[0]
    cover = basemap.tidy(ground.mesh, basemap.land_cover(house, stream, above, slope), 12)
    return basemap.make_features(
        ground.mesh,
        cover,
        ground.inside,
        land.water,
        rail_xy_m=land.rail_xy_m,
        valley=land.valley,
        blocks=land.seat.blocks,
    )


def _schools(frame: gpd.GeoDataFrame, demand: gpd.GeoDataFrame) -> list[tuple[str, shapely.Point, str]]:
    """Return schools: the larger public buildings in town, one building in each market town."""
    names = frame.set_index("code")["name"]
    public = demand[demand["use"] == "public"]
    grids = public["cell_code"].str[:15]
    first = public[~grids.duplicated()]
    return [
        (f"{names[code[:15]][:2]}小学", point, code[:15])
        for code, point in zip(first["cell_code"], first["centroid"], strict=True)
    ]
