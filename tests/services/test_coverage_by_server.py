"""Coverage by a server's travel times.

The server of this test answers in OSRM's and Valhalla's forms, out of our graph: what must come out is known.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError, TimedOutError, UnavailableError
from geo_service.model import Mode
from geo_service.roads.graph import UNREACHED
from geo_service.roads.kernels import NONE
from geo_service.services import coverage_by_server, doctor
from geo_service.services.coverage import run_coverage
from geo_service.services.coverage_engines import Embedded, Osrm, Server, Valhalla
from geo_service.services.coverage_question import Added, Changes, Counted, Question
from geo_service.services.coverage_readings import explain, read_coverage
from geo_service.services.coverage_week import read_week
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tilings
from geo_service.services.travel_servers import TravelServers
from geo_service.settings import Settings
from geo_service.store.database import Database
from tests.services.test_coverage import MONDAY_NOON, corner, place, shifts, staff

__all__ = ["place"]  # a fixture


class Town(BaseHTTPRequestHandler):
    """Answers as either server does, in seconds and tenths, from the embedded engine."""

    protocol_version = "HTTP/1.1"
    engine: ClassVar[Embedded]
    version = "3.5.1"
    instead: ClassVar[tuple[int, bytes] | None] = None
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Town.asked.append(self.path)
        is_table = "/table/" in self.path or "sources_to_targets" in self.path
        if is_table and self.instead is not None:
            self._send(*self.instead)
        elif self.path.startswith("/status"):
            self._send(200, orjson.dumps({"version": self.version, "tileset_last_modified": 1}))
        elif self.path.startswith("/nearest"):
            told = {"code": "NoSegment", "message": "no street", "data_version": self.version}
            self._send(400, orjson.dumps(told))
        elif "/table/" in self.path:
            self._send(200, orjson.dumps({"code": "Ok", "durations": self._osrm()}))
        else:
            self._send(200, orjson.dumps({"sources_to_targets": self._valhalla(orjson.loads(body))}))

    do_POST = do_GET  # noqa: N815 - the base class's name

    def _seconds(self, mode: Mode, sources: list[Any], targets: list[Any]) -> list[list[float | None]]:
        ms = self.engine.matrix(mode, np.array(sources, float), np.array(targets, float))
        return [[None if x == UNREACHED else int(x) / 1000 for x in row] for row in ms.tolist()]

    def _osrm(self) -> list[list[float | None]]:
        path, _, asked = self.path.partition("?")
        places = [tuple(map(float, one.split(","))) for one in path.rsplit("/", 1)[1].split(";")]
        words = dict(one.split("=") for one in asked.split("&"))
        rows, columns = (
            [places[int(i)] for i in words[name].split(";")] for name in ("sources", "destinations")
        )
        return self._seconds(Mode.EBIKE, rows, columns)

    def _valhalla(self, asked: dict[str, Any]) -> list[list[dict[str, Any]]]:
        mode = {"pedestrian": Mode.WALK, "bicycle": Mode.EBIKE, "auto": Mode.CAR}[asked["costing"]]
        ends = [[(one["lon"], one["lat"]) for one in asked[name]] for name in ("sources", "targets")]
        return [[{"time": x, "distance": 0.1} for x in row] for row in self._seconds(mode, *ends)]

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Town)
    Town.asked, Town.instead, Town.version = [], None, "3.5.1"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


def people(database: Database) -> None:
    ids = staff(database, {"a": corner(0, 0), "b": corner(3, 2), "c": corner(4, 1)})
    shifts(database, list(ids.values()), MONDAY_NOON)


def tables() -> int:
    return sum("table" in path or "matrix" in path or "targets" in path for path in Town.asked)


@pytest.mark.postgis
@pytest.mark.parametrize("kind", ["osrm", "valhalla"])
def test_a_server_answers_for_coverage_as_our_own_engine_would(
    database: Database, place: Tilings, server: str, kind: str
) -> None:
    people(database)
    own = Ground(database)
    Town.engine = Embedded(own)
    text = f"ebike={server}" if kind == "osrm" else server
    held = Ground(database, TravelServers.parse(kind, text))
    tiling = place.get()
    question = Question(MONDAY_NOON, 57)  # no time of this town is just at the limit
    mine, theirs = (read_coverage(database, one, tiling, question) for one in (own, held))
    assert theirs.summary["measures"] == mine.summary["measures"]
    assert np.allclose(theirs.leaves.iloc[:, :8], mine.leaves.iloc[:, :8])
    assert np.allclose(theirs.leaves["worst_s"], mine.leaves["worst_s"], atol=0.3, equal_nan=True)
    assert theirs.inputs["engine"] == {"by_mode": {"ebike": kind}, "notes": []}
    assert theirs.fingerprint != mine.fingerprint
    assert server not in orjson.dumps(theirs.as_dict()).decode()
    run, by_them = (
        run_coverage(database, one, tiling, at=MONDAY_NOON, mode=Mode.EBIKE, limit_s=57)
        for one in (own, held)
    )
    assert (by_them.summary["engine"], by_them.summary["share"]) == (kind, run.summary["share"])
    assert by_them.id != run.id

    asked = tables()
    assert asked > 0
    assert read_coverage(database, held, tiling, question).id == theirs.id
    assert tables() == asked  # it was kept
    # no aid over borders, and somebody more: still the server's
    question = replace(
        question, counted=Counted(border="community"), changes=Changes(add=(Added(*corner(1, 3)),))
    )
    mine, theirs = (read_coverage(database, one, tiling, question) for one in (own, held))
    assert theirs.summary["measures"] == mine.summary["measures"]
    assert tables() > asked

    Town.version = "3.6.0"  # other data: another fingerprint
    fresh = Ground(database, held.servers)
    assert read_coverage(database, fresh, tiling, question).id != theirs.id
    told = explain(database, fresh, tiling, theirs.id)
    assert told is not None
    assert told["changed_since"] == ["engine"]


@pytest.mark.postgis
def test_what_a_server_cannot_do_our_own_engine_does_and_says_so(
    database: Database, place: Tilings, server: str
) -> None:
    people(database)
    own = Ground(database)
    Town.engine = Embedded(own)
    held = Ground(database, TravelServers.parse("osrm", f"ebike={server}"))
    tiling = place.get()
    edge = int(own.roads(Mode.EBIKE)[2].network.edge_id[0])
    for question, word in (
        (Question(MONDAY_NOON, 57, pace="rush"), "by the hour"),
        (Question(MONDAY_NOON, 57, rain=0.5), "rain"),
        (Question(MONDAY_NOON, 57, changes=Changes(edges=(edge,))), "closed streets"),
        (Question(MONDAY_NOON, 57, mode=Mode.WALK), "no travel server is set for walk"),
    ):
        mine, theirs = (read_coverage(database, one, tiling, question) for one in (own, held))
        assert theirs.id == mine.id
        assert word in theirs.inputs["engine"]["notes"][0]["message"]
        assert theirs.inputs["engine"]["notes"][0]["message_zh"]
    question = Question(MONDAY_NOON, 57)
    assert read_week(database, held, tiling, question).id == read_week(database, own, tiling, question).id
    assert Town.asked == []

    # a mixed question: the walker by us, the rider by the server
    ids = staff(database, {"w": corner(2, 0)}, "walk")
    shifts(database, list(ids.values()), MONDAY_NOON)
    mine, theirs = (read_coverage(database, one, tiling, question) for one in (own, held))
    assert theirs.summary["measures"] == mine.summary["measures"]
    assert theirs.inputs["engine"]["by_mode"] == {"walk": "embedded", "ebike": "osrm"}


@pytest.mark.postgis
def test_a_server_that_is_away_or_answers_nonsense_is_said_to(
    database: Database, place: Tilings, server: str
) -> None:
    people(database)
    Town.engine = Embedded(Ground(database))
    tiling, question = place.get(), Question(MONDAY_NOON, 57)
    held = Ground(database, TravelServers.parse("osrm", f"ebike={server}"))
    for status, body, word in (
        (200, b"<html>", "not that of"),
        (200, b'{"code":"Ok","durations":[[1]]}', "not that of"),
        (200, b'{"code":"Ok","durations":[["1e9"]]}', "not that of"),
        (302, b"{}", "refused"),
        (500, b'{"message":"out of order"}', "out of order"),
    ):
        Town.instead = (status, body)
        with pytest.raises(UnavailableError, match=word):
            read_coverage(database, held, tiling, question)
        with pytest.raises(UnavailableError, match=word):
            run_coverage(database, held, tiling, at=MONDAY_NOON, mode=Mode.EBIKE, limit_s=57)
    Town.instead = None
    away = Ground(database, TravelServers.parse("osrm", "ebike=http://127.0.0.1:9"))
    with pytest.raises(UnavailableError, match="does not answer"):
        read_coverage(database, away, tiling, question)
    slow = Ground(database, TravelServers.parse("osrm", f"ebike={server}", 1e-9))
    with pytest.raises(TimedOutError, match="GEO_SERVICE_TRAVEL_WAIT_S"):
        read_coverage(database, slow, tiling, question)
    assert read_coverage(database, held, tiling, question).inputs["engine"]["by_mode"] == {"ebike": "osrm"}


def test_the_doctor_says_which_engine_is_set_and_whether_it_answers(server: str) -> None:
    def engine(**given: Any) -> doctor.Check:
        (check,) = (one for one in doctor._guarded(doctor._engine, Settings(**given)))
        return check

    assert engine().found == "embedded"
    check = engine(travel_engine="valhalla", travel_servers=server)
    assert check.state is doctor.State.OK
    assert check.found == f"valhalla at {server} for walk, ebike, car; answers 3.5.1 1"
    check = engine(travel_engine="osrm", travel_servers=f"car={server}")
    assert check.found == f"osrm at {server} for car; answers 3.5.1"
    check = engine(travel_engine="osrm", travel_servers="car=http://127.0.0.1:9")
    assert check.state is doctor.State.FAIL
    assert "does not answer" in check.found
    assert engine(travel_engine="osrm", travel_servers=server).state is doctor.State.FAIL


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("osrm", "http://h:5000"),
        ("osrm", ""),
        ("valhalla", "ftp://h"),
        ("valhalla", "http://user:word@h"),
        ("valhalla", "http://h/?a=b"),
        ("valhalla", "http://h:99999"),
        ("valhalla", "tram=http://h"),
        ("google", "http://h"),
    ],
)
def test_addresses_that_are_none_are_refused(kind: str, text: str) -> None:
    with pytest.raises(InvalidInputError, match="GEO_SERVICE_TRAVEL_SERVERS"):
        TravelServers.parse(kind, text)


def test_addresses_by_mode() -> None:
    servers = TravelServers.parse("osrm", "ebike=http://a:1, car=http://b:2/osrm")
    assert servers.address == {Mode.EBIKE: "http://a:1", Mode.CAR: "http://b:2/osrm"}
    assert TravelServers.parse("valhalla", "http://a").modes == frozenset(Mode)
    assert TravelServers.parse("embedded", "http://a").modes == frozenset()


class Straight(Server):
    """As the crow flies at a speed: what is asked of it must be enough."""

    def __init__(self, mps: float) -> None:
        super().__init__("http://nowhere")
        self.mps, self.pairs = mps, 0

    def version(self) -> str:
        return ""

    def _ask(self, mode: Mode, sources: np.ndarray, targets: np.ndarray) -> Any:
        assert len(sources) * len(targets) <= 2500
        self.pairs += len(sources) * len(targets)
        return (metres(sources, targets) / self.mps).tolist()


def metres(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    # on the equator a degree of either is nearly the same
    far_m: np.ndarray = np.hypot(*(sources[:, None] - targets[None, :]).transpose(2, 0, 1)) * 111_000
    return far_m


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 130), st.integers(1, 160), st.booleans())
def test_the_soonest_three_are_those_of_the_whole_matrix(seed: int, n: int, m: int, has_groups: bool) -> None:
    rng = np.random.default_rng(seed)
    sources, targets = rng.uniform(0, 0.2, (n, 2)), rng.uniform(0, 0.2, (m, 2))
    delay = rng.integers(0, 60_000, n)
    groups = (rng.integers(-1, 3, n), rng.integers(0, 3, m)) if has_groups else None
    limit_ms = 300_000
    server = Straight(11.0)
    got = coverage_by_server.soonest(
        server, Mode.EBIKE, sources, targets, delay_ms=delay, limit_ms=limit_ms, groups=groups
    )
    ms = np.floor(metres(sources, targets) / 11.0 * 1000 + 0.5).astype(np.int64) + delay[:, None]
    label = ms << 32 | np.arange(n)[:, None]
    if groups is not None:
        label[(groups[0][:, None] != groups[1][None, :]) | (groups[0][:, None] < 0)] = NONE
    want = np.sort(np.concatenate([label, np.full((3, m), NONE)]), axis=0)[:3].T
    in_time = want >> 32 <= limit_ms
    assert np.array_equal(np.where(got >> 32 <= limit_ms, got, NONE), np.where(in_time, want, NONE))
    assert ((got[:, 0] == NONE) == (want[:, 0] == NONE)).all()
    assert server.pairs <= n * m


def test_a_large_town_is_not_asked_whole() -> None:
    rng = np.random.default_rng(1)
    sources, targets = rng.uniform(0, 1, (300, 2)), rng.uniform(0, 1, (2000, 2))
    server = Straight(2.0)
    coverage_by_server.soonest(
        server, Mode.WALK, sources, targets, delay_ms=np.zeros(300, np.int64), limit_ms=300_000
    )
    assert server.pairs < 300 * 2000 / 10


def test_servers_are_hung_up_on() -> None:
    for kind in (Osrm, Valhalla):
        with kind("http://127.0.0.1:9") as server, pytest.raises(UnavailableError):
            server.version()
        assert server._connection is None
