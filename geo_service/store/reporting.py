"""What a report is held against before it is stored: cells and buildings by name, and the ground under it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, or_, select, text

from geo_service.store.at_once import Question
from geo_service.store.tables import cell, demand_point, level

#: A point this near a building may be meant for it: the width of a street and an honest phone.
NEAR_BUILDING_M = 30.0
#: As the function address_pairs reads a text.
_PLAIN = "regexp_replace(lower(normalize(cast({} as text), NFKC)), '\\s', '', 'g')"


@dataclass(frozen=True, slots=True)
class Building:
    """A building that a report may name."""

    lon: float
    lat: float
    address: str


@dataclass(frozen=True, slots=True)
class GroundUnder:
    """What lies under each of n points: water, a building, a building within :data:`NEAR_BUILDING_M`."""

    in_water: NDArray[np.bool_]
    in_building: NDArray[np.bool_]
    near_building: NDArray[np.bool_]


def cells_by_code(connection: Connection, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the ids of cells by (level, code); those that never were are left out."""
    if not names:
        return {}
    asked = or_(*(and_(level.c.code == one, cell.c.code == code) for one, code in names))
    rows = connection.execute(
        select(level.c.code, cell.c.code, cell.c.id).join(level, level.c.id == cell.c.level_id).where(asked)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def buildings(connection: Connection, names: Collection[str]) -> dict[str, Building]:
    """Return buildings by the id that the register of buildings has for them."""
    if not names:
        return {}
    place = (func.ST_X(demand_point.c.geom), func.ST_Y(demand_point.c.geom), demand_point.c.address)
    rows = connection.execute(
        select(demand_point.c.source_id, *place).where(demand_point.c.source_id == func.any(list(names)))
    )
    return {row[0]: Building(row[1], row[2], row[3]) for row in rows}


def addresses(
    connection: Connection, question: str, *, limit: int, near: tuple[float, float] | None = None
) -> list[dict[str, Any]]:
    """Return buildings whose address holds each word of a question.

    The best first: an address that begins with the question, then the nearest to ``near`` (lon, lat), then
    the shortest. Width, case and blanks do not matter.
    """
    words = question.split()
    asked = " and ".join(
        f"address_pairs(address) @> address_pairs(:w{i})"
        f" and position({_PLAIN.format(f':w{i}')} in {_PLAIN.format('address')}) > 0"
        for i in range(len(words))
    )
    distance = "geom <-> st_setsrid(st_makepoint(:lon, :lat), 4326)" if near else "cast(0 as float8)"
    rows = connection.execute(
        text(f"""
            select source_id as building, address, kind, st_x(geom) as lon, st_y(geom) as lat
            from demand_point where {asked}
            order by not starts_with({_PLAIN.format("address")}, {_PLAIN.format(":whole")}), {distance},
                length(address), address collate "C", source_id collate "C"
            limit :limit
        """),  # noqa: S608 - our own words; what the caller gave is bound
        {
            **{f"w{i}": word for i, word in enumerate(words)},
            "whole": question,
            "limit": limit,
            **({"lon": near[0], "lat": near[1]} if near else {}),
        },
    )
    return [dict(row) for row in rows.mappings()]


def nearest_buildings(
    connection: Connection, place: tuple[float, float], *, within_m: float, limit: int
) -> list[dict[str, Any]]:
    """Return the buildings with an address that are nearest to a place (lon, lat), with ``distance_m``."""
    rows = connection.execute(
        text("""
            select * from (
                select source_id as building, address, kind, st_x(geom) as lon, st_y(geom) as lat, round(cast(
                    st_distance(coalesce(footprint, geom)::geography, point::geography) as numeric), 1
                )::float8 as distance_m
                from demand_point, st_setsrid(st_makepoint(:lon, :lat), 4326) as point
                where address <> '' order by geom <-> point limit :most
            ) as near where distance_m <= :within_m order by distance_m, building limit :limit
        """),
        {"lon": place[0], "lat": place[1], "within_m": within_m, "limit": limit, "most": 4 * limit},
    )
    return [dict(row) for row in rows.mappings()]


def ground_question(lonlat_deg: NDArray[np.float64]) -> Question[GroundUnder]:
    """Return the question of what lies under each of (n, 2) points in EPSG:4326."""

    def read(rows: Sequence[tuple[Any, ...]]) -> GroundUnder:
        found = np.array(rows, dtype=bool).reshape(-1, 3)
        return GroundUnder(*(np.ascontiguousarray(found[:, i]) for i in range(3)))

    lon, lat = lonlat_deg[:, 0].tolist(), lonlat_deg[:, 1].tolist()
    return Question(_GROUND, {"lon": lon, "lat": lat, "near_m": NEAR_BUILDING_M}, read)


_GROUND = """
    select
        exists (
            select from map_feature where kind = 'water'
                and geom3857 && st_transform(point, 3857) and st_intersects(geom, point)
        ),
        exists (select from demand_point where st_intersects(footprint, point)),
        exists (select from demand_point where footprint && around and st_dwithin(
            footprint::geography, point::geography, %(near_m)s
        )) or exists (select from demand_point where footprint is null and geom && around)
    from (
        select number, point, st_expand(
            point, %(near_m)s / (111000 * greatest(cos(radians(st_y(point))), 0.01)), %(near_m)s / 110000
        ) as around
        from (
            select number, st_setsrid(st_makepoint(lon, lat), 4326) as point
            from unnest(cast(%(lon)s as float8[]), cast(%(lat)s as float8[]))
                with ordinality as given (lon, lat, number)
        ) as points
    ) as places order by number
"""
