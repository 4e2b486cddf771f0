"""Intake: incidents come in once each and are placed in the edition in force when they happened."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.model import Edition, How
from geo_service.services import handling
from geo_service.services.placing import place
from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.staffing.clocks import Standard, standard_from
from geo_service.store import audit, boundaries, catalogue, incidents, outbox
from geo_service.store.database import Connection, Database

#: Incidents are named by (source, source's id); the same pair gives the same id on every machine.
NAMESPACE = uuid.UUID("6b0f3c1e-7d54-5c0e-9b1a-3f6f2a7d9e10")

DEFAULTS: dict[str, Any] = {
    "accuracy_m": None,
    "floor": None,
    "category": "",
    "urgency": "normal",
    "channel": "web",
    "address": "",
    "named_cell_id": None,
    "building": None,
    "datum": "WGS84",
    "flags": (),
}


@dataclass(frozen=True)
class Intake:
    """What became of a batch: the id of each report, and whether it brought something new.

    Of several reports with one id in the batch the first one may be new, the others repeat it.
    """

    ids: list[uuid.UUID]
    new: NDArray[np.bool_]
    placed: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "received": len(self.ids),
            "new": int(self.new.sum()),
            "repeated": int((~self.new).sum()),
            "placed": self.placed,
        }


def incident_id(source: str, source_id: str) -> uuid.UUID:
    """Return the id of a source's report."""
    return uuid.uuid5(NAMESPACE, f"{len(source)} {source} {source_id}")


def take_in(
    database: Database,
    tilings: Tilings,
    reports: pd.DataFrame,
    *,
    source: str,
    who: str,
    live: bool = False,
) -> Intake:
    """Record a batch of reports; what is known already is left as it is.

    Parameters
    ----------
    reports
        Columns source_id, occurred_at, lon, lat (EPSG:4326, NaN: unlocated) and optionally those of
        :data:`DEFAULTS` and ``attributes``.
    live
        Somebody waits for an answer: what is new gets a life with clocks. History has none.

    Notes
    -----
    One transaction under the shared publishing lock: the edition read in it is still the one in force when
    it commits. A report in no cell, or without coordinates, is kept and flagged.
    """
    rows = reports.copy()
    rows["source"], rows["reported_by"] = source, who
    rows = named(rows)
    with database.writing() as connection:
        new, placed = _write(connection, tilings, rows, live=live)
        if len(new) > incidents.FEW:
            details = {"source": source, "received": len(new), "new": sum(new.values()), "placed": placed}
            audit.record(connection, who, "import incidents", source, details)
    is_first = ~rows["id"].duplicated().to_numpy()
    ids = rows["id"].tolist()
    return Intake(ids, np.array([new[key] for key in ids], dtype=bool) & is_first, placed)


def named(rows: pd.DataFrame) -> pd.DataFrame:
    """Return reports with their ids, of ``source`` and ``source_id``, and all columns that are stored."""
    keys = zip(rows["source"], rows["source_id"], strict=True)
    at = rows.index  # of a part of a table it does not begin with 0
    out = rows.assign(id=pd.Series([incident_id(*map(str, key)) for key in keys], index=at, dtype=object))
    for name, value in DEFAULTS.items():
        if name not in out:
            out[name] = pd.Series([value] * len(out), index=at, dtype=object)
    if "attributes" not in out:
        out["attributes"] = pd.Series([{} for _ in range(len(out))], index=at, dtype=object)
    return out


def write(database: Database, tilings: Tilings, rows: pd.DataFrame, *, live: bool) -> dict[uuid.UUID, bool]:
    """Store reports as :func:`named` gives them in one transaction; returns by id whether each was new."""
    with database.writing() as connection:
        return _write(connection, tilings, rows, live=live)[0]


def _write(
    connection: Connection, tilings: Tilings, reports: pd.DataFrame, *, live: bool
) -> tuple[dict[uuid.UUID, bool], dict[str, int]]:
    # in one order: two who send the same reports crosswise wait, and do not block each other
    rows = reports.drop_duplicates("id").sort_values("id", ignore_index=True)
    boundaries.intake_lock().ask(connection)
    new = incidents.insert_new(connection, rows)
    placed, cells = _place_new(connection, tilings, rows[new], live=live)
    if live:
        _begin_lives(connection, rows[new], cells)
    _tell(connection, rows[new], live=live)
    return dict(zip(rows["id"], new.tolist(), strict=True)), placed


def _place_new(
    connection: Connection, tilings: Tilings, rows: pd.DataFrame, *, live: bool
) -> tuple[dict[str, int], dict[uuid.UUID, tuple[str, ...]]]:
    """Place reports; returns how many were placed how, and, of live ones, the codes of the cells of each."""
    counts = {how.value: 0 for how in How}
    cells: dict[uuid.UUID, tuple[str, ...]] = {}
    for edition, part in _by_edition(boundaries.spans_in_force(connection), rows):
        if edition is None:
            counts[How.NONE.value] += len(part)
            continue
        tiling = tilings.load(edition, connection)
        named = np.array([-1 if pd.isna(key) else key for key in part["named_cell_id"]], dtype=np.int64)
        lonlat_deg = part[["lon", "lat"]].to_numpy(dtype=float)
        found = place(connection, tiling, part["id"].tolist(), lonlat_deg, named)
        for how in How:
            counts[how.value] += int(np.count_nonzero(found.how == how.value))
        if live:
            cells |= dict(zip(part["id"], (codes_above(tiling, key) for key in found.cell_ids), strict=True))
    return counts, cells


def codes_above(tiling: Tiling, cell_id: int) -> tuple[str, ...]:
    """Return the codes of a cell and of those above it: what a response standard for a place goes by."""
    return tuple(cell["code"] for cell in tiling.path_of_cell(int(cell_id)))


def _begin_lives(connection: Connection, rows: pd.DataFrame, cells: dict[uuid.UUID, tuple[str, ...]]) -> None:
    """Begin the lives of new reports, each with the standard that holds for it."""
    standards, above = standards_now(connection)
    facts = zip(rows["id"], rows["category"], rows["urgency"], rows["reported_by"], strict=True)
    newcomers = [
        handling.Newcomer(key, ancestors(category, above), urgency, cells.get(key, ()), who)
        for key, category, urgency, who in facts
    ]
    handling.begin(connection, newcomers, standards)


def standards_now(connection: Connection) -> tuple[list[Standard], dict[str, str | None]]:
    """Return the response standards, and the category above each where they go by categories."""
    standards = [standard_from(row) for row in catalogue.standards(connection)]
    return standards, catalogue.parents(connection) if any(one.categories for one in standards) else {}


def ancestors(category: str, above: dict[str, str | None]) -> tuple[str, ...]:
    """Return a category and those above it."""
    found: list[str] = []
    one: str | None = category
    while one and one not in found:
        found.append(one)
        one = above.get(one)
    return tuple(found)


def _by_edition(spans: list[Edition], rows: pd.DataFrame) -> Iterator[tuple[Edition | None, pd.DataFrame]]:
    """Split rows by the edition in force at their moment; None where nothing was."""
    if not len(rows):
        return
    if len(spans) == 1 and spans[0].valid_from is None and spans[0].valid_to is None:
        yield spans[0], rows
        return
    found = [in_force_at(spans, moment) for moment in rows["occurred_at"]]
    key = pd.Series([edition.id if edition else -1 for edition in found], index=rows.index)
    by_id = {edition.id: edition for edition in spans}
    for edition_id, part in rows.groupby(key, sort=True):
        yield by_id.get(int(str(edition_id))), part


def _tell(connection: Connection, rows: pd.DataFrame, *, live: bool) -> None:
    """Queue one event for each report, or one for a whole import of history."""
    if len(rows) > incidents.FEW and not live:
        told = {"source": rows["source"].iloc[0], "count": len(rows)}
        outbox.add(connection, "incidents.imported", told)
        return
    events = [
        {"id": str(key), "source": source} for key, source in zip(rows["id"], rows["source"], strict=True)
    ]
    outbox.add_many(connection, "incident.reported", events)
