"""What a map may ask of its scene."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from geo_service.services.atlas.kinds import Scene, View

MOMENT = datetime(2026, 11, 22, 2, tzinfo=UTC)


def test_what_several_levels_ask_for_is_made_once_for_each_scene() -> None:
    nothing: Any = None
    scene = Scene(nothing, nothing, nothing, nothing, View(MOMENT))
    asked: list[View] = []

    def make(one: Scene) -> int | None:
        asked.append(one.view)
        return None if one.view.role else len(asked)

    assert [scene.once(make), scene.once(make)] == [1, 1]
    other = replace(scene, view=View(MOMENT, role="police"))  # what was made of one view is not another's
    assert [other.once(make), other.once(make)] == [None, None]
    assert asked == [scene.view, other.view]
