"""The application with a second ``/v1/locate`` beside its own, answered by PostGIS: the peer of ``service``.

It is favoured where it can be: the leaves stand in a table of their own under a GiST index, their paths
written out beforehand, and its connections ask in autocommit with prepared statements.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Annotated, Any

import orjson
import psycopg
from fastapi import FastAPI, Query
from psycopg.rows import tuple_row
from pydantic import FiniteFloat

from geo_service.api.access import roles
from geo_service.api.app import create_app
from geo_service.api.routes.locate import Located
from geo_service.api.routing import Router
from geo_service.model import Role
from geo_service.services.tiling import Tiling
from geo_service.store import bulk

CONNECTIONS = 8
PEER_PATH = "/v1/locate-by-sql"

TABLES = """
    create table peer_leaf (
        code text primary key, level text not null, path jsonb not null,
        geom geometry(MultiPolygon, 4326) not null
    );
    create table peer_incident (
        id uuid primary key, source text not null, source_id text not null, occurred_at timestamptz not null,
        category text not null, geom geometry(Point, 4326), unique (source, source_id)
    );
    create table peer_placement (incident_id uuid primary key references peer_incident, cell_code text);
    create function peer_place() returns trigger language plpgsql as $$
    begin
        insert into peer_placement
        select new.id, (select min(code) from peer_leaf where ST_Covers(geom, new.geom));
        return new;
    end $$;
    create trigger place after insert on peer_incident for each row execute function peer_place();
"""
LOCATE = """
    select code, level, path from peer_leaf where ST_Covers(geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326))
    order by code limit 1
"""


def store_peer_tables(url: str, tiling: Tiling) -> None:
    """Write the leaves of a tiling as the peer reads them, indexed and analysed."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
        with cursor.copy("copy peer_leaf (code, level, path, geom) from stdin") as copy:
            for i, shape in enumerate(bulk.ewkb_hex(shapes)):
                path = tiling.named_path(i)
                copy.write_row((path[-1]["code"], path[-1]["level"], orjson.dumps(path).decode(), shape))
        cursor.execute("create index on peer_leaf using gist (geom)")
        cursor.execute("analyze peer_leaf")


def create_peer() -> FastAPI:
    """Return the application of the environment, with the peer's route added behind the same gate."""
    app = create_app()
    app.include_router(_router(os.environ["GEO_SERVICE_DATABASE_URL"]))
    return app


def _router(url: str) -> Router:
    router = Router(prefix="/v1", dependencies=[roles(*Role)])
    lent = _Lender(url)

    @router.get("/locate-by-sql", response_model=Located, response_model_exclude_unset=True)
    def locate_by_sql(
        lon: Annotated[FiniteFloat, Query()], lat: Annotated[FiniteFloat, Query()]
    ) -> dict[str, Any]:
        with lent.connection() as connection:
            row = connection.execute(LOCATE, (lon, lat)).fetchone()
        found = {"edition": 1, "datum": "WGS84"}
        if row is None:
            return {"cell_code": None, "level": None, "how": "none", "path": [], **found}
        return {"cell_code": row[0], "level": row[1], "how": "inside", "path": row[2], **found}

    return router


class _Lender:
    """A handful of open connections."""

    def __init__(self, url: str) -> None:
        self._idle: SimpleQueue[psycopg.Connection[tuple[Any, ...]]] = SimpleQueue()
        for _ in range(CONNECTIONS):
            connection = psycopg.connect(url, autocommit=True, prepare_threshold=0, row_factory=tuple_row)
            self._idle.put(connection)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        one = self._idle.get()
        try:
            yield one
        finally:
            self._idle.put(one)
