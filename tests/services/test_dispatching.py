"""Dispatching: nobody is sent twice, whoever clicks at once; every step moves the incident with it."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from geo_service.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, Words
from geo_service.services import correcting, dispatching, duplicates, handling
from geo_service.services.board import Sent
from geo_service.services.correcting import Asked
from geo_service.services.tiling import Tilings
from geo_service.staffing.life import Move, Status
from geo_service.store import dispatches, lives
from geo_service.store.database import Database
from geo_service.store.dispatches import Dispatch, Sending
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def town(postgis: TestServer) -> Iterator[tuple[Database, Tilings, dict[str, int]]]:
    with postgis.fresh() as made:
        tilings = desk_town.build(made)
        people = [{"code": f"w{i}", "at": desk_town.corner(i, 0)} for i in range(4)]
        found = desk_town.employ(made, people)
        desk_town.put_on_duty(made, list(found.values()))
        yield made, tilings, found


@pytest.fixture
def database(town: tuple[Database, Tilings, dict[str, int]]) -> Database:
    """The town with nobody out, and no incident yet."""
    with town[0].writing() as connection:
        connection.exec_driver_sql(
            "update dispatch set ended_at = now(), outcome = 'done' where ended_at is null"
        )
        connection.exec_driver_sql("delete from outbox")
    return town[0]


@pytest.fixture
def tilings(town: tuple[Database, Tilings, dict[str, int]]) -> Tilings:
    return town[1]


@pytest.fixture
def ids(town: tuple[Database, Tilings, dict[str, int]]) -> dict[str, int]:
    return town[2]


NUMBERS = count()


def report(database: Database, tilings: Tilings) -> UUID:
    return desk_town.report(database, tilings, f"{next(NUMBERS)}")


def status(database: Database, key: UUID) -> Status:
    with database.reading() as connection:
        return handling.standing(connection, key).kept.life.status


def topics(database: Database) -> list[str]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "select topic || coalesce(':' || (payload ->> 'outcome'), '') from outbox"
            " where topic like 'dispatch%%' order by seq"
        )
        return list(rows.scalars())


def go(database: Database, key: UUID, who: int, **given: Any) -> Dispatch:
    (one,) = dispatching.send(database, key, [Sending(who, lead=True)], who="desk", **given)
    return one


def open_of(database: Database, key: UUID) -> list[Dispatch]:
    with database.reading() as connection:
        return dispatches.of_incident(connection, key, open_only=True)


def test_one_click_accepts_and_sends_and_the_work_goes_through(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    one = go(database, key, ids["w1"])
    assert (status(database, key), one.state, one.lead) == (Status.DISPATCHED, "sent", True)
    assert dispatching.accept(database, one.id, who="w1", own=ids["w1"]).state == "accepted"
    assert dispatching.arrive(database, one.id, who="w1", own=ids["w1"]).state == "arrived"
    assert status(database, key) is Status.ARRIVED
    assert dispatching.done(database, one.id, who="w1", note="mended").state == "done"
    assert status(database, key) is Status.HANDLED
    assert topics(database) == [
        "dispatch.sent",
        "dispatch.accepted",
        "dispatch.arrived",
        "dispatch.ended:done",
    ]
    with database.reading() as connection:
        moves = [line["move"] for line in lives.log_of(connection, key)]
    assert moves == ["report", "accept", "dispatch", "dispatch.accept", "arrive", "handle"]


def test_who_comes_second_is_told_who_sent_whom_and_when(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    first, second = (report(database, tilings) for _ in range(2))
    go(database, first, ids["w1"])
    with pytest.raises(ConflictError, match=r"desk sent name w1 \(w1\) at 20.+ \(s \d+\)") as raised:
        go(database, second, ids["w1"])
    assert isinstance(raised.value.detail, Words)
    assert "派往" in raised.value.detail.zh
    assert str(first) not in raised.value.detail + raised.value.detail.zh  # nobody knows it by that
    assert [fault.value for fault in raised.value.faults] == ["w1"]
    # nothing of the click that failed is left: it is not even accepted
    assert status(database, second) is Status.REPORTED
    with pytest.raises(ConflictError, match="w1"):
        go(database, first, ids["w2"])
    assert [one.responder for one in open_of(database, first)] == ["w1"]


def test_many_at_once_one_wins_and_all_others_are_told(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    keys = [report(database, tilings) for _ in range(3)]
    won, told = [], []

    def click(desk: int, key: UUID, lead: str, other: str) -> None:
        people = [Sending(ids[lead], lead=True), Sending(ids[other], lead=False)]
        try:
            won.append((desk, dispatching.send(database, key, people, who=f"desk {desk}")))
        except ConflictError as error:
            told.append(str(error))

    run([
        lambda i=i: click(i, keys[i % 3], *(("w0", "w1") if i % 2 else ("w1", "w0"))) for i in range(12)
    ])  # fmt: skip
    assert len(won) == 1
    assert len(told) == 11
    assert all(f"desk {won[0][0]} sent name w" in words for words in told)
    assert sum(status(database, key) is Status.REPORTED for key in keys) == 2


def run(works: list[Callable[[], None]]) -> None:
    failures: list[BaseException] = []
    gate = threading.Barrier(len(works))

    def guarded(work: Callable[[], None]) -> None:
        try:
            gate.wait(30)
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_the_same_request_twice_at_once_is_one_sending(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    answers: list[Dispatch] = []
    run([lambda: answers.append(go(database, key, ids["w1"], request_key="k"))] * 4)
    assert len({one.id for one in answers}) == 1
    assert len(answers) == 4


def test_a_key_does_not_swallow_another_request(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    lead, helper = two(database, key, ids)
    for _ in range(2):
        dispatching.accept(database, lead.id, who="w1", request_key="1")
    for act, one, who in (
        (dispatching.arrive, lead, "w1"),  # another step
        (dispatching.accept, helper, "w1"),  # of another dispatch
        (dispatching.accept, lead, "w2"),  # by another
    ):
        with pytest.raises(InvalidInputError, match="another request") as raised:
            act(database, one.id, who=who, request_key="1")
        assert [fault.value for fault in raised.value.faults] == ["1"]
    with pytest.raises(InvalidInputError, match="another request"):
        handling.move(database, key, Move.VOID, who="w1", reason="?", request_key="1")
    with pytest.raises(InvalidInputError, match="another request"):
        dispatching.send(database, key, [Sending(ids["w3"], lead=False)], who="w1", request_key="1")
    assert status(database, key) is Status.DISPATCHED
    for _ in range(2):  # what is the incident's move too is known again
        dispatching.arrive(database, lead.id, who="w1", request_key="2")
        dispatching.done(database, lead.id, who="w1", request_key="3")
    assert status(database, key) is Status.HANDLED


def test_who_declines_frees_himself_and_the_incident_waits_again(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    one = go(database, key, ids["w1"])
    with pytest.raises(InvalidInputError, match="reason"):
        dispatching.decline(database, one.id, who="w1", reason=" ")
    for _ in range(2):  # the phone sends it twice
        said = dispatching.decline(database, one.id, who="w1", reason="flat tyre", request_key="k")
        assert (said.outcome, said.reason) == ("declined", "flat tyre")
    assert status(database, key) is Status.ACCEPTED
    with database.reading() as connection:
        assert dispatches.scene(connection, key).declined == {ids["w1"]: "flat tyre"}
    with pytest.raises(ConflictError, match="over since"):
        dispatching.accept(database, one.id, who="w1")
    go(database, key, ids["w2"])
    go(database, report(database, tilings), ids["w1"])


def test_of_several_another_takes_the_lead(database: Database, tilings: Tilings, ids: dict[str, int]) -> None:
    key = report(database, tilings)
    lead = go(database, key, ids["w1"])
    dispatching.send(
        database, key, [Sending(ids["w2"], lead=False), Sending(ids["w3"], lead=False)], who="desk"
    )
    dispatching.cancel(database, lead.id, who="desk")
    assert [(one.responder, one.lead) for one in open_of(database, key)] == [("w2", True), ("w3", False)]
    assert status(database, key) is Status.DISPATCHED
    helper = open_of(database, key)[1]
    dispatching.arrive(database, helper.id, who="w3")
    assert status(database, key) is Status.DISPATCHED  # the arrival of the lead counts
    dispatching.arrive(database, open_of(database, key)[0].id, who="w2")
    dispatching.done(database, open_of(database, key)[0].id, who="w2")
    assert status(database, key) is Status.HANDLED
    assert open_of(database, key) == []
    assert topics(database)[-1] == "dispatch.ended:done"  # the helper, released by the database


def two(database: Database, key: UUID, ids: dict[str, int]) -> list[Dispatch]:
    """Send one in the lead and one who helps."""
    people = [Sending(ids["w1"], lead=True), Sending(ids["w2"], lead=False)]
    return sorted(dispatching.send(database, key, people, who="desk"), key=lambda one: not one.lead)


def leave(database: Database, one: Dispatch, how: str) -> None:
    if how == "decline":
        dispatching.decline(database, one.id, who="w1", reason="flat tyre")
    else:
        dispatching.cancel(database, one.id, who="desk", reason="needed elsewhere")


@pytest.mark.parametrize("how", ["decline", "cancel"])
def test_who_is_there_and_takes_the_lead_has_arrived(
    database: Database, tilings: Tilings, ids: dict[str, int], how: str
) -> None:
    key = report(database, tilings)
    lead, helper = two(database, key, ids)
    there = dispatching.arrive(database, helper.id, who="w2").arrived_at
    leave(database, lead, how)
    assert status(database, key) is Status.ARRIVED
    with database.reading() as connection:
        assert handling.standing(connection, key).kept.life.arrived_at == there
    dispatching.done(database, helper.id, who="w2")
    assert status(database, key) is Status.HANDLED


def test_when_the_last_is_called_back_from_the_place_the_incident_waits_again(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    lead, helper = two(database, key, ids)
    dispatching.arrive(database, lead.id, who="w1")
    leave(database, lead, "cancel")
    assert status(database, key) is Status.ARRIVED  # one is still on his way
    leave(database, helper, "decline")
    assert status(database, key) is Status.ACCEPTED
    go(database, key, ids["w3"])
    assert status(database, key) is Status.DISPATCHED


def test_handing_over_keeps_the_incident_where_it_is(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    first, second = (report(database, tilings) for _ in range(2))
    one = go(database, first, ids["w1"])
    go(database, second, ids["w2"])
    with pytest.raises(ConflictError, match="w2"):
        dispatching.hand_over(database, one.id, Sending(ids["w2"], lead=True), who="desk")
    assert open_of(database, first)[0].id == one.id  # what failed changed nothing
    for _ in range(2):
        to = dispatching.hand_over(database, one.id, Sending(ids["w3"], True), who="desk", request_key="k")
        assert (to.responder, to.lead, to.state) == ("w3", True, "sent")
    assert status(database, first) is Status.DISPATCHED
    go(database, report(database, tilings), ids["w1"])


def test_a_worker_acts_on_his_own_only(database: Database, tilings: Tilings, ids: dict[str, int]) -> None:
    one = go(database, report(database, tilings), ids["w1"])
    for act in (dispatching.accept, dispatching.arrive, dispatching.done):
        with pytest.raises(ForbiddenError):
            act(database, one.id, who="w2", own=ids["w2"])
    with pytest.raises(NotFoundError):
        dispatching.accept(database, one.id + 1, who="w1", own=ids["w1"])
    with pytest.raises(ConflictError, match="not arrived"):
        dispatching.done(database, one.id, who="w1", own=ids["w1"])


def test_however_an_incident_ends_those_sent_are_free(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    for what in (Move.VOID, Move.RECALL, Move.SUSPEND, Move.TRANSFER):
        key = report(database, tilings)
        one = go(database, key, ids["w1"])
        handling.move(database, key, what, who="desk", reason="so it is")
        with database.reading() as connection:
            assert dispatches.get(connection, one.id).outcome == "cancelled"
    assert topics(database) == ["dispatch.sent", "dispatch.ended:cancelled"] * 4


def test_after_a_pause_somebody_is_sent_anew(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    go(database, key, ids["w1"])
    handling.move(database, key, Move.SUSPEND, who="desk", reason="night")
    handling.move(database, key, Move.RESUME, who="desk")
    assert status(database, key) is Status.DISPATCHED
    go(database, key, ids["w2"])
    assert [one.responder for one in open_of(database, key)] == ["w2"]


@pytest.mark.parametrize("people", [[], [False], [True, True], [True, "same"]])
def test_what_cannot_be_sent(
    database: Database, tilings: Tilings, ids: dict[str, int], people: list[Any]
) -> None:
    key = report(database, tilings)
    sent = [Sending(ids["w0" if lead == "same" else f"w{i}"], lead is True) for i, lead in enumerate(people)]
    with pytest.raises(InvalidInputError):
        dispatching.send(database, key, sent, who="desk")
    assert status(database, key) is Status.REPORTED


def test_a_moment_before_the_last_move_is_taken_for_it(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    one = go(database, key, ids["w1"])
    early = datetime.now(UTC) - timedelta(hours=1)
    assert dispatching.arrive_by_position(database, one.id, at=early, who="phone")
    assert dispatching.arrive_by_position(database, one.id, at=early, who="phone")
    with database.reading() as connection:
        life = handling.standing(connection, key).kept.life
    assert life.arrived_at == life.dispatched_at


def test_the_revision_on_which_the_caller_decided(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key = report(database, tilings)
    handling.move(database, key, Move.ACCEPT, who="desk")
    with pytest.raises(ConflictError, match="moved on"):
        go(database, key, ids["w1"], revision=0)
    go(database, key, ids["w1"], revision=1)
    more = [Sending(ids["w2"], lead=False)]
    with pytest.raises(ConflictError, match="moved on"):
        dispatching.send(database, key, more, who="desk", revision=1)
    dispatching.send(database, key, more, who="desk", revision=2)


def test_an_older_revision_is_refused_in_the_same_words_whatever_is_asked(
    database: Database, tilings: Tilings, ids: dict[str, int]
) -> None:
    key, other = report(database, tilings), report(database, tilings)
    go(database, key, ids["w1"])
    asked = Asked("desk", "why", revision=0)
    more = [Sending(ids["w2"], lead=False)]
    said = set()
    for act in (
        lambda: dispatching.send(database, key, more, who="desk", revision=0),
        lambda: handling.move(database, key, Move.VOID, who="desk", reason="why", revision=0),
        lambda: correcting.reply(database, key, asked, words="soon", channel="call"),
        lambda: duplicates.merge(database, key, other, asked),
    ):
        with pytest.raises(ConflictError) as raised:
            act()
        words = raised.value.detail
        assert isinstance(words, Words)
        assert [(fault.field, fault.value) for fault in raised.value.faults] == [("revision", 0)]
        said.add((str(words), words.zh))
    ((english, chinese),) = said
    assert "at revision 2 and dispatched" in english
    assert "第 2 次修订，已派单" in chinese


# ------------------------------------------------------------------------- whatever is done, in any order


class Desk(RuleBasedStateMachine):
    """A model that knows only who is out for which incident; the database must agree with it."""

    town: tuple[Database, Tilings, dict[str, int]]

    @initialize()
    def begin(self) -> None:
        self.database, tilings, people = self.town
        self.people = list(people.values())[:3]
        self.keys = [report(self.database, tilings) for _ in range(2)]
        self.out: dict[int, tuple[int, UUID, bool]] = {}  # responder → dispatch, incident, lead
        self.board = Sent()

    def teardown(self) -> None:
        for number, _, _ in getattr(self, "out", {}).values():
            dispatching.cancel(self.database, number, who="end")

    @rule(i=st.integers(0, 1), who=st.integers(0, 2), lead=st.booleans())
    def send(self, i: int, who: int, lead: bool) -> None:
        key, responder = self.keys[i], self.people[who]
        has_lead = any(one[1] == key and one[2] for one in self.out.values())
        works = responder not in self.out and lead is not has_lead
        works &= status(self.database, key) in {"reported", "accepted", "dispatched", "arrived"}
        try:
            sent = dispatching.send(self.database, key, [Sending(responder, lead)], who="desk")
        except (ConflictError, InvalidInputError):
            assert not works
            return
        assert works
        (one,) = (one for one in sent if one.responder_id == responder)
        self.out[responder] = (one.id, key, lead)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), act=st.sampled_from(["accept", "arrive", "decline", "cancel", "done", "hand_over"]))
    def step(self, data: st.DataObject, act: str) -> None:
        responder = data.draw(st.sampled_from(sorted(self.out)))
        number, _, _ = self.out[responder]
        other = data.draw(st.sampled_from(self.people))
        given: dict[str, Any] = {"who": "desk"}
        if act == "decline":
            given["reason"] = "why"
        try:
            if act == "hand_over":
                dispatching.hand_over(self.database, number, Sending(other, lead=True), **given)
            else:
                getattr(dispatching, act)(self.database, number, **given)
        except ConflictError:
            return
        self.learn()

    def learn(self) -> None:
        with self.database.reading() as connection:
            now = [
                one for key in self.keys for one in dispatches.of_incident(connection, key, open_only=True)
            ]
        self.out = {one.responder_id: (one.id, one.incident_id, one.lead) for one in now}
        assert len(self.out) == len(now)  # nobody twice

    @invariant()
    def who_follows_from_change_to_change_sees_the_same(self) -> None:
        if not hasattr(self, "board"):
            return
        with self.database.reading() as connection:
            assert list(self.board.follow(connection)) == dispatches.open_now(connection)

    @invariant()
    def the_incident_stands_where_its_people_do(self) -> None:
        if not hasattr(self, "keys"):
            return
        for key in self.keys:
            mine = [one for one in self.out.values() if one[1] == key]
            now = status(self.database, key)
            assert sum(lead for _, _, lead in mine) <= 1
            if mine and now is not Status.ARRIVED:
                assert sum(lead for _, _, lead in mine) == 1
            if mine:
                assert now in {Status.DISPATCHED, Status.ARRIVED}
            if now in {Status.DISPATCHED, Status.ARRIVED}:
                assert mine
            if now is Status.DISPATCHED:
                assert not any(one.lead and one.arrived_at for one in open_of(self.database, key))


def test_any_order_of_steps(database: Database, town: tuple[Database, Tilings, dict[str, int]]) -> None:
    Desk.town = town
    run_state_machine_as_test(Desk, settings=settings(max_examples=12, stateful_step_count=12))
