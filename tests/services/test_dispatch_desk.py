"""The desk: the team that is sent is the one that was shown; what is asked twice is answered as at first."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from geo_service.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from geo_service.services import dispatching
from geo_service.services.dispatch_desk import DispatchDesk, Order, Wish
from geo_service.services.ground import Ground
from geo_service.services.scopes import Part
from geo_service.store.database import Database
from geo_service.store.roster_tables import team, team_member
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis
NUMBERS = count()
#: So many live nearer than the last of the team: more than one search of nearest people returns.
CROWD = 66


@pytest.fixture(scope="module")
def desk(postgis: TestServer) -> Iterator[DispatchDesk]:
    """A team of four of whom two make it ready, a team of a crowd, and one who is in none."""
    with postgis.fresh() as database:
        made = DispatchDesk(database, desk_town.build(database), Ground(database))
        near, far = desk_town.corner(0, 0), desk_town.corner(3, 0)
        people = [{"code": f"t{i}", "at": far if i < 2 else near} for i in range(4)]
        crowd = [{"code": f"c{i}", "at": near} for i in range(CROWD)]
        ids = desk_town.employ(database, [*people, *crowd, {"code": "x", "at": near}])
        desk_town.put_on_duty(database, list(ids.values()))
        found(database, "T", [ids[f"t{i}"] for i in range(4)])
        found(database, "C", [ids[f"c{i}"] for i in range(CROWD)])
        cells = {"p0": "c00r00", "p1": "c01r00", "p2": "c03r03"}
        parted = desk_town.employ(database, [{"code": k, "at": far, "cell": c} for k, c in cells.items()])
        desk_town.put_on_duty(database, list(parted.values()))
        found(database, "P", [parted["p2"], parted["p0"], parted["p1"]])
        found(database, "Q", [parted["p2"], parted["p0"]])
        yield made
        made.board.close()


def found(database: Database, code: str, members: list[int]) -> None:
    with database.writing() as connection:
        values: dict[str, Any] = {"code": code, "name": f"team {code}", "capabilities": [code], "least": 2}
        key = connection.execute(insert(team).values(**values).returning(team.c.id)).scalar_one()
        for i, one in enumerate(members):
            member = {"team_id": key, "responder_id": one, "lead": i == 0, "held_during": "[2020-01-01,)"}
            connection.execute(insert(team_member).values(**member))


@pytest.fixture(autouse=True)
def nobody_out(desk: DispatchDesk) -> None:
    with desk.database.writing() as connection:
        connection.exec_driver_sql(
            "update dispatch set ended_at = clock_timestamp(), outcome = 'cancelled' where ended_at is null"
        )
    desk.board.refresh()


def report(desk: DispatchDesk, at: tuple[float, float] | None = None) -> UUID:
    return desk_town.report(desk.database, desk.tilings, f"{next(NUMBERS)}", at)


def shown(desk: DispatchDesk, key: UUID, code: str) -> list[str]:
    answer = desk.candidates(key, Wish(capabilities=frozenset({code})))["candidates"]
    teams = {one["team"]["code"]: one for one in answer if one["kind"] == "team"}
    return [member["responder"] for member in teams[code]["team"]["members"]] if code in teams else []


def sent(desk: DispatchDesk, key: UUID, code: str) -> list[str]:
    return [one.responder for one in desk.send(key, Order(team=code), who="desk")]


def refuse(desk: DispatchDesk, key: UUID, code: str) -> None:
    (one,) = desk.send(key, Order(lead=code), who="desk")
    dispatching.decline(desk.database, one.id, who=code, reason="ill")
    desk.board.refresh()


def test_who_declined_does_not_go_with_his_team(desk: DispatchDesk) -> None:
    key = report(desk)
    refuse(desk, key, "t0")
    assert shown(desk, key, "T") == ["t1", "t2", "t3"]
    assert sent(desk, key, "T") == ["t1", "t2", "t3"]


def test_who_is_too_far_does_not_go_with_his_team(
    desk: DispatchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = report(desk, desk_town.corner(0, 0))
    short = replace(desk.desks.get(), within_s=60.0)
    monkeypatch.setattr(desk.desks, "get", lambda: short)
    assert shown(desk, key, "T") == ["t2", "t3"]
    assert sent(desk, key, "T") == ["t2", "t3"]


def test_a_team_is_ready_however_many_of_others_are_nearer(desk: DispatchDesk) -> None:
    key = report(desk, desk_town.corner(0, 0))
    assert shown(desk, key, "T") == ["t0", "t1", "t2", "t3"]
    assert sent(desk, key, "T") == ["t0", "t1", "t2", "t3"]


@pytest.mark.parametrize("place", [None, (float("nan"), float("nan"))], ids=["located", "not located"])
def test_a_team_goes_also_where_no_way_can_be_measured(
    desk: DispatchDesk, place: tuple[float, float] | None
) -> None:
    key, other = report(desk, place), report(desk, place)
    refuse(desk, key, "t0")
    desk.send(report(desk), Order(lead="t1"), who="desk")
    assert sent(desk, key, "T") == ["t2", "t3"]
    with pytest.raises(InvalidInputError, match="only 1"):  # he who declined only that one
        desk.send(other, Order(team="T"), who="desk")
    with pytest.raises(NotFoundError):
        desk.send(other, Order(team="U"), who="desk")


@pytest.mark.parametrize("place", [None, (float("nan"), float("nan"))], ids=["located", "not located"])
def test_for_a_part_of_the_town_a_team_is_those_of_it_who_belong_there(
    desk: DispatchDesk, place: tuple[float, float] | None
) -> None:
    tiling = desk.tilings.get()
    row = tiling.id_of_cell("community", "row00")
    assert row is not None
    part = Part(tiling, frozenset({row}))
    key = report(desk, place)
    if place is None:
        wish = Wish(capabilities=frozenset({"P"}))
        teams = [one for one in desk.candidates(key, wish, part=part)["candidates"] if one["kind"] == "team"]
        assert [m["responder"] for m in teams[0]["team"]["members"]] == ["p0", "p1"]
    with pytest.raises(ForbiddenError, match=r"only 1 are of your part.*hold .*c03r03") as refused:
        desk.send(key, Order(team="Q"), who="desk", part=part)
    assert "c03r03" in refused.value.faults[0].message.zh  # type: ignore[attr-defined]
    assert [one.responder for one in desk.send(key, Order(team="P"), who="desk", part=part)] == ["p0", "p1"]


def test_a_team_helps_whom_has_the_lead_already(desk: DispatchDesk) -> None:
    key = report(desk)
    desk.send(key, Order(lead="x"), who="desk")
    everybody = desk.send(key, Order(team="T"), who="desk")
    assert [one.responder for one in everybody if one.lead] == ["x"]
    assert {one.responder for one in everybody} == {"x", "t0", "t1", "t2", "t3"}


def test_a_hand_over_that_is_sent_again_is_answered_also_when_he_is_off_duty_by_then(
    desk: DispatchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = report(desk)
    (one,) = desk.send(key, Order(lead="t0"), who="desk")
    order = Order(lead="x", request_key="k")
    other = desk.hand_over(one.id, order, who="desk")
    now_s = desk.board.clock()
    monkeypatch.setattr(desk.board, "clock", lambda: now_s + 24 * 3600)
    desk.board.refresh()
    assert desk.hand_over(one.id, order, who="desk").id == other.id
    with pytest.raises(ForbiddenError):
        desk.hand_over(one.id, order, who="desk", own=other.responder_id)
    with pytest.raises(ConflictError, match="off duty"):
        desk.hand_over(other.id, Order(lead="t1"), who="desk")
