"""Reception: single reports of many callers, taken in together while each gets his own answer.

A lot goes to the database three times: once to look at what a report is held against, under the lock that
keeps publishers out, once to write, once to commit. What is answered of new reports is known by then; only
what was there before is read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import orjson

from geo_service.errors import Fault, InvalidInputError
from geo_service.model import How
from geo_service.services import handling, incident_views, placing, reporting
from geo_service.services.intake import ancestors, codes_above, incident_id
from geo_service.services.ownership import owners_question
from geo_service.services.reporting import Report
from geo_service.services.tiling import Tiling, Tilings
from geo_service.services.together import Together
from geo_service.staffing.clocks import Standard, standard_from
from geo_service.store import arrivals, boundaries, bulk, catalogue, lives, premises
from geo_service.store.arrivals import Arrival, Placing, Stored
from geo_service.store.at_once import ask_at_once
from geo_service.store.database import Connection, Database

#: Reports in one transaction: enough for any rush, and nobody waits long for the others.
LOT = 50


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a report; ``seen`` is the incident as :mod:`incident_views` shows it, as stored."""

    id: UUID
    new: bool
    seen: dict[str, Any]


class _Ready(NamedTuple):
    """A sound report as it is to be stored, and the boundaries in force when it happened."""

    row: dict[str, Any]
    tiling: Tiling | None


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the database says of all reports: the time, the standards, the category above each."""

    now: datetime
    standards: list[Standard]
    above: dict[str, str | None]


class Reception:
    """Takes in reports one by one; those that come at once share a transaction. Thread-safe."""

    def __init__(self, database: Database, tilings: Tilings) -> None:
        self._database = database
        self._tilings = tilings
        self._together = Together[tuple[Report, str], Received](self._receive, LOT)

    def receive(self, report: Report, who: str) -> Received:
        """Take in a report whose source and reporter is the caller; returns when it is safely stored.

        Raises
        ------
        InvalidInputError
            Something is wrong with it; nothing is stored.
        """
        return self._together((report, who))

    def _receive(self, lot: Sequence[tuple[Report, str]]) -> list[Received | Exception]:
        with self._database.writing() as connection:
            made, rules = self._look_up(connection, lot)
            sound: dict[UUID, _Ready] = {}
            for one in made:
                if isinstance(one, _Ready):
                    sound.setdefault(one.row["id"], one)  # a second one with the same id repeats the first
            # in one order: two who send the same reports crosswise wait, and do not block each other
            stored = _Stored.write(connection, [sound[key] for key in sorted(sound)], rules)
            new = stored.seen()
        known = self._known([key for key in sound if key not in new])
        answers: list[Received | Exception] = []
        for one in made:
            if isinstance(one, InvalidInputError):
                answers.append(one)
                continue
            key = one.row["id"]
            if key in new:
                answers.append(Received(key, one is sound[key], new[key]))
            elif isinstance(known, Exception):
                answers.append(known)
            else:
                answers.append(Received(key, False, known[key]))
        return answers

    def _known(self, keys: Sequence[UUID]) -> dict[UUID, dict[str, Any]] | Exception:
        """Return what was there before, or why it cannot be read: the others of the lot are stored by now."""
        if not keys:
            return {}
        try:
            return incident_views.several(self._database, self._tilings, keys)
        except Exception as error:  # noqa: BLE001 - raised to those whose it is
            return error

    def _look_up(
        self, connection: Connection, lot: Sequence[tuple[Report, str]]
    ) -> tuple[list[_Ready | InvalidInputError], _Rules]:
        """Lock publishers out, and return each report made ready, or what is wrong with it."""
        reports, prefixes = [report for report, _ in lot], [""] * len(lot)
        places = reporting.look_up(connection, [one.place for one in reports], prefixes)
        suspects = reporting.suspects_among(reports, places)
        _, now, spans, standards, families, ground = ask_at_once(
            connection,
            boundaries.intake_lock(),  # before all others: what is in force stays so until the commit
            lives.clock_question(),
            boundaries.spans_question(),
            catalogue.standards_question(),
            reporting.families_question(reports),
            suspects.question,
        )
        tilings = [reporting.tiling_at(connection, self._tilings, spans, one.occurred_at) for one in reports]
        flags = suspects.flags(ground, tilings)
        usual = reporting.usual_urgencies(families)
        rows, faults = reporting.made_ready(reports, places, prefixes, usual, flags)
        made = [
            _refused(wrong) if wrong else _Ready(_complete(row, who), tiling)
            for row, wrong, tiling, (_, who) in zip(rows, faults, tilings, lot, strict=True)
        ]
        above = {code: parent for code, (parent, _) in families.items()}
        return made, _Rules(now, [standard_from(one) for one in standards], above)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Reports as they were written, with what was found for each in the same transaction."""

    ready: Sequence[_Ready]
    arrivals: Sequence[Arrival]
    new: Mapping[UUID, Stored]
    owners: Sequence[Mapping[str, Any]]
    grounds: Sequence[Sequence[Mapping[str, Any]]]
    now: datetime

    @classmethod
    def write(cls, connection: Connection, ready: Sequence[_Ready], rules: _Rules) -> "_Stored":
        """Place reports, begin their lives, and store those that are not there yet."""
        if not ready:
            return cls((), (), {}, (), (), rules.now)
        places = _placings(ready)
        arriving = [_arrival(one, place, rules) for one, place in zip(ready, places, strict=True)]
        asked = [
            (one.tiling, place.cell_id if place else None, one.row["occurred_at"])
            for one, place in zip(ready, places, strict=True)
        ]
        # no ground lies at a place that is not known
        points = [(_or_nan(one.row["lon"]), _or_nan(one.row["lat"])) for one in ready]
        with arrivals.contested():
            _, new, owners, grounds = ask_at_once(
                connection,
                arrivals.patience(),
                arrivals.store_question(arriving),
                owners_question(asked),
                premises.holding_question(points, [one.row["occurred_at"] for one in ready]),
            )
        return cls(ready, arriving, new, owners, grounds, rules.now)

    def seen(self) -> dict[UUID, dict[str, Any]]:
        """Return those that were new by id, as :func:`incident_views.several` would read them."""
        found = {}
        for one, arrival, owner, ground in zip(
            self.ready, self.arrivals, self.owners, self.grounds, strict=True
        ):
            key = one.row["id"]
            if key in self.new:
                standing = handling.Standing(arrival.kept, arrival.clocks, self.now)
                found[key] = incident_views.whole(
                    _facts(one, arrival, self.new[key]),
                    one.tiling,
                    owner=owner,
                    ground=ground,
                    standing=incident_views.with_moves(standing),
                )
        return found


def _refused(faults: Sequence[Fault]) -> InvalidInputError:
    return InvalidInputError(f"{len(faults)} fault(s) in the report(s)", faults)


def _complete(row: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return a report with its id and its source, without a place where it has none."""
    place = {name: None if math.isnan(row[name]) else row[name] for name in ("lon", "lat")}
    key = incident_id(who, row["source_id"])
    return {**row, **place, "id": key, "source": who, "reported_by": who}


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _placings(ready: Sequence[_Ready]) -> list[Placing | None]:
    """Return where each report lies in the edition of its moment."""
    out: list[Placing | None] = [None] * len(ready)
    for tiling in {id(one.tiling): one.tiling for one in ready if one.tiling is not None}.values():
        mine = [i for i, one in enumerate(ready) if one.tiling is tiling]
        rows = [ready[i].row for i in mine]
        lonlat_deg = np.array([(_or_nan(row["lon"]), _or_nan(row["lat"])) for row in rows])
        named = np.array([-1 if row["named_cell_id"] is None else row["named_cell_id"] for row in rows])
        found = placing.locate(tiling, lonlat_deg, named)
        columns = (found.cell_ids, found.how, found.border_m, found.runner_up_ids)
        for i, cell, how, border_m, beside in zip(mine, *(one.tolist() for one in columns), strict=True):
            out[i] = Placing(
                edition_id=tiling.edition.id,
                cell_id=cell if cell >= 0 else None,
                how=how,
                border_m=border_m if math.isfinite(border_m) else None,
                runner_up_id=beside if beside >= 0 else None,
            )
    return out


def _arrival(one: _Ready, place: Placing | None, rules: _Rules) -> Arrival:
    row = one.row
    cells = (
        codes_above(one.tiling, place.cell_id) if one.tiling and place and place.cell_id is not None else ()
    )
    newcomer = handling.Newcomer(
        row["id"], ancestors(row["category"], rules.above), row["urgency"], cells, row["reported_by"]
    )
    born = handling.newborn(newcomer, rules.standards, rules.now)
    return Arrival(row, place, born.kept, born.clocks)


def _facts(one: _Ready, arrival: Arrival, stored: Stored) -> dict[str, Any]:
    """Return what :func:`geo_service.store.incidents.several` would read of a report just stored."""
    place, tiling = arrival.placing, one.tiling
    cell, beside = (
        tiling.path_of_cell(key)[-1] if tiling and key is not None else {}
        for key in ((place.cell_id, place.runner_up_id) if place else (None, None))
    )
    return {
        **{name: value for name, value in one.row.items() if name != "named_cell_id"},
        "occurred_at": one.row["occurred_at"].astimezone(UTC),
        "recorded_at": stored.recorded_at,
        "accuracy_m": stored.accuracy_m,
        "attributes": orjson.loads(bulk.json_text(one.row["attributes"])),
        "relocated_at": None,
        "edition": tiling.edition.id if tiling else None,
        "cell_code": cell.get("code"),
        "level": cell.get("level"),
        "how": place.how if place else How.NONE.value,
        "border_m": stored.border_m,
        "cell_id": place.cell_id if place else None,
        "runner_up_code": beside.get("code"),
    }
