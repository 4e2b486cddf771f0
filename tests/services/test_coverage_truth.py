"""Told against real: arrivals made twice as slow show as such, and fitted paces say so."""

from datetime import timedelta

import numpy as np
import pytest

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.model import Mode
from geo_service.services import coverage_truth
from geo_service.services.coverage_question import Question
from geo_service.services.coverage_readings import read_coverage
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database
from tests.services.test_coverage import COLUMNS, MONDAY_NOON, ROWS, corner, place
from tests.services.test_coverage_readings import covered, street_s, two_people

__all__ = ["place"]  # a fixture
pytestmark = pytest.mark.postgis


def send(database: Database, responder: int, count: int, slowness: float, street: float) -> None:
    rng = np.random.default_rng(1)
    with database.writing() as connection:
        for i in range(count):
            a, b = (
                (rng.integers(0, COLUMNS), rng.integers(0, ROWS)),
                (rng.integers(0, COLUMNS), rng.integers(0, ROWS)),
            )
            streets = abs(int(a[0]) - int(b[0])) + abs(int(a[1]) - int(b[1]))
            if not streets:
                continue
            sent = MONDAY_NOON + timedelta(minutes=i)
            arrived = sent + timedelta(seconds=streets * street * slowness * (1 + rng.normal(0, 0.03)))
            (lon, lat), (to_lon, to_lat) = corner(*map(int, a)), corner(*map(int, b))
            place_ = "extensions.st_setsrid(extensions.st_makepoint(%s, %s), 4326)"
            key = connection.exec_driver_sql(
                "insert into incident (id, source, source_id, occurred_at, geom, reported_by)"
                f" values (gen_random_uuid(), 't', %s, %s, {place_}, 't') returning id",
                (str(i), sent, to_lon, to_lat),
            ).scalar_one()
            connection.exec_driver_sql(
                "insert into dispatch (incident_id, responder_id, sent_at, sent_by, mode, from_lon, from_lat,"
                " arrived_at, ended_at, outcome) values (%s, %s, %s, 't', 'ebike', %s, %s, %s, %s, 'done')",
                (key, responder, sent, lon, lat, arrived, arrived),
            )


def test_twice_as_slow_is_seen_and_fitted(database: Database, place: Tilings) -> None:
    ids = two_people(database)
    ground = Ground(database)
    street = street_s(ground)
    until = MONDAY_NOON + timedelta(days=1)
    with pytest.raises(ConflictError, match="too few"):
        coverage_truth.fit_paces(database, ground, MONDAY_NOON, until, name="ours", who="t")
    send(database, ids["a"], 90, 2.0, street)
    told = coverage_truth.truth(database, ground, MONDAY_NOON, until)
    assert told["modes"]["ebike"]["all"]["ratio"] == pytest.approx(2, abs=0.05)
    assert set(told["modes"]["ebike"]["by_hours"]) == {"day"}
    fitted = coverage_truth.fit_paces(database, ground, MONDAY_NOON, until, name="ours", who="t")
    ebike = fitted["modes"]["ebike"]
    assert abs(ebike["after"]["bias_s"]) < 10 < ebike["before"]["bias_s"]
    limit_s = round(street * 5.5)
    reading = read_coverage(
        database, ground, place.get(), Question(MONDAY_NOON, limit_s, Mode.EBIKE, pace="ours")
    )
    assert reading.summary["measures"]["households"]["covered"] == covered([(0, 0), (3, 2)], 2.75)
    with pytest.raises(InvalidInputError):
        coverage_truth.fit_paces(database, ground, MONDAY_NOON, until, name="free", who="t")
    with pytest.raises(InvalidInputError):
        coverage_truth.truth(database, ground, until, MONDAY_NOON)


def test_every_hour_has_a_class() -> None:
    names = [coverage_truth.BANDS[coverage_truth.band_of(hour)] for hour in range(168)]
    assert (names[2], names[8], names[17], names[12], names[130]) == (
        "night",
        "morning_peak",
        "evening_peak",
        "day",
        "weekend",
    )
