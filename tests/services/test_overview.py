"""The overview: counted once in some seconds, however many ask."""

from geo_service.services.overview import KEPT_S, Overview
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database


def test_it_is_counted_once_in_some_seconds(town: Database) -> None:
    now = [0.0]
    overview = Overview(town, Tilings(town), clock=lambda: now[0])
    first = overview.get()
    assert first["incidents"]["total"] == 4000
    assert first["timezone"] == "Asia/Shanghai"
    now[0] = KEPT_S - 0.1
    assert overview.get() is first
    now[0] = KEPT_S
    again = overview.get()
    assert again is not first
    assert again == first
