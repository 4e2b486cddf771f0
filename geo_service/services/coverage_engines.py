"""The seam of the travel engine: the embedded one, or the matrix of a Valhalla or an OSRM server.

All answer the same two questions. A server is asked at an address that the operator gives, and nowhere else;
its own speeds and streets hold then, not ours.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

import numpy as np
import orjson
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, UnavailableError, Words
from geo_service.model import Mode
from geo_service.roads.demand import Doors, nearest_at
from geo_service.roads.graph import UNREACHED
from geo_service.roads.kernels import NONE
from geo_service.roads.travel import nearest_labels
from geo_service.services.ground import MAX_ACCESS_M, Ground

TIMEOUT_S = 20.0
MOST_BYTES = 64_000_000
#: Places in one question: OSRM takes 100 by default, Valhalla 2,500 pairs.
MOST_PLACES, MOST_PAIRS = 100, 2_500
KINDS = ("embedded", "valhalla", "osrm")

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


class _Server(ABC):
    """A server asked over HTTP, in parts that it takes."""

    name = ""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            words = Words("give the server's address, http://host:port", "请填写服务器地址 http://主机:端口")
            raise InvalidInputError(words, [Fault("address", words)])
        self._parts = parts

    def matrix(self, mode: Mode, sources: Places, targets: Places) -> Millis:
        """Return ms from each source to each target.

        Raises
        ------
        UnavailableError
            The server does not answer, or not as it should.
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
        try:
            table = np.array([[np.nan if x is None else float(x) for x in row] for row in seconds], float)
        except (TypeError, ValueError) as error:
            raise self._strange() from error
        if table.shape != shape or (table < 0).any():
            raise self._strange()
        ms = np.floor(np.nan_to_num(table, nan=0.0) * 1000 + 0.5)
        known = np.isfinite(table) & (ms < UNREACHED)
        return np.where(known, ms, float(UNREACHED)).astype(np.int64).astype(np.int32)

    def _exchange(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> Any:
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
        path = self._parts.path.rstrip("/") + target
        try:
            sent = None if body is None else orjson.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read(MOST_BYTES)
        except (OSError, HTTPException) as error:
            words = Words(
                f"the {self.name} server does not answer: start it, or correct its address",
                f"{self.name} 服务器没有应答：请启动它或更正地址",
            )
            raise UnavailableError(words) from error
        finally:
            connection.close()
        try:
            told = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise self._strange() from error
        if answer.status != 200:
            said = str(told.get("message") or told.get("error") or "") if isinstance(told, dict) else ""
            raise UnavailableError(
                Words(
                    f"the {self.name} server refused ({answer.status}): {said[:200]}",
                    f"{self.name} 服务器拒绝了请求（{answer.status}）：{said[:200]}",
                )
            )
        return told

    def _strange(self) -> UnavailableError:
        return UnavailableError(
            Words(
                f"the answer is not that of a {self.name} server: correct its address",
                f"应答不像 {self.name} 服务器：请更正地址",
            )
        )


class Valhalla(_Server):
    """The matrix of a Valhalla server: ``POST /sources_to_targets``."""

    name = "Valhalla"
    _COSTING: ClassVar = {Mode.WALK: "pedestrian", Mode.EBIKE: "bicycle", Mode.CAR: "auto"}

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


class Osrm(_Server):
    """The table of an OSRM server: ``GET /table/v1/{profile}/{places}``; one server knows one profile."""

    name = "OSRM"
    _PROFILE: ClassVar = {Mode.WALK: "foot", Mode.EBIKE: "bike", Mode.CAR: "driving"}

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


def _blocks(n: int, m: int) -> Iterator[tuple[slice, slice]]:
    """Cut a matrix into parts of at most :data:`MOST_PLACES` places and :data:`MOST_PAIRS` pairs."""
    side = min(MOST_PLACES // 2, int(MOST_PAIRS**0.5))
    for row in range(0, n, side):
        for column in range(0, m, side):
            yield slice(row, min(row + side, n)), slice(column, min(column + side, m))
