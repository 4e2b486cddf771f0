"""Publishing: a draft tiling becomes the edition in force, and incidents follow it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.model import Edition
from geo_service.planning.register import CellKey
from geo_service.services import gap_register
from geo_service.services.drafting import Draft
from geo_service.services.lineage import Weighted, trace
from geo_service.services.placing import follow
from geo_service.services.progress import Phase, Progress, silent
from geo_service.services.tiling import Tiling, Tilings, index_leaves
from geo_service.services.touched import Touched, touched
from geo_service.store import audit, boundaries, ground, lineage, outbox, placements, plan_ground
from geo_service.store.database import Connection, Database

_YEAR = timedelta(days=365)
#: So many cells are named to who comes too late.
_MAX_CELLS_TOLD = 20


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    edition_id: int
    valid_from: datetime | None
    placed: int
    touched: Touched = field(default_factory=Touched)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "edition_id": self.edition_id,
            "valid_from": self.valid_from,
            "incidents_placed": self.placed,
            "touched": self.touched.as_dict(),
        }


#: Writes more in the transaction that puts an edition in force, as the last thing in it.
Finish = Callable[[Connection, Published], None]


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
    progress: Progress = silent,
    back_dated: bool = True,
    never_before: frozenset[CellKey] = frozenset(),
    also: Callable[[Connection, int], None] | None = None,
    finish: Finish | None = None,
) -> Published:
    """Write the draft as a new edition, in force from ``valid_from``.

    By default from now on; the first edition always; one that only divides its base further for as long as
    that, if it may be ``back_dated``: dividing a grid into micro-grids does not change who answered for
    it. An edition that was to begin later is replaced only with ``supersede``.

    One transaction: edition, cells, re-placement of incidents, audit and event are all there or none. Nearly
    all of it is done while reports come in; they wait only for its end, when the few that arrived meanwhile
    are placed and the edition comes into force. ``progress`` is told how it goes on. ``also`` is called with
    the edition's id to write more in the same transaction while reports still come in, ``finish`` at its very
    end with what was published. The cells ``never_before`` must have codes that were never issued, not even
    by an edition published a moment ago.

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
        changed = int(draft.changed.sum())
        progress(Phase.CELLS, 0, changed)
        edition_id = _write(connection, draft, tolerance_m=tolerance_m, who=who, note=note)
        progress(Phase.CELLS, changed, changed)
        edition = Edition(edition_id, start, None, began, note, who)
        tiling = Tiling.of(edition, boundaries.load_cells(connection, edition_id), index)
        placements.find_changed_leaves(connection, edition_id)
        placed = follow(connection, tiling, start, progress=partial(progress, Phase.INCIDENTS))
        outside = Touched()
        if draft.base is not None:
            old = tilings.load(plan_ground.edition_of(connection, draft.base), connection)
            outside = _pass_on(connection, old, tiling, max(start or began, began), progress)
        gap_register.record(connection, tiling, start)
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
        published = Published(edition_id, start, placed, outside)
        if finish is not None:
            finish(connection, published)
    tilings.keep(replace(tiling, edition=replace(edition, valid_from=start, recorded_at=now)))
    return published


def _moment_after_intake(database: Database) -> datetime:
    """Wait for the reports that are just coming in; what is recorded later bears a later moment than this."""
    with database.writing() as connection:
        return boundaries.lock_for_publishing(connection)


def _pass_on(connection: Connection, old: Tiling, new: Tiling, at: datetime, progress: Progress) -> Touched:
    """Write down what the cells passed on to others; return what that touches."""
    progress(Phase.LINEAGE, 0, 0)
    now = new.edition.recorded_at
    demand = ground.demand(connection)
    incidents_deg = plan_ground.incident_points(connection, now - _YEAR, now)
    layers = [
        Weighted(demand[["lon", "lat"]].to_numpy(dtype=float), demand["households"].to_numpy(dtype=float)),
        Weighted(incidents_deg, np.ones(len(incidents_deg))),
    ]
    flows = trace(old, new, layers)
    lineage.add(connection, new.edition.id, flows)
    progress(Phase.LINEAGE, len(flows), len(flows))
    return touched(connection, old, new, flows, at)


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
        message = Words(
            "another edition was published meanwhile; nothing was written, run it again",
            "其间发布了另一版边界；这次什么都没有写入，请再来一次",
        )
        raise ConflictError(message, what_changed(connection, draft.base, in_force))
    start = valid_from
    if start is None and in_force is not None:
        start = in_force.valid_from if draft.refines and back_dated else now
    if not supersede:
        _refuse_later(boundaries.spans_in_force(connection), start)
    return start


def what_changed(connection: Connection, base: int | None, in_force: Edition | None) -> list[Fault]:
    """Return, for who meant to follow an edition, the cells that the one in force has otherwise."""
    if base is None or in_force is None:
        return []
    cells = boundaries.changed_between(connection, base, in_force.id)
    by = f"{in_force.published_by} ({in_force.note})" if in_force.note else in_force.published_by
    return [
        Fault(
            "base_edition_id",
            Words(
                f"{level} {code} was changed in edition {in_force.id} by {by}",
                f"{code} 在第 {in_force.id} 版中已由 {by} 改动",
            ),
            value=code,
        )
        for level, code in cells[:_MAX_CELLS_TOLD]
    ]


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
            Words(
                f"this would replace editions that begin later: {listed}; nothing was written",
                f"会取代以后才生效的边界版本：{listed}；这次什么都没有写入",
            ),
            [
                Fault(
                    "supersede",
                    Words(
                        "say that they are to be replaced (supersede), or begin after them (valid_from)",
                        "请写明要取代它们，或把生效时间定在它们之后",
                    ),
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
