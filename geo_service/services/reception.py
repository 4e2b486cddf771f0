"""Reception: single reports of many callers, taken in together while each gets his own answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pandas as pd

from geo_service.errors import Fault, InvalidInputError
from geo_service.services import incident_views, reporting
from geo_service.services.intake import named, write
from geo_service.services.reporting import Report
from geo_service.services.tiling import Tilings
from geo_service.services.together import Together
from geo_service.store.database import Database

#: Reports in one transaction: enough for any rush, and nobody waits long for the others.
LOT = 50


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a report; ``seen`` is the incident as :mod:`incident_views` shows it, as stored."""

    id: UUID
    new: bool
    seen: dict[str, Any]


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
        rows, faults = reporting.prepare(self._database, self._tilings, [report for report, _ in lot])
        rows["source"] = rows["reported_by"] = pd.Series([who for _, who in lot], dtype=object)
        rows = named(rows)
        sound = pd.Series([not wrong for wrong in faults])
        done = write(self._database, self._tilings, rows[sound], live=True) if sound.any() else {}
        seen = incident_views.several(self._database, self._tilings, list(done)) if done else {}
        answers: list[Received | Exception] = []
        for key, wrong in zip(rows["id"], faults, strict=True):
            if wrong:
                answers.append(_refused(wrong))
                continue
            answers.append(Received(key, done[key], seen[key]))
            done[key] = False  # a second one with the same id repeats the first
        return answers


def _refused(faults: Sequence[Fault]) -> InvalidInputError:
    return InvalidInputError(f"{len(faults)} fault(s) in the report(s)", faults)
