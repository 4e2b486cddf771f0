"""Where an answer holds: every point inside the shape gives the same cell, gap and premises."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.locating_detail import details
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store import premises
from geo_service.store.database import Database
from tests.postgis import TestServer
from tests.services.places import SIDE_DEG, middle, square, table

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def town(postgis: TestServer) -> Iterator[tuple[Database, Tilings]]:
    """A ring of eight cells round a gap, a campus across two of them, a yard in it, one to come."""
    cells = {f"c{c}{r}": square(c, r) for c in range(3) for r in range(3) if (c, r) != (1, 1)}
    with postgis.fresh() as made:
        tilings = Tilings(made)
        draft = draft_import(
            BoundaryImport(table(cells, dict.fromkeys(cells, "all")), "grid", "town"), None, []
        )
        publish(made, tilings, draft, who="t", note="")
        lon, lat = middle(0.5, 0)
        campus = shapely.Point(lon, lat).buffer(SIDE_DEG / 3)
        yard = shapely.box(lon - SIDE_DEG / 9, lat, lon + SIDE_DEG / 9, lat + SIDE_DEG / 9)
        soon = datetime.now(UTC) + timedelta(days=30)
        rows = pd.DataFrame(
            {
                "code": ["campus", "yard", "later"],
                "name": "n",
                "kind": "",
                "responsible_unit": "u",
                "attributes": [{}, {}, {}],
                "geometry": [shapely.multipolygons([one]) for one in (campus, yard, square(2, 2))],
                "valid_from": [pd.NaT, pd.NaT, pd.Timestamp(soon)],
                "valid_until": pd.NaT,
            }
        )
        with made.writing() as connection:
            premises.put(connection, rows)
        yield made, tilings


def ask(town: tuple[Database, Tilings], points: np.ndarray, **more: Any) -> list[dict[str, Any]]:
    tiling = town[1].get()
    with town[0].reading() as connection:
        return details(
            connection,
            tiling,
            tiling.edition,
            points,
            accuracy_m=[None] * len(points),
            as_of=more.pop("as_of", None),
            known_at=None,
            on_duty=frozenset(),
            **more,
        )


def same(one: dict[str, Any]) -> tuple[Any, ...]:
    grounds = [ground["code"] for ground in one["premises"]]
    return one["cell_code"], one["gap"] and one["gap"]["id"], grounds


def test_every_point_inside_gives_the_same_answer(town: tuple[Database, Tilings]) -> None:
    random = np.random.default_rng(4)
    corner = np.array(middle(-0.6, -0.6))
    points = corner + random.uniform(0, 3.2 * SIDE_DEG, (40, 2))
    told = ask(town, np.vstack([points, middle(1, 1), middle(0.45, -0.1), middle(0.45, 0.1)]), shapes=True)
    held = [one for one in told if one["valid_within"] is not None]
    assert len(held) > 25
    assert {one["how"] for one in told if one["valid_within"] is None} <= {"none", "on_edge", "near_gap"}
    assert {same(one)[0] is None for one in held} == {True, False}  # the gap as well
    assert any(len(one["premises"]) == 2 for one in held)
    for one in held:
        shape = shapely.geometry.shape(one["valid_within"])
        west, south, east, north = shape.bounds
        cloud = random.uniform((west, south), (east, north), (60, 2))
        inside = np.vstack([cloud[shapely.contains_xy(shape, *cloud.T)], shapely.get_coordinates(shape)])
        assert {str(same(other)) for other in ask(town, inside)} == {str(same(one))}


def test_it_holds_until_premises_begin_and_on_a_border_nothing_is_said(
    town: tuple[Database, Tilings],
) -> None:
    inner, edge = ask(town, np.array([middle(2, 2), middle(0.5, 2)]), shapes=True)
    assert edge["how"] == "on_edge"
    assert edge["valid_within"] is None
    days = (inner["valid_until"] - datetime.now(UTC)) / timedelta(days=1)
    assert 29 < days < 30.1
    assert inner["premises"] == []
    (then,) = ask(
        town, np.array([middle(2, 2)]), shapes=True, as_of=inner["valid_until"] + timedelta(hours=1)
    )
    assert [ground["code"] for ground in then["premises"]] == ["later"]
    (circle,) = ask(town, np.array([middle(2, 2)]))
    assert set(circle["valid_within"]) == {"lon", "lat", "radius_m"}
