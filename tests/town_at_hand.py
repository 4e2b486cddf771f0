"""The demo town for tests that run examples: made once, handed out as copies."""

import pickle
from functools import cache

from geo_service.demo import DemoCounty
from geo_service.demo import county as maker

_generate = maker.generate


@cache
def _packed(size: str, seed: int) -> bytes:
    return pickle.dumps(_generate(size, seed))


def generate(size: str = "town", seed: int = maker.DEFAULT_SEED) -> DemoCounty:
    """Stand in for :func:`geo_service.demo.generate`: the same town, without making it anew each time."""
    return pickle.loads(_packed(size, seed))
