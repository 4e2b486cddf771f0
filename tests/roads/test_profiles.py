"""Speeds: read, checked, applied."""

import numpy as np
import pytest

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads.osm_tags import CLASSES
from geo_service.roads.profiles import load_speeds

TABLE = {
    "access_mps": 1.0,
    "walk": {"kmh": {"other": 5, "steps": 2}},
    "ebike": {"limit": "cap", "kmh": {"other": 20}},
    "car": {"limit": "share", "limit_share": 0.5, "limit_most_kmh": 40, "kmh": {"other": 30, "primary": 60}},
}


def speeds_of(mode: Mode, classes: list[str], limits: list[float]) -> list[float]:
    profile = load_speeds(TABLE).profiles[mode]
    return profile.speed_kmh(np.array(classes, object), np.array(limits, np.float32)).tolist()


def test_limits_are_ignored_capped_or_shared() -> None:
    classes = ["primary", "steps", "strange", "primary"]
    limits = [0, 10, 50, 120]
    assert speeds_of(Mode.WALK, classes, limits) == [5, 2, 5, 5]
    assert speeds_of(Mode.EBIKE, classes, limits) == [20, 10, 20, 20]
    assert speeds_of(Mode.CAR, classes, limits) == [60, 5, 25, 40]


def test_the_speeds_that_come_with_the_program_know_only_real_classes() -> None:
    speeds = load_speeds()
    for profile in speeds.profiles.values():
        assert set(profile.kmh) - {"other"} <= CLASSES
        assert all(1 <= kmh <= 120 for kmh in profile.kmh.values())
    assert set(speeds.profiles) == set(Mode)
    assert speeds.profiles[Mode.WALK].kmh["other"] < speeds.profiles[Mode.EBIKE].kmh["residential"]


def test_text_and_mapping_are_the_same() -> None:
    text = "access_mps = 1.0\n[walk.kmh]\nother = 5\n[ebike.kmh]\nother = 20\n[car.kmh]\nother = 30"
    assert load_speeds(text).profiles[Mode.CAR].kmh == {"other": 30.0}


def test_every_fault_is_listed() -> None:
    table = {
        "access_mps": 0,
        "walk": {"kmh": {"other": "fast", "steps": -1}},
        "ebike": {"limit": "perhaps", "kmh": {"other": True}},
    }
    with pytest.raises(InvalidInputError) as raised:
        load_speeds(table)
    assert {fault.field for fault in raised.value.faults} == {
        "access_mps", "walk.kmh.other", "walk.kmh.steps", "ebike.limit", "ebike.kmh.other", "car",
    }  # fmt: skip


def test_broken_text_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        load_speeds("walk = [")
