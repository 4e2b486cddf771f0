"""A desk under strain: fixes in any order, a clock set back, drained pools, receivers that hang or drip."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.faults import desk
from tests.faults.desk import Town
from tests.faults.program import Program, assert_invariants_hold
from tests.faults.receivers import Receiver, drips, hangs, refuses, takes
from tests.postgis import TestServer
from tests.services import desk_town
from tests.services.places import middle
from tests.waiting import until

# starting the program takes long where other things run as well
pytestmark = [pytest.mark.postgis, pytest.mark.timeout(900)]
#: More than the program has threads for sending.
HANGING = 5


@pytest.fixture(scope="module")
def town(postgis: TestServer) -> Iterator[Town]:
    with postgis.fresh_url() as url:
        yield desk.town(url)


@pytest.fixture(scope="module")
def program(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One process with few connections, soon drained."""
    home: Path = tmp_path_factory.mktemp("home")
    pools = {"GEO_SERVICE_READ_POOL_SIZE": "3", "GEO_SERVICE_WRITE_POOL_SIZE": "2"}
    place = {"GEO_SERVICE_HOME": str(home), "GEO_SERVICE_DATABASE_URL": town.url}
    settings = {**place, **pools, "GEO_SERVICE_LOOPBACK_WEBHOOKS": "yes"}
    made = Program(settings, workers=1, log=home / "serve.log")
    try:
        made.start()
        yield made
    finally:
        made.end()


Call = Callable[[str], httpx.Client]


@pytest.fixture(scope="module")
def call(program: Program, town: Town) -> Iterator[Call]:
    """Give a client with the key of a name; each is made once."""
    made: dict[str, httpx.Client] = {}

    def give(name: str) -> httpx.Client:
        if name not in made:
            headers = {"X-API-Key": town.keys[name]}
            made[name] = httpx.Client(base_url=program.address, headers=headers, timeout=60)
        return made[name]

    yield give
    for one in made.values():
        one.close()


@dataclass(frozen=True)
class Hook:
    """A receiver and its number at the service."""

    receiver: Receiver
    key: int


@pytest.fixture(scope="module", autouse=True)
def hooks(call: Call) -> Iterator[dict[str, Hook]]:
    """Receivers of all events, most of them bad: they are there from the beginning."""
    manners = {"good": takes, "refusing": refuses, "dripping": drips}
    manners |= {f"hanging {number}": hangs for number in range(HANGING)}
    made = {}
    for name, manner in manners.items():
        receiver = Receiver(manner)
        body = {"name": name, "url": receiver.url, "topics": []}
        made[name] = Hook(
            receiver, call("admin").post("/v1/webhooks", json=body).raise_for_status().json()["id"]
        )
    yield made
    for one in made.values():
        one.receiver.close()


def rows(town: Town, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(town.url) as connection:
        return connection.execute(query).fetchall()


def report(call: Call, key: str) -> httpx.Response:
    lon, lat = middle(1, 1)
    body = {"source_id": key, "occurred_at": datetime.now(UTC).isoformat(), "lon": lon, "lat": lat}
    return call("clerk0").post("/v1/incidents", json=body)


def reported(call: Call, key: str) -> str:
    made: str = report(call, key).raise_for_status().json()["id"]
    return made


# -------------------------------------------------------------------------------------------------- fixes


def test_fixes_in_any_order_twice_and_from_two_devices(call: Call, program: Program, town: Town) -> None:
    """Of the same person, sent by two at once: the newest by its own time is where he is."""
    now, dice = datetime.now(UTC).replace(microsecond=0), random.Random(4)
    good = [now - timedelta(seconds=7 * i) for i in range(60)]
    bad = {now + timedelta(hours=1): "future", now - timedelta(minutes=70): "off_duty"}
    lonlat = {at: desk_town.corner(i % 6, i % 4) for i, at in enumerate([*good, *bad])}
    told: list[dict[str, Any]] = []

    def send(name: str) -> None:
        moments = [*good, *bad, *good[::3]]
        dice.shuffle(moments)
        for first in range(0, len(moments), 5):
            lot = moments[first : first + 5]
            fixes = [
                {"responder": "w0-0", "at": at.isoformat(), "lon": lonlat[at][0], "lat": lonlat[at][1]}
                for at in lot
            ]
            answer = call(name).post("/v1/positions", json={"fixes": fixes}).raise_for_status().json()
            told.append(answer)
            assert [bad.get(lot[one["index"]]) for one in answer["refused"]] == [
                one["reason"] for one in answer["refused"]
            ]

    _all_at_once(lambda: send("phones"), lambda: send("gateway"))
    assert sum(one["taken"] for one in told) == len(good)
    assert sum(len(one["refused"]) for one in told) == 2 * len(bad)
    assert sum(one["repeated"] for one in told) == len(good) + 2 * len(good[::3])
    track = rows(town, "select at, lon, lat from position_fix join responder on id = responder_id")
    assert sorted(track) == sorted((at, *lonlat[at]) for at in good)
    latest = rows(town, "select at, lon, lat from position_latest join responder on id = responder_id")
    assert latest == [(now, *lonlat[now])]
    # the board knows it from what it follows
    people = call("clerk0").get("/v1/board").raise_for_status().json()["people"]
    (he,) = [one for one in people if one["responder"] == "w0-0"]
    assert (he["lon"], he["lat"], he["source"]) == (*lonlat[now], "fix")
    assert assert_invariants_hold(program.settings)["latest position"] == 1


def _all_at_once(*works: Callable[[], None]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for one in [pool.submit(work) for work in works]:
            one.result()


# -------------------------------------------------------------------------------------------------- clock


@contextmanager
def clock_of(town: Town) -> Iterator[Callable[[int], None]]:
    """Put another clock into the town's database: how many hours it is ahead can be set while all goes on.

    All moments of the desk are the database's, so this is what a host whose clock jumps looks like.
    """
    with psycopg.connect(town.url, autocommit=True) as connection:

        def set_ahead(hours: int) -> None:
            connection.execute("update public.jump set hours = %s", (hours,))

        with connection.transaction():
            connection.execute("create table public.jump (hours int)")
            connection.execute("insert into public.jump values (0)")
            connection.execute("alter function pg_catalog.clock_timestamp() rename to true_clock_timestamp")
            connection.execute("""
                create function pg_catalog.clock_timestamp() returns timestamptz language sql volatile as
                'select pg_catalog.true_clock_timestamp() + make_interval(hours => hours) from public.jump'
            """)
        try:
            yield set_ahead
        finally:
            with connection.transaction():
                connection.execute("drop function pg_catalog.clock_timestamp()")
                back = "alter function pg_catalog.true_clock_timestamp() rename to clock_timestamp"
                connection.execute(back)
                connection.execute("drop table public.jump")


def test_the_clock_is_set_back_an_hour(call: Call, program: Program, town: Town) -> None:
    """While people are under way and cards are out: all goes on, and nothing comes before its cause."""
    clerk = call("clerk0")

    def step(sent: int, *verbs: str) -> None:
        for verb in verbs:
            clerk.post(f"/v1/dispatches/{sent}/{verb}").raise_for_status()

    def send(incident: str, code: str) -> int:
        body = {"lead": code} if code == "w0-0" else {"others": [code]}
        listed = clerk.post(f"/v1/incidents/{incident}/dispatches", json=body).raise_for_status().json()
        (made,) = [one["id"] for one in listed["dispatches"] if one["responder"] == code]
        return int(made)

    def cards() -> list[tuple[Any, ...]]:
        return rows(town, "select phase, colour, issued_at from escalation where kind = 'card' order by id")

    with clock_of(town) as set_ahead:
        late, early = reported(call, "late"), reported(call, "before the clock was put on")
        set_ahead(1)
        until(lambda: ("arrive", "red") in {card[:2] for card in cards()})
        lead = send(late, "w0-0")
        step(lead, "accept")
        helper = send(late, "w0-1")
        issued = cards()
        set_ahead(0)
        step(lead, "arrive")
        step(helper, "accept", "arrive")
        clerk.post(f"/v1/incidents/{late}/reply", json={"words": "有人在处理"}).raise_for_status()
        step(lead, "done")  # the helper is released by it
        close = {"move": "close"}
        standing = clerk.post(f"/v1/incidents/{late}/moves", json=close).raise_for_status().json()
        void = {"move": "void", "reason": "误报"}
        clerk.post(f"/v1/incidents/{early}/moves", json=void).raise_for_status()
        reported(call, "after the clock was set back")
        told = "select count(*) from outbox where position is null"
        until(lambda: rows(town, told) == [(0,)])
        assert cards()[: len(issued)] == issued
    assert standing["status"] == "closed"
    backwards = """
        select incident_id, id from (
            select *, lag(at) over (partition by incident_id order by id) as before from incident_log
        ) as line where at < before
    """
    assert rows(town, backwards) == []
    negative = """
        select id from dispatch where not (sent_at <= accepted_at and accepted_at <= arrived_at
            and arrived_at <= ended_at)
    """
    assert rows(town, negative) == []
    phases = "reported_at <= accepted_at and accepted_at <= dispatched_at and dispatched_at <= arrived_at"
    phases += (
        " and arrived_at <= handled_at and handled_at <= closed_at and closed_at <= replied_at is not false"
    )
    assert rows(town, f"select {phases} from incident_life where status = 'closed'") == [(True,)]
    twice = "select phase from escalation group by incident_id, phase, colour, round having count(*) > 1"
    assert rows(town, twice) == []
    assert assert_invariants_hold(program.settings)["cards once"] >= 1


# -------------------------------------------------------------------------------------------------- pools


@contextmanager
def held(town: Town, lock: str) -> Iterator[None]:
    """Hold what requests come to, so that each of them keeps its connection and waits."""
    with psycopg.connect(town.url) as connection:
        connection.execute(lock)
        yield
        connection.rollback()


def test_all_connections_are_busy(call: Call, program: Program, town: Town) -> None:
    """Who finds none is told so in seconds; reports get in all the time; then all is well again."""
    incident = reported(call, "that everybody wants")
    clerk = call("clerk0")

    def move() -> httpx.Response:
        return clerk.post(f"/v1/incidents/{incident}/moves", json={"move": "accept"})

    def look() -> httpx.Response:
        return clerk.get("/v1/dispatches")

    lock_life = f"select from incident_life where incident_id = '{incident}' for update"
    lock_table = "lock table dispatch in access exclusive mode"
    for number, (request, lock) in enumerate(((move, lock_life), (look, lock_table))):
        with ThreadPoolExecutor(8) as pool:
            with held(town, lock):
                asked = [pool.submit(timed, request) for _ in range(8)]
                until(lambda asked=asked: sum(one.done() for one in asked) >= 5)  # type: ignore[misc]
                refused = [one.result() for one in asked if one.done()]
                taken = [report(call, f"{number} {i}").status_code for i in range(5)]
            answers = {one.result()[0].status_code for one in asked}
        assert taken == [201] * 5
        for answer, seconds in refused:
            assert answer.status_code == 503, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"]
            assert seconds < 6  # two for the connection; the machine may be busy
        assert answers <= {200, 409, 503, 504}
    assert look().status_code == 200
    assert rows(town, "select count(*) from incident where source_id ~ '^[01] [0-4]$'") == [(10,)]
    assert_invariants_hold(program.settings)


def timed(request: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return request(), time.monotonic() - began


# ---------------------------------------------------------------------------------------------- receivers


def deliveries(call: Call, hook: Hook, state: str | None = None) -> list[dict[str, Any]]:
    query = {"limit": "1000"} | ({"state": state} if state else {})
    answer = call("admin").get(f"/v1/webhooks/{hook.key}/deliveries", params=query)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["deliveries"]
    return found


def test_receivers_that_hang_drip_and_refuse(
    call: Call, program: Program, town: Town, hooks: dict[str, Hook]
) -> None:
    """The good one hears everything, soon; the bad ones are tried again, and what is given up is seen."""
    good, refusing = hooks["good"], hooks["refusing"]
    keys = [reported(call, f"heard {i}") for i in range(20)]

    def heard() -> set[object]:
        return {body["data"].get("id") for _, body in good.receiver.heard}  # type: ignore[attr-defined]

    until(lambda: set(keys) <= heard(), 30)
    # every event, at least once, under an id of its own
    since = (
        "select 'evt_' || position, topic from outbox join webhook on outbox.created_at > webhook.created_at"
    )
    events = rows(town, f"{since} where name = 'good' and position is not null")
    until(lambda: {key for key, _ in events} <= {key for key, _ in good.receiver.heard}, 30)
    bodies = dict(good.receiver.heard)
    assert {key: bodies[key]["type"] for key, _ in events} == dict(events)
    # the bad ones have been tried, and are left in peace now
    for name in ("dripping", *(f"hanging {number}" for number in range(HANGING))):
        tried = _tried(call, hooks[name])
        assert {one["answer"] for one in tried} == {"no answer: TimeoutError"}
        assert len(hooks[name].receiver.heard) <= 6
    # tried again later, under the same id
    until(lambda: max(one["attempts"] for one in _tried(call, refusing)) >= 2)
    again = [key for key, _ in refusing.receiver.heard]
    assert max(again.count(key) for key in again) >= 2
    _give_up(town, refusing)
    until(lambda: bool(deliveries(call, refusing, "dead")))
    (dead,) = deliveries(call, refusing, "dead")
    assert (dead["attempts"], dead["answer"]) == (11, "500")
    refusing.receiver.answer = takes
    call("admin").post(f"/v1/webhooks/{refusing.key}/retry").raise_for_status()
    until(lambda: dead["position"] in {one["position"] for one in deliveries(call, refusing, "delivered")})
    assert assert_invariants_hold(program.settings)["deliveries"] >= len(events)


def _tried(call: Call, hook: Hook) -> list[dict[str, Any]]:
    """Wait until something was sent in vain; return all of that."""
    until(lambda: any(one["attempts"] for one in deliveries(call, hook, "waiting")))
    return [one for one in deliveries(call, hook, "waiting") if one["attempts"]]


def _give_up(town: Town, hook: Hook) -> None:
    """Let half a day pass for one message, which has been tried ten times then."""
    with psycopg.connect(town.url) as connection:
        connection.execute("update webhook set busy_until = now() where id = %s", (hook.key,))
        connection.execute(
            """
            update delivery set attempts = 10, next_at = now() where webhook_id = %s and position = (
                select min(position) from delivery where webhook_id = %s and state = 'waiting')
            """,
            (hook.key, hook.key),
        )
