"""The demo's handled incidents are true to roads and shifts, and every invariant holds on them."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import text

from geo_service.services import demo_lives, invariants
from geo_service.services.attaining import Attainment, attainment_table
from geo_service.services.desk import Desks
from geo_service.services.ground import Ground
from geo_service.services.responding import Question, response_table
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database
from tests.postgis import TestServer

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def own_town(own_town_url: str) -> Database:
    return Database.connect(own_town_url, read_size=2, write_size=2)


def test_lives_of_the_last_weeks_with_dispatches(own_town: Database, postgis: TestServer) -> None:
    with own_town.reading() as connection:
        lives, sent, first, last = connection.execute(
            text("""
                select count(*), count(dispatched_at), min(reported_at), max(reported_at) from incident_life
            """)
        ).one()
        walked = connection.execute(
            text("""
                select extract(epoch from arrived_at - sent_at)::float8 / travel_s from dispatch
                where travel_s > 5
            """)
        ).scalars()
        pace = np.array(list(walked))
    assert lives > 50
    assert sent > lives / 2
    assert last - first <= timedelta(days=demo_lives.DAYS)
    assert ((pace > 0.89) & (pace < 1.26)).all()  # what the roads say, a little more or less


def test_every_invariant_holds(own_town: Database) -> None:
    assert [one for one in invariants.examine(own_town) if not one.ok] == []


def test_figures_and_causes_come_out_of_it(own_town: Database) -> None:
    tiling = Tilings(own_town).get()
    with own_town.reading() as connection:
        since, until = connection.execute(
            text("select min(reported_at), max(reported_at) + interval '1 second' from incident_life")
        ).one()
        table = response_table(connection, tiling, None, Question(since, until))
    assert table["incidents"].item() == table["arrive_decided"].item() + int(
        (table["incidents"] - table["arrive_n"]).item()
    )
    assert 0.1 < table["arrive_within_share"].item() < 1.0
    attainment = Attainment(own_town, Ground(own_town), Desks(own_town))
    done, left = attainment.work_out(since, until, limit=60)
    assert done > 0
    with own_town.reading() as connection:
        causes = attainment_table(connection, tiling, tiling.levels[-2], (since, until))
    assert causes["worked_out"].sum() == done
    assert causes["breaches"].sum() == done + left


def test_told_once(own_town: Database, drawn_town: object) -> None:
    assert demo_lives.tell_lives(own_town, Ground(own_town), drawn_town.incidents) == 0  # type: ignore[attr-defined]
