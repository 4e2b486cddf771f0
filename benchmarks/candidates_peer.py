"""The application with a second route beside its candidates, answered by PostGIS: the peer of ``candidates``.

It is favoured: a plain table of the latest positions under GiST, kept by a trigger; straight lines instead of
streets, no modes, no reasons, one statement that is prepared.
"""

import os
from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import FastAPI, Query

from benchmarks.service_peer import _Lender
from geo_service.api.access import roles
from geo_service.api.app import create_app
from geo_service.api.routing import Router
from geo_service.model import Role

PEER_PATH = "/v1/nearest-by-sql"
TABLES = """
    create table peer_position (responder_id int primary key, geom geometry(Point, 4326) not null);
    insert into peer_position select id, geom from responder;
    create index on peer_position using gist (geom);
    create function peer_follow() returns trigger language plpgsql as $$
    begin
        update peer_position set geom = ST_SetSRID(ST_MakePoint(new.lon, new.lat), 4326)
        where responder_id = new.responder_id;
        return null;
    end $$;
    create trigger follow after insert or update on position_latest
        for each row execute function peer_follow();
    analyze peer_position;
"""
NEAREST = """
    select responder.code, ST_Distance(at.geom::geography, incident.geom::geography)
    from incident, peer_position as at
    join responder on responder.id = at.responder_id
    where incident.id = %s
        and exists (select from shift where shift.responder_id = at.responder_id and on_duty @> now())
        and not exists (
            select from dispatch where dispatch.responder_id = at.responder_id and ended_at is null
        )
    order by at.geom <-> incident.geom limit %s
"""


def store_peer_tables(url: str) -> None:
    """Write the positions as the peer reads them, indexed, analysed, and following."""
    with psycopg.connect(url) as connection:
        connection.execute("set search_path = public, extensions")
        connection.execute(TABLES)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")


def create_peer() -> FastAPI:
    """Return the application of the environment, with the peer's route added behind the same gate."""
    app = create_app()
    router = Router(prefix="/v1", dependencies=[roles(*Role)])
    lent = _Lender(os.environ["GEO_SERVICE_DATABASE_URL"])

    @router.get("/nearest-by-sql")
    def nearest_by_sql(incident: Annotated[UUID, Query()], k: Annotated[int, Query()]) -> dict[str, Any]:
        with lent.connection() as connection:
            rows = connection.execute(NEAREST, (incident, k)).fetchall()
        return {"candidates": [{"responder": code, "straight_m": metres} for code, metres in rows]}

    app.include_router(router)
    return app
