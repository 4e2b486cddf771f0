"""Who can be there soonest, asked over HTTP while 10,000 workers move through Porto."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from benchmarks.candidates_peer import PEER_PATH, store_peer_tables
from benchmarks.measure import Row
from benchmarks.service import _cpu_s
from benchmarks.travel import _network as road_network
from geo_service.geometry.lattice import SCALE
from geo_service.model import Mode, Role
from geo_service.roads.graph import build_graph
from geo_service.roads.network import RoadNetwork
from geo_service.services import dispatching, identity
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.intake import incident_id, take_in
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, roads, staffing
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database
from geo_service.store.dispatches import Sending
from geo_service.store.migrate import migrate

HOME = Path(__file__).resolve().parents[1] / ".local" / "bench"
WORKERS = 10_000
EVERY_S = 10.0
BATCH = 1_000
INCIDENTS = 200
QUESTIONS = 600
PAUSE_S = 0.02
SIDE = 30
DISPATCHED = 300
FIVE = 5


@dataclass
class Town:
    """The database with its people, and the keys to ask."""

    url: str
    database: Database
    network: RoadNetwork
    incidents: list[str]
    places_deg: NDArray[np.float64]
    device: str
    dispatcher: str
    people_deg: NDArray[np.float64]


def run() -> list[Row]:
    with town() as made, serving(made.url) as (port, pid):
        _warm(port, made)
        still, alone_ms = _with_cpu(pid, lambda: _ask(port, made, "ours"))
        with _moving(port, made) as mover:
            time.sleep(EVERY_S)
            ours = _ask(port, made, "ours")
        _, batch_ms = _with_cpu(pid, mover.send_everybody)
        rows = [
            Row.figure("processor time of one answer in the server", alone_ms / QUESTIONS, "ms", at_most=10),
            *mover.rows(batch_ms / (WORKERS // BATCH)),
        ]
        # what keeps the peer's table is not to weigh on ours
        store_peer_tables(made.url)
        with _moving(port, made):
            peer = _ask(port, made, "peer")
        return [
            *_figures(still, ours, peer),
            *rows,
            _what_straight_lines_miss(port, made),
        ]


def _with_cpu(pid: int, work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the work gives, and the milliseconds of processor time that the server spent meanwhile."""
    before = _cpu_s(pid)
    given = work()
    return given, (_cpu_s(pid) - before) * 1000


def _figures(still: NDArray[Any], ours: NDArray[Any], peer: NDArray[Any]) -> list[Row]:
    note = (
        f"GET …/candidates?k=5, one keep-alive connection, {1 / PAUSE_S:.0f} a second at most; the server, "
    )
    note += "PostGIS, the sender of positions and the client share the two cores"
    p50, p99 = np.percentile(ours, [50, 99])
    theirs = np.percentile(peer, [50, 99])
    job = f"five nearest of {WORKERS:,} over HTTP"
    return [
        Row.figure(f"{job}, nobody moving: p99", float(np.percentile(still, 99)), "ms", note=note),
        Row.figure(f"{job}, all moving every {EVERY_S:.0f} s: p99", float(p99), "ms", at_most=20, note=note),
        Row(
            f"{job}, all moving: p50",
            f"{p50:.3g} ms",
            f"SQL straight-line <-> under GiST, same checks of duty and dispatch: {theirs[0]:.3g} ms",
            f"{theirs[0] / p50:.3g} ×",
            note=f"the peer's p99 is {theirs[1]:.3g} ms; it knows no streets, modes, reasons or neighbours",
        ),
    ]


# ------------------------------------------------------------------------------------------------ the town


@contextmanager
def town() -> Iterator[Town]:
    """Give a database of Porto's streets, 900 square cells and 10,000 people on duty."""
    with Cluster(HOME).running():
        cluster, name = Cluster(HOME), f"bench_{os.getpid()}"
        try:
            url = cluster.create_database(name)
            database = Database.connect(url, statement_timeout_ms=600_000)
            try:
                yield _fill(url, database)
            finally:
                database.close()
        finally:
            cluster.drop_database(name)


def _fill(url: str, database: Database) -> Town:
    migrate(database.write)
    network, rng = road_network(), np.random.default_rng(20261122)
    tilings = Tilings(database)
    cells = _cells(network.node_lonlat_deg)
    publish(
        database,
        tilings,
        draft_import(BoundaryImport(cells, "grid", "community"), None, []),
        who="benchmark",
        note="squares",
    )
    # everybody stands where all modes may go, so that nobody is an island of his own
    main = build_graph(network, Mode.CAR)
    node = main.node_network[np.flatnonzero(main.node_main)]
    people_deg = network.node_lonlat_deg[rng.choice(node, WORKERS)]
    places_deg = network.node_lonlat_deg[rng.choice(node, INCIDENTS)] + rng.normal(0, 2e-4, (INCIDENTS, 2))
    with database.writing() as connection:
        roads.replace(connection, network, "Porto", {})
        now = boundaries.moment(connection)
        staffing.upsert_responders(connection, _people(people_deg, cells, rng), now - timedelta(days=3))
        ids = staffing.responder_ids(connection)
        start = now - timedelta(hours=1)
        shifts = {"responder_id": list(ids.values()), "start": start, "end": start + timedelta(hours=8)}
        staffing.replace_shifts(connection, pd.DataFrame(shifts))
    reports = pd.DataFrame(
        {
            "source_id": [f"i{i}" for i in range(INCIDENTS)],
            "occurred_at": now,
            "lon": places_deg[:, 0],
            "lat": places_deg[:, 1],
        }
    )
    take_in(database, tilings, reports, source="bench", who="benchmark", live=True)
    incidents = [str(incident_id("bench", f"i{i}")) for i in range(INCIDENTS)]
    _send_some(database, sorted(ids.values()), incidents)
    keys = {
        role: identity.issue(database, f"bench {role.value}", role, by="benchmark")[1]
        for role in (Role.DEVICE, Role.DISPATCHER)
    }
    return Town(
        url, database, network, incidents, places_deg, keys[Role.DEVICE], keys[Role.DISPATCHER], people_deg
    )


def _cells(lonlat_deg: NDArray[np.float64]) -> pd.DataFrame:
    """A square grid over the streets, in communities of a column each."""
    low, step = grid_of(lonlat_deg)
    at = [(c, r) for c in range(SIDE) for r in range(SIDE)]
    corner = [(low[0] + c * step[0], low[1] + r * step[1]) for c, r in at]
    return pd.DataFrame(
        {
            "code": [f"c{c:02}r{r:02}" for c, r in at],
            "name": [f"c{c:02}r{r:02}" for c, r in at],
            "parent_code": [f"g{c:02}" for c, _ in at],
            "attributes": [{} for _ in at],
            "geometry": [shapely.box(x, y, x + step[0], y + step[1]) for x, y in corner],
        }
    )


def grid_of(lonlat_deg: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the south-west corner of the grid and the step from cell to cell."""
    low = np.floor(lonlat_deg.min(axis=0) * SCALE) / SCALE
    return low, np.ceil((lonlat_deg.max(axis=0) - low) / SIDE * SCALE) / SCALE


def _people(lonlat_deg: NDArray[np.float64], cells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    boxes = shapely.STRtree(cells["geometry"].to_numpy())
    at, cell = boxes.query(shapely.points(lonlat_deg), predicate="intersects")
    home = np.zeros(WORKERS, np.int64)
    home[at] = cell
    return pd.DataFrame(
        {
            "code": [f"w{i:05}" for i in range(WORKERS)],
            "name": [f"worker {i}" for i in range(WORKERS)],
            "role": "grid_worker",
            "mode": rng.choice(["walk", "ebike", "car"], WORKERS, p=[0.3, 0.6, 0.1]),
            "lon": lonlat_deg[:, 0],
            "lat": lonlat_deg[:, 1],
            "capabilities": [["first_aid"] if i % 3 == 0 else [] for i in range(WORKERS)],
            "phone": "",
            "home_level": "grid",
            "home_cell_code": cells["code"].to_numpy()[home],
        }
    )


def _send_some(database: Database, ids: list[int], incidents: list[str]) -> None:
    """Have some people out: their incident is not asked about."""
    out = [Sending(one, lead=not at) for at, one in enumerate(ids[:: WORKERS // DISPATCHED])]
    dispatching.send(database, UUID(incidents[0]), out, who="benchmark")


# ------------------------------------------------------------------------------------------------ the server


@contextmanager
def serving(url: str) -> Iterator[tuple[int, int]]:
    """Serve the application, and the peer's route in it, from one process; gives its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    code = (
        "import uvicorn; uvicorn.run('benchmarks.candidates_peer:create_peer', factory=True, "
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


def _path(made: Town, which: str, i: int) -> str:
    if which == "ours":
        return f"/v1/incidents/{made.incidents[i]}/candidates?k={FIVE}"
    return f"{PEER_PATH}?incident={made.incidents[i]}&k={FIVE}"


def _ask(port: int, made: Town, which: str) -> NDArray[np.float64]:
    """Return the milliseconds of each answer."""
    return asyncio.run(_ask_all(port, made, which))


async def _ask_all(port: int, made: Town, which: str) -> NDArray[np.float64]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {made.dispatcher}\r\n\r\n"
    out = []
    for i in range(QUESTIONS):
        began = time.perf_counter()
        writer.write(f"GET {_path(made, which, 1 + i % (INCIDENTS - 1))}{head}".encode())
        said = await reader.readuntil(b"\r\n\r\n")
        if not said.startswith(b"HTTP/1.1 200"):
            raise AssertionError(said.decode())
        length = said.lower().split(b"content-length:")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        took = time.perf_counter() - began
        out.append(took * 1000)
        await asyncio.sleep(max(0.0, PAUSE_S - took))
    writer.close()
    return np.array(out)


def get(port: int, key: str, path: str) -> Any:
    """Return the JSON of an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": key})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _warm(port: int, made: Town) -> None:
    """Wait until it answers: streets of three modes, the book, neighbours of cells are made ready."""
    for _ in range(300):
        try:
            get(port, made.dispatcher, _path(made, "ours", 1))
            break
        except OSError:
            time.sleep(0.2)
    time.sleep(15)  # maps and demand are made ready meanwhile


# ------------------------------------------------------------------------------------------------ moving


@dataclass
class Mover:
    """Sends the positions of everybody every ten seconds, a tenth each second."""

    port: int
    made: Town
    stop: threading.Event = field(default_factory=threading.Event)
    took_ms: list[float] = field(default_factory=list)
    taken: int = 0
    taken_while_asked: int = 0
    began: float = 0.0
    ended: float = 0.0

    def run(self) -> None:
        rng = np.random.default_rng(7)
        at = self.made.people_deg.copy()
        self.began = next_at = time.monotonic()
        turn = 0
        while not self.stop.is_set():
            who = np.arange(turn * BATCH, (turn + 1) * BATCH) % WORKERS
            at[who] += rng.normal(0, 2e-4, (BATCH, 2))
            self._send(who, at[who])
            turn += 1
            next_at += EVERY_S * BATCH / WORKERS
            self.stop.wait(max(0.0, next_at - time.monotonic()))
        self.ended, self.taken_while_asked = time.monotonic(), self.taken

    def _send(self, who: NDArray[np.int64], at: NDArray[np.float64]) -> None:
        now = datetime.now(UTC).isoformat()
        fixes = [
            {"responder": f"w{i:05}", "at": now, "lon": lon, "lat": lat, "accuracy_m": 8}
            for i, (lon, lat) in zip(who.tolist(), at.tolist(), strict=True)
        ]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/positions",
            json.dumps({"fixes": fixes}).encode(),
            {"X-API-Key": self.made.device, "Content-Type": "application/json"},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            done = json.load(answer)
        self.took_ms.append((time.perf_counter() - began) * 1000)
        if done["refused"]:
            raise AssertionError(done["refused"][0])
        self.taken += done["taken"]

    def send_everybody(self) -> None:
        """Send everybody's position once more, batch after batch."""
        for turn in range(WORKERS // BATCH):
            who = np.arange(turn * BATCH, (turn + 1) * BATCH)
            self._send(who, self.made.people_deg[who])

    def rows(self, batch_cpu_ms: float) -> list[Row]:
        rate = self.taken_while_asked / (self.ended - self.began)
        p50, p99 = np.percentile(self.took_ms, [50, 99])
        return [
            Row.figure(
                f"{self.taken_while_asked:,} positions taken in while that was asked",
                rate,
                "/s",
                note=f"batches of {BATCH:,}: p50 {p50:.0f} ms, p99 {p99:.0f} ms; none refused or lost",
            ),
            Row.figure(f"processor time of a batch of {BATCH:,} in the server", batch_cpu_ms, "ms"),
        ]


@contextmanager
def _moving(port: int, made: Town) -> Iterator[Mover]:
    mover = Mover(port, made)
    with made.database.reading() as connection:
        before = connection.exec_driver_sql("select count(*) from position_fix").scalar_one()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            mover.run()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield mover
    finally:
        mover.stop.set()
        thread.join()
    if failures:
        raise failures[0]
    with made.database.reading() as connection:
        kept = connection.exec_driver_sql("select count(*) from position_fix").scalar_one() - before
    if kept != mover.taken:
        raise AssertionError(f"{mover.taken} positions were taken in, {kept} are there")


def _what_straight_lines_miss(port: int, made: Town) -> Row:
    """How much later help comes when it is chosen as the crow flies."""
    late, same = [], 0
    for i in range(1, INCIDENTS):
        key = made.incidents[i]
        ours = get(port, made.dispatcher, f"/v1/incidents/{key}/candidates?k=20")["candidates"]
        crow = get(port, made.dispatcher, _path(made, "peer", i))["candidates"][0]["responder"]
        time_of = {one["responder"]: one["travel_s"] for one in ours}
        same += crow == ours[0]["responder"]
        if crow in time_of:
            late.append(time_of[crow] - min(time_of.values()))
    later_s = np.median([x for x in late if x])
    return Row(
        job="first choice of the straight line",
        ours=f"the same as ours in {same} of {INCIDENTS - 1}",
        note=f"where it is another of our first 20, help comes {later_s:.0f} s later (median); in "
        f"{INCIDENTS - 1 - len(late)} cases it is not even among these",
    )
