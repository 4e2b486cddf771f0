"""The list of maps, in the order in which they are shown; a new one is added here."""

from geo_service.errors import Fault, NotFoundError, Words
from geo_service.services.atlas.asset_maps import ASSETS
from geo_service.services.atlas.compare import COMPARE
from geo_service.services.atlas.coverage import BLIND, COVERAGE, WEEK
from geo_service.services.atlas.gap_maps import GAPS
from geo_service.services.atlas.incidents import COLOURS, HOT_SPOTS, INCIDENTS
from geo_service.services.atlas.kinds import MapKind
from geo_service.services.atlas.patrol import PATROL
from geo_service.services.atlas.reach import REACH
from geo_service.services.atlas.staffing import STAFFING, WORKLOAD

KINDS = {
    one.code: one
    for one in (
        STAFFING,
        COVERAGE,
        WEEK,
        BLIND,
        INCIDENTS,
        HOT_SPOTS,
        COLOURS,
        WORKLOAD,
        PATROL,
        COMPARE,
        REACH,
        ASSETS,
        GAPS,
    )
}


def kind_of(code: str) -> MapKind:
    """Return a map by its code.

    Raises
    ------
    NotFoundError
        There is no such map.
    """
    if code not in KINDS:
        known = ", ".join(KINDS)
        words = Words(f"there is no map {code!r}", f"没有名为 {code} 的地图")
        raise NotFoundError(words, [Fault("map", f"use one of {known}")])
    return KINDS[code]
