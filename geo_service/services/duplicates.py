"""Duplicates: the same thing reported twice is proposed, and merged by a person or by a rule that one set.

The rule is kept in versions and off until somebody sets it. What it merges names its version and whoever set
it in both logs, and is undone like any merge; a report that somebody has touched it leaves alone.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from geo_service.errors import ConflictError, Fault, GeoServiceError, InvalidInputError, NotFoundError, Words
from geo_service.services import catalogue, handling
from geo_service.services.correcting import Asked
from geo_service.services.handling import Standing
from geo_service.services.naming import incident_words
from geo_service.staffing.duplicates import DuplicateRule
from geo_service.staffing.life import ENDED, WORDS_ZH, Move, Status, advance
from geo_service.store import audit, lives, queue
from geo_service.store import duplicates as store
from geo_service.store.database import Connection, Database
from geo_service.store.lives import Kept, Line

log = logging.getLogger("geo_service.duplicates")

WITHIN_M = 100.0
WITHIN_S = 2 * 3600
_SETTLED = ENDED | {Status.HANDLED}
#: Merged by the rule at a time.
BATCH = 50


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rule of one version; version 0 is what the program comes with: nothing is merged."""

    version: int
    rule: DuplicateRule
    who: str
    at: datetime | None


def read_rule(connection: Connection) -> RuleSet:
    """Return the rule that holds now."""
    version, given, who, at = store.rule(connection)
    return RuleSet(version, DuplicateRule.from_mapping(given), who, at)


def set_rule(database: Database, given: Mapping[str, Any], *, after: int, who: str) -> RuleSet:
    """Set the rule: what is left out is as the program has it. It holds for what is reported from now on.

    Raises
    ------
    InvalidInputError
        Each fault names the value.
    ConflictError
        Somebody set it since version ``after``.
    """
    rule = DuplicateRule.from_mapping(given)
    with database.writing() as connection:
        known = {row["code"] for row in catalogue.categories(connection)}
        if unknown := sorted(set(rule.categories) - known):
            words = Words("there is no such category", "没有这个类别")
            raise InvalidInputError(words, [Fault("categories", words, value=code) for code in unknown])
        version = store.set_rule(connection, rule.as_mapping(), after=after, who=who)
        audit.record(connection, who, "duplicates.rule", f"duplicate rule {version}", rule.as_mapping())
        return read_rule(connection)


def merge_by_rule(database: Database) -> int:
    """Merge what the rule says repeats an earlier report; returns how many were.

    Any number of processes may do it at once: each merge locks both lives and looks at them again.
    """
    with database.reading() as connection:
        found = read_rule(connection)
        if not found.rule.enabled or found.at is None:
            return 0
        rule = found.rule
        codes = {code for top in rule.categories for code in catalogue.below(connection, top)}
        pairs = store.pairs(
            connection,
            since=found.at,
            within_m=rule.within_m,
            within_s=rule.within_s,
            channels=rule.channels,
            categories=sorted(codes) if rule.categories else None,
            limit=BATCH,
        )
    told = {"rule_version": found.version, "rule_set_by": found.who, "rule_set_at": found.at.isoformat()}
    done = 0
    for one in pairs:
        reason = f"rule {found.version} for duplicates, set by {found.who}"
        asked = Asked(f"rule {found.version} ({found.who})", reason, revision=0)
        apart = {"distance_m": round(one.distance_m, 1), "apart_s": round(float(one.apart_s), 1)}
        try:
            merge(database, one.id, one.of, asked, more=told | apart)
        except (ConflictError, NotFoundError):  # somebody has done something with one of them meanwhile
            continue
        done += 1
    return done


class RuleKeeper:
    """Applies the rule again and again, as the watcher asks it to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self) -> int:
        """Merge what is due; trouble is told to the log, and the next look tries again."""
        try:
            return merge_by_rule(self._database)
        except GeoServiceError as error:
            log.warning("duplicates are not merged: %s", error.detail)
            return 0


def merge(
    database: Database,
    key: UUID,
    of: UUID,
    asked: Asked,
    *,
    even_if_settled: bool = False,
    more: Mapping[str, Any] | None = None,
) -> Standing:
    """Merge an incident into the one that it repeats: it is void, and points there.

    ``more`` goes into the lines of both logs. Nobody goes to what is settled: with ``even_if_settled`` a
    person says that it is the same thing nevertheless.

    Raises
    ------
    NotFoundError
        One of the two is not being handled.
    ConflictError
        The other one is itself a duplicate, void, or settled already; this one has duplicates, or it stands
        where it cannot be void.
    InvalidInputError
        Both are the same.
    """
    if key == of:
        message = Words("an incident cannot repeat itself", "事件不能与自身合并")
        raise InvalidInputError(message, [Fault("of", message, value=str(of))])
    with database.writing() as connection:
        both = _locked(connection, key, of)
        if lives.has_line(connection, key, asked.request_key, moves=["void"], who=asked.who):
            return handling.standing(connection, key)
        _refuse_chain(connection, both[key], both[of])
        _refuse_settled(both[of], even_if_settled=even_if_settled)
        handling.require_revision(both[key], asked.revision)
        reason = asked.reason.strip() or f"duplicate of {of}"
        kept = both[key]
        moment = lives.present(connection, key)
        after = replace(kept, life=advance(kept.life, Move.VOID, moment, reason=reason), duplicate_of=of)
        details = {"duplicate_of": str(of)} | dict(more or {})
        done = _write(connection, kept, after, replace(asked, reason=reason), move="void", details=details)
        _tell(connection, both[of], "merge", asked, {"duplicate": str(key)} | dict(more or {}))
        return done


def unmerge(database: Database, key: UUID, asked: Asked) -> Standing:
    """Undo a merge: the incident is open again.

    Raises
    ------
    NotFoundError
        It is not being handled.
    ConflictError
        It is no duplicate.
    """
    with database.reading() as connection:
        of = lives.get(connection, key).duplicate_of
    if of is None:
        message = Words("the incident is no duplicate of another", "该事件没有并入其他事件")
        raise ConflictError(message, [Fault("", message)])
    with database.writing() as connection:
        both = _locked(connection, key, of)
        if lives.has_line(connection, key, asked.request_key, moves=["reopen"], who=asked.who):
            return handling.standing(connection, key)
        kept = both[key]
        if kept.duplicate_of != of:
            raise ConflictError(Words("somebody has changed this just now", "刚刚有人改动过，请刷新"))
        handling.require_revision(kept, asked.revision)
        reason = asked.reason.strip() or "no duplicate after all"
        moment = lives.present(connection, key)
        after = replace(kept, life=advance(kept.life, Move.REOPEN, moment, reason=reason), duplicate_of=None)
        details = {"no_duplicate_of": str(of)}
        done = _write(connection, kept, after, replace(asked, reason=reason), move="reopen", details=details)
        _tell(connection, both[of], "unmerge", asked, {"duplicate": str(key)})
        return done


def _locked(connection: Connection, *keys: UUID) -> dict[UUID, Kept]:
    """Lock lives in order of their ids: two who merge crosswise wait, and do not block each other."""
    return {key: lives.get(connection, key, lock=True) for key in sorted(keys)}


def _refuse_chain(connection: Connection, kept: Kept, of: Kept) -> None:
    if of.duplicate_of is not None:
        first = incident_words(connection, of.duplicate_of)
        message = Words(
            f"that one is itself a duplicate of {first}: name that",
            f"对方本身已并入{first.zh}：请并入那一件",
        )
        raise ConflictError(message, [Fault("of", message, value=str(of.incident_id))])
    if others := queue.duplicates_of(connection, kept.incident_id):
        message = Words(
            f"{len(others)} incident(s) were merged into this one: keep it, and merge the other into it",
            f"已有 {len(others)} 件并入本件：请保留本件，将对方并入本件",
        )
        raise ConflictError(message, [Fault("of", message, value=str(of.incident_id))])


def _refuse_settled(of: Kept, *, even_if_settled: bool) -> None:
    status = of.life.status
    if status is Status.VOID:
        message = Words("that one is void: nothing can be merged into it", "对方已作废，不能并入")
    elif status in _SETTLED and not even_if_settled:
        message = Words(
            f"that one is {status} already: this may have happened anew; merge with even_if_settled if not",
            f"对方{WORDS_ZH[status]}，本件可能是再次发生；确属同一件，请注明 even_if_settled 后并入",
        )
    else:
        return
    raise ConflictError(message, [Fault("of", message, value=str(of.incident_id))])


def _write(
    connection: Connection, before: Kept, after: Kept, asked: Asked, *, move: str, details: dict[str, Any]
) -> Standing:
    line = Line(
        after.life.last_at or after.life.reported_at,
        asked.who,
        move,
        before.life.status.value,
        after.life.status.value,
        asked.reason,
        details,
        asked.request_key,
    )
    return handling.write(connection, after, line, lives.present(connection, before.incident_id))


def _tell(connection: Connection, kept: Kept, move: str, asked: Asked, details: dict[str, Any]) -> None:
    """Write into the log of the incident that stays."""
    now, status = lives.present(connection, kept.incident_id), kept.life.status.value
    line = Line(now, asked.who, move, status, status, asked.reason.strip(), details)
    handling.write(connection, kept, line, now)
