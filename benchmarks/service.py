"""The running service against PostGIS alone: 14,199 cells, a private PostGIS, the server its own process."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import shapely

from benchmarks.measure import Row, compare
from benchmarks.service_peer import CONNECTIONS, PEER_PATH, store_peer_tables
from benchmarks.tilings import clustered_points, county
from geo_service.model import Level, Role
from geo_service.services import identity
from geo_service.services.drafting import draft_whole
from geo_service.services.intake import take_in
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database
from geo_service.store.migrate import migrate

HOME = Path(__file__).resolve().parents[1] / ".local" / "bench"
LEVELS = (
    Level("county", 0, "县", "County"),
    Level("grid", 3, "网格", "Grid"),
    Level("micro_grid", 4, "微网格", "Micro-grid"),
)
LEAVES_PER_GRID = 29
CLIENTS = 8
REQUESTS = 2_000
INCIDENTS, CHUNK = 100_000, 10_000
PEER_INCIDENTS = 4_000


def run() -> list[Row]:
    with Cluster(HOME).running(), _fresh_database() as url:
        database = Database.connect(url, statement_timeout_ms=600_000)
        try:
            migrate(database.write)
            tilings = Tilings(database)
            publish(database, tilings, draft_whole(_cells(), LEVELS, None), who="benchmark", note="synthetic")
            store_peer_tables(url, tilings.get())
            key = identity.issue(database, "benchmark", Role.WORKER, by="benchmark")[1]
            with _serving(url) as (port, pid):
                located = _locate(port, pid, key)
            return [*located, *_intake(database, url, tilings)]
        finally:
            database.close()


@contextmanager
def _fresh_database() -> Iterator[str]:
    cluster, name = Cluster(HOME), f"bench_{os.getpid()}"
    try:
        yield cluster.create_database(name)
    finally:
        cluster.drop_database(name)


def _cells() -> pd.DataFrame:
    """Leaves in grids of 29 by place, grids in one county."""
    leaves = county()
    at = shapely.get_coordinates(shapely.centroid(leaves))
    order = np.lexsort((at[:, 1], np.floor(at[:, 0] * 40)))
    grid_of_leaf = np.empty(len(leaves), dtype=np.int64)
    grid_of_leaf[order] = np.arange(len(leaves)) // LEAVES_PER_GRID
    grids = [f"G{i:03d}" for i in range(grid_of_leaf.max() + 1)]
    rows: list[tuple[Any, ...]] = [("county", "C", None, None, None)]
    rows += [("grid", code, "county", "C", None) for code in grids]
    rows += [
        ("micro_grid", f"{grids[grid]}{i:05d}", "grid", grids[grid], shapely.MultiPolygon([leaf]))
        for i, (grid, leaf) in enumerate(zip(grid_of_leaf, leaves, strict=True))
    ]
    cells = pd.DataFrame(rows, columns=["level", "code", "parent_level", "parent_code", "geom"], dtype=object)
    nothing = pd.Series([{} for _ in rows], dtype=object)
    return cells.assign(kind="regular", name=cells["code"], attributes=nothing)


# ------------------------------------------------------------------------------------ locate over HTTP


@contextmanager
def _serving(url: str) -> Iterator[tuple[int, int]]:
    """Serve the application, and the peer's route in it, from one process; gives its port and process id."""
    with socket.socket() as probe:  # the port, not the socket, is handed on: uvicorn does not know a given
        probe.bind(("127.0.0.1", 0))  # socket for TCP, leaves Nagle on, and every answer waits for 40 ms
        port = int(probe.getsockname()[1])
    code = (
        "import uvicorn; uvicorn.run('benchmarks.service_peer:create_peer', factory=True, "
        f"port={port}, log_level='warning', access_log=False)"
    )
    environment = os.environ | {"GEO_SERVICE_DATABASE_URL": url, "GEO_SERVICE_HOME": str(HOME)}
    root = Path(__file__).resolve().parents[1]
    server = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=root)
    try:
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(20)


@dataclass(frozen=True)
class _Client:
    """Kept connections, each with one question at a time; answers are read as bytes: parsing costs too."""

    port: int
    key: str

    def ask_all(self, path: str, points: Sequence[tuple[float, float]]) -> list[bytes]:
        """Return the bodies of the answers, in order."""
        return asyncio.run(self._ask_all(path, points))

    async def _ask_all(self, path: str, points: Sequence[tuple[float, float]]) -> list[bytes]:
        answers: list[bytes] = [b""] * len(points)
        share = [self._ask(path, points, answers, first) for first in range(CLIENTS)]
        await asyncio.gather(*share)
        return answers

    async def _ask(
        self, path: str, points: Sequence[tuple[float, float]], answers: list[bytes], first: int
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n\r\n"
        for i in range(first, len(points), CLIENTS):
            lon, lat = points[i]
            writer.write(f"GET {path}?lon={lon}&lat={lat}{head}".encode())
            said = await reader.readuntil(b"\r\n\r\n")
            if not said.startswith(b"HTTP/1.1 200"):
                raise AssertionError(said.decode())
            length = said.lower().split(b"content-length:")[1].split(b"\r\n")[0]
            answers[i] = await reader.readexactly(int(length))
        writer.close()
        await writer.wait_closed()


def _locate(port: int, pid: int, key: str) -> list[Row]:
    client = _Client(port, key)
    points = [(float(lon), float(lat)) for lon, lat in clustered_points(REQUESTS)]
    _wait_until_warm(client, pid, points[0])
    ours = [json.loads(body) for body in client.ask_all("/v1/locate", points)]
    peer = [json.loads(body) for body in client.ask_all(PEER_PATH, points)]
    differing = [a for a, b in zip(ours, peer, strict=True) if a["path"] != b["path"]]
    # PostGIS takes the raw point, we the lattice point: within a step of a border they may differ
    if len(differing) > len(points) * 1e-3:
        raise AssertionError(f"{len(differing)} answers differ from PostGIS's, like {differing[0]}")
    timing = compare(
        lambda: client.ask_all("/v1/locate", points),
        lambda: client.ask_all(PEER_PATH, points),
        rounds=5,
        clock="wall",
    )
    return [
        Row.versus(
            f"{REQUESTS:,} GET /v1/locate over HTTP",
            "the same application, the route answered by SQL ST_Covers under GiST",
            timing,
            at_least=3,
            count=REQUESTS,
            note=f"one uvicorn process, keyed, {CLIENTS} keep-alive connections from an asyncio client; the "
            f"peer's paths are written out beforehand, {CONNECTIONS} connections, prepared, autocommit",
        )
    ]


def _wait_until_warm(client: _Client, pid: int, point: tuple[float, float]) -> None:
    """Wait until it answers, and until the server has come to rest: it loads maps and demand meanwhile."""
    for _ in range(600):
        try:
            client.ask_all("/v1/locate", [point])
            break
        except OSError:
            time.sleep(0.1)
    before = -1.0
    while (spent := _cpu_s(pid)) > before + 0.1:
        before = spent
        time.sleep(2)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------------------------------ intake


def _reports(name: str, count: int) -> pd.DataFrame:
    lonlat_deg = clustered_points(count)
    return pd.DataFrame(
        {
            "source_id": [f"{name}-{i}" for i in range(count)],
            "occurred_at": [datetime(2026, 5, 1, i % 24, i % 60, tzinfo=UTC) for i in range(count)],
            "lon": lonlat_deg[:, 0],
            "lat": lonlat_deg[:, 1],
            "category": "noise",
        }
    )


def _intake(database: Database, url: str, tilings: Tilings) -> list[Row]:
    turn = iter(range(1000))

    def ours() -> None:
        name = f"ours-{next(turn)}"
        reports = _reports(name, INCIDENTS)
        for start in range(0, INCIDENTS, CHUNK):
            take_in(database, tilings, reports.iloc[start : start + CHUNK], source=name, who="benchmark")

    def peer(count: int, *, each: bool) -> None:
        name = f"peer-{next(turn)}"
        point = "ST_SetSRID(ST_MakePoint(%s, %s), 4326)"
        insert = f"insert into peer_incident values (%s, %s, %s, %s, %s, {point})"
        with psycopg.connect(url, autocommit=each, prepare_threshold=0) as connection:
            for row in _reports(name, count).itertuples(index=False):
                values = (uuid.uuid4(), name, row.source_id, row.occurred_at, row.category, row.lon, row.lat)
                connection.execute(insert, values)

    rows = []
    for each, words in ((True, "a commit for each"), (False, "one transaction")):
        timing = compare(ours, partial(peer, PEER_INCIDENTS, each=each), rounds=3, clock="wall")
        rate = [INCIDENTS / s for s in timing.ours_s]
        peer_rate = [PEER_INCIDENTS / s for s in timing.peer_s]
        ratio = float(np.median([a / b for a, b in zip(rate, peer_rate, strict=True)]))
        rows.append(
            Row(
                job=f"insert {INCIDENTS:,} incidents, placed, durable",
                ours=f"{np.median(rate):,.0f} /s",
                peer=f"row by row, trigger with ST_Covers, {words}: {np.median(peer_rate):,.0f} /s",
                ratio=f"{ratio:.3g} ×",
                target="≥ 10 ×" if each else "–",
                passed=ratio >= 10 if each else None,
                note=f"take_in in chunks of {CHUNK:,} (each also with border, runner-up, exactly once); the "
                f"peer's rate is measured on {PEER_INCIDENTS:,} rows",
            )
        )
    return rows
