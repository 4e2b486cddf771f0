"""Webhooks: events are posted to other systems, signed, tried again while they do not answer.

Each event goes out at least once; the header ``webhook-id`` is the same at every attempt, so that a receiver
drops what it has. Signed as the Standard Webhooks specification says: ``v1,`` and the base64 of the
HMAC-SHA256 over ``id.timestamp.body`` with the secret after ``whsec_``.
"""

import base64
import hashlib
import hmac
import logging
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from geo_service.errors import Fault, GeoServiceError, InvalidInputError
from geo_service.services.feed import takes_topic
from geo_service.store import audit, webhooks
from geo_service.store.database import Connection, Database

log = logging.getLogger("geo_service.webhooks")

LOOK_EVERY_S = 1.0
TIMEOUT_S = 10.0
#: Sent in one go to a webhook before others have their turn.
BATCH = 20
#: A process that was killed while it sent is waited for so long.
LEASE = timedelta(seconds=2 * TIMEOUT_S * BATCH)
#: Seconds until the next attempt, after the first, the second ... failure; then it is given up.
BACK_OFF_S = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200)
THREADS = 4
KEEP = timedelta(days=30)
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, no secret


def subscribe(database: Database, *, name: str, url: str, topics: Sequence[str], who: str) -> tuple[int, str]:
    """Add a webhook; returns its id and its secret, which is shown this once.

    Raises
    ------
    InvalidInputError
        The address is none to which one can post.
    ConflictError
        The name is in use.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        words = "give an address as in https://desk.example.cn/events, without a name and password in it"
        raise InvalidInputError("this is no address for a webhook", [Fault("url", words, value=url)])
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    with database.writing() as connection:
        key = webhooks.add(connection, name=name, url=url, secret=secret, topics=topics, who=who)
        details = {"name": name, "url": url, "topics": list(topics)}
        audit.record(connection, who, "webhook.create", f"webhook {key}", details)
    return key, secret


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


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a message."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Sender:
    """Sends what is due, in a few threads: one receiver that hangs does not keep the others waiting."""

    def __init__(self, database: Database, *, threads: int = THREADS) -> None:
        self._database = database
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
                busy = send_some(self._database, stopping=self._stop.is_set)
            except GeoServiceError as error:  # the database is away: nothing is lost
                log.warning("webhooks wait: %s", error.detail)
                busy = False
            if not busy:
                self._stop.wait(LOOK_EVERY_S)


def send_some(database: Database, *, stopping: Callable[[], bool] = lambda: False) -> bool:
    """Send what is due to one webhook; returns False when nothing was due anywhere.

    A failure ends the turn: the receiver is left in peace until the next attempt.
    """
    with database.writing() as connection:
        hook = webhooks.claim(connection, LEASE)
        if hook is None:
            return False
        waiting = webhooks.due(connection, hook["id"], BATCH)
    try:
        for one in waiting:
            if stopping() or not _send(database, hook, one):
                break
    finally:
        with database.writing() as connection:
            webhooks.release(connection, hook["id"])
    return True


def _send(database: Database, hook: dict[str, Any], one: dict[str, Any]) -> bool:
    taken, answer = _post(hook["url"], hook["secret"], one["position"], one["body"].encode())
    with database.writing() as connection:
        if taken:
            webhooks.arrived(connection, hook["id"], one["position"], answer)
        else:
            tried = one["attempts"]
            again = timedelta(seconds=BACK_OFF_S[tried]) if tried < len(BACK_OFF_S) else None
            webhooks.failed(connection, hook["id"], one["position"], answer, again)
    return taken


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A receiver that sends us elsewhere is not followed: the secret's holder is at the address given."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


#: No proxy from the environment: the address is meant as it stands.
_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def _post(url: str, secret: str, position: int, body: bytes) -> tuple[bool, str]:
    """Post a message; returns whether it was taken, and what was said."""
    message_id, timestamp = f"evt_{position}", str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "geo_service",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - http(s) only, see subscribe
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            return True, str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return False, str(error.code)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return False, f"no answer: {type(reason).__name__}"[:200]
