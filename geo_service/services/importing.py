"""Importing: files become boundaries, roads, incidents, responders, shifts and demand.

Each function first works out what would change (``commit=False`` ends there) and writes in one transaction.
"""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.formats.boundaries import BoundaryTable
from geo_service.formats.demand import DemandTable
from geo_service.formats.faults import no_file
from geo_service.formats.responders import ResponderTable
from geo_service.formats.shifts import ShiftKind, ShiftTable
from geo_service.model import Finding
from geo_service.roads.osm import read_pbf
from geo_service.services.drafting import BoundaryImport, Draft, draft_import
from geo_service.services.intake import take_in
from geo_service.services.progress import Phase, Progress
from geo_service.services.progress import silent as no_progress
from geo_service.services.publishing import Published, publish, refuse_errors
from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.services.whereabouts import about_incidents, about_streets, refuse_far_streets
from geo_service.store import audit, boundaries, ground, incidents, outbox, roads, staffing
from geo_service.store.database import Connection, Database

Say = Callable[[str, float | None], None]

_LEVEL = re.compile(r"[a-z][a-z0-9_]{0,31}")


def silent(what: str, share: float | None = None) -> None:
    """Say nothing about progress."""
    del what, share


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do."""

    kind: str
    committed: bool
    counts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON, findings without their shapes."""
        return {
            "import": self.kind,
            "committed": self.committed,
            **self.counts,
            "notes": list(self.notes),
            "findings": [
                {
                    "rule": finding.rule,
                    "severity": finding.severity.value,
                    "cells": list(finding.cells[:10]),
                    "message": finding.message,
                    "remedy": finding.remedy,
                    "numbers": dict(finding.numbers),
                }
                for finding in self.findings
            ],
        }


# -------------------------------------------------------------------------------------------- boundaries


def import_boundaries(
    database: Database,
    tilings: Tilings,
    table: BoundaryTable,
    *,
    level: str,
    parent_level: str | None = None,
    tolerance_m: float = 0.0,
    accept: frozenset[str] = frozenset(),
    valid_from: datetime | None = None,
    supersede: bool = False,
    note: str = "",
    who: str,
    commit: bool,
    say: Say = silent,
    progress: Progress = no_progress,
    finish: Callable[[Connection, ImportReport], None] | None = None,
) -> ImportReport:
    """Make the cells of one level from a file, and with ``commit`` publish them as a new edition.

    ``progress`` is told how the publication goes on; ``finish`` is called with the report at the end of its
    transaction.

    Raises
    ------
    InvalidInputError
        With ``commit``: the tiling has errors (each is listed), or nothing would change.
    """
    _check_levels(level=level, parent_level=parent_level)
    say("comparing with the boundaries in force", None)
    with database.reading() as connection:
        levels = boundaries.levels(connection)
        in_force = boundaries.edition_in_force(connection, as_of=valid_from)
    current = tilings.load(in_force) if in_force else None
    frame = pd.DataFrame(table.frame)
    request = BoundaryImport(frame, level, parent_level, tolerance_m, accept)
    progress(Phase.PROOF, 0, len(frame))
    draft = draft_import(request, current, levels)
    progress(Phase.PROOF, len(frame), len(frame))
    if not commit:
        return _boundary_report(draft, table, None)
    refuse_errors(draft)
    say("publishing", None)

    def tell(phase: Phase, count: int, total: int) -> None:
        say(phase.words, count / total if total else None)
        progress(phase, count, total)

    def end(connection: Connection, done: Published) -> None:
        if finish is not None:
            finish(connection, _boundary_report(draft, table, done))

    done = publish(
        database,
        tilings,
        draft,
        who=who,
        note=note,
        tolerance_m=tolerance_m,
        valid_from=valid_from,
        supersede=supersede,
        progress=tell,
        finish=end,
    )
    return _boundary_report(draft, table, done)


def _check_levels(**given: str | None) -> None:
    message = "use small letters, digits and _, a letter first, at most 32: beat, micro_grid"
    wrong = {field: name for field, name in given.items() if name and not _LEVEL.fullmatch(name)}
    if wrong:
        faults = [Fault(field, message, value=name) for field, name in wrong.items()]
        raise InvalidInputError("a level cannot have this name", faults)
    if given["level"] == given["parent_level"]:
        fault = Fault("parent_level", "name the level above", value=given["level"])
        raise InvalidInputError("a level cannot be its own parent", [fault])


def _boundary_report(draft: Draft, table: BoundaryTable, done: Published | None) -> ImportReport:
    counts: dict[str, Any] = {
        "cells": len(table.frame),
        "base_edition": draft.base,
        "changes": draft.difference.as_dict(),
        "errors": len(draft.errors),
    }
    if done:
        counts |= {"edition": done.edition_id, "valid_from": done.valid_from, "incidents_placed": done.placed}
    return ImportReport("boundaries", done is not None, counts, table.notes, draft.findings)


# ------------------------------------------------------------------------------------------------- roads


def import_roads(
    database: Database,
    tilings: Tilings,
    file: Path,
    *,
    name: str,
    who: str,
    commit: bool = True,
    anyway: bool = False,
    say: Say = silent,
) -> ImportReport:
    """Read an OSM PBF and put its network in use; says so if none of it lies where the boundaries are.

    Raises
    ------
    NotFoundError, InvalidInputError
        No such file; it cannot be read, or holds no streets. With ``commit`` and not ``anyway``: none of
        its streets lies near the cells.
    """
    if not file.is_file():
        raise no_file(file)
    say("reading the streets", None)
    extract = read_pbf(file)
    network, features = extract.network, extract.features
    report = asdict(extract.report)
    counts: dict[str, Any] = {"nodes": len(network.node_id), "edges": len(network.edge_id), "report": report}
    counts["map_features"] = len(features.kind)
    if not len(network.edge_id):
        raise InvalidInputError(
            f"{file.name} holds no streets", [Fault("FILE", "give an extract with highways")]
        )
    in_force = in_force_at(tilings.spans(), None)
    if commit and in_force and not anyway:
        refuse_far_streets(network.node_lonlat_deg, tilings.load(in_force))
    if commit:
        say("storing", None)
        drawn = pd.DataFrame(
            {"kind": features.kind, "name": features.name, "geometry": features.geometry}, dtype=object
        )
        with database.writing() as connection:
            network_id = roads.replace(connection, network, name, report)
            ground.replace_features(connection, f"roads {name}", drawn)
            counts["network_id"] = network_id
            _record(
                connection, who, "import roads", name, {"edges": counts["edges"], "nodes": counts["nodes"]}
            )
    return ImportReport("roads", commit, counts, _remarks(tilings, about_streets, network.node_lonlat_deg))


# --------------------------------------------------------------------------------------------- incidents


def import_incidents(
    database: Database,
    tilings: Tilings,
    frame: pd.DataFrame,
    notes: tuple[str, ...] = (),
    *,
    source: str,
    who: str,
    commit: bool,
) -> ImportReport:
    """Take in a table of incidents; rows imported before are left as they are.

    Says so if most of them lie in no cell of the edition in force, and what the reason may be.
    """
    notes += _remarks(tilings, about_incidents, frame[["lon", "lat"]].to_numpy(dtype=float))
    rows = frame.rename(columns={"id": "source_id"})
    unlocated = int(rows["lon"].isna().sum())
    if not commit:
        with database.reading() as connection:
            known = incidents.by_source(connection, source, rows["source_id"].tolist())
        new = int((~rows["source_id"].isin(list(known))).sum())
        counts = {"received": len(rows), "new": new, "repeated": len(rows) - new, "unlocated": unlocated}
        return ImportReport("incidents", committed=False, counts=counts, notes=notes)
    done = take_in(database, tilings, rows, source=source, who=who)
    return ImportReport("incidents", True, {**done.as_dict(), "unlocated": unlocated}, notes)


# ---------------------------------------------------------------------------------------------- staffing


def import_responders(
    database: Database, tilings: Tilings, table: ResponderTable, *, who: str, commit: bool
) -> ImportReport:
    """Add or correct responders by id; a home cell becomes a duty from now on.

    Raises
    ------
    InvalidInputError
        A home cell does not exist.
    """
    with database.reading() as connection:
        known = staffing.responder_ids(connection)
        in_force = boundaries.edition_in_force(connection)
    rows = table.frame.rename(columns={"id": "code", "base_lon": "lon", "base_lat": "lat"})
    level_of: dict[str, str] = {}
    if in_force:
        cells = tilings.load(in_force).cells
        # from the top down, so that of two levels with the same code the lower one counts
        level_of = dict(zip(cells["code"], cells["level"], strict=True))
    faults = [
        Fault("home_cell_code", "there is no cell with this code in the edition in force", row, code)
        for row, code in zip(rows["row"], rows["home_cell_code"], strict=True)
        if code and code not in level_of
    ]
    if faults:
        raise InvalidInputError(f"{len(faults)} home cell(s) do not exist", faults[:100])
    rows["home_level"] = [level_of.get(code) for code in rows["home_cell_code"]]
    counts = {
        "rows": len(rows),
        "new": int((~rows["code"].isin(list(known))).sum()),
        "corrected": int(rows["code"].isin(list(known)).sum()),
    }
    if commit:
        with database.writing() as connection:
            staffing.upsert_responders(connection, rows, boundaries.moment(connection))
            _record(connection, who, "import responders", "responders", counts)
    return ImportReport("responders", commit, counts, table.notes)


def import_shifts(database: Database, table: ShiftTable, *, who: str, commit: bool) -> ImportReport:
    """Set shifts or weekly rotas of the responders that the file names.

    With ``commit`` the report of shifts also says how many were removed before, and how many of those that
    reach beyond the file's span were cut at its ends.

    Raises
    ------
    InvalidInputError
        A responder is not known.
    """
    with database.reading() as connection:
        ids = staffing.responder_ids(connection)
    rows = table.frame
    faults = [
        Fault("responder_id", "there is no responder with this id; import responders first", row, code)
        for row, code in zip(rows["row"], rows["responder_id"], strict=True)
        if code not in ids
    ]
    if faults:
        raise InvalidInputError(f"{len(faults)} row(s) name unknown responders", faults[:100])
    counts: dict[str, Any] = {
        "kind": table.kind.value,
        "rows": len(rows),
        "responders": rows["responder_id"].nunique(),
    }
    if commit:
        rows = rows.assign(responder_id=rows["responder_id"].map(ids), timezone=table.timezone)
        with database.writing() as connection:
            if table.kind is ShiftKind.WEEKLY:
                staffing.replace_rota(connection, rows)
            else:
                done = staffing.replace_shifts(connection, rows)
                counts |= {"replaced": done.removed, "cut": done.cut}
            _record(connection, who, "import shifts", "shifts", counts)
    return ImportReport("shifts", commit, counts, table.notes)


# ------------------------------------------------------------------------------------------------ demand


def import_demand(database: Database, table: DemandTable, *, who: str, commit: bool) -> ImportReport:
    """Put a new set of demand points in the place of the old one."""
    points = pd.DataFrame(table.frame).rename(columns={"id": "source_id"})
    points["footprint"] = [shape if shape.geom_type == "Polygon" else None for shape in table.frame.geometry]
    for name in ("households", "residents"):
        points[name] = points[name].fillna(0).astype(int)
    with database.reading() as connection:
        before, _ = ground.demand_version(connection)
    counts = {
        "points": len(points),
        "households": int(points["households"].sum()),
        "residents": int(points["residents"].sum()),
        "replaced": before,
    }
    if commit:
        with database.writing() as connection:
            ground.replace_demand(connection, points)
            _record(connection, who, "import demand", "demand", counts)
    return ImportReport("demand", commit, counts, table.notes)


def _remarks(
    tilings: Tilings,
    about: Callable[[NDArray[np.float64], Tiling], str | None],
    lonlat_deg: NDArray[np.float64],
) -> tuple[str, ...]:
    """Hold positions against the edition in force; nothing is said before there is one."""
    in_force = in_force_at(tilings.spans(), None)
    remark = about(lonlat_deg, tilings.load(in_force)) if in_force else None
    return (remark,) if remark else ()


def _record(connection: Connection, who: str, action: str, subject: str, details: dict[str, Any]) -> None:
    audit.record(connection, who, action, subject, details)
    outbox.add(connection, action.replace("import ", "imported."), details)
