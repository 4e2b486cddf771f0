"""Every compiled kernel of the house, compiled ahead: minutes once on a machine, then read from disk."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from geo_service.geometry.partition import warm_up as warm_up_partition
from geo_service.locate.index import warm_up as warm_up_index
from geo_service.roads.warm import warm_up as warm_up_roads
from geo_service.staffing.siting import warm_up as warm_up_siting

#: What compiles each part, what is asked for first at the head.
WARM_UPS: dict[str, Callable[[], object]] = {
    "locating": warm_up_index,
    "travel times": warm_up_roads,
    "dividing": warm_up_partition,
    "siting": warm_up_siting,
}


def compile_all() -> Iterator[tuple[str, float]]:
    """Compile all parts side by side, one process a core; gives each part as it is done, and its seconds."""
    # new processes: one that is forked may inherit a lock of the compiler that nobody will open
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_timed, part): part for part in WARM_UPS}
        for done in as_completed(running):
            yield running[done], done.result()


def _timed(part: str) -> float:
    began = time.perf_counter()
    WARM_UPS[part]()
    return time.perf_counter() - began
