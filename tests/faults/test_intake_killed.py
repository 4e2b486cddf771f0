"""The serving process is killed while reports pour in: what was acknowledged is there, once, in one place."""

import json
import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from geo_service.demo.county import DemoCounty
from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.faults.conftest import Serve, Serving
from tests.faults.test_killed import count, until_it_is_gone

pytestmark = pytest.mark.postgis
PER_STREAM = 60
#: One life, one line of birth, one placement in the edition in force, one event for each report of the test.
WHOLE = """
    select count(*) from incident
    join edition_span on valid_during @> occurred_at and upper_inf(recorded_during)
    join incident_life on incident_life.incident_id = incident.id
    where source = 'flood'
        and (select count(*) from incident_log where incident_id = incident.id and move = 'report') = 1
        and (select count(*) from placement where placement.incident_id = incident.id
            and since_edition <= edition_id and (until_edition is null or until_edition > edition_id)) = 1
        and (select count(*) from outbox
            where topic = 'incident.reported' and payload ->> 'id' = incident.id::text) = 1
"""


class Sender(threading.Thread):
    """Sends reports one after the other, and a stream in between; remembers what was acknowledged."""

    def __init__(self, serving: Serving, key: str, number: int, point: tuple[float, float]) -> None:
        super().__init__()
        address = serving.client.base_url
        self.client = httpx.Client(base_url=address, headers={"X-API-Key": key}, timeout=60)
        self.number, self.point = number, point
        self.acknowledged: set[str] = set()
        self.sent: list[dict[str, Any]] = []

    def report(self, i: int) -> dict[str, Any]:
        body = {
            "source_id": f"{self.number}-{i}",
            "occurred_at": datetime.now(UTC).isoformat(),
            "lon": self.point[0],
            "lat": self.point[1],
        }
        self.sent.append(body)
        return body

    def run(self) -> None:
        i = 0
        try:
            while True:
                lines = [self.report(i + k) for k in range(PER_STREAM)]
                i += PER_STREAM
                self.acknowledged |= stream(self.client, lines)
        except httpx.TransportError:
            return


def stream(client: httpx.Client, lines: list[dict[str, Any]]) -> set[str]:
    """Send reports as a stream; returns the ids that were acknowledged."""
    content = "\n".join(map(json.dumps, lines)).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    answer = client.post("/v1/incidents/stream?source=flood", content=content, headers=headers)
    answer.raise_for_status()
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert told[-1]["refused"] == 0
    return {one["id"] for one in told[:-1]}


def test_what_was_acknowledged_is_there_once(
    serve: Serve, database: Database, drawn_town: DemoCounty
) -> None:
    key = identity.issue(database, "值班台", Role.DISPATCHER, by="test")[1]
    point = drawn_town.demand.geometry.iloc[0].representative_point()
    serving = serve()
    senders = [Sender(serving, key, number, (point.x, point.y)) for number in range(3)]
    for sender in senders:
        sender.start()
    while min(len(sender.acknowledged) for sender in senders) < 3 * PER_STREAM:
        assert serving.runs
        senders[0].join(0.05)
    serving.kill()
    for sender in senders:
        sender.join(60)
    until_it_is_gone(database)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    with database.reading() as connection:
        rows = connection.exec_driver_sql("select id::text from incident where source = 'flood'")
        stored = set(rows.scalars())
    assert acknowledged <= stored
    assert count(database, WHOLE) == len(stored)
    again = httpx.Client(base_url=serve().client.base_url, headers={"X-API-Key": key}, timeout=60)
    sent = [one for sender in senders for one in sender.sent]
    for first in range(0, len(sent), 500):
        stream(again, sent[first : first + 500])
    assert count(database, "select count(*) from incident where source = 'flood'") == len(sent)
    assert count(database, WHOLE) == len(sent)
