"""Reports in a stream of lines: taken in chunk by chunk, a bad line refused by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from geo_service.errors import Fault
from geo_service.services import reporting
from geo_service.services.intake import take_in
from geo_service.services.reporting import Report
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database

#: Reports taken in at once: one transaction, so many are acknowledged together.
CHUNK = 500

#: Reads one line; what is wrong with it comes as a list of faults.
Read = Callable[[bytes], Report | list[Fault]]


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    received: int = 0
    new: int = 0
    repeated: int = 0
    refused: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts."""
        counts = ("received", "new", "repeated", "refused")
        return {name: getattr(self, name) for name in counts}


class LineIntake:
    """Takes in lines as they come; what is answered for a line is stored, or was refused.

    Parameters
    ----------
    source, who : str
        As for :func:`geo_service.services.intake.take_in`.
    read : Read
        Reads a line.
    """

    def __init__(self, database: Database, tilings: Tilings, *, source: str, who: str, read: Read) -> None:
        self._database, self._tilings = database, tilings
        self._source, self._who, self._read = source, who, read
        self.tally = Tally()

    def take(self, lines: Sequence[bytes]) -> list[dict[str, Any]]:
        """Take in up to :data:`CHUNK` lines; returns what became of each; empty ones are skipped."""
        first = self.tally.received + 1
        answers: dict[int, dict[str, Any]] = {}
        reports: dict[int, Report] = {}
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            made = self._read(line)
            if isinstance(made, Report):
                reports[number] = made
            else:
                answers[number] = _refused(number, made)
        self.tally.received += len(lines)
        answers |= self._store(reports)
        self.tally.refused += sum("errors" in one for one in answers.values())
        return [answers[number] for number in sorted(answers)]

    def _store(self, reports: dict[int, Report]) -> dict[int, dict[str, Any]]:
        if not reports:
            return {}
        numbers = list(reports)
        rows, faults = reporting.prepare(self._database, self._tilings, list(reports.values()))
        good = [not one for one in faults]
        answers = {
            number: _refused(number, wrong) for number, wrong in zip(numbers, faults, strict=True) if wrong
        }
        if any(good):
            kept = rows[good].reset_index(drop=True)
            done = take_in(self._database, self._tilings, kept, source=self._source, who=self._who, live=True)
            stored = [number for number, is_good in zip(numbers, good, strict=True) if is_good]
            for number, key, new in zip(stored, done.ids, done.new.tolist(), strict=True):
                answers[number] = {"line": number, "id": str(key), "new": new}
            self.tally.new += int(done.new.sum())
            self.tally.repeated += int((~done.new).sum())
        return answers


def _refused(number: int, faults: Sequence[Fault]) -> dict[str, Any]:
    return {"line": number, "errors": [fault.as_dict() for fault in faults]}
