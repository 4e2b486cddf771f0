"""Webhooks against receivers that really listen: signed, at least once, in order, past those that hang."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import text

from geo_service.errors import InvalidInputError
from geo_service.services import webhooks
from geo_service.services.relaying import Relay
from geo_service.store import outbox
from geo_service.store import webhooks as store
from geo_service.store.database import Database
from tests.waiting import until

pytestmark = pytest.mark.postgis


class Receiver:
    """An HTTP server that keeps what it is sent, and answers as it is told."""

    def __init__(self, answer: Callable[[int], int]) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(answer(len(outer.heard)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        often = {"poll_interval": 0.02}  # so often it looks whether it is to end
        threading.Thread(target=self.server.serve_forever, kwargs=often, daemon=True).start()

    @property
    def numbers(self) -> list[int]:
        return [json.loads(body)["data"]["number"] for _, body in self.heard]


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(answer: Callable[[int], int] = lambda _: 204) -> Receiver:
        made.append(Receiver(answer))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()


@pytest.fixture
def relay(database: Database) -> Iterator[None]:
    running = Relay(database)
    running.start()
    yield
    running.stop()


def hook(database: Database, url: str, name: str = "h", topics: tuple[str, ...] = ()) -> tuple[int, str]:
    return webhooks.subscribe(database, name=name, url=url, topics=topics, who="t", loopback=True)


def tell(database: Database, *numbers: int, topic: str = "incident.moved") -> None:
    for number in numbers:
        with database.writing() as connection:
            outbox.add(connection, topic, {"number": number})


def states(database: Database, key: int) -> list[tuple[str, int, str]]:
    with database.reading() as connection:
        rows = store.deliveries(connection, key, None, 100)
    return [(row["state"], row["attempts"], row["answer"]) for row in reversed(rows)]


@pytest.mark.usefixtures("relay")
def test_each_arrives_signed_in_order_and_only_what_was_wanted(
    database: Database, receiver: Callable[..., Receiver]
) -> None:
    ear = receiver()
    tell(database, 0)  # before there was a webhook
    key, secret = hook(database, ear.url, topics=("incident.*",))
    tell(database, 1, 2, 3)
    tell(database, 99, topic="edition.published")
    tell(database, 4)
    until(lambda: len(states(database, key)) >= 4)
    while webhooks.send_some(database, loopback=True):
        pass
    assert ear.numbers[-4:] == [1, 2, 3, 4]
    assert 99 not in ear.numbers
    headers, body = ear.heard[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert {state for state, _, _ in states(database, key)} == {"delivered"}


@pytest.mark.usefixtures("relay")
def test_what_is_not_taken_is_tried_again_under_the_same_id(
    database: Database, receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "BACK_OFF_S", (0, 0, 0))
    monkeypatch.setattr(webhooks, "REST_S", ())
    ear = receiver(lambda count: 503 if count <= 2 else 200)
    key, _ = hook(database, ear.url)
    tell(database, 1, 2)
    until(lambda: len(states(database, key)) == 2)
    while webhooks.send_some(database, loopback=True):
        pass
    assert ear.numbers == [1, 1, 1, 2]
    assert len({headers["webhook-id"] for headers, _ in ear.heard[:3]}) == 1
    assert states(database, key) == [("delivered", 3, "200"), ("delivered", 1, "200")]


@pytest.mark.usefixtures("relay")
def test_what_is_never_taken_is_given_up_and_can_be_sent_again(
    database: Database, receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "BACK_OFF_S", (0,))
    monkeypatch.setattr(webhooks, "REST_S", ())
    ear = receiver(lambda count: 302 if count <= 2 else 200)  # a receiver elsewhere is not followed
    key, _ = hook(database, ear.url)
    tell(database, 1)
    until(lambda: len(states(database, key)) == 1)
    while webhooks.send_some(database, loopback=True):
        pass
    assert states(database, key) == [("dead", 2, "302")]
    with database.writing() as connection:
        assert store.retry(connection, key) == 1
    while webhooks.send_some(database, loopback=True):
        pass
    assert states(database, key) == [("delivered", 1, "200")]


@pytest.mark.usefixtures("relay")
def test_a_receiver_that_hangs_does_not_keep_the_others_waiting(
    database: Database, receiver: Callable[..., Receiver]
) -> None:
    release = threading.Event()
    slow = receiver(lambda _: 200 + release.wait(30))
    quick = receiver()
    hook(database, slow.url, "slow")
    key, _ = hook(database, quick.url, "quick")
    sender = webhooks.Sender(database, threads=2, loopback=True)
    sender.start()
    try:
        tell(database, *range(10))
        until(lambda: [state for state, _, _ in states(database, key)] == ["delivered"] * 10)
        assert quick.numbers == list(range(10))
        assert len(slow.heard) <= 1
    finally:
        release.set()
        sender.stop()


@pytest.mark.usefixtures("relay")
def test_more_receivers_that_hang_than_there_are_threads(
    database: Database, receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is left in peace after a failure, although more is due for it."""
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.2)
    release = threading.Event()
    slow = [receiver(lambda _: 200 + release.wait(30)) for _ in range(3)]
    quick = receiver()
    for number, one in enumerate(slow):
        hook(database, one.url, f"slow {number}")
    key, _ = hook(database, quick.url, "quick")
    sender = webhooks.Sender(database, threads=2, loopback=True)
    sender.start()
    try:
        tell(database, *range(10))
        until(lambda: [state for state, _, _ in states(database, key)] == ["delivered"] * 10)
        assert quick.numbers == list(range(10))
        assert max(len(one.heard) for one in slow) <= 2
    finally:
        release.set()
        sender.stop()


@pytest.mark.parametrize("at_once", ["", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nX: "])
def test_an_answer_that_drips_is_cut_off(
    database: Database, monkeypatch: pytest.MonkeyPatch, at_once: str
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            line, _ = server.accept()
            with line, suppress(OSError):
                line.sendall(at_once.encode())
                while True:
                    line.sendall(b"H")
                    time.sleep(0.1)

        dripping = threading.Thread(target=drip)
        dripping.start()
        key, _ = hook(database, f"http://127.0.0.1:{server.getsockname()[1]}/hook")
        with database.writing() as connection:
            store.queue(connection, [{"webhook_id": key, "position": 1, "topic": "t", "body": {}}])
        began = time.monotonic()
        assert webhooks.send_some(database, loopback=True)
        assert time.monotonic() - began < 10
        dripping.join(30)
    assert states(database, key) == [("waiting", 1, "no answer: TimeoutError")]


def test_a_clock_that_was_set_back_holds_nothing_up(
    database: Database, receiver: Callable[..., Receiver]
) -> None:
    """What was written an hour ago by the clock of then lies an hour ahead by the clock of now."""
    ear = receiver()
    key, _ = hook(database, ear.url)
    with database.writing() as connection:
        store.queue(connection, [{"webhook_id": key, "position": 1, "topic": "t", "body": {"number": 1}}])
        connection.execute(text("update webhook set busy_until = busy_until + interval '1 hour'"))
        connection.execute(text("update delivery set next_at = next_at + interval '1 hour'"))
    assert webhooks.send_some(database, loopback=True)
    assert states(database, key) == [("delivered", 1, "204")]


def test_nobody_there(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BACK_OFF_S", ())
    key, _ = hook(database, "http://127.0.0.1:9/hook")
    with database.writing() as connection:
        body: dict[str, Any] = {"webhook_id": key, "position": 1, "topic": "t", "body": {}}
        store.queue(connection, [body])
    assert webhooks.send_some(database, loopback=True)
    assert states(database, key) == [("dead", 1, "no answer: ConnectionRefusedError")]


def test_one_process_at_a_time_sends_to_a_webhook(database: Database) -> None:
    key, _ = hook(database, "http://127.0.0.1:9/hook")
    with database.writing() as connection:
        store.queue(connection, [{"webhook_id": key, "position": 1, "topic": "t", "body": {}}])
    with database.writing() as connection:
        assert store.claim(connection, webhooks.LEASE) is not None
    with database.writing() as connection:
        assert store.claim(connection, webhooks.LEASE) is None
        store.release(connection, key)
    with database.writing() as connection:
        assert store.claim(connection, webhooks.LEASE) is not None


def test_a_stopped_webhook_gives_up_what_waits(database: Database) -> None:
    key, _ = hook(database, "http://127.0.0.1:9/hook")
    with database.writing() as connection:
        store.queue(connection, [{"webhook_id": key, "position": 1, "topic": "t", "body": {}}])
    webhooks.stop(database, key, who="t")
    assert not webhooks.send_some(database, loopback=True)
    assert states(database, key) == [("dead", 0, "the webhook was stopped")]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/",
        "https://",
        "http://me:secret@x/",
        "http://:secret@x/",
        "file:///etc/passwd",
        "http://x:99999/",
        "http://x:0/",
        "http://x:port/",
        "http://[x/",
        "http://x/a\r\nHost: y",
        "http://x/a b",
        "http://x/\x00",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
    ],
)
def test_addresses_that_are_none(database: Database, url: str) -> None:
    with pytest.raises(InvalidInputError, match="url"):
        hook(database, url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "LocalHost.",
        "a.localhost",
    ],
)
def test_this_machine_itself_only_where_a_setting_allows_it(database: Database, host: str) -> None:
    url = f"http://{host}:9/hook"
    with pytest.raises(InvalidInputError, match="GEO_SERVICE_LOOPBACK_WEBHOOKS"):
        webhooks.subscribe(database, name=host, url=url, topics=(), who="t")
    key, _ = hook(database, url, name=host)
    webhooks.stop(database, key, who="t")


def test_a_name_that_leads_to_this_machine_is_sent_nothing(
    database: Database, receiver: Callable[..., Receiver]
) -> None:
    ear = receiver()
    key, _ = hook(database, ear.url)
    with database.writing() as connection:
        store.queue(connection, [{"webhook_id": key, "position": 1, "topic": "t", "body": {}}])
    assert webhooks.send_some(database)
    assert [row[2] for row in states(database, key)] == ["no answer: PermissionError"]
    assert ear.heard == []


def test_a_name_that_leads_to_the_link_is_sent_nothing(
    database: Database, receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = receiver()
    key, _ = hook(database, ear.url.replace("127.0.0.1", "localhost"))
    monkeypatch.setattr(webhooks, "_is_beside_us", lambda host: host == "127.0.0.1")
    with database.writing() as connection:
        store.queue(connection, [{"webhook_id": key, "position": 1, "topic": "t", "body": {}}])
    assert webhooks.send_some(database, loopback=True)
    assert [row[2] for row in states(database, key)] == ["no answer: PermissionError"]
    assert ear.heard == []
