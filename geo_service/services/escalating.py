"""Escalation: cards are issued when clocks run out, rungs called one after the other, whistles blown by hand.

Who is called follows the hierarchy by geography as of the incident's date: the cells over its place in the
edition in force then, and who holds them now. What is done here is one transaction each, with its line and
its event; :mod:`geo_service.services.watching` calls :func:`look` again and again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from geo_service.errors import ConflictError, Fault, ForbiddenError, NotFoundError, Words
from geo_service.services.ownership import OnDuty
from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.staffing.escalation import (
    OVER,
    STAGES_ZH,
    Act,
    Rules,
    Stage,
    Step,
    after_act,
    climbs_at,
    next_call,
    roles_held,
    rung_objects,
    rungs_from,
)
from geo_service.staffing.life import ENDED
from geo_service.store import audit, boundaries, escalations, incidents, lives, outbox, owners
from geo_service.store.database import Connection, Database

WATCHER = "watcher"
#: Dealt with in one transaction.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Way:
    """The cells upwards from a place, and who holds each of them now."""

    cell_ids: tuple[int, ...]
    levels: tuple[str, ...]
    holders: Mapping[int, Sequence[Mapping[str, Any]]]

    def steps(self) -> list[Step]:
        """Return the way as the ladder takes it."""
        pairs = zip(self.cell_ids, self.levels, strict=True)
        return [Step(key, level, roles_held(self.holders.get(key, ()))) for key, level in pairs]

    def people(self, at: int, roles: Sequence[str], on_duty: frozenset[int]) -> list[dict[str, Any]]:
        """Return who is called at a step."""
        return [
            {"responder": one["responder"], "name": one["name"], "role": one["role"]}
            | {"on_duty": one["responder_id"] in on_duty}
            for one in self.holders.get(self.cell_ids[at], ())
            if not roles or one["role"] in roles
        ]


@dataclass(frozen=True, slots=True)
class Call:
    """Who is called: on which rung (-1: by hand), the holders of which cell."""

    rung: int
    cell_id: int
    people: list[dict[str, Any]]


class Escalation:
    """Escalations of one database."""

    def __init__(self, database: Database, tilings: Tilings, on_duty: OnDuty | None = None) -> None:
        self._database = database
        self._tilings = tilings
        self._on_duty = on_duty or OnDuty()

    # ------------------------------------------------------------------------------------- the watcher

    def look(self) -> int:
        """Issue, climb and lift what is due, a batch; returns how much that was.

        Whichever process looks first does it, the others find nothing to do; unique constraints hold even
        if the lock did not. A process that is killed takes its transaction with it.
        """
        with self._database.reading() as connection:
            rules = read_rules(connection)[1]
            colours = [(phase.value, colour.value) for (phase, colour), rungs in rules.cards.items() if rungs]
            now = lives.clock(connection)
            if not (
                escalations.due_cards(connection, now, colours, 1)
                or escalations.baseless(connection, 1)
                or escalations.any_climbs(connection, now)
            ):
                return 0
        with self._database.writing() as connection:
            if not escalations.lock_watch(connection):
                return 0
            now = lives.clock(connection)
            count = sum(
                self._issue(connection, rules, card, now)
                for card in escalations.due_cards(connection, now, colours, BATCH)
            )
            for one in escalations.baseless(connection, BATCH):
                _lift(connection, one["id"], one["why"], now)
                count += 1
            for row in escalations.climbing(connection, now, BATCH):
                self._climb(connection, row, now)
                count += 1
            return count

    def _issue(self, connection: Connection, rules: Rules, card: Mapping[str, Any], now: datetime) -> int:
        rungs = next(r for (p, c), r in rules.cards.items() if (p, c) == (card["phase"], card["colour"]))
        key = escalations.add(
            connection,
            {
                **card,
                "kind": "card",
                "issued_at": now,
                "issued_by": WATCHER,
                "stage": Stage.CALLED.value,
                "rungs": rung_objects(rungs),
                "request_s": rules.request_s,
                "rung": -1,
            },
        )
        if key is None:
            return 0
        escalations.write_line(connection, key, {"at": now, "who": WATCHER, "what": "issue"})
        one = escalations.get(connection, key)
        _tell(connection, "escalation.issued", one, WATCHER)
        self._climb(connection, one, now)
        return 1

    def _climb(self, connection: Connection, one: Mapping[str, Any], now: datetime) -> None:
        """Call the next rung; with nobody left the escalation stands as it is and climbs no more."""
        way = self._way(connection, one, now)
        above = way.cell_ids.index(one["cell_id"]) if one["cell_id"] in way.cell_ids else -1
        rungs = rungs_from(one["rungs"])
        called = next_call(rungs, way.steps(), rung=max(0, one["rung"] + 1), above=above)
        if called is None:
            escalations.change(connection, one["id"], {"climbs_at": None})
            return
        people = way.people(called.step, rungs[called.rung].roles, self._on_duty.ids(connection))
        _call(connection, one, Call(called.rung, way.cell_ids[called.step], people), now)

    def _way(self, connection: Connection, one: Mapping[str, Any], now: datetime) -> Way:
        """Return the way up: a card's from the incident's place, a whistle's from the cell called last."""
        tiling, cell_id = self._place(connection, one["incident_id"])
        if one["kind"] == "whistle" and one["cell_id"] is not None:
            cell_id = one["cell_id"]
        return _way_from(connection, tiling, cell_id, now)

    def _place(self, connection: Connection, key: UUID) -> tuple[Tiling | None, int | None]:
        """Return the edition in force when an incident happened, and its cell there.

        In no cell that is the cell that answers for the gap; None where nobody knows.
        """
        found = incidents.one(connection, key)
        if found is None:
            raise NotFoundError(Words(f"there is no incident {key}", f"没有编号为 {key} 的事件"))
        edition = in_force_at(boundaries.spans_in_force(connection), found["occurred_at"])
        if edition is None:
            return None, None
        tiling = self._tilings.load(edition, connection)
        if found["cell_id"] is not None or found["lon"] is None:
            return tiling, found["cell_id"]
        (gap,) = owners.gaps_at(connection, [(found["lon"], found["lat"])], edition.id)
        if gap is None or gap["fallback"] is None:
            return tiling, None
        return tiling, tiling.id_of_cell(gap["fallback"]["level"], gap["fallback"]["cell_code"])

    # ------------------------------------------------------------------------------------- by people

    def whistle(
        self,
        incident_id: UUID,
        *,
        who: str,
        words: str,
        cell: tuple[str, str] | None = None,
        roles: Sequence[str] = (),
        request_key: str | None = None,
    ) -> int:
        """Call the holders of a cell by hand; returns the escalation. They answer within the rules' time.

        Parameters
        ----------
        cell : tuple of str, optional
            Level and code of a cell, above or beside; the incident's own, or the next one held, by default.
        roles : sequence of str
            Only holders in one of these roles.

        Raises
        ------
        NotFoundError
            There is no such incident being handled, or no such cell in force when it happened.
        ConflictError
            It has ended, or nobody holds the cell.
        """
        with self._database.writing() as connection:
            kept = lives.get(connection, incident_id, lock=True)
            if request_key is not None:
                known = escalations.by_request(connection, incident_id, request_key)
                if known is not None:
                    return known
            if kept.life.status in ENDED:
                raise ConflictError(Words("the incident has ended", "事件已结束，无需吹哨"))
            now, rules = lives.clock(connection), read_rules(connection)[1]
            tiling, at = self._place(connection, incident_id)
            if cell is not None:
                at = tiling.id_of_cell(*cell) if tiling else None
                if at is None:
                    words_zh = f"事件发生时没有单元 {cell[0]} {cell[1]}"
                    message = Words(f"there was no {cell[0]} {cell[1]} when the incident happened", words_zh)
                    raise NotFoundError(message, [Fault("cell", message, value=cell[1])])
            way = _way_from(connection, tiling, at, now)
            people: list[dict[str, Any]] = []
            step = 0
            for step in range(len(way.cell_ids) if cell is None else 1):
                people = way.people(step, roles, self._on_duty.ids(connection))
                if people:
                    break
            if not people:
                message = Words("nobody holds this cell: choose another", "该单元无人任职，请选择其他单元")
                raise ConflictError(message, [Fault("cell", message)])
            key = escalations.add(
                connection,
                {
                    "incident_id": incident_id,
                    "kind": "whistle",
                    "issued_at": now,
                    "issued_by": who,
                    "words": words,
                    "stage": Stage.CALLED.value,
                    "rungs": rung_objects(rules.whistle),
                    "request_s": rules.request_s,
                    "rung": -1,
                    "request_key": request_key,
                },
            )
            if key is None:
                raise ConflictError(Words("this request is being carried out", "该请求正在处理"))
            escalations.write_line(connection, key, {"at": now, "who": who, "what": "issue", "words": words})
            one = escalations.get(connection, key)
            _tell(connection, "escalation.issued", one, who)
            _call(connection, one, Call(-1, way.cell_ids[step], people), now, who=who)
            return key

    def act(
        self,
        key: int,
        act: Act,
        *,
        who: str,
        words: str = "",
        responder: Mapping[str, Any] | None = None,
        own_only: bool = False,
        request_key: str | None = None,
    ) -> None:
        """Acknowledge, report in, or answer. The same again, or under the same key, changes nothing.

        Parameters
        ----------
        responder : mapping, optional
            Who it is that is there or answers: responder (code), name.
        own_only : bool
            Refuse unless that responder was called.

        Raises
        ------
        NotFoundError
            There is no such escalation.
        ForbiddenError
            He was not called.
        ConflictError
            It does not stand where this starts.
        """
        with self._database.writing() as connection:
            one = escalations.get(connection, key, lock=True)
            if request_key is not None and escalations.has_line(connection, key, request_key):
                return
            if own_only:
                _require_called(connection, key, responder)
            now, stage = lives.clock(connection), Stage(one["stage"])
            after = after_act(stage, act)
            by_hand = one["kind"] == "whistle"
            when = climbs_at(after, None, now, request_s=one["request_s"], by_hand=by_hand)
            if by_hand and after not in OVER:
                when = one["climbs_at"]  # the clock of a request runs from the call
            escalations.change(connection, key, {"stage": after.value, "climbs_at": when})
            line = {
                "at": now,
                "who": who,
                "what": act.value,
                "rung": one["rung"],
                "cell_id": one["cell_id"],
                "people": [dict(responder)] if responder else [],
                "words": words,
                "request_key": request_key,
            }
            escalations.write_line(connection, key, line)
            topics = {Act.ACKNOWLEDGE: "acknowledged", Act.ARRIVE: "arrived", Act.ANSWER: "answered"}
            _tell(connection, f"escalation.{topics[act]}", escalations.get(connection, key), who)


def _call(
    connection: Connection, one: Mapping[str, Any], call: Call, now: datetime, *, who: str = WATCHER
) -> None:
    rungs = rungs_from(one["rungs"])
    when = climbs_at(
        Stage.CALLED,
        rungs[call.rung] if call.rung >= 0 else None,
        now,
        request_s=one["request_s"],
        by_hand=one["kind"] == "whistle",
    )
    place = {"rung": call.rung, "cell_id": call.cell_id}
    escalations.change(connection, one["id"], {**place, "climbs_at": when, "stage": Stage.CALLED.value})
    line = {"at": now, "who": who, "what": "call", "people": call.people, **place}
    escalations.write_line(connection, one["id"], line)
    _tell(connection, "escalation.called", escalations.get(connection, one["id"]), who, people=call.people)


def _way_from(connection: Connection, tiling: Tiling | None, cell_id: int | None, now: datetime) -> Way:
    if tiling is None or cell_id is None:
        return Way((), (), {})
    ids = tiling.id_path_of_cell(cell_id)
    levels = [one["level"] for one in tiling.path_of_cell(cell_id)][::-1]
    return Way(tuple(ids), tuple(levels), owners.holders(connection, ids, now))


def _require_called(connection: Connection, key: int, responder: Mapping[str, Any] | None) -> None:
    called = {
        person["responder"]
        for line in escalations.lines(connection, [key])[key]
        if line["what"] == "call"
        for person in line["people"]
    }
    if responder is None or responder["responder"] not in called:
        raise ForbiddenError(Words("somebody else was called", "被吹哨的不是您"))


_WHY = {
    "met": Words("the clock was met", "时限已满足"),
    "ended": Words("the incident has ended", "事件已结束"),
    "red": Words("a red card has followed", "已升级为红牌"),
}


def _lift(connection: Connection, key: int, why: str, now: datetime) -> None:
    one = escalations.get(connection, key, lock=True)
    if Stage(one["stage"]) in OVER:
        return
    escalations.change(connection, key, {"stage": Stage.LIFTED.value, "climbs_at": None})
    line = {"at": now, "who": WATCHER, "what": "lift", "words": _WHY[why].zh}
    escalations.write_line(connection, key, line)
    _tell(connection, "escalation.lifted", escalations.get(connection, key), WATCHER, why=why)


def _tell(connection: Connection, topic: str, one: Mapping[str, Any], who: str, **more: Any) -> None:
    body = {
        "id": one["id"],
        "incident_id": str(one["incident_id"]),
        "kind": one["kind"],
        "phase": one["phase"],
        "colour": one["colour"],
        "stage": one["stage"],
        "rung": one["rung"],
        "level": one["level"],
        "cell_code": one["cell_code"],
        "who": who,
    }
    outbox.add(connection, topic, body | more)


# ------------------------------------------------------------------------------------------------ views


def shown(one: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an escalation as a JSON object, with who was called last and its lines."""
    called = [line for line in lines if line["what"] == "call"]
    there = [line for line in lines if line["what"] == "arrive"]
    hidden = {"rungs", "request_key", "cell_id", "round"}
    return {name: value for name, value in one.items() if name not in hidden} | {
        "stage_zh": STAGES_ZH[Stage(one["stage"])],
        "called": called[-1]["people"] if called else [],
        "called_at": called[-1]["at"] if called else None,
        "arrived_at": there[-1]["at"] if there else None,
        "lines": list(lines),
    }


def read_rules(connection: Connection) -> tuple[int, Rules, str, datetime | None]:
    """Return version, rules, who set them and when."""
    version, given, who, at = escalations.rules(connection)
    return version, Rules.from_mapping(given), who, at


def set_rules(database: Database, given: Mapping[str, Any], *, after: int, who: str) -> None:
    """Set the rules: what is left out is as the program has it. What is issued already keeps its ladder.

    Raises
    ------
    InvalidInputError
        One fault for each thing that cannot be.
    ConflictError
        Somebody set them since version ``after``.
    """
    rules = Rules.from_mapping(given)
    with database.writing() as connection:
        levels = {level.code for level in boundaries.levels(connection)}
        named = [rung for rungs in (*rules.cards.values(), rules.whistle) for rung in rungs if rung.level]
        unknown = sorted({rung.level for rung in named} - levels)
        if unknown:
            message = Words(f"there is no level {unknown[0]!r}", f"没有层级 {unknown[0]}")
            raise NotFoundError(message, [Fault("level", message, value=unknown[0])])
        version = escalations.set_rules(connection, given, after=after, who=who)
        audit.record(connection, who, "escalation.rules", f"escalation rules {version}", dict(given))
