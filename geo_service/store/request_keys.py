"""Keys under which steps are carried out once, kept with a digest of what was asked under them.

A log keeps both in one column: what is sent again over a bad line is found by its key, and a key that comes
with another request is refused instead of swallowing it. Old lines, and callers inside the service, have keys
without a digest: of those only the key is compared.
"""

from typing import Any

from sqlalchemy import Column, ColumnElement, func

from geo_service.errors import Fault, InvalidInputError, Words

#: Between key and digest; keys have no control characters.
_BETWEEN = "\x1f"


def with_digest(key: str, digest: str) -> str:
    """Return a key as it is kept: with a digest of the request."""
    return f"{key}{_BETWEEN}{digest}"


def key_of(text: str) -> str:
    """Return the key alone of one that may have a digest."""
    return text.partition(_BETWEEN)[0]


def is_key(column: Column[Any], key: Any) -> ColumnElement[bool]:
    """Return the condition that a row was written under a key alone (:func:`key_of`)."""
    condition: ColumnElement[bool] = func.split_part(column, _BETWEEN, 1) == key
    return condition


def require_same(kept: str, given: str) -> None:
    """Raise unless a key came with the request that it came with before.

    Raises
    ------
    InvalidInputError
        It was used for another request.
    """
    digests = {text.partition(_BETWEEN)[2] for text in (kept, given)} - {""}
    if len(digests) > 1:
        raise used_otherwise(given)


def used_otherwise(key: str) -> InvalidInputError:
    """Return the refusal of a key that was used for another request."""
    words = Words(
        "this key was used for another request; give each request a key of its own",
        "这个幂等键已用于另一个请求：每个请求请用各自的键",
    )
    return InvalidInputError(words, [Fault("Idempotency-Key", words, value=key_of(key))])
