"""Escalation: whistles blown by hand, and what people do with cards and whistles; the rules.

What is done here is one transaction each, with its line and its event. Who is called is found by
:mod:`geo_service.services.calling`; what is due by :mod:`geo_service.services.issuing`, again and again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from geo_service.errors import ConflictError, Fault, ForbiddenError, NotFoundError, Words
from geo_service.services import issuing
from geo_service.services.calling import Call, call, places, tell, ways
from geo_service.services.duty_book import DutyBooks
from geo_service.services.issuing import Looked
from geo_service.services.tiling import Tilings
from geo_service.staffing.escalation import (
    OVER,
    STAGES_ZH,
    Act,
    Rules,
    Stage,
    after_act,
    climbs_at,
    rung_objects,
)
from geo_service.staffing.life import ENDED
from geo_service.store import audit, boundaries, escalations, lives, watch
from geo_service.store.database import Connection, Database


class Escalation:
    """Escalations of one database."""

    def __init__(self, database: Database, tilings: Tilings, books: DutyBooks) -> None:
        self._database = database
        self._tilings = tilings
        self._books = books

    def look(self) -> Looked:
        """Issue, climb and lift what is due, see :func:`geo_service.services.issuing.look`."""
        return issuing.look(self._database, self._tilings, self._books)

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
        on_duty = self._books.ids_on_duty()  # before a connection is held
        with self._database.writing() as connection:
            kept = lives.get(connection, incident_id, lock=True)
            if request_key is not None:
                known = escalations.by_request(connection, incident_id, request_key)
                if known is not None:
                    return known
            if kept.life.status in ENDED:
                raise ConflictError(Words("the incident has ended", "事件已结束，无需吹哨"))
            now, rules = lives.clock(connection), read_rules(connection)[1]
            tiling, at = places(connection, self._tilings, [incident_id])[incident_id]
            if cell is not None:
                at = tiling.id_of_cell(*cell) if tiling else None
                if at is None:
                    words_zh = f"事件发生时没有单元 {cell[0]} {cell[1]}"
                    message = Words(f"there was no {cell[0]} {cell[1]} when the incident happened", words_zh)
                    raise NotFoundError(message, [Fault("cell", message, value=cell[1])])
            (way,) = ways(connection, [(tiling, at)], now)
            people: list[dict[str, Any]] = []
            step = 0
            for step in range(len(way.cell_ids) if cell is None else 1):
                people = way.people(step, roles, on_duty)
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
            tell(connection, "escalation.issued", [key], who)
            one = escalations.get(connection, key)
            call(connection, [Call(one, -1, way.cell_ids[step], people)], now, who=who)
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
            # a card that is over may make room for another
            watch.again(connection, key)
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
            tell(connection, f"escalation.{topics[act]}", [key], who)


def _require_called(connection: Connection, key: int, responder: Mapping[str, Any] | None) -> None:
    called = {
        person["responder"]
        for line in escalations.lines(connection, [key])[key]
        if line["what"] == "call"
        for person in line["people"]
    }
    if responder is None or responder["responder"] not in called:
        raise ForbiddenError(Words("somebody else was called", "被吹哨的不是您"))


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
        watch.all_again(connection)
        audit.record(connection, who, "escalation.rules", f"escalation rules {version}", dict(given))
