"""The town at its busiest as in ``load``, with dispatchers that never rest: an incident in two seconds."""

from benchmarks import load
from benchmarks.load_desks import TIRELESS
from benchmarks.measure import Row


def run() -> list[Row]:
    return load.run(TIRELESS)
