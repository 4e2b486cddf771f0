"""Locating: from a point to its cell at every level."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import orjson
from fastapi import Query
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from starlette.concurrency import run_in_threadpool

from geo_service.api.access import ANYONE_KNOWN
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.short_cuts import short_cut
from geo_service.api.state import AppState, State
from geo_service.errors import BadRequestError, Fault, InvalidInputError, Words
from geo_service.geometry.crs import WGS84, Datum, named_datum, parse_datum, to_wgs84
from geo_service.model import Principal
from geo_service.services import locating
from geo_service.services.locating_detail import details
from geo_service.services.scopes import Part
from geo_service.services.tiling import Tiling

router = Router(prefix="/v1", tags=["locate"], dependencies=[ANYONE_KNOWN])

BATCH = 10_000
#: With owners, premises and gaps a point takes some milliseconds.
DETAILED = 500
_DEGREES = rb"(-?[0-9]{1,3}(?:\.[0-9]{1,20})?)"
#: The query string of the plain question; with more or less in it the route's own checks have their say.
PLAIN_QUERY = re.compile(rb"lon=" + _DEGREES + rb"&lat=" + _DEGREES)

AsOf = Annotated[Moment | None, Query(description="Boundaries in force at this moment (default: now)")]
KnownAt = Annotated[Moment | None, Query(description="... as they were known at this moment (default: now)")]
Crs = Annotated[str, Query(max_length=20, description="WGS84, CGCS2000, GCJ02, BD09 or EPSG:n")]


#: How it is said where an answer holds.
Within = Literal["circle", "shape"]


class Cell(BaseModel):
    """A cell on the way from the top to the leaf."""

    level: str
    code: str
    name: str


class Candidate(BaseModel):
    """A cell in which the true place may lie."""

    cell_code: str | None
    probability: float


class Located(BaseModel):
    """Where a point lies."""

    cell_code: str | None = Field(description="Leaf that holds the point; null in no cell")
    level: str | None
    how: str = Field(description="inside, on_edge (the smallest code of the touching cells), near_gap, none")
    path: list[Cell] = Field(description="From the top down, the leaf last")
    border_m: float | None = Field(None, description="Distance to the leaf's border")
    runner_up_code: str | None = Field(None, description="The cell on the other side of that border")
    nearest_code: str | None = Field(None, description="For a point in no cell: the nearest one")
    nearest_m: float | None = None
    candidates: list[Candidate] | None = None
    edition: int
    datum: str = Field(description="Datum that the coordinates were taken for")
    # with detail
    owner: dict[str, Any] | None = Field(
        None, description="Who holds the cell, or the nearest one above it that somebody holds"
    )
    above: list[dict[str, Any]] | None = Field(None, description="Who holds the cells over that, upwards")
    premises: list[dict[str, Any]] | None = Field(None, description="Grounds of units, the smallest first")
    gap: dict[str, Any] | None = Field(None, description="For a point in no cell: the gap, and who answers")
    runner_up_probability: float | None = None
    runner_up_name: str | None = None
    runner_up_owner: dict[str, Any] | None = Field(None, description="Who holds that cell, if it may be it")
    as_of: datetime | None = None
    known_at: datetime | None = None
    valid_until: datetime | None = Field(None, description="When the next edition is due to begin")
    valid_within: dict[str, Any] | None = Field(
        None,
        description="Where the answer is the same: a circle (lon, lat, radius_m), or a GeoJSON polygon",
    )


class Points(BaseModel):
    """Points to locate at once."""

    model_config = ConfigDict(extra="forbid")

    points: list[tuple[FiniteFloat, FiniteFloat]] = Field(max_length=BATCH, description="lon, lat each")
    crs: str = Field("WGS84", max_length=20)
    accuracy_m: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = Field(
        None, description="With detail: the radius that holds each true place with a probability of 68 %"
    )
    valid_within: Within = "circle"
    detail: bool = Field(False, description=f"The whole answer for each point, at most {DETAILED}")


class LocatedPoints(BaseModel):
    """The leaf of each point, in order."""

    edition: int
    datum: str
    cell_codes: list[str | None]
    how: list[str]
    border_m: list[float | None]
    points: list[Located] | None = Field(None, description="With detail: the whole answer for each")


async def tiling_at(state: AppState, as_of: Moment | None, known_at: Moment | None) -> Tiling:
    """Return the tiling; without a thread when it is in memory and known to be in force."""
    if known_at is None and (tiling := state.tilings.at_hand(as_of)) is not None:
        return tiling
    return await run_in_threadpool(state.tilings.get, as_of, known_at)


def _plainly(state: AppState, query: bytes) -> bytes | None:
    """Answer at once when longitude and latitude alone are given and the tiling is in memory."""
    given = PLAIN_QUERY.fullmatch(query)
    tiling = state.tilings.at_hand() if given else None
    if given is None or tiling is None:
        return None
    lon, lat = float(given[1]), float(given[2])
    if abs(lon) > 180 or abs(lat) > 90:
        return None
    answer = {**locating.locate_one(tiling, lon, lat), "edition": tiling.edition.id, "datum": str(WGS84)}
    return orjson.dumps(answer)


@router.get("/locate", response_model=Located, response_model_exclude_unset=True)
@short_cut(_plainly)
async def locate(
    state: State,
    who: Annotated[Principal, ANYONE_KNOWN],
    lon: Annotated[FiniteFloat, Query(description="Longitude, or easting in a projected CRS")],
    lat: Annotated[FiniteFloat, Query(description="Latitude, or northing")],
    crs: Crs = "WGS84",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    accuracy_m: Annotated[float | None, Query(gt=0, le=10_000, allow_inf_nan=False)] = None,
    near: Annotated[bool, Query(description="Also border, runner-up and nearest cell")] = False,
    detail: Annotated[
        bool, Query(description="Also owner and who is on duty, premises, gap, and how long this holds")
    ] = False,
    valid_within: Annotated[
        Within,
        Query(description="With detail: a circle, or the shape in which cell and premises are the same"),
    ] = "circle",
) -> dict[str, Any]:
    """Tell the cell of a point at every level; with ``detail`` everything that is known of the place."""
    if (datum := named_datum(crs)) is not None:
        x, y = _to_wgs84(lon, lat, datum)
    else:  # PROJ takes a fifth of a second for a code that it has not met
        datum = await run_in_threadpool(parse_datum, crs)
        x, y = await run_in_threadpool(_to_wgs84, lon, lat, datum)
    _require_on_globe(x, y)
    tiling = await tiling_at(state, as_of, known_at)
    if detail:
        asked = Asked(np.array([[x, y]]), accuracy_m, as_of, known_at, who.scope, valid_within == "shape")
        (whole,) = await run_in_threadpool(_details, state, tiling, asked)
        return {**whole, "edition": tiling.edition.id, "datum": str(datum)}
    if near or accuracy_m is not None:
        answer = await run_in_threadpool(locating.locate_closely, tiling, x, y, accuracy_m)
    else:
        answer = locating.locate_one(tiling, x, y)
    return {**answer, "edition": tiling.edition.id, "datum": str(datum)}


@router.post("/locate/batch")
def locate_batch(
    state: State,
    who: Annotated[Principal, ANYONE_KNOWN],
    body: Points,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> LocatedPoints:
    """Tell the leaf of each of up to 10,000 points."""
    datum = parse_datum(body.crs)
    xy = np.array(body.points, dtype=float).reshape(-1, 2)
    tiling = state.tilings.get(as_of, known_at)
    lonlat_deg = to_wgs84(xy, datum)
    told = {"edition": tiling.edition.id, "datum": str(datum)}
    if body.detail:
        if len(xy) > DETAILED:
            message = Words(
                f"with detail at most {DETAILED} points at once", f"带 detail 时每次至多 {DETAILED} 个点"
            )
            raise InvalidInputError(message, [Fault("points", message, value=len(xy))])
        _require_all_on_globe(lonlat_deg)
        asked = Asked(lonlat_deg, body.accuracy_m, as_of, known_at, who.scope, body.valid_within == "shape")
        points = [Located.model_validate(one | told) for one in _details(state, tiling, asked)]
    placed = locating.assign(tiling, lonlat_deg)
    return LocatedPoints(
        edition=tiling.edition.id,
        datum=str(datum),
        cell_codes=locating.leaf_codes(tiling, placed),
        how=placed["how"].tolist(),
        border_m=[None if np.isnan(value) else float(value) for value in placed["border_m"]],
        points=points if body.detail else None,
    )


class Asked(NamedTuple):
    """Points of which everything is asked."""

    lonlat_deg: NDArray[np.float64]
    accuracy_m: float | None
    as_of: datetime | None
    known_at: datetime | None
    scope: frozenset[int]
    shapes: bool


def _details(state: AppState, tiling: Tiling, asked: Asked) -> list[dict[str, Any]]:
    edition = state.tilings.edition(asked.as_of, asked.known_at)
    on_duty = state.desk.books.ids_on_duty()
    with state.database.reading() as connection:
        return details(
            connection,
            tiling,
            edition,
            asked.lonlat_deg,
            accuracy_m=[asked.accuracy_m] * len(asked.lonlat_deg),
            as_of=asked.as_of,
            known_at=asked.known_at,
            on_duty=on_duty,
            part=Part(tiling, asked.scope) if asked.scope else None,
            shapes=asked.shapes,
        )


def _require_all_on_globe(lonlat_deg: NDArray[np.float64]) -> None:
    wrong = np.flatnonzero(~(np.abs(lonlat_deg) <= (180.0, 90.0)).all(axis=1))
    if len(wrong):
        message = Words(
            "is not on the globe; are longitude and latitude swapped?", "不在地球上；经纬度是否颠倒？"
        )
        faults = [Fault(f"points[{i}]", message) for i in wrong[:100].tolist()]
        raise InvalidInputError(
            Words(f"{len(wrong)} point(s) are not on the globe", f"有 {len(wrong)} 个坐标不在地球上"), faults
        )


def _to_wgs84(x: float, y: float, datum: Datum) -> tuple[float, float]:
    if datum == WGS84:
        return x, y
    lon, lat = to_wgs84(np.array([[x, y]]), datum)[0].tolist()
    return lon, lat


def _require_on_globe(lon: float, lat: float) -> None:
    faults = []
    if not -180 <= lon <= 180:
        faults.append(
            Fault(
                "lon",
                Words(
                    "a longitude lies between -180 and 180; give crs= for metres",
                    "经度应在 -180 到 180 之间；以米为单位请给出 crs=",
                ),
                value=lon,
            )
        )
    if not -90 <= lat <= 90:
        faults.append(
            Fault(
                "lat",
                Words(
                    "a latitude lies between -90 and 90; are lon and lat swapped?",
                    "纬度应在 -90 到 90 之间；经纬度是否颠倒？",
                ),
                value=lat,
            )
        )
    if faults:
        raise BadRequestError(Words("the point is not on the globe", "坐标不在地球上"), faults)
