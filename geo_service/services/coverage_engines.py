"""The seam of the travel engine: the embedded one, or the matrix of a Valhalla or an OSRM server.

All answer the same two questions. A server is asked at an address that the operator gives, and nowhere else;
its own speeds and streets hold then, not ours.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import urlsplit

import numpy as np
import orjson
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, TimedOutError, UnavailableError, Words
from geo_service.model import Mode
from geo_service.roads.demand import Doors, nearest_at
from geo_service.roads.graph import UNREACHED
from geo_service.roads.kernels import NONE
from geo_service.roads.travel import nearest_labels
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.travel_servers import KINDS, STANDARD_WAIT_S, TravelServers, is_address

#: How long one exchange may be silent.
TIMEOUT_S = 20.0
MOST_BYTES = 64_000_000
#: Places in one question: OSRM takes 100 by default, Valhalla 2,500 pairs.
MOST_PLACES, MOST_PAIRS = 100, 2_500
Millis = NDArray[np.int32]
Places = NDArray[np.float64]


class Engine(Protocol):
    """What answers for travel time. Places are (n, 2) lon, lat in EPSG:4326."""

    def matrix(self, mode: Mode, sources: Places, targets: Places) -> Millis:
        """Return ms from each source to each target, (n, m); ``UNREACHED`` where there is no way."""
        ...

    def nearest(self, mode: Mode, sources: Places, targets: Places) -> tuple[Millis, NDArray[np.int32]]:
        """Return for each target the ms of the soonest source, and which that is (-1: none), each (m,)."""
        ...


class Embedded:
    """Our own graph."""

    def __init__(self, held: Ground) -> None:
        self._held = held

    def matrix(self, mode: Mode, sources: Places, targets: Places) -> Millis:
        """Return ms from each source to each target."""
        _, _, graph, snapper = self._held.roads(mode)
        start = snapper.snap(sources, MAX_ACCESS_M)
        doors = Doors.of(graph, snapper.snap(targets, MAX_ACCESS_M))
        out = np.full((len(sources), len(targets)), UNREACHED, np.int32)
        for i in range(len(sources)):
            one = start.take([i])
            out[i] = _ms(nearest_at(doors, nearest_labels(graph, one), one))
        return out

    def nearest(self, mode: Mode, sources: Places, targets: Places) -> tuple[Millis, NDArray[np.int32]]:
        """Return the soonest source of each target, in one pass."""
        _, _, graph, snapper = self._held.roads(mode)
        start = snapper.snap(sources, MAX_ACCESS_M)
        doors = Doors.of(graph, snapper.snap(targets, MAX_ACCESS_M))
        label = nearest_at(doors, nearest_labels(graph, start), start)
        return _ms(label), np.where(label == NONE, -1, label & 0xFFFFFFFF).astype(np.int32)


def _ms(label: NDArray[np.int64]) -> Millis:
    return np.where(label == NONE, np.int64(UNREACHED), label >> 32).astype(np.int32)


class Server(ABC):
    """A server asked over HTTP, in parts that it takes, on one connection; redirects are not followed.

    ``wait_s`` is for all exchanges together: a new one is made for each answer, and closed after it.
    """

    name = ""

    def __init__(self, address: str, wait_s: float = STANDARD_WAIT_S) -> None:
        if not is_address(address):
            words = Words("give the server's address, http://host:port", "请填写服务器地址 http://主机:端口")
            raise InvalidInputError(words, [Fault("address", words)])
        self._parts = urlsplit(address)
        self._wait_s = wait_s
        self._until = time.monotonic() + wait_s
        self._connection: HTTPConnection | None = None

    def __enter__(self) -> Self:
        """Nothing is opened before the first question."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Close the connection."""
        self._hang_up()

    @abstractmethod
    def version(self) -> str:
        """Return what the server says of the data it runs on; empty where it says nothing.

        Raises
        ------
        UnavailableError, TimedOutError
            The server does not answer, or not as it should.
        """

    def matrix(self, mode: Mode, sources: Places, targets: Places) -> Millis:
        """Return ms from each source to each target.

        Raises
        ------
        UnavailableError
            The server does not answer, or not as it should.
        TimedOutError
            The time for all exchanges is over.
        """
        out = np.full((len(sources), len(targets)), UNREACHED, np.int32)
        for rows, columns in _blocks(len(sources), len(targets)):
            seconds = self._ask(mode, sources[rows], targets[columns])
            out[rows, columns] = self._millis(seconds, (rows.stop - rows.start, columns.stop - columns.start))
        return out

    def nearest(self, mode: Mode, sources: Places, targets: Places) -> tuple[Millis, NDArray[np.int32]]:
        """Return the soonest source of each target, of the whole matrix."""
        if not len(sources):
            return np.full(len(targets), UNREACHED, np.int32), np.full(len(targets), -1, np.int32)
        table = self.matrix(mode, sources, targets)
        owner = table.argmin(axis=0).astype(np.int32)
        best = table.min(axis=0)
        return best, np.where(best < UNREACHED, owner, -1).astype(np.int32)

    @abstractmethod
    def _ask(self, mode: Mode, sources: Places, targets: Places) -> Any:
        """Return rows of seconds, None where there is no way."""

    def _millis(self, seconds: Any, shape: tuple[int, int]) -> Millis:
        if not isinstance(seconds, list) or not all(isinstance(row, list) for row in seconds):
            raise self._strange()
        if any(type(x) not in {float, int, type(None)} for row in seconds for x in row):
            raise self._strange()
        try:
            table = np.array([[np.nan if x is None else float(x) for x in row] for row in seconds], float)
        except (ValueError, OverflowError) as error:  # rows of different length, numbers beyond all reason
            raise self._strange() from error
        if table.shape != shape or (table < 0).any():
            raise self._strange()
        ms = np.floor(np.nan_to_num(table, nan=0.0) * 1000 + 0.5)
        known = np.isfinite(table) & (ms < UNREACHED)
        return np.where(known, ms, float(UNREACHED)).astype(np.int64).astype(np.int32)

    def _exchange(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask once and return the JSON of the answer."""
        status, content = self._ask_twice(method, self._parts.path.rstrip("/") + target, body)
        try:
            told = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise self._strange() from error
        if status != 200 and not self._is_answer(told):
            said = str(told.get("message") or told.get("error") or "") if isinstance(told, dict) else ""
            raise UnavailableError(
                Words(
                    f"the {self.name} server refused ({status}): {said[:200]}",
                    f"{self.name} 服务器拒绝了请求（{status}）：{said[:200]}",
                )
            )
        return told

    def _is_answer(self, told: Any) -> bool:  # noqa: ARG002 - for those servers that answer so
        """Tell whether what came with another status than 200 is an answer all the same."""
        return False

    def _ask_twice(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        """Ask, a second time where a connection kept open has been closed by the server meanwhile."""
        was_open = self._connection is not None
        try:
            return self._converse(method, path, body)
        except (OSError, HTTPException) as error:
            self._hang_up()
            if was_open and not isinstance(error, TimeoutError):
                return self._ask_once(method, path, body)
            raise self._silent() from error

    def _ask_once(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        try:
            return self._converse(method, path, body)
        except (OSError, HTTPException) as error:
            self._hang_up()
            raise self._silent() from error

    def _converse(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        left_s = self._left_s()
        if self._connection is None:
            kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port)
        connection = self._connection
        connection.timeout = min(TIMEOUT_S, left_s)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        sent = None if body is None else orjson.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, self._content(answer)

    def _content(self, answer: HTTPResponse) -> bytes:
        """Read an answer; one that trickles, or has no end, is given up."""
        parts: list[bytes] = []
        size = 0
        while part := answer.read1(1 << 20):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                self._hang_up()
                raise self._strange()
            self._left_s()
        return b"".join(parts)

    def _left_s(self) -> float:
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            self._hang_up()
            raise TimedOutError(
                Words(
                    f"the {self.name} server was not done within {self._wait_s:g} s: raise"
                    " GEO_SERVICE_TRAVEL_WAIT_S, or use the embedded engine",
                    f"{self.name} 服务器未能在 {self._wait_s:g} 秒内答完：请调大"
                    " GEO_SERVICE_TRAVEL_WAIT_S，或改用内置引擎",
                )
            )
        return left_s

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _silent(self) -> UnavailableError:
        return UnavailableError(
            Words(
                f"the {self.name} server does not answer: start it, or correct its address",
                f"{self.name} 服务器没有应答：请启动它或更正地址",
            )
        )

    def _strange(self) -> UnavailableError:
        return UnavailableError(
            Words(
                f"the answer is not that of a {self.name} server: correct its address",
                f"应答不像 {self.name} 服务器：请更正地址",
            )
        )


class Valhalla(Server):
    """The matrix of a Valhalla server: ``POST /sources_to_targets``."""

    name = "Valhalla"
    _COSTING: ClassVar = {Mode.WALK: "pedestrian", Mode.EBIKE: "bicycle", Mode.CAR: "auto"}

    def version(self) -> str:
        """Return its version and when its tiles were made (``GET /status``)."""
        told = self._exchange("GET", "/status")
        if not isinstance(told, dict) or "version" not in told:
            raise self._strange()
        return f"{told['version']} {told.get('tileset_last_modified', '')}".strip()

    def _ask(self, mode: Mode, sources: Places, targets: Places) -> Any:
        body = {
            "sources": [{"lon": lon, "lat": lat} for lon, lat in sources.tolist()],
            "targets": [{"lon": lon, "lat": lat} for lon, lat in targets.tolist()],
            "costing": self._COSTING[mode],
        }
        told = self._exchange("POST", "/sources_to_targets", body)
        table = told.get("sources_to_targets") if isinstance(told, dict) else None
        if isinstance(table, dict):  # the terse form
            return table.get("durations")
        try:
            return [[cell["time"] for cell in row] for row in table or []]
        except (TypeError, KeyError) as error:
            raise self._strange() from error


class Osrm(Server):
    """The table of an OSRM server: ``GET /table/v1/{profile}/{places}``; one server knows one profile."""

    name = "OSRM"
    _PROFILE: ClassVar = {Mode.WALK: "foot", Mode.EBIKE: "bike", Mode.CAR: "driving"}

    def version(self) -> str:
        """Return the ``data_version`` of its data set, which tells it with any answer where it has one."""
        told = self._exchange("GET", "/nearest/v1/driving/0,0?number=1")
        if not self._is_answer(told):
            raise self._strange()
        return str(told.get("data_version", ""))

    def _is_answer(self, told: Any) -> bool:
        # there is no street near 0, 0: that is an answer too
        return isinstance(told, dict) and told.get("code") in {"Ok", "NoSegment"}

    def _ask(self, mode: Mode, sources: Places, targets: Places) -> Any:
        places = np.concatenate([sources, targets])
        text = ";".join(f"{lon:.6f},{lat:.6f}" for lon, lat in places.tolist())
        first = ";".join(map(str, range(len(sources))))
        then = ";".join(map(str, range(len(sources), len(places))))
        told = self._exchange(
            "GET",
            f"/table/v1/{self._PROFILE[mode]}/{text}?sources={first}&destinations={then}&annotations=duration",
        )
        if not isinstance(told, dict) or told.get("code") != "Ok":
            raise self._strange()
        return told.get("durations")


def make_engine(kind: str, held: Ground, address: str = "") -> Engine:
    """Return an engine of a kind: ``embedded``, or ``valhalla`` or ``osrm`` at an address.

    Raises
    ------
    InvalidInputError
        There is no such kind, or the address is none.
    """
    if kind == "embedded":
        return Embedded(held)
    if kind not in KINDS:
        words = Words(f"use one of {', '.join(KINDS)}", f"可用：{'、'.join(KINDS)}")
        raise InvalidInputError(words, [Fault("engine", words, value=kind)])
    return (Valhalla if kind == "valhalla" else Osrm)(address)


def server_of(servers: TravelServers, mode: Mode) -> Server:
    """Return the server of a mode, to be closed when it has answered."""
    kind = Valhalla if servers.kind == "valhalla" else Osrm
    return kind(servers.address[mode], servers.wait_s)


def _blocks(n: int, m: int) -> Iterator[tuple[slice, slice]]:
    """Cut a matrix into parts of at most :data:`MOST_PLACES` places and :data:`MOST_PAIRS` pairs."""
    side = min(MOST_PLACES // 2, int(MOST_PAIRS**0.5))
    for row in range(0, n, side):
        for column in range(0, m, side):
            yield slice(row, min(row + side, n)), slice(column, min(column + side, m))
