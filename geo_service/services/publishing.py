"""Publishing: a draft tiling becomes the edition in force, and incidents follow it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from geo_service.errors import ConflictError, Fault, InvalidInputError
from geo_service.model import Edition
from geo_service.planning.register import CellKey
from geo_service.services import gap_register
from geo_service.services.drafting import Draft
from geo_service.services.lineage import Weighted, trace
from geo_service.services.placing import Progress, follow
from geo_service.services.tiling import Tiling, Tilings, index_leaves
from geo_service.store import audit, boundaries, ground, lineage, outbox, placements, plan_ground
from geo_service.store.database import Connection, Database

_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    edition_id: int
    valid_from: datetime | None
    placed: int


def publish(
    database: Database,
    tilings: Tilings,
    draft: Draft,
    *,
    who: str,
    note: str,
    tolerance_m: float = 0.0,
    valid_from: datetime | None = None,
    supersede: bool = False,
    progress: Progress | None = None,
    back_dated: bool = True,
    never_before: frozenset[CellKey] = frozenset(),
    also: Callable[[Connection, int], None] | None = None,
) -> Published:
    """Write the draft as a new edition, in force from ``valid_from``.

    By default from now on; the first edition always; one that only divides its base further for as long as
    that, if it may be ``back_dated``: dividing a grid into micro-grids does not change who answered for
    it. An edition that was to begin later is replaced only with ``supersede``.

    One transaction: edition, cells, re-placement of incidents, audit and event are all there or none. Nearly
    all of it is done while reports come in; they wait only for its end, when the few that arrived meanwhile
    are placed and the edition comes into force. ``progress`` is told how the re-placement goes on; ``also``
    is called with the edition's id to write more in the same transaction; the cells ``never_before`` must
    have codes that were never issued, not even by an edition published a moment ago.

    Raises
    ------
    InvalidInputError
        The draft has findings of severity error, or changes nothing.
    ConflictError
        Somebody published in between, or an edition that begins later would be replaced.
    """
    refuse_errors(draft)
    if not draft.difference:
        raise InvalidInputError("the file changes nothing: the edition in force says the same already")
    index = index_leaves(draft.cells)
    began = _moment_after_intake(database)
    with database.writing() as connection:
        boundaries.lock_out_publishers(connection)
        start = _start(connection, draft, valid_from, began, supersede=supersede, back_dated=back_dated)
        for level, code in sorted(never_before):
            if plan_ground.has_code(connection, level, code):
                message = f"the code {code} was issued to another {level} meanwhile"
                raise ConflictError(
                    message, [Fault("code", f"{message}; give the new cell another one", value=code)]
                )
        edition_id = _write(connection, draft, tolerance_m=tolerance_m, who=who, note=note)
        edition = Edition(edition_id, start, None, began, note, who)
        tiling = Tiling.of(edition, boundaries.load_cells(connection, edition_id), index)
        placements.find_changed_leaves(connection, edition_id)
        placed = follow(connection, tiling, start, progress=progress)
        if draft.base is not None:
            lineage.add(connection, edition_id, _lineage(connection, tilings, draft.base, tiling, began))
        gap_register.record(connection, tiling)
        if also is not None:
            also(connection, edition_id)
        # from here on intake waits
        now = boundaries.lock_for_publishing(connection)
        start = _start(connection, draft, valid_from, now, supersede=supersede, back_dated=back_dated)
        boundaries.put_in_force(connection, edition_id, start, now)
        placed += follow(connection, tiling, start, recorded_since=began)
        summary: dict[str, Any] = {"edition_id": edition_id, "note": note, **draft.difference.as_dict()}
        audit.record(connection, who, "publish", f"edition {edition_id}", summary)
        outbox.add(connection, "edition.published", {"edition_id": edition_id})
    tilings.keep(replace(tiling, edition=replace(edition, valid_from=start, recorded_at=now)))
    return Published(edition_id, start, placed)


def _moment_after_intake(database: Database) -> datetime:
    """Wait for the reports that are just coming in; what is recorded later bears a later moment than this."""
    with database.writing() as connection:
        return boundaries.lock_for_publishing(connection)


def _lineage(
    connection: Connection, tilings: Tilings, base: int, tiling: Tiling, now: datetime
) -> pd.DataFrame:
    """Return what the cells of the base passed on to those of the new tiling."""
    old = tilings.load(plan_ground.edition_of(connection, base))
    demand = ground.demand(connection)
    incidents_deg = plan_ground.incident_points(connection, now - _YEAR, now)
    layers = [
        Weighted(demand[["lon", "lat"]].to_numpy(dtype=float), demand["households"].to_numpy(dtype=float)),
        Weighted(incidents_deg, np.ones(len(incidents_deg))),
    ]
    return trace(old, tiling, layers)


def _start(
    connection: Connection,
    draft: Draft,
    valid_from: datetime | None,
    now: datetime,
    *,
    supersede: bool,
    back_dated: bool,
) -> datetime | None:
    """Return from when on the draft is in force; raise when it cannot be."""
    in_force = boundaries.edition_in_force(connection, as_of=valid_from)
    if (in_force.id if in_force else None) != draft.base:
        raise ConflictError("another edition was published meanwhile; nothing was written, run it again")
    start = valid_from
    if start is None and in_force is not None:
        start = in_force.valid_from if draft.refines and back_dated else now
    if not supersede:
        _refuse_later(boundaries.spans_in_force(connection), start)
    return start


def _write(connection: Connection, draft: Draft, *, tolerance_m: float, who: str, note: str) -> int:
    for level in draft.new_levels:
        boundaries.add_level(connection, level)
    return boundaries.write_edition(
        connection,
        draft.cells,
        base=draft.base,
        changed=draft.changed,
        digest=draft.digest,
        tolerance_m=tolerance_m,
        who=who,
        note=note,
    )


def _refuse_later(spans: Sequence[Edition], start: datetime | None) -> None:
    later = [span for span in spans if span.valid_from and (start is None or span.valid_from > start)]
    if later:
        listed = ", ".join(f"{span.id} (from {span.valid_from:%Y-%m-%d %H:%M%z})" for span in later)
        raise ConflictError(
            f"this would replace editions that begin later: {listed}; nothing was written",
            [
                Fault(
                    "supersede",
                    "say that they are to be replaced (supersede), or begin after them (valid_from)",
                )
            ],
        )


def refuse_errors(draft: Draft) -> None:
    """Raise with one fault for each finding that blocks publishing."""
    if not draft.errors:
        return
    faults = []
    for finding in draft.errors:
        place = finding.shape.representative_point() if finding.shape is not None else None
        message = f"{finding.rule}: {finding.message}" + (f"; {finding.remedy}" if finding.remedy else "")
        faults.append(
            Fault("geometry", message, place=(place.x, place.y) if place and not place.is_empty else None)
        )
    raise InvalidInputError(f"the tiling has {len(faults)} error(s) and cannot be published", faults)
