"""Getting ready for the first question: compiled kernels, the tiling in force, roads, demand, map shapes."""

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
    thread = threading.Thread(target=_warm, args=(tilings, ground, mapper), name="warming", daemon=True)
    thread.start()
    return thread


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
