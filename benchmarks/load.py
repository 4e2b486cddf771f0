"""A town at its busiest for five minutes: reports, moving workers, dispatchers, screens, all at once.

The service is what ``geo-service serve`` starts, with PostGIS and all clients on the same machine. Reports
are sent at an even pace whatever the answers take, and are timed from the moment they were due. It answers
from two processes, one for each core (``LOAD_WORKERS``). Set ``LOAD_SECONDS`` for a shorter run.
"""

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.candidates import BATCH, EVERY_S, HOME, SIDE, WORKERS, Town, get, grid_of, town
from benchmarks.host import Host
from benchmarks.load_client import Line, Lines, Listener, Seen, on_schedule
from benchmarks.load_desks import PERSON, Desk, Pace
from benchmarks.measure import Row
from benchmarks.service import _cpu_s

SECONDS = float(os.environ.get("LOAD_SECONDS", "300"))
REPORTS_A_S = 50
DISPATCHERS = 5
LISTENERS = 20
CATEGORIES = ("", "road", "noise", "fire", "lift")


@dataclass
class Report:
    """A report as it was sent, and the cell in which it lies by arithmetic."""

    source_id: str
    lonlat_deg: NDArray[np.float64]
    sent_at: float = 0.0
    id: str = ""


@dataclass
class Day:
    """The run: who asks, and what they saw."""

    port: int
    made: Town
    pace: Pace = PERSON
    seen: Seen = field(default_factory=Seen)
    reports: list[Report] = field(default_factory=list)
    positions: int = 0
    desks: list[Desk] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    host: Host = field(default_factory=Host)

    async def run(self) -> None:
        stop = asyncio.Event()
        watching = asyncio.create_task(self.host.watch())
        for number in range(LISTENERS):
            self.listeners.append(Listener(self.port, self.made.dispatcher, cut_every_s=20 + 7 * number))
        listening = [asyncio.create_task(one.run(stop)) for one in self.listeners]
        await asyncio.sleep(1)
        until = time.monotonic() + SECONDS
        self.desks = [
            Desk(self.port, self.made.dispatcher, self._ask, self.pace, n) for n in range(DISPATCHERS)
        ]
        phones = Line(self.port, self.made.device)
        await asyncio.gather(
            on_schedule(REPORTS_A_S, SECONDS, self._reporter()),
            on_schedule(WORKERS / BATCH / EVERY_S, SECONDS, self._mover(phones)),
            *(one.run(until) for one in self.desks),
        )
        await self._until_all_heard()
        stop.set()
        for task in (*listening, watching):
            task.cancel()
        await asyncio.gather(*listening, watching, return_exceptions=True)

    async def _ask(  # noqa: PLR0917 - as it reads in HTTP, and for what
        self, line: Line, what: str, method: str, path: str, body: Any = None, due: float | None = None
    ) -> tuple[int, Any]:
        began = time.monotonic() if due is None else due
        try:
            status, told = await line.ask(method, path, body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.seen.errors.append(f"{what}: {error!r}")
            return 0, None
        self.seen.note(what, status, began)
        if status >= 400 and status != 409:
            self.seen.errors.append(f"{what}: {status} {json.dumps(told)[:300]}")
        return status, told

    def _reporter(self) -> Any:
        lines = Lines(self.port, self.made.device, 48)
        rng = np.random.default_rng(11)
        places = self.made.people_deg

        async def report(number: int, due: float) -> None:
            lonlat_deg = places[rng.integers(len(places))] + rng.normal(0, 2e-4, 2)
            one = Report(f"load-{number:06}", lonlat_deg)
            body = {
                "source_id": one.source_id,
                "occurred_at": datetime.now(UTC).isoformat(),
                "lon": lonlat_deg[0],
                "lat": lonlat_deg[1],
                "accuracy_m": 10,
                "category": CATEGORIES[number % len(CATEGORIES)],
            }
            async with lines.one() as line:
                status, told = await self._ask(line, "report", "POST", "/v1/incidents", body, due)
            if status in {200, 201}:
                one.id = told["id"]
                one.sent_at = time.monotonic()
                self.reports.append(one)

        return report

    def _mover(self, line: Line) -> Any:
        rng = np.random.default_rng(7)
        at = self.made.people_deg.copy()

        async def move(number: int, due: float) -> None:
            who = np.arange(number * BATCH, (number + 1) * BATCH) % WORKERS
            at[who] += rng.normal(0, 2e-4, (BATCH, 2))
            now = datetime.now(UTC).isoformat()
            fixes = [
                {"responder": f"w{i:05}", "at": now, "lon": lon, "lat": lat, "accuracy_m": 8}
                for i, (lon, lat) in zip(who.tolist(), at[who].tolist(), strict=True)
            ]
            async with turn:
                status, told = await self._ask(
                    line, "positions", "POST", "/v1/positions", {"fixes": fixes}, due
                )
            if status == 200:
                self.positions += told["taken"]
                if told["refused"]:
                    self.seen.errors.append(f"positions: refused {told['refused'][0]}")

        turn = asyncio.Lock()
        return move

    async def _until_all_heard(self) -> None:
        wanted = {one.id for one in self.reports}
        for _ in range(300):
            if all(wanted <= one.reported.keys() for one in self.listeners):
                return
            await asyncio.sleep(0.1)


def run(pace: Pace = PERSON) -> list[Row]:
    with town() as made:
        with serving(made.url) as (port, pids):
            _warm(port, made)
            cpu_s, day = _spent_s(pids), Day(port, made, pace)
            with _clients_that_do_not_pause():
                asyncio.run(day.run())
            cpu_s = _spent_s(pids) - cpu_s
        return [*_speeds(day, cpu_s), *_robbed(day), *_truth(day, made)]


def _speeds(day: Day, cpu_s: float) -> list[Row]:
    seen, rows = day.seen, []
    for what, most in (
        ("report", 250.0),
        ("candidates", None),
        ("dispatch", None),
        ("changes", None),
        ("board", None),
        ("positions", None),
    ):
        p50, p99 = seen.percentiles_ms(what)
        job = f"{what}: p99 of {len(seen.took_ms[what]):,}"
        rows.append(Row.figure(job, p99, "ms", at_most=most, note=f"p50 {p50:.0f} ms"))
    heard = [
        one.reported[r.id] - r.sent_at for one in day.listeners for r in day.reports if r.id in one.reported
    ]
    p50, p99 = np.percentile(heard, [50, 99])
    note = f"p50 {p50 * 1000:.0f} ms; {LISTENERS} readers, each cut off and resumed every 20 to 153 s"
    rows.append(Row.figure("event heard after the report was acknowledged: p99", p99 * 1000, "ms", note=note))
    rows.append(Row.figure("processor time of the service", 100 * cpu_s / SECONDS, "% of one core"))
    return rows


@contextmanager
def _clients_that_do_not_pause() -> Iterator[None]:
    """Put off collecting garbage here: it held all clients for 0.3 s, counted as the service's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _robbed(day: Day) -> list[Row]:
    """What the host took away, and how soon reports were answered while it took nothing."""
    job = "processor time that the host of this machine took away, of what was wanted"
    note = f"idle: {100 * day.host.idle():.0f} % of both"
    rows = [Row.figure(job, 100 * day.host.took_away(), "%", note=note)]
    took_ms = np.array(day.seen.took_ms["report"])
    alone = took_ms[day.host.undisturbed(np.array(day.seen.due_at["report"]))]
    if len(alone):
        p50, p99 = np.percentile(alone, [50, 99])
        job = f"report: p99 of the {len(alone):,} that were due while the host took nothing"
        rows.append(Row.figure(job, float(p99), "ms", at_most=250.0, note=f"p50 {p50:.0f} ms"))
    return rows


def _truth(day: Day, made: Town) -> list[Row]:
    """What must be exactly right, counted."""
    for error in day.seen.errors[:10]:
        print("  error:", error, flush=True)
    with made.database.reading() as connection:
        stored = connection.exec_driver_sql(
            "select i.source_id, i.id::text, c.code, l.incident_id is not null,"
            " (select count(*) from incident_log g where g.incident_id = i.id and g.move = 'report')"
            " from incident i left join placement p on p.incident_id = i.id"
            " left join cell c on c.id = p.cell_id"
            " left join incident_life l on l.incident_id = i.id where i.source_id like 'load-%%'"
        ).all()
        kept = connection.exec_driver_sql("select count(*) from position_fix").scalar_one()
    by_key: dict[str, list[Any]] = {}
    for row in stored:
        by_key.setdefault(row[0], []).append(row)
    lost = doubled = elsewhere = lifeless = 0
    for one in day.reports:
        found = by_key.get(one.source_id, [])
        lost += not found
        doubled += len(found) > 1
        elsewhere += bool(found) and found[0][2] != _cell_of(made, one.lonlat_deg)
        lifeless += bool(found) and (not found[0][3] or found[0][4] != 1)
    unheard = sum(r.id not in one.reported for one in day.listeners for r in day.reports)
    doctor = subprocess.run(
        [sys.executable, "-m", "geo_service", "doctor", "--invariants"],
        env=os.environ | {"GEO_SERVICE_DATABASE_URL": made.url, "GEO_SERVICE_HOME": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    print(doctor.stdout[-2000:], doctor.stderr[-2000:], flush=True)
    sent = round(REPORTS_A_S * SECONDS)
    return [
        Row.figure(
            f"errors among {sum(day.seen.statuses.values()):,} requests", len(day.seen.errors), "", at_most=0
        ),
        Row.figure(f"of {sent:,} reports not acknowledged", sent - len(day.reports), "", at_most=0),
        Row.figure("acknowledged reports lost", lost, "", at_most=0),
        Row.figure("acknowledged reports there twice, or placed twice", doubled, "", at_most=0),
        Row.figure("in another cell than by arithmetic", elsewhere, "", at_most=0),
        Row.figure("without a life, or without one first line in its log", lifeless, "", at_most=0),
        Row.figure(f"not heard of by one of {LISTENERS} readers", unheard, "", at_most=0),
        Row.figure(
            "positions acknowledged and not kept",
            day.positions - kept,
            "",
            at_most=0,
            note=f"{day.positions:,} taken",
        ),
        Row.figure("invariants broken (geo-service doctor --invariants)", doctor.returncode, "", at_most=0),
        Row(
            job=f"sent, handled and closed by {DISPATCHERS} dispatchers",
            ours=f"{sum(one.closed for one in day.desks):,}",
            note=f"two clicked at once {sum(one.conflicts for one in day.desks)} times:"
            " one won, the other was told who",
        ),
    ]


def _cell_of(made: Town, lonlat_deg: NDArray[np.float64]) -> str | None:
    """The square in which a place lies, from the corner and the step of the grid alone."""
    low, step = grid_of(made.network.node_lonlat_deg)
    at = np.floor((lonlat_deg - low) / step).astype(int)
    return f"c{at[0]:02}r{at[1]:02}" if ((at >= 0) & (at < SIDE)).all() else None


# ------------------------------------------------------------------------------------------------ the server


@contextmanager
def serving(url: str, home: Path = HOME) -> Iterator[tuple[int, list[int]]]:
    """Serve as a user does; gives the port and the processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    workers = os.environ.get("LOAD_WORKERS", "2")
    command = [sys.executable, "-m", "geo_service", "serve", "--port", str(port), "--workers", workers]
    environment = os.environ | {
        "GEO_SERVICE_DATABASE_URL": url,
        "GEO_SERVICE_HOME": str(home),
        "GEO_SERVICE_LOG_LEVEL": "warning",
    }
    root = Path(__file__).resolve().parents[1]
    server = subprocess.Popen(command, env=environment, cwd=root)
    try:
        yield port, [server.pid]
    finally:
        server.terminate()
        server.wait(30)


def _spent_s(pids: list[int]) -> float:
    """Processor seconds of processes and their children."""
    total = 0.0
    for pid in pids:
        total += _cpu_s(pid)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        total += _spent_s([int(child) for child in children])
    return total


def _warm(port: int, made: Town) -> None:
    """Wait until every process answers and has come to rest."""
    answers = 0
    while answers < 20:  # each on a connection of its own: one process or another takes it
        try:
            get(port, made.dispatcher, f"/v1/incidents/{made.incidents[1]}/candidates?k=5")
            get(port, made.dispatcher, "/v1/board")
            answers += 1
        except OSError:
            time.sleep(0.2)
    time.sleep(15)
