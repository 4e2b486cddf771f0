"""Five planners edit one plan at once for some seconds: no edit is lost, and the tiling stays whole."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
import shapely

from tests.faults.conftest import Serve
from tests.faults.test_killed import cells, opened

pytestmark = pytest.mark.postgis

SECONDS = 5.0
PLANNERS = 5


def work(client: httpx.Client, plan_id: int, mine: list[list[float]], names: list[str], until: float) -> Any:
    """Rename one's own cell and move a corner to and fro until the time is over; tell what was answered."""
    done: list[int] = []
    refused: list[int] = []
    revision, turn = 0, 0
    corner, away = mine
    while time.monotonic() < until:
        turn += 1
        if turn % 2:
            verb, arguments = "rename", {"cell": ["micro_grid", names[0]], "name": f"{names[0]} {turn}"}
        else:
            verb, arguments = "move_vertex", {"from": corner, "to": away}
        body = {"revision": revision, "verb": verb, "arguments": arguments}
        answer = client.post(f"/v1/plans/{plan_id}/changes", json=body)
        if answer.status_code == 200:
            done.append(answer.json()["change"]["number"])
            revision = answer.json()["revision"]
            if verb == "move_vertex":
                corner, away = away, corner
        else:
            refused.append(answer.status_code)
            revision = client.get(f"/v1/plans/{plan_id}/changes?after=999999").json()["revision"]
    return done, refused


def corners_apart(leaves: dict[str, dict[str, Any]]) -> list[tuple[list[list[float]], list[str]]]:
    """Corners where three cells meet, of which no two have a cell in common, and the cells of each."""
    at: dict[tuple[float, float], set[str]] = {}
    for code, feature in leaves.items():
        for place in shapely.get_coordinates(shapely.geometry.shape(feature["geometry"])).tolist():
            at.setdefault((place[0], place[1]), set()).add(code)
    taken: set[str] = set()
    found = []
    for (lon, lat), codes in sorted(at.items()):
        if len(codes) == 3 and not codes & taken:
            taken |= codes
            found.append(([[lon, lat], [lon + 2e-6, lat + 2e-6]], sorted(codes)))
    return found


def test_five_planners_lose_nothing(serve: Serve) -> None:
    service = serve()
    plan = opened(service)
    places = corners_apart(cells(service.client, plan, "micro_grid"))[:PLANNERS]
    assert len(places) == PLANNERS
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(PLANNERS) as pool:
        told = list(
            pool.map(lambda place: work(service.client, plan["id"], place[0], place[1], until), places)
        )
    done = sorted(number for numbers, _ in told for number in numbers)
    changes = service.client.get(f"/v1/plans/{plan['id']}/changes").raise_for_status().json()
    listed = list(changes["changes"])
    while "next" in changes:
        changes = service.client.get(changes["next"]).raise_for_status().json()
        listed += changes["changes"]
    # each edit that was answered is there, each but once, and nothing else
    assert [change["number"] for change in listed] == done == list(range(1, len(done) + 1))
    assert all(change["state"] == "applied" for change in listed)
    assert min(len(numbers) for numbers, _ in told) >= 2
    # those who touch other cells are never refused; a plan in great demand may ask to come again
    assert {status for _, refused in told for status in refused} <= {503}

    def shapes() -> np.ndarray:
        found = cells(service.client, plan, "micro_grid")
        made = [shapely.geometry.shape(found[code]["geometry"]) for code in sorted(found)]
        # seven decimals are not the lattice
        return np.array([shapely.transform(one, lambda xy: np.round(xy * 2**23) / 2**23) for one in made])

    before = shapes()
    assert shapely.coverage_is_valid(before)
    # another process replays what was written, and comes to the same
    service.end()
    service = serve()
    assert shapely.equals_exact(before, shapes(), tolerance=0).all()
