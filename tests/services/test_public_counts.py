"""What the public's maps count before they show it: all that a cell's tooltip tells of."""

from contextlib import nullcontext
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pandas as pd
import pytest
import shapely

from geo_service.services.atlas import gap_maps, patrol, reach

AT = datetime(2026, 11, 22, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def scene() -> Any:
    tiling = SimpleNamespace(
        cells=pd.DataFrame({"level": ["grid", "grid"]}), group_of_leaf=lambda _: np.array([0, 1])
    )
    database = SimpleNamespace(reading=lambda: nullcontext(None))
    made = SimpleNamespace(
        tiling=tiling,
        database=database,
        view=SimpleNamespace(at=AT, days=7, smallest=5),
        of_leaves=lambda _: np.array([40.0, 50.0]),
    )
    made.once = lambda make: make(made)
    return made


def test_a_piece_of_few_households_is_not_had_from_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [SimpleNamespace(households=n) for n in (3, 20, 0)]
    index = [SimpleNamespace(cell=1, exclaves=pieces)]
    monkeypatch.setattr(gap_maps, "_index", lambda *_: index)
    assert gap_maps.GAPS.level_counts is gap_maps._few_apart
    whole, least = gap_maps._few_apart(scene(), "grid")
    assert whole.tolist() == [0, 23]
    assert least.tolist() == [0, 3]


def test_a_gap_does_not_send_as_weight_what_it_keeps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    measures = SimpleNamespace(area_m2=10.0, neighbours=[], shape=shapely.box(120, 30, 120.01, 30.01))
    rows = [SimpleNamespace(id=n, measures=measures, fallback=None, incidents_year=n) for n in (3, 8)]
    monkeypatch.setattr(gap_maps.gaps, "every", lambda *_, **__: rows)
    told = orjson.loads(gap_maps._gap_areas(scene()))
    assert [one["weight"] for one in told["areas"]] == [0, 8]


def test_households_gained_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = (np.array([40.0, 50.0]), np.array([10.0, 50.0]), np.array([12.0, 50.0]))
    monkeypatch.setattr(reach, "_reached", lambda _: leaves)
    assert [one.tolist() for one in reach.REACH.counts(scene())] == [[40, 50], [2, 0]]


def test_patrols_count_the_days_that_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(patrol.patrol, "incidents_of_days", lambda *given: asked.append(given[2:]))
    patrol.PATROL.counts(scene())
    assert asked == [(date(2026, 11, 15), date(2026, 11, 21))]
