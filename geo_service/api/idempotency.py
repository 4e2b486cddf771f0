"""``Idempotency-Key``: a request that is sent again gets the answer that it got, and has its effect once.

The answer is kept in the transaction of the effect: both are there, or neither, whenever the process may die.
Refusals are not kept: what was refused had no effect, and may be asked for again.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from geo_service.errors import GeoServiceError
from geo_service.store import kept_answers, request_keys
from geo_service.store.database import Connection, Database
from geo_service.store.kept_answers import KeptAnswer

#: What names a request or a report: something to read, without control characters.
KeyText = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\w[^\x00-\x1f]*$"
    ),
]
_KEPT_HEADERS = ("content-type", "location", "preference-applied", "retry-after")
#: Says that an answer was given before.
REPLAYED = "Idempotent-Replayed"


class Once:
    """A request that has its effect once, however often it is sent; without a key each one has.

    Parameters
    ----------
    principal : str
        Who asks: the keys of others are others.
    key : str or None
    fingerprint : bytes
        Digest of what is asked for.
    """

    def __init__(self, principal: str, key: str | None, fingerprint: bytes) -> None:
        self._principal = principal
        self._fingerprint = fingerprint
        self.key = key

    def answer(self, database: Database, act: Callable[[], Response]) -> Response:
        """Return the answer that was given before, or that of ``act``, which calls :meth:`keep`.

        Raises
        ------
        InvalidInputError
            The key was used for another request.
        """
        if (given := self._given(database)) is not None:
            return given
        try:
            return act()
        except GeoServiceError:
            # the same request may have come twice at once, and the other was first
            if (given := self._given(database)) is not None:
                return given
            raise

    def keep(self, connection: Connection, answer: Response) -> None:
        """Keep the answer, in the transaction of what it tells of."""
        if self.key is None:
            return
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        kept = KeptAnswer(self._fingerprint, answer.status_code, headers, bytes(answer.body))
        kept_answers.keep(connection, self._principal, self.key, kept)

    def _given(self, database: Database) -> Response | None:
        if self.key is None:
            return None
        with database.reading() as connection:
            kept = kept_answers.find(connection, self._principal, self.key)
        if kept is None:
            return None
        if kept.fingerprint != self._fingerprint:
            raise request_keys.used_otherwise(self.key)
        return Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"})


async def _fingerprint(request: Request) -> bytes:
    """Return a digest of what a request asks for."""
    body = await request.body()
    # what is no JSON is compared as it is, and refused by what reads the body next
    with suppress(ValueError, RecursionError):
        said = json.loads(body)
        if isinstance(said, dict):
            said.pop("request_key", None)  # a body may name the key in the place of the header
        body = json.dumps(said, sort_keys=True).encode()
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    asked = (request.method, address, request.headers.get("if-match", ""))
    return hashlib.sha256("\n".join(asked).encode() + b"\n" + body).digest()


async def _once(
    request: Request,
    idempotency_key: Annotated[
        KeyText | None,
        Header(description="Sent again with the same key and body, the request has its effect once"),
    ] = None,
) -> Once:
    # whoever comes here was let in: the route's own dependency comes first
    return Once(request.state.principal.name, idempotency_key, await _fingerprint(request))


@dataclass(frozen=True, slots=True)
class Step:
    """A step in the life of an incident, whose key the log keeps with what was asked under it."""

    key: str | None
    digest: str

    def under(self, named: str | None = None) -> str | None:
        """Return the key as the log keeps it; ``named``: that of the body, which goes before the header."""
        key = named or self.key
        return None if key is None else request_keys.with_digest(key, self.digest)


async def _step(
    request: Request,
    idempotency_key: Annotated[
        KeyText | None,
        Header(description="Sent again with the same key and body, the request changes nothing more"),
    ] = None,
) -> Step:
    return Step(idempotency_key, (await _fingerprint(request)).hex())


async def _step_key(step: Annotated[Step, Depends(_step)]) -> str | None:
    return step.under()


OneStep = Annotated[Step, Depends(_step)]
#: The key alone, for routes whose bodies name none.
StepKey = Annotated[str | None, Depends(_step_key)]
OnlyOnce = Annotated[Once, Depends(_once)]
