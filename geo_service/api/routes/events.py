"""Events: what happens, as server-sent events that are resumed where they broke off."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import Header, Query, Response
from pydantic import StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from geo_service.api.access import Access, roles
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import GeoServiceError
from geo_service.model import Principal, Role
from geo_service.services.feed import Event, sees, takes_topic, told

router = Router(prefix="/v1", tags=["events"])

MAY_READ = Access(frozenset({Role.DISPATCHER, Role.LEADER, Role.PLANNER, Role.DEVICE}))
#: How often an open stream looks for what is new (in memory: the database is not asked).
LOOK_EVERY_S = 0.2
#: A sign of life on a quiet line, so that a proxy keeps it and the page notices when it is dead.
HEARTBEAT_S = 15.0
#: Who asks for this topic hears a sign of life as an event, at first and whenever it was quiet so long: a
#: browser tells a page nothing of comments, and a line can die without being closed.
ALIVE = "alive"
ALIVE_S = 4.0
#: How often the key of an open stream is checked again.
CHECK_KEY_S = 10.0
#: A stream ends after this time; the browser opens another one after the last event it saw.
LASTS_S = 3600.0
#: More digits than these no position has.
MOST_DIGITS = 18
_FIRST = b"retry: 2000\n\n"

Topic = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_. -]{0,63}\*?$")]


@router.get("/events", response_class=StreamingResponse)
async def events(
    request: Request,
    state: State,
    who: Annotated[Principal, roles(*MAY_READ.takes)],
    topic: Annotated[list[Topic], Query(description="Only these; `incident.*` is all of incidents")] = [],  # noqa: B006
    after: Annotated[int | None, Query(ge=0, description="Go on after this event; the header wins")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Stream events in the order in which they came to be, from now on or after the last one seen.

    Each has ``id:`` (its position), ``event:`` (its topic) and ``data:`` (JSON). None is left out: a stream
    that was broken goes on where it stood when it is opened with ``Last-Event-ID`` (browsers do). With the
    topic ``alive`` comes an event of that name at once and after every 4 s of silence. The event
    ``reset`` says that older ones are no longer kept: read everything anew. A caller whose key is for a part
    of the town hears of that part; planners hear nothing of dispatches and escalations, devices only how
    incidents stand.
    """
    first, last = await run_in_threadpool(state.feed.reach)
    wanted = _position(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    lost = wanted is not None and (wanted + 1 < first or wanted > last)
    position = last if wanted is None or lost else wanted
    stream = _stream(request, state, who, tuple(topic), position, lost=lost)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def _position(number: str) -> int:
    """Return what a number says, or one beyond all events where it is longer than any of ours."""
    digits = number.lstrip("0") or "0"
    return int(digits) if len(digits) <= MOST_DIGITS else 10**MOST_DIGITS


async def _stream(
    request: Request, state: AppState, who: Principal, topics: Sequence[str], position: int, *, lost: bool
) -> AsyncIterator[bytes]:
    yield _FIRST + (_written(position, "reset", b'{"position":%d}' % position) if lost else b": open\n\n")
    quiet_s = ALIVE_S if ALIVE in topics else HEARTBEAT_S
    if ALIVE in topics:
        yield _sign_of_life(topics, position)
    clock = asyncio.get_running_loop().time
    began = spoke = checked = clock()
    while clock() - began < LASTS_S:
        if await request.is_disconnected():
            return
        try:
            if clock() - checked > CHECK_KEY_S:  # a key that was revoked meanwhile hears no more
                request.state.principal, checked = None, clock()
                who = await MAY_READ.check(request) or who
            found = state.feed.at_hand(position)
            if found is None:
                found = await run_in_threadpool(state.feed.after, position)
        except GeoServiceError:  # the browser comes again, after the last event it saw
            return
        if found:
            position = found[-1].position
            heard = [one for one in found if takes_topic(topics, one.topic) and sees(who, one)]
            if heard:
                spoke = clock()
            # also what the caller does not see moves him on, or he would read it all again
            yield b"".join(_event(who, one) for one in heard) or f"id: {position}\n\n".encode()
            continue
        if clock() - spoke > quiet_s:
            spoke = clock()
            yield _sign_of_life(topics, position)
        await asyncio.sleep(LOOK_EVERY_S)


def _sign_of_life(topics: Sequence[str], position: int) -> bytes:
    return _written(position, ALIVE, b"{}") if ALIVE in topics else b": still here\n\n"


def _event(who: Principal, event: Event) -> bytes:
    return _written(event.position, event.topic, told(who, event))


def _written(position: int, topic: str, data: bytes) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (position, topic.encode(), data)
