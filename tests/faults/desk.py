"""A busy desk over HTTP: clients who report, send people and follow them, and a ledger of what they are told.

Whoever gets no answer, or is told to come again, sends the same again under the same name until there is an
answer: so programs and phones do, and so what was done twice or not at all would show.
"""

import json
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.services import desk_town
from tests.services.places import middle
from tests.waiting import until

#: Whom only one desk sends, and whom both want.
OWN = 3
SHARED = "shared"
CLERKS = 2
PER_BATCH = 10
PER_STREAM = 15


@dataclass(frozen=True)
class Town:
    """A made-up town with people on duty, and keys to it."""

    url: str
    keys: dict[str, str]


def town(url: str) -> Town:
    """Build the town in an empty database: cells, streets, people on duty, a key for each who calls."""
    database = Database.connect(url, read_size=2, write_size=2)
    try:
        desk_town.build(database)
        codes = [SHARED, *(f"w{clerk}-{i}" for clerk in range(CLERKS) for i in range(OWN))]
        people = [{"code": code, "at": desk_town.corner(i % 6, i % 4)} for i, code in enumerate(codes)]
        ids = desk_town.employ(database, people)
        desk_town.put_on_duty(database, list(ids.values()))
        roles = {"admin": Role.ADMIN, "gateway": Role.DISPATCHER, "phones": Role.DEVICE}
        roles |= {f"clerk{i}": Role.DISPATCHER for i in range(CLERKS)}
        keys = {name: identity.issue(database, name, role, by="test")[1] for name, role in roles.items()}
    finally:
        database.close()
    return Town(url, keys)


@dataclass
class Ledger:
    """What was acknowledged, and how the service answered otherwise.

    Attributes
    ----------
    reports : dict
        Id of each report that was acknowledged, by (source, source's id).
    lines : dict
        The incident that was changed, by the request key of each change that was acknowledged.
    dispatches : dict
        Incident, responder and the last state told of each dispatch.
    fixes : set
        Responder and moment of each position taken.
    unavailable : list
        Seconds until each 503.
    cut : int
        How often the line broke.
    odd : list
        Answers that nobody expects.
    """

    reports: dict[tuple[str, str], str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    dispatches: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    fixes: set[tuple[str, datetime]] = field(default_factory=set)
    unavailable: list[float] = field(default_factory=list)
    cut: int = 0
    odd: list[str] = field(default_factory=list)

    def size(self) -> int:
        """Count what was acknowledged."""
        return len(self.reports) + len(self.lines) + len(self.fixes)


class GaveUpError(Exception):
    """No answer came for a very long time."""


class Line:
    """A client's line to the service; what is not answered is sent again."""

    def __init__(self, address: str, key: str, ledger: Ledger, patience_s: float = 200) -> None:
        self._client = httpx.Client(base_url=address, headers={"X-API-Key": key}, timeout=60)
        self._ledger = ledger
        self._patience_s = patience_s

    def post(self, url: str, **given: Any) -> httpx.Response:
        """Post until there is an answer that is not 503."""
        deadline = time.monotonic() + self._patience_s
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                answer = self._client.post(url, **given)
            except httpx.TransportError:
                self._ledger.cut += 1
                time.sleep(0.1)
                continue
            if answer.status_code != 503:
                return answer
            self._ledger.unavailable.append(time.monotonic() - began)
            told = (
                answer.headers["content-type"],
                answer.json().get("status"),
                "retry-after" in answer.headers,
            )
            if told != ("application/problem+json", 503, True):
                self._ledger.odd.append(f"{url}: {told}")
            time.sleep(0.1)
        raise GaveUpError(url)

    def close(self) -> None:
        """Hang up."""
        self._client.close()


class Desk:
    """Clients at work, each in a thread of its own, until they are told to stop."""

    def __init__(self, address: str, town: Town, ledger: Ledger, day: str) -> None:
        self.ledger = ledger
        self._day = day  # names of reports and requests begin with it
        self._address = address
        self._town = town
        self._stop = threading.Event()
        works: list[Callable[[], None]] = [self._gateway, self._phones]
        works += [lambda number=number: self._clerk(number) for number in range(CLERKS)]  # type: ignore[misc]
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]

    def __enter__(self) -> "Desk":
        """Begin to work."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let everybody finish what he is at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(300)

    def until_more(self, count: int) -> None:
        """Wait until so much more has been acknowledged of each kind."""
        ledger = self.ledger
        kinds: Sequence[Callable[[], int]] = (
            lambda: len(ledger.reports),
            lambda: len(ledger.lines),
            lambda: len(ledger.fixes),
        )
        before = [kind() for kind in kinds]
        until(lambda: all(kind() >= was + count for kind, was in zip(kinds, before, strict=True)))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told where the test looks
            self.ledger.odd.append(f"{type(error).__name__}: {error}")

    def _line(self, name: str) -> Line:
        return Line(self._address, self._town.keys[name], self.ledger)

    def _report(self, key: str) -> dict[str, Any]:
        lon, lat = middle(zlib.crc32(key.encode()) % desk_town.COLUMNS, 1)
        return {"source_id": key, "occurred_at": datetime.now(UTC).isoformat(), "lon": lon, "lat": lat}

    def _gateway(self) -> None:
        """Report many at once, by turns as a batch and as a stream of lines."""
        line, turn = self._line("gateway"), 0
        while not self._stop.is_set():
            turn += 1
            reports = [
                self._report(f"{self._day} {turn}-{i}") for i in range(PER_BATCH if turn % 2 else PER_STREAM)
            ]
            if turn % 2:
                answer = line.post("/v1/incidents/batch", json={"reports": reports})
                ids = answer.raise_for_status().json()["ids"]
            else:
                content = "\n".join(map(json.dumps, reports)).encode()
                headers = {"Content-Type": "application/x-ndjson"}
                answer = line.post("/v1/incidents/stream", content=content, headers=headers)
                ids = [json.loads(one)["id"] for one in answer.raise_for_status().text.splitlines()[:-1]]
            named = zip(reports, ids, strict=True)
            self.ledger.reports |= {("gateway", one["source_id"]): key for one, key in named}
        line.close()

    def _phones(self) -> None:
        """Send where everybody is, everybody at a new place each time, and one fix twice."""
        line, turn = self._line("phones"), 0
        codes = [SHARED, *(f"w{clerk}-{i}" for clerk in range(CLERKS) for i in range(OWN))]
        while not self._stop.is_set():
            turn += 1
            at = datetime.now(UTC).replace(microsecond=turn % 1000)
            lon, lat = desk_town.corner(turn % 6, 3)
            fixes = [{"responder": code, "at": at.isoformat(), "lon": lon, "lat": lat} for code in codes]
            told = line.post("/v1/positions", json={"fixes": [*fixes, fixes[0]]}).raise_for_status().json()
            if told["refused"] or told["taken"] + told["repeated"] != len(fixes) + 1:
                self.ledger.odd.append(f"positions: {told}")
            self.ledger.fixes |= {(code, at) for code in codes}
            self._stop.wait(0.02)
        line.close()

    def _clerk(self, number: int) -> None:
        """Take a call, send somebody, follow him to the end; one of four is called back on his way."""
        line, turn = self._line(f"clerk{number}"), 0
        while not self._stop.is_set():
            turn += 1
            key = f"{self._day} c{number}-{turn}"
            answer = line.post("/v1/incidents", json=self._report(key)).raise_for_status()
            incident = answer.json()["id"]
            self.ledger.reports[f"clerk{number}", key] = incident
            sent = self._send(line, incident, [SHARED, f"w{number}-{turn % OWN}"], key)
            verbs = ["accept", "cancel"] if turn % 4 == 0 else ["accept", "arrive", "done"]
            for verb in verbs:
                self._step(line, sent, verb, f"{key} {verb}")
            if verbs[-1] == "done":
                move = {"move": "close", "request_key": f"{key} close"}
                line.post(f"/v1/incidents/{incident}/moves", json=move).raise_for_status()
                self.ledger.lines[f"{key} close"] = incident
        line.close()

    def _send(self, line: Line, incident: str, codes: Sequence[str], key: str) -> int:
        """Send the first who is to be had; the last one always is."""
        url = f"/v1/incidents/{incident}/dispatches"
        for code in codes:
            name = f"{key} send {code}"
            answer = line.post(url, json={"lead": code}, headers={"Idempotency-Key": name})
            if answer.status_code == 409 and code == SHARED:
                continue
            listed = answer.raise_for_status().json()["dispatches"]
            (made,) = [one["id"] for one in listed if one["responder"] == code]
            self.ledger.lines[name] = incident
            self.ledger.dispatches[made] = incident, code, "sent"
            return int(made)
        raise AssertionError("nobody could be sent")

    def _step(self, line: Line, sent: int, verb: str, key: str) -> None:
        url = f"/v1/dispatches/{sent}/{verb}"
        state = line.post(url, headers={"Idempotency-Key": key}).raise_for_status().json()["state"]
        incident, code, _ = self.ledger.dispatches[sent]
        self.ledger.lines[key] = incident
        self.ledger.dispatches[sent] = incident, code, state


# ----------------------------------------------------------------------------- what the database has of it

#: Of every incident: its placements in force, its lives, its first line, how often it was born and told of.
_REPORTS = """
    select source, source_id, id::text,
        (select count(*) from placement, edition_span
            where incident_id = incident.id and valid_during @> occurred_at and upper_inf(recorded_during)
                and since_edition <= edition_id and (until_edition is null or until_edition > edition_id)),
        (select count(*) from incident_life where incident_id = incident.id),
        (select move from incident_log where incident_id = incident.id order by id limit 1),
        (select count(*) from incident_log where incident_id = incident.id and move = 'report'),
        (select count(*) from outbox
            where topic = 'incident.reported' and payload ->> 'id' = incident.id::text)
    from incident
"""


def assert_kept(town: Town, ledger: Ledger) -> None:
    """Hold the database against the ledger: each thing acknowledged is there, once, and nothing else."""
    assert ledger.odd == []
    with psycopg.connect(town.url) as connection:
        stored: dict[tuple[str, str], str] = {}
        for source, key, incident, *counts in connection.execute(_REPORTS):
            assert (source, key) not in stored
            assert counts == [1, 1, "report", 1, 1], (source, key, counts)
            stored[source, key] = incident
        assert stored == ledger.reports
        _assert_lines(connection, ledger)
        _assert_positions(connection, ledger)


def _assert_lines(connection: psycopg.Connection[Any], ledger: Ledger) -> None:
    keyed = connection.execute(
        # with the key goes a digest of what was asked
        "select split_part(request_key, chr(31), 1), incident_id::text"
        " from incident_log where request_key is not null"
    )
    assert sorted(keyed) == sorted(ledger.lines.items())
    sent = connection.execute("""
        select dispatch.id, incident_id::text, code, coalesce(outcome, case
            when arrived_at is not null then 'arrived' when accepted_at is not null then 'accepted'
            else 'sent' end)
        from dispatch join responder on responder.id = responder_id
    """)
    assert {key: (incident, code, state) for key, incident, code, state in sent} == ledger.dispatches
    twice = connection.execute(
        "select responder_id from dispatch where ended_at is null group by 1 having count(*) > 1"
    )
    assert twice.fetchall() == []


def _assert_positions(connection: psycopg.Connection[Any], ledger: Ledger) -> None:
    tracks = connection.execute("select code, at from position_fix join responder on id = responder_id")
    assert sorted(tracks) == sorted(ledger.fixes)
    newest: dict[str, datetime] = {}
    for code, at in ledger.fixes:
        newest[code] = max(at, newest.get(code, at))
    latest = connection.execute("select code, at from position_latest join responder on id = responder_id")
    assert dict(latest.fetchall()) == newest
