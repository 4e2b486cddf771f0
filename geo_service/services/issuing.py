"""Issuing: what the watcher finds due is issued, lifted and called, a batch in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from geo_service.errors import Words
from geo_service.services.calling import WATCHER, climb, tell
from geo_service.services.duty_book import DutyBooks
from geo_service.services.tiling import Tilings
from geo_service.staffing.clocks import State, clocks, standard_from
from geo_service.staffing.escalation import Rules, Stage, rung_objects
from geo_service.store import escalations, lives, watch
from geo_service.store.database import Connection, Database

#: Lives that are looked at, and rungs that are called, in one transaction.
BATCH = 100

_WHY = {
    "reached": Words("reached in time", "已在时限内完成"),
    "reached_late": Words("reached, but late", "已完成，但超过时限"),
    "off": Words("the clock no longer runs", "该时限不再计时"),
    "moved": Words("another standard holds, by which there is time", "响应标准已变更，尚在时限内"),
    "ended": Words("the incident has ended", "事件已结束"),
    "red": Words("a red card has followed", "已升级为红牌"),
}
_STOPPED = {State.MET: "reached", State.MISSED: "reached_late"}


class Looked(NamedTuple):
    """How much was issued, called and lifted, and whether there may be more at once."""

    done: int
    more: bool


def look(database: Database, tilings: Tilings, books: DutyBooks) -> Looked:
    """Issue, climb and lift what is due, a batch.

    Whichever process looks first does it, the others find nothing to do; unique constraints hold even if the
    lock did not. A process that is killed takes its transaction with it.
    """
    with database.reading() as connection:
        if not watch.any_due(connection, lives.clock(connection)):
            return Looked(0, more=False)
    on_duty = books.ids_on_duty()  # before a connection is held
    with database.writing() as connection:
        if not watch.lock(connection):
            return Looked(0, more=False)
        rules = Rules.from_mapping(escalations.rules(connection)[1])
        now = lives.clock(connection)
        versions = watch.lives_due(connection, now, BATCH)
        keys = list(versions)
        issued = _issue(connection, rules, watch.cards_due(connection, keys, now, issued_by(rules)), now)
        climb(connection, tilings, on_duty, issued, now)
        baseless = watch.baseless(connection, keys, now)
        _lift(connection, baseless, now)
        # a card that is lifted may make room for another
        lifted = {one["incident_id"] for one in baseless}
        seen = {key: version for key, version in versions.items() if key not in lifted}
        done = watch.looked_at(connection, seen, now)
        climbing = watch.climbing(connection, now, BATCH)
        climb(connection, tilings, on_duty, climbing, now)
        # lives that somebody holds wait for the next look: to ask again at once would be to ask for nothing
        more = bool(lifted) or (bool(done) and len(keys) == BATCH) or len(climbing) == BATCH
        return Looked(len(issued) + len(baseless) + len(climbing), more)


def issued_by(rules: Rules) -> list[tuple[str, str]]:
    """Return the cards (phase, colour) that rules issue: those for which somebody is called."""
    return [(phase.value, colour.value) for (phase, colour), rungs in rules.cards.items() if rungs]


def _issue(
    connection: Connection, rules: Rules, due: Sequence[Mapping[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    ladder = {(phase.value, colour.value): rungs for (phase, colour), rungs in rules.cards.items()}
    rows = [
        {
            **card,
            "kind": "card",
            "issued_at": now,
            "issued_by": WATCHER,
            "stage": Stage.CALLED.value,
            "rungs": rung_objects(ladder[card["phase"], card["colour"]]),
            "request_s": rules.request_s,
            "rung": -1,
        }
        for card in due
    ]
    keys = escalations.add_cards(connection, rows)
    line = {"at": now, "who": WATCHER, "what": "issue"}
    escalations.write_lines(connection, [{"escalation_id": key, **line} for key in keys])
    tell(connection, "escalation.issued", keys, WATCHER)
    return escalations.several(connection, keys)


def _lift(connection: Connection, baseless: Sequence[Mapping[str, Any]], now: datetime) -> None:
    why = _reasons(connection, baseless, now)
    keys = escalations.lift(connection, list(why))
    line = {"at": now, "who": WATCHER, "what": "lift"}
    lines = [{"escalation_id": key, "words": _WHY[why[key]].zh, **line} for key in keys]
    escalations.write_lines(connection, lines)
    tell(connection, "escalation.lifted", keys, WATCHER, {key: {"why": why[key]} for key in keys})


def _reasons(connection: Connection, baseless: Sequence[Mapping[str, Any]], now: datetime) -> dict[int, str]:
    """Return why each is lifted; of a clock that has stopped: whether it was met."""
    stopped = [one["incident_id"] for one in baseless if one["why"] == "stopped"]
    kept = lives.several(connection, stopped)
    why = {}
    for one in baseless:
        why[one["id"]] = one["why"]
        if one["why"] == "stopped":
            life = kept[one["incident_id"]]
            running = clocks(life.life, standard_from(life.standard), now)
            (clock,) = (clock for clock in running if clock.phase == one["phase"])
            why[one["id"]] = _STOPPED.get(clock.state, "off")
    return why
