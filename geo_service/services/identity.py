"""Who calls: issuing and revoking API keys, recognising their holders, sessions of the browser pages.

A key is 256 random bits after the prefix ``gsk_``; the database holds its SHA-256 only. There is nothing to
guess in it, so no slow hash is needed, and whoever steals the table cannot call.

A session is a signed token in a cookie: principal, expiry and an HMAC whose secret is made of this
installation's secret *and* the hash of the principal's key. So it needs no table, ends by itself, dies with
the key, and can be forged neither with the database alone nor with the home folder alone.
"""

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from geo_service.errors import ConflictError, Fault, InvalidInputError, UnauthenticatedError, Words
from geo_service.model import Principal, Role
from geo_service.store import audit, boundaries, principals
from geo_service.store.database import Connection, Database

KEY_PREFIX = "gsk_"
SESSION_S = 12 * 3600
CACHE_S = 5.0

_KEY = re.compile(r"gsk_[A-Za-z0-9_-]{43}")
_SESSION = re.compile(r"v1\.([1-9]\d{0,9})\.(\d{1,12})\.([A-Za-z0-9_-]{43})")
_CACHE_ROWS = 10_000


# ------------------------------------------------------------------------------------- issue and revoke


def issue(
    database: Database, name: str, role: Role, *, by: str, cells: Sequence[str] = ()
) -> tuple[Principal, str]:
    """Make a principal with a new key.

    Parameters
    ----------
    cells : sequence of str
        The part of the town that he sees, as ``level:code`` each, with all below; none: the whole.

    Returns
    -------
    tuple
        The principal and its key, which cannot be had a second time.

    Raises
    ------
    ConflictError
        The name is in use, or was.
    InvalidInputError
        A cell does not exist.
    """
    key = _new_key()
    with database.writing() as connection:
        scope = _scope(connection, cells)
        if principals.name_is_taken(connection, name):
            raise ConflictError(
                Words(
                    "the name is taken: names of revoked keys are not used again either",
                    "名称已被使用；已停用密钥的名称也不能再用",
                )
            )
        made = principals.create(connection, name, role, key_digest(key), scope)
        details = {"name": name, "role": role.value, "cells": list(cells)}
        audit.record(connection, by, "key.create", f"key {made.id}", details)
    return made, key


def _scope(connection: Connection, cells: Sequence[str]) -> list[int]:
    """Return the ids of cells given as ``level:code``."""
    keys = [(level, code) for level, _, code in (one.partition(":") for one in cells)]
    known = boundaries.cell_ids(connection, keys)
    faults = [
        Fault(
            f"cells[{i}]",
            Words(
                "there is no such cell; write level:code, as in township:330102001",
                "没有这个网格；请写作 层级:编码，如 township:330102001",
            ),
            value=cells[i],
        )
        for i, key in enumerate(keys)
        if key not in known
    ]
    if faults:
        raise InvalidInputError(Words("a key is for cells that exist", "密钥只能用于已有的网格"), faults)
    return list(known.values())


def revoke(database: Database, principal_id: int, *, by: str) -> None:
    """Revoke a key for good.

    Raises
    ------
    NotFoundError
        No such key.
    ConflictError
        Revoked before, or the last admin's.
    """
    with database.writing() as connection:
        principals.lock_admins(connection)
        held = principals.one(connection, principal_id)
        if held.revoked_at is not None:
            raise ConflictError(Words("the key is revoked already", "该密钥已停用"))
        if held.principal.role is Role.ADMIN and principals.admin_count(connection) == 1:
            raise ConflictError(
                Words(
                    "this is the last admin key: create another one first",
                    "这是最后一个管理员密钥，请先另建一个",
                )
            )
        if not principals.revoke(connection, principal_id):
            raise ConflictError(Words("somebody else has just revoked the key", "该密钥刚刚已被他人停用"))
        audit.record(connection, by, "key.revoke", f"key {principal_id}", {"name": held.principal.name})


def ensure_admin(database: Database) -> str | None:
    """Make the first admin key; return it, or None when there is an admin already.

    Several processes may ask at once: one of them gets the key.
    """
    with database.writing() as connection:
        principals.lock_admins(connection)
        if principals.admin_count(connection):
            return None
        name, number = "admin", 1
        while principals.name_is_taken(connection, name):
            number += 1
            name = f"admin-{number}"
        key = _new_key()
        made = principals.create(connection, name, Role.ADMIN, key_digest(key))
        audit.record(
            connection, "first start", "key.create", f"key {made.id}", {"name": name, "role": "admin"}
        )
    return key


def key_digest(key: str) -> bytes:
    """Return what is stored of a key: its SHA-256."""
    return hashlib.sha256(key.encode("ascii")).digest()


def _new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


# -------------------------------------------------------------------------------------------- recognise


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request shows, read but not yet believed: the digest of a key, or the parts of a session."""

    digest: bytes = b""
    principal_id: int = 0
    expires_s: int = 0
    signature: str = ""

    @property
    def slot(self) -> bytes | int:
        """What it is looked up and remembered under."""
        return self.digest or self.principal_id


def read_key(text: str) -> Credential | None:
    """Read an API key; None when it does not look like one."""
    return Credential(digest=key_digest(text)) if _KEY.fullmatch(text) else None


def read_session(text: str) -> Credential | None:
    """Read a session token; None when it does not look like one."""
    match = _SESSION.fullmatch(text)
    if match is None:
        return None
    return Credential(principal_id=int(match[1]), expires_s=int(match[2]), signature=match[3])


@dataclass(frozen=True, slots=True)
class _Remembered:
    principal: Principal
    digest: bytes
    until: float


class Gatekeeper:
    """Recognises credentials; remembers for a few seconds those that were good.

    So a busy client costs a query each ``cache_s``, and a revoked key is dead everywhere after ``cache_s``
    at the latest, in this process at once.

    Parameters
    ----------
    database : Database
        Where the principals are.
    secret : bytes
        Of this installation, for sessions (see :func:`session_secret`).
    """

    def __init__(
        self,
        database: Database,
        secret: bytes,
        *,
        cache_s: float = CACHE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._secret = secret
        self._cache_s = cache_s
        self._clock = clock
        self._remembered: dict[bytes | int, _Remembered] = {}

    def recall(self, credential: Credential) -> Principal | None:
        """Recognise without asking the database; None means: look it up."""
        known = self._remembered.get(credential.slot)
        # a clock that was set back leaves more than that: a key revoked meanwhile must not live so long
        if known is None or not 0 <= known.until - self._clock() <= self._cache_s:
            return None
        return known.principal if self._holds(credential, known.digest) else None

    def has_met(self, credential: Credential) -> bool:
        """Tell whether it was good once, if not of late: no guess, then.

        A session counts by its signature: the number of its holder is anybody's guess.
        """
        known = self._remembered.get(credential.slot)
        return known is not None and self._holds(credential, known.digest)

    def look_up(self, credential: Credential) -> Principal | None:
        """Ask the database who this is; None when nobody, revoked or expired."""
        with self._database.reading() as connection:
            if credential.digest:
                found = principals.by_key(connection, credential.digest)
                record = (found, credential.digest) if found else None
            else:
                record = principals.by_id(connection, credential.principal_id)
        if record is None:
            self._remembered.pop(credential.slot, None)
            return None
        if not self._holds(credential, record[1]):
            return None
        if len(self._remembered) >= _CACHE_ROWS:
            self._remembered.clear()
        self._remembered[credential.slot] = _Remembered(*record, until=self._clock() + self._cache_s)
        return record[0]

    def forget(self) -> None:
        """Look everybody up again; called after a revocation."""
        self._remembered.clear()

    def open_session(self, key: str) -> tuple[Principal, str]:
        """Exchange a key for a session token that lasts :data:`SESSION_S`.

        Raises
        ------
        UnauthenticatedError
            The key is not known.
        """
        credential = read_key(key)
        principal = self.look_up(credential) if credential else None
        if credential is None or principal is None:
            raise UnauthenticatedError(
                Words("this key is not known, or it was revoked", "密钥无效，或已停用")
            )
        expires_s = int(self._clock()) + SESSION_S
        signature = self._sign(principal.id, expires_s, credential.digest)
        return principal, f"v1.{principal.id}.{expires_s}.{signature}"

    def _holds(self, credential: Credential, digest: bytes) -> bool:
        if credential.digest:
            return True  # found by its digest
        expected = self._sign(credential.principal_id, credential.expires_s, digest)
        return credential.expires_s > self._clock() and hmac.compare_digest(expected, credential.signature)

    def _sign(self, principal_id: int, expires_s: int, digest: bytes) -> str:
        secret = hmac.digest(self._secret, digest, "sha256")
        signature = hmac.digest(secret, f"session v1 {principal_id} {expires_s}".encode(), "sha256")
        return base64.urlsafe_b64encode(signature).decode("ascii").rstrip("=")


def session_secret(home: Path) -> bytes:
    """Return this installation's secret, made on first use: 32 random bytes in ``home``, mode 0600.

    Processes that start together agree on one: the file appears whole or not at all, and the first wins.
    """
    file = home / "session.secret"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        making = home / f".session.secret.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(secrets.token_bytes(32))
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(making, file)
        finally:
            making.unlink()
    return file.read_bytes()
