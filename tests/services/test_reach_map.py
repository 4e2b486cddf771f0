"""Which sites of a siting run the map of reach shows to whom."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import shapely

from geo_service.services.atlas import reach
from geo_service.services.atlas.kinds import View

RUN = SimpleNamespace(
    id=7, answer={"sites": [{"kind": "base", "name": "b"}, {"kind": "street", "name": "s"}]}
)


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach.runs, "every", lambda _: [RUN])
    monkeypatch.setattr(reach.runs, "get", lambda *_: RUN)


@pytest.mark.parametrize("siting", [None, 7])
@pytest.mark.parametrize(
    ("places", "smallest", "shown"), [(True, 0, ["b", "s"]), (True, 5, ["s"]), (False, 0, []), (False, 5, [])]
)
def test_bases_of_people_are_for_who_may_see_places(
    siting: int | None, places: bool, smallest: int, shown: list[str]
) -> None:
    view = View(datetime.now(UTC), siting=siting, smallest=smallest, places=places)
    scene = _scene(view)
    assert [one["name"] for one in reach._sites(scene)] == shown


def _scene(view: View) -> Any:
    made = SimpleNamespace(view=view, database=SimpleNamespace(reading=nullcontext))
    made.once = lambda make: make(made)
    return made


def _site(rank: int, added: float) -> dict[str, Any]:
    share = {"share_after": 0.5 + rank / 100, "households_lost_without": added}
    return {"rank": rank, "name": f"s{rank}", "kind": "street", "lon": 118.0, "lat": 28.0 + rank / 100} | (
        {"households_added": added} | share
    )


def _overlays(monkeypatch: pytest.MonkeyPatch, added: list[float], smallest: int) -> tuple[Any, Any]:
    run = SimpleNamespace(
        answer={"sites": [_site(i, one) for i, one in enumerate(added, 1)]},
        question={"mode": "ebike", "limit_s": 300},
    )
    monkeypatch.setattr(reach.runs, "every", lambda _: [run])
    monkeypatch.setattr(reach, "_outline", lambda *_: shapely.MultiPolygon([shapely.box(0, 0, 1, 1)]))
    view = View(datetime.now(UTC), smallest=smallest)
    scene = _scene(view)
    return (
        orjson.loads(reach._new_points(scene))["units"],
        orjson.loads(reach._new_reach(scene))["areas"],
    )


def test_a_site_that_adds_a_handful_of_households_does_not_say_so_in_public(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points, areas = _overlays(monkeypatch, [60.0, 20.0, 3.0], smallest=5)
    assert [one["role"]["zh"] for one in points] == [
        "新增 60 户",
        *["新增户数不公开"] * 2,
    ]  # 20 is all less 60
    assert [len(one["lines"]) for one in areas] == [1, 0, 0]
    text = orjson.dumps([points, areas]).decode()
    for told in ("20.0", "3.0", "0.51", "0.52", "0.53"):
        assert told not in text
    points, areas = _overlays(monkeypatch, [60.0, 20.0, 6.0], smallest=5)
    assert [one["role"]["zh"] for one in points] == ["新增 60 户", "新增 20 户", "新增 6 户"]
    assert [len(one["lines"]) for one in areas] == [1, 1, 1]
    assert _overlays(monkeypatch, [], smallest=5) == ([], [])


def test_insiders_are_told_all_of_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    points, areas = _overlays(monkeypatch, [60.0, 3.0], smallest=0)
    assert [one["role"]["en"] for one in points] == ["60 households added", "3 households added"]
    assert [len(one["lines"]) for one in areas] == [3, 3]


def test_a_run_opens_at_its_hour_with_what_it_adds_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = "2026-11-24T02:00:00+08:00"
    run = SimpleNamespace(
        id=7,
        asked_at=datetime(2026, 11, 23, tzinfo=UTC),
        answer={"sites": [_site(1, 40.0)]},
        question={
            "goal": "cover_most",
            "count": 1,
            "mode": "ebike",
            "limit_s": 300,
            "existing": ["on_duty"],
            "hours": [{"at": hour, "hours": 1}],
            "places": [],
            "existing_places": [],
            "cell": None,
        },
    )
    monkeypatch.setattr(reach.runs, "get", lambda *_: run)
    opening = reach._opening(_scene(View(datetime.now(UTC), siting=7)))
    assert opening.at == datetime.fromisoformat(hour)
    assert opening.measure == "after"
    assert set(opening.settled) == {"at", "mode", "limit_s"}
    assert opening.focus is not None
    west, south, east, north = opening.focus
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx((118.0, 28.01))
    assert 2_000 < (north - south) * 111_320 < 20_000
