"""The desks of the load run: what each page reads by itself, and the hands of whoever sits before it.

A page does what ``/dispatch`` does: it hears events, reads the incidents that changed and who is sent to them
about once a second, by their ids, and every five seconds who has moved. Its reader takes an incident that
waits, looks at who is near, makes up his mind and sends; those who are sent go on in their own time.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load_client import Line, Listener

Ask = Callable[..., Awaitable[tuple[int, Any]]]

WAITING = {"reported", "accepted"}
ENDED = {"closed", "void", "returned", "transferred"}
AT_ONCE = 100
READ_EVERY_S = 1.0
BOARD_EVERY_S = 5.0


@dataclass(frozen=True)
class Pace:
    """How long somebody takes, in seconds from and to: to make up his mind, between two steps of the work."""

    mind_s: tuple[float, float]
    step_s: tuple[float, float]


#: A quick person; and a program that never rests, far beyond what five people can do.
PERSON = Pace((3.0, 6.0), (1.0, 3.0))
TIRELESS = Pace((0.2, 1.0), (0.05, 0.3))


@dataclass
class Page(Listener):
    """An event stream that notes which incidents changed."""

    changed: set[str] = field(default_factory=set)

    def _event(self, topic: str, data: bytes) -> None:
        super()._event(topic, data)
        # a card tells all of itself: the incident is as it was
        if topic != "reset" and not topic.startswith("escalation."):
            told = json.loads(data)
            self.changed.add(told.get("incident_id") or told["id"])


class Desk:
    """One desk. ``sent`` and ``closed`` count what became of its work, ``conflicts`` who was faster."""

    def __init__(self, port: int, key: str, ask: Ask, pace: Pace, number: int) -> None:
        self._ask = ask
        self._pace = pace
        self._chance = random.Random(number)
        self._page = Page(port, key, cut_every_s=1e9)
        self._reading, self._hands = Line(port, key), Line(port, key)
        self._field = Line(port, key)
        self._turn = asyncio.Lock()
        self._rows: dict[str, str] = {}
        self._work: set[asyncio.Task[None]] = set()
        self.conflicts = self.closed = 0

    async def run(self, until: float) -> None:
        stop = asyncio.Event()
        beside = [
            asyncio.create_task(one) for one in (self._page.run(stop), self._read(until), self._board(until))
        ]
        while time.monotonic() < until:
            waiting = [key for key, status in self._rows.items() if status in WAITING]
            if waiting:
                await self._handle(self._chance.choice(waiting))
            else:
                await asyncio.sleep(0.2)
        await asyncio.gather(*self._work)
        stop.set()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)

    async def _read(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(READ_EVERY_S)
            keys, self._page.changed = list(self._page.changed), set()
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                named = "&".join(f"id={key}" for key in some)
                _, told = await self._ask(self._reading, "changes", "GET", f"/v1/incidents?{named}")
                for row in (told or {}).get("incidents", []):
                    self._rows[row["id"]] = row["standing"]["status"]
                sent_to = "&".join(f"incident={key}" for key in some)
                path = f"/v1/dispatches?open=true&limit=500&{sent_to}"
                await self._ask(self._reading, "changes", "GET", path)

    async def _board(self, until: float) -> None:
        line, mark = Line(self._page.port, self._page.key), ""
        while time.monotonic() < until:
            since = f"?since={mark}" if mark else ""
            _, told = await self._ask(line, "board", "GET", f"/v1/board{since}")
            mark = (told or {}).get("mark", "")
            await asyncio.sleep(BOARD_EVERY_S)

    async def _handle(self, key: str) -> None:
        self._rows.pop(key)  # events tell how it goes on
        path = f"/v1/incidents/{key}"
        _, told = await self._ask(self._hands, "candidates", "GET", f"{path}/candidates?k=5")
        if not told or not told["candidates"]:
            return
        await asyncio.sleep(self._chance.uniform(*self._pace.mind_s))
        lead = {"lead": told["candidates"][0]["responder"]}
        status, sent = await self._ask(self._hands, "dispatch", "POST", f"{path}/dispatches", lead)
        self.conflicts += status == 409
        if status == 201:
            task = asyncio.create_task(self._see_through(path, sent["dispatches"][0]["id"]))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _see_through(self, path: str, dispatch: int) -> None:
        """Do what the one who was sent does, and at the end what the desk does."""
        words = {"words": "seen to", "channel": "message"}
        steps: list[tuple[str, dict[str, str]]]
        steps = [(f"/v1/dispatches/{dispatch}/{step}", {}) for step in ("accept", "arrive", "done")]
        steps += [(f"{path}/reply", words), (f"{path}/moves", {"move": "close"})]
        status = 0
        for address, body in steps:
            await asyncio.sleep(self._chance.uniform(*self._pace.step_s))
            async with self._turn:
                status, _ = await self._ask(self._field, "step", "POST", address, body)
        self.closed += status == 200
