"""Getting ready: what is here to stay is not looked at by every collection of garbage."""

import gc
import time

from geo_service.services import warming
from geo_service.services.ground import Ground
from geo_service.services.mapping import Mapper
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database


def test_what_is_ready_is_left_alone_until_the_service_ends(database: Database) -> None:
    warming.let_go()  # whatever an application of an earlier test holds
    tilings, ground = Tilings(database), Ground(database)
    warming.warm_in_background(tilings, ground, Mapper(database, ground)).join(120)
    try:
        assert gc.get_freeze_count() > 100_000
        began = time.process_time()
        gc.collect()
        quick_s = time.process_time() - began
    finally:
        warming.let_go()
    assert gc.get_freeze_count() == 0
    began = time.process_time()
    gc.collect()
    assert quick_s < (time.process_time() - began) / 2
