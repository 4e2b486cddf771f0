"""Webhooks: events are posted to other systems, signed, tried again while they do not answer.

Each event goes out at least once; the header ``webhook-id`` is the same at every attempt, so that a receiver
drops what it has. How it is signed says :mod:`geo_service.services.signing`.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from geo_service.errors import Fault, GeoServiceError, InvalidInputError, Words
from geo_service.services import signing
from geo_service.services.feed import takes_topic
from geo_service.store import audit, webhooks
from geo_service.store.database import Connection, Database

log = logging.getLogger("geo_service.webhooks")

LOOK_EVERY_S = 1.0
#: A receiver has so long for its answer, from the first byte sent to the last one read.
TIMEOUT_S = 10.0
#: Sent in one go to a webhook before others have their turn.
BATCH = 20
#: A process that was killed while it sent is waited for so long; who sends holds on with every message.
LEASE = timedelta(seconds=3 * TIMEOUT_S)
#: Seconds until the next attempt, after the first, the second ... failure; then it is given up.
BACK_OFF_S = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200)
#: A receiver that fails is left in peace: after one message, two, or more that it did not take.
REST_S = (5, 30, 120)
THREADS = 4
KEEP = timedelta(days=30)


def subscribe(
    database: Database, *, name: str, url: str, topics: Sequence[str], who: str, loopback: bool = False
) -> tuple[int, str]:
    """Add a webhook; returns its id and its secret, which is shown this once.

    ``loopback`` allows addresses of this machine itself.

    Raises
    ------
    InvalidInputError
        The address is none to which one can post.
    ConflictError
        The name is in use.
    """
    _require_address(url, loopback=loopback)
    secret = signing.shown(signing.new_secret())
    with database.writing() as connection:
        key = webhooks.add(connection, name=name, url=url, secret=secret, topics=topics, who=who)
        details = {"name": name, "url": url, "topics": list(topics)}
        audit.record(connection, who, "webhook.create", f"webhook {key}", details)
    return key, secret


def _require_address(url: str, *, loopback: bool) -> None:
    """Raise unless one can post there: no secrets in it, no address of the network link or this machine."""
    # splitting drops some of these silently: look at what was given
    fits = not any(sign.isspace() or not sign.isprintable() for sign in url)
    try:
        parts = urlsplit(url)
        fits = fits and parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:  # a port above 65535, or brackets that are no address
        fits = False
    if not fits or not parts.hostname or parts.username or parts.password:
        words = Words(
            "give an address as in https://desk.example.cn/events, without a name and password in it",
            "请给出形如 https://desk.example.cn/events 的地址，其中不含用户名和密码",
        )
    elif _is_beside_us(parts.hostname):
        words = Words(
            "this address is of the network link itself (169.254…, fe80…): nobody's system answers there",
            "这是链路本地地址（169.254…、fe80…），不能作为接收地址",
        )
    elif not loopback and _is_this_machine(parts.hostname):
        words = Words(
            "this address is of this machine itself: give another one, or set GEO_SERVICE_LOOPBACK_WEBHOOKS",
            "这是本机地址：请改用其他地址，或设置 GEO_SERVICE_LOOPBACK_WEBHOOKS",
        )
    else:
        return
    raise InvalidInputError(
        Words("this is no address for a webhook", "该地址不能用于事件推送"), [Fault("url", words, value=url)]
    )


def _is_beside_us(host: str) -> bool:
    """Tell whether a host is of the link: there clouds keep what they tell their own machines alone."""
    address = _address(host)
    return address is not None and (address.is_link_local or address.is_multicast or address.is_unspecified)


def _is_this_machine(host: str) -> bool:
    """Tell whether a host is this machine, where services answer that trust whoever is inside."""
    name = host.rstrip(".").lower()
    address = _address(host)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return a host that is given as an address, also in the old ways of writing one; None for a name."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host))  # 127.1, 2130706433 and 0x7f000001 lead there as well
        except (OSError, UnicodeError):
            return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def stop(database: Database, key: int, *, who: str) -> None:
    """Send no more to a webhook."""
    with database.writing() as connection:
        webhooks.stop(connection, key)
        audit.record(connection, who, "webhook.stop", f"webhook {key}", {})


def queue(connection: Connection, events: Sequence[dict[str, Any]]) -> None:
    """Queue events for those who want them, in the transaction that announces them.

    ``events`` have position, topic, payload and created_at.
    """
    wanted = [
        {
            "webhook_id": key,
            "position": event["position"],
            "topic": event["topic"],
            "body": {
                "type": event["topic"],
                "timestamp": event["created_at"].isoformat(),
                "data": event["payload"],
            },
        }
        for key, topics in webhooks.listening(connection)
        for event in events
        if takes_topic(topics, event["topic"])
    ]
    webhooks.queue(connection, wanted)


class Sender:
    """Sends what is due, in a few threads: receivers that hang do not keep the others waiting.

    ``loopback``: also to this machine itself.
    """

    def __init__(self, database: Database, *, threads: int = THREADS, loopback: bool = False) -> None:
        self._database = database
        self._loopback = loopback
        self._count = threads
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to send."""
        self._stop.clear()
        self._threads = [
            threading.Thread(target=self._run, name=f"webhooks {i}", daemon=True) for i in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is under way comes to an end or is sent again by another process."""
        self._stop.set()
        for thread in self._threads:
            thread.join(1)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                busy = send_some(self._database, loopback=self._loopback, stopping=self._stop.is_set)
            except GeoServiceError as error:  # the database is away: nothing is lost
                log.warning("webhooks wait: %s", error.detail)
                busy = False
            except Exception:
                log.exception("webhooks wait")  # the thread goes on: the next message may do better
                busy = False
            if not busy:
                self._stop.wait(LOOK_EVERY_S)


def send_some(
    database: Database, *, loopback: bool = False, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Send what is due to one webhook; returns False when nothing was due anywhere.

    A failure ends the turn, and the receiver is left in peace for a while, whatever else is due: however many
    receivers hang, and however much waits for them, there are threads for the others.
    """
    with database.writing() as connection:
        hook = webhooks.claim(connection, LEASE)
        if hook is None:
            return False
        waiting = webhooks.due(connection, hook["id"], BATCH)
    failed = False
    try:
        for one in waiting:
            failed = not stopping() and not _send(database, hook, one, loopback=loopback)
            if failed or stopping():
                break
    finally:
        with database.writing() as connection:
            rest_s = _rest_s(webhooks.failing(connection, hook["id"], len(REST_S))) if failed else 0
            webhooks.release(connection, hook["id"], timedelta(seconds=rest_s))
    return True


def _rest_s(failing: int) -> int:
    """Return how long a receiver is left in peace that did not take so many messages."""
    return REST_S[min(failing, len(REST_S)) - 1] if failing and REST_S else 0


def _send(database: Database, hook: dict[str, Any], one: dict[str, Any], *, loopback: bool) -> bool:
    body = one["body"].encode()
    taken, answer = _post(hook["url"], hook["secret"], one["position"], body, loopback=loopback)
    with database.writing() as connection:
        webhooks.hold(connection, hook["id"], LEASE)
        if taken:
            webhooks.arrived(connection, hook["id"], one["position"], answer)
        else:
            tried = one["attempts"]
            again = timedelta(seconds=BACK_OFF_S[tried]) if tried < len(BACK_OFF_S) else None
            webhooks.failed(connection, hook["id"], one["position"], answer, again)
    return taken


def _post(url: str, secret: str, position: int, body: bytes, *, loopback: bool) -> tuple[bool, str]:
    """Post a message; returns whether it was taken, and what was said.

    A receiver that sends us elsewhere is not followed: the secret's holder is at the address given. No proxy
    of the environment is asked either: the address is meant as it stands.
    """
    message_id, timestamp = f"evt_{position}", str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "geo_service",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signing.sign(signing.read_secret(secret), message_id, timestamp, body),
    }
    try:
        status = _exchange(url, body, headers, loopback=loopback)
    except (OSError, HTTPException, ValueError) as error:
        return False, f"no answer: {type(error).__name__}"[:200]
    return 200 <= status < 300, str(status)


def _exchange(url: str, body: bytes, headers: dict[str, str], *, loopback: bool) -> int:
    """Post a message and return the status of the answer.

    :data:`TIMEOUT_S` holds for the exchange as a whole. Before it come the question for the name (as long as
    the system asks), the connection to each of its addresses and TLS, with that time for each step.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.connect()
        peer = connection.sock.getpeername()[0]
        if _is_beside_us(peer) or (_is_this_machine(peer) and not loopback):  # whatever name led there
            raise PermissionError(peer)
        with _cut_after(TIMEOUT_S, connection.sock):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, headers)
            return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def _cut_after(seconds: float, line: socket.socket) -> Iterator[None]:
    """Cut a line that is still in use after so long.

    A socket's own timeout begins anew with every byte: who sends one now and then would hold us for ever.
    """
    is_cut = threading.Event()

    def cut() -> None:
        is_cut.set()
        with suppress(OSError):  # it is closed just now
            socket.socket.shutdown(line, socket.SHUT_RDWR)  # beneath TLS, which would want to say goodbye

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException):
        if not is_cut.is_set():
            raise
    finally:
        timer.cancel()
    if is_cut.is_set():  # half a line may look like an answer
        raise TimeoutError
