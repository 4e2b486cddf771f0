"""The demo town drawn once for a run, whichever of its processes comes first, and handed out as copies."""

import fcntl
import os
import pickle
import time
from functools import cache
from pathlib import Path

from geo_service.demo import DemoCounty
from geo_service.demo import county as maker

HOME = Path(__file__).resolve().parents[1] / ".local" / "test"
DAY_S = 86_400

_generate = maker.generate


def generate(size: str = "town", seed: int = maker.DEFAULT_SEED) -> DemoCounty:
    """Stand in for :func:`geo_service.demo.generate`: the same town, without making it anew each time."""
    return pickle.loads(_packed(size, seed))


@cache
def _packed(size: str, seed: int) -> bytes:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:  # one process alone
        return pickle.dumps(_generate(size, seed))
    HOME.mkdir(parents=True, exist_ok=True)
    file = HOME / f"drawn_{run}_{size}_{seed}.pickle"
    with (HOME / "drawn.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            for old in HOME.glob("drawn_*.pickle"):
                if old.stat().st_mtime < time.time() - DAY_S:
                    old.unlink()
            half = file.with_suffix(".half")
            half.write_bytes(pickle.dumps(_generate(size, seed)))
            half.replace(file)
        return file.read_bytes()
