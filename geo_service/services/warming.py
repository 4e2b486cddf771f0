"""Getting ready for the first question: compiled kernels, the tiling in force, roads, demand, map shapes."""

import gc
import logging
import threading

from geo_service.errors import GeoServiceError
from geo_service.maps.shapes import Detail
from geo_service.model import Mode
from geo_service.services.ground import Ground
from geo_service.services.kernels import WARM_UPS
from geo_service.services.mapping import Mapper
from geo_service.services.tiling import Tilings

log = logging.getLogger("geo_service.warming")


def warm_in_background(tilings: Tilings, ground: Ground, mapper: Mapper) -> threading.Thread:
    """Load what the first visitors will ask for, while the service answers already."""
    thread = threading.Thread(target=_get_ready, args=(tilings, ground, mapper), name="warming", daemon=True)
    thread.start()
    return thread


def _get_ready(tilings: Tilings, ground: Ground, mapper: Mapper) -> None:
    _warm(tilings, ground, mapper)
    # some 400,000 objects are here to stay: a collection that looks at them all holds every thread for 0.3 s
    gc.freeze()


def let_go() -> None:
    """Let what was ready be collected again: the service has ended, its process may go on."""
    gc.unfreeze()


def _warm(tilings: Tilings, ground: Ground, mapper: Mapper) -> None:
    try:
        WARM_UPS["locating"]()
        tiling = tilings.get()
        for detail in Detail:
            for level in tiling.levels:
                mapper.shapes(tiling, level, detail)
        ground.land_and_people(tiling)
        WARM_UPS["travel times"]()
        ground.travel(tiling, Mode.EBIKE)
        WARM_UPS["dividing"]()
        WARM_UPS["siting"]()  # last: it takes longest the first time, and is asked for least
    except GeoServiceError as error:
        log.info("not everything is there yet: %s", error.detail)  # nothing imported so far
    except Exception:
        # the questions themselves will meet the same trouble, and report it to who asks
        log.exception("warming up failed")
