"""Vector tiles of the base map, cut by PostGIS: water, landuse, buildings, rail and roads."""

import hashlib

from sqlalchemy import Connection, text

EXTENT = 4096
BUFFER = 64
MAX_ZOOM = 18

#: From which zoom a class of street is drawn; below it a tile would be all roads and no map.
ROAD_MIN_ZOOM = {
    "motorway": 5,
    "trunk": 6,
    "primary": 8,
    "secondary": 10,
    "tertiary": 11,
    "unclassified": 12,
    "residential": 13,
    "living_street": 14,
    "service": 14,
    "pedestrian": 14,
    "track": 14,
    "footway": 15,
    "path": 14,
    "steps": 16,
    "cycleway": 14,
}
#: Names of map_feature kinds in each layer of the tile, with the zoom from which they are drawn.
FEATURE_LAYERS = {
    "landuse": ({"wood": 9, "park": 12, "field": 11, "built_up": 9, "school": 14, "square": 14}, "landuse"),
    "water": ({"water": 8, "river": 8, "lake": 8, "stream": 12, "canal": 12}, "water"),
    "rail": ({"railway": 9, "rail": 9}, "rail"),
    "places": ({"station": 13, "bridge": 15}, "places"),
}
BUILDINGS_MIN_ZOOM = 14

_BOUNDS = """
    with bounds as (
        select st_tileenvelope(:z, :x, :y) as box,
               st_tileenvelope(:z, :x, :y, margin => cast(:margin as float8)) as wide,
               -- about half a pixel: what is smaller is not seen
               40075016.7 / (256 * power(2, :z)) / 2 as pixel
    )
"""


def base_tile(connection: Connection, z: int, x: int, y: int) -> bytes:
    """Return one Mapbox vector tile with the layers water, landuse, rail, places, buildings and roads."""
    parts = [
        _features(connection, z, x, y, kinds=kinds, layer=name) for kinds, name in FEATURE_LAYERS.values()
    ]
    if z >= BUILDINGS_MIN_ZOOM:
        parts.append(_buildings(connection, z, x, y))
    parts.append(_roads(connection, z, x, y))
    return b"".join(parts)


def _features(connection: Connection, z: int, x: int, y: int, *, kinds: dict[str, int], layer: str) -> bytes:
    drawn = [kind for kind, zoom in kinds.items() if z >= zoom]
    if not drawn:
        return b""
    query = """
        , part as (
            select id, kind, name,
                -- clipped first: to simplify a wood as wide as the county for every tile takes seconds
                st_asmvtgeom(
                    st_simplify(st_clipbybox2d(geom3857, wide), pixel),
                    box, :extent, :buffer, true
                ) as geom
            from map_feature, bounds
            where geom3857 && wide and kind = any(:kinds)
              and (st_dimension(geom3857) < 2 or st_area(geom3857) > 4 * pixel * pixel)
            order by id
        )
        select st_asmvt(part, :layer, :extent, 'geom', 'id') from part where geom is not null
    """
    return _cut(connection, query, z, x, y, kinds=drawn, layer=layer)


def _buildings(connection: Connection, z: int, x: int, y: int) -> bytes:
    query = """
        , part as (
            select id, kind, case when :z >= 17 then address else '' end as name,
                st_asmvtgeom(st_transform(footprint, 3857), box, :extent, :buffer, true) as geom
            from demand_point, bounds
            where footprint is not null and footprint && st_transform(wide, 4326)
            order by id
        )
        select st_asmvt(part, :layer, :extent, 'geom', 'id') from part where geom is not null
    """
    return _cut(connection, query, z, x, y, layer="buildings")


def _roads(connection: Connection, z: int, x: int, y: int) -> bytes:
    drawn = [kind for kind, zoom in ROAD_MIN_ZOOM.items() if z >= zoom]
    drawn += [f"{kind}_link" for kind in drawn]
    query = """
        , part as (
            -- one shape for each street and class: fewer features, and its name is drawn once
            select min(id) as id, class as kind, name,
                st_asmvtgeom(
                    st_simplify(st_linemerge(st_collect(geom3857)), pixel), box, :extent, :buffer, true
                ) as geom
            from road_edge, bounds
            where geom3857 && wide and class = any(:kinds)
              and network_id = (select id from road_network where in_use)
            group by class, name, box, pixel
            order by 1
        )
        select st_asmvt(part, :layer, :extent, 'geom') from part where geom is not null
    """
    return _cut(connection, query, z, x, y, kinds=drawn, layer="roads")


def _cut(connection: Connection, query: str, z: int, x: int, y: int, **parameters: object) -> bytes:
    values = {"z": z, "x": x, "y": y, "extent": EXTENT, "buffer": BUFFER, "margin": BUFFER / EXTENT}
    tile = connection.execute(text(_BOUNDS + query), {**values, **parameters}).scalar_one_or_none()
    return bytes(tile) if tile is not None else b""


def base_version(connection: Connection) -> str:
    """Return a mark that changes when anything drawn changes: it goes into tile addresses and ETags."""
    row = connection.execute(
        text("""
            select (select coalesce(max(id), 0) from map_feature),
                   (select coalesce(max(id), 0) from demand_point),
                   (select id from road_network where in_use),
                   (select imported_at from road_network where in_use)
        """)
    ).one()
    # a new database counts from 1 again; the moment of the import tells it from the one before
    return hashlib.sha256(repr(tuple(row)).encode()).hexdigest()[:16]
