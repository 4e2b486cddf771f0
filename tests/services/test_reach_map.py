"""Which sites of a siting run the map of reach shows to whom."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

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
    scene: Any = SimpleNamespace(view=view, database=SimpleNamespace(reading=nullcontext))
    assert [one["name"] for one in reach._sites(scene)] == shown
