"""Stored readings of coverage: columns of figures as compact bytes, equal for equal inputs.

A body is zlib over a line of JSON (names, types and shapes of the columns, in order) and the columns one
after the other, little-endian.
"""

import zlib
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from geo_service.store.coverage_tables import coverage_reading

LEVEL = 6


def pack(columns: dict[str, NDArray[Any]]) -> bytes:
    """Return columns as bytes."""
    whole = {name: np.ascontiguousarray(values) for name, values in columns.items()}
    whole = {name: values.astype(values.dtype.newbyteorder("<")) for name, values in whole.items()}
    head = [[name, values.dtype.str, list(values.shape)] for name, values in whole.items()]
    body = b"".join(values.tobytes() for values in whole.values())
    return zlib.compress(orjson.dumps(head) + b"\n" + body, LEVEL)


def unpack(body: bytes) -> dict[str, NDArray[Any]]:
    """Return the columns of bytes made by :func:`pack`."""
    head, _, rest = zlib.decompress(body).partition(b"\n")
    out: dict[str, NDArray[Any]] = {}
    at = 0
    for name, kind, shape in orjson.loads(head):
        dtype = np.dtype(kind)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        values = np.frombuffer(rest[at : at + size], dtype).reshape(shape)
        out[name] = values.astype(dtype.newbyteorder("="))
        at += size
    return out


def find(connection: Connection, fingerprint: bytes) -> dict[str, Any] | None:
    """Return the reading with these inputs: id, asked, inputs, summary, columns."""
    return _one(connection, coverage_reading.c.fingerprint == fingerprint)


def get(connection: Connection, reading_id: int) -> dict[str, Any] | None:
    """Return a reading by its id."""
    return _one(connection, coverage_reading.c.id == reading_id)


def _one(connection: Connection, condition: Any) -> dict[str, Any] | None:
    row = connection.execute(select(coverage_reading).where(condition)).mappings().one_or_none()
    if row is None:
        return None
    return {**row, "columns": unpack(bytes(row["body"]))}


def store(
    connection: Connection,
    *,
    kind: str,
    edition_id: int | None,
    fingerprint: bytes,
    asked: dict[str, Any],
    inputs: dict[str, Any],
    summary: dict[str, Any],
    columns: dict[str, NDArray[Any]],
    keep: int,
) -> int:
    """Keep a reading, and of its kind only the newest ``keep``; returns its id.

    If another process kept the same one first, that one's id is returned.
    """
    made = connection.execute(
        insert(coverage_reading)
        .values(
            kind=kind,
            edition_id=edition_id,
            fingerprint=fingerprint,
            asked=asked,
            inputs=inputs,
            summary=summary,
            body=pack(columns),
        )
        .on_conflict_do_nothing()
        .returning(coverage_reading.c.id)
    ).scalar_one_or_none()
    c = coverage_reading.c
    newest = select(c.id).where(c.kind == kind).order_by(c.id.desc()).limit(keep)
    connection.execute(delete(coverage_reading).where(c.kind == kind, c.id.not_in(newest)))
    if made is None:
        found = connection.execute(select(c.id).where(c.fingerprint == fingerprint)).scalar_one_or_none()
        return int(found) if found is not None else 0
    return int(made)
