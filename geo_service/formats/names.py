"""Guessing which name was meant."""

from collections.abc import Sequence
from difflib import get_close_matches


def nearest_name(wanted: str, names: Sequence[str]) -> str | None:
    """Return the name most like the one wanted, if one is like it at all; case does not matter."""
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(wanted.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None
