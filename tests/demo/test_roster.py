"""The demo county's roster: it fits the county, and has gaps on purpose."""

from collections import Counter

import numpy as np

from geo_service.demo.county import DemoCounty
from geo_service.demo.roster import make_roster


def test_it_names_only_who_and_what_is_there(drawn_town: DemoCounty) -> None:
    roster, cells = drawn_town.roster, drawn_town.cells
    staff = set(drawn_town.responders["id"])
    civic = {one["code"] for one in roster.people}
    assert not staff & civic
    assert {one["responder"] for one in roster.duties} <= civic
    grids = set(cells.loc[cells["level"] == "grid", "code"])
    assert {one["cell"] for one in roster.duties} <= grids
    assert {member["responder"] for team in roster.teams for member in team["members"]} <= staff
    assert set(roster.shut) == set(drawn_town.posts["id"])
    levels = {level.code for level in drawn_town.levels}
    assert {one["level"] for one in roster.needs} <= levels


def test_nobody_is_away_twice_a_day_or_stands_in_for_himself(drawn_town: DemoCounty) -> None:
    days = Counter(
        (one.responder, one.week, one.weekday + i, one.post is None)
        for one in drawn_town.roster.leave
        for i in range(one.days)
    )
    assert max(days.values()) == 1
    assert all(one.substitute != one.responder for one in drawn_town.roster.leave)
    kinds = {one.kind for one in drawn_town.roster.leave}
    assert "swap" in kinds
    assert any(one.substitute is None for one in drawn_town.roster.leave)


def test_the_same_seed_gives_the_same_roster(drawn_town: DemoCounty) -> None:
    made = [
        make_roster(np.random.default_rng(5), drawn_town.cells, drawn_town.responders, drawn_town.posts)
        for _ in range(2)
    ]
    assert made[0] == made[1]
