"""What a key for a part of the town may see and change: everything else is not there for it.

Incidents are its own where they lie in its cells (:mod:`geo_service.store.scopes`). People are its own where
they hold a role on one of its cells or on a cell inside them, now or later; whoever is sent to one of its
incidents is seen as well. The roster's entries are in :mod:`geo_service.services.roster_scopes`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, ForbiddenError, NotFoundError, Words
from geo_service.model import Principal, Role
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store import scopes
from geo_service.store.database import Connection, Database


@dataclass(frozen=True)
class Part:
    """A part of the town in one edition.

    Attributes
    ----------
    tiling : Tiling
        The edition.
    scope : frozenset of int
        Ids of the cells that a key is for.
    """

    tiling: Tiling
    scope: frozenset[int]

    @cached_property
    def cells(self) -> frozenset[int]:
        """Ids of those cells and of all inside them, as far as the edition has them."""
        known = (key for key in self.scope if self.tiling.id_path_of_cell(key))
        return frozenset(below for key in known for below in self.tiling.ids_below(key))

    @cached_property
    def above(self) -> frozenset[int]:
        """Ids of the cells over them."""
        return frozenset(up for key in self.scope for up in self.tiling.id_path_of_cell(key)[1:])

    @cached_property
    def leaves(self) -> NDArray[np.bool_]:
        """Which leaves lie in it, in the order of the index; one more, False, for no leaf (-1)."""
        return np.append(np.isin(self.tiling.leaf_ids, list(self.cells)), False)

    def holds(self, lonlat_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which places (EPSG:4326) lie in it; what is nowhere does not."""
        leaf, _ = self.tiling.index.leaf_of(lonlat_deg)
        inside: NDArray[np.bool_] = self.leaves[leaf]
        return inside

    def has(self, level: str, code: str) -> bool:
        """Tell whether a cell lies in it."""
        return self.tiling.id_of_cell(level, code) in self.cells

    def codes_at(self, level: str) -> frozenset[str]:
        """Return the codes of its cells of a level."""
        frame = self.tiling.cells
        inside = (frame["level"] == level) & frame["id"].isin(list(self.cells))
        return frozenset(frame.loc[inside, "code"])

    def require_level(self, level: str) -> frozenset[str]:
        """Return :meth:`codes_at`, and refuse a level that lies above the whole part.

        Raises
        ------
        ForbiddenError
            No cell of the level lies in it.
        """
        codes = self.codes_at(level)
        if not codes:
            message = Words(
                "your key is for a part of the town that has no cell of this level: ask for a lower level",
                "您的密钥只管部分区域，其中没有该层级的网格：请选择更低的层级",
            )
            raise ForbiddenError(message, [Fault("level", message, value=level)])
        return codes


def part_of(tilings: Tilings, who: Principal | None) -> Part | None:
    """Return the part of the town that a caller is confined to, as it is now; None: he is not."""
    return Part(tilings.get(), who.scope) if who is not None and who.scope else None


def require_sight(connection: Connection, who: Principal, key: UUID) -> None:
    """Raise unless the caller sees an incident: one of another part of the town is not there for him.

    Raises
    ------
    NotFoundError
        With the same words as for an incident that there is none of.
    """
    if who.scope and not scopes.seen(connection, who.scope, [key]):
        raise NotFoundError(Words(f"there is no incident {key}", f"没有编号为 {key} 的事件"))


def require_sight_of_path(database: Database, who: Principal, parameters: Mapping[str, Any]) -> None:
    """Raise unless the caller sees the incident that an address names, itself or by a dispatch.

    ``parameters`` are those of the path; what is no id is left to whoever reads it.
    """
    if not who.scope:
        return
    own_only = who.role is Role.WORKER  # sent across a border, he sees where he is sent
    try:
        key = UUID(str(parameters["incident_id"])) if "incident_id" in parameters else None
        number = int(parameters["dispatch_id"]) if "dispatch_id" in parameters else None
    except ValueError:
        return
    if key is None and (number is None or not 0 < number < 2**63):
        return
    with database.reading() as connection:
        if number is not None:
            sent_to = scopes.incident_of_dispatch(connection, number)
            outside = sent_to is not None and not scopes.seen(connection, who.scope, [sent_to])
            if outside and not own_only:
                raise NotFoundError(Words(f"there is no dispatch {number}", f"没有编号为 {number} 的派单"))
        if key is not None and not (own_only and scopes.was_sent(connection, who.id, key)):
            require_sight(connection, who, key)


def refuse_others(own: Iterable[str], named: Mapping[str, str | None]) -> None:
    """Raise where somebody is named who is not of the caller's part of the town.

    Parameters
    ----------
    own : iterable of str
        Codes of those who are.
    named : mapping of str to str or None
        The codes in question by the fields in which they stand.

    Raises
    ------
    ForbiddenError
    """
    known = frozenset(own)
    faults = [
        Fault(field, _NOT_YOURS, value=code)
        for field, code in named.items()
        if code is not None and code not in known
    ]
    if faults:
        raise ForbiddenError(_NOT_YOURS, faults)


_NOT_YOURS = Words(
    "your key is for a part of the town, and this is nobody of it: have whoever has a key for the whole town "
    "do it, or give him a duty in your cells first",
    "您的密钥只管部分区域，此人不属于该区域：请由全域密钥办理，或先让其在您的网格任职",
)


def without_others(connection: Connection, part: Part | None, found: dict[str, Any]) -> dict[str, Any]:
    """Return why nobody arrived in time without the names of people of other parts of the town.

    ``best`` and ``best_when_sent`` keep their times, so that the cause can still be understood.
    """
    if part is None:
        return found
    own = scopes.people_of(connection, part.cells)
    out = dict(found)
    for name in ("best", "best_when_sent"):
        if out.get(name) is not None and out[name]["responder"] not in own:
            out[name] = {**out[name], "responder": None, "name": None}
    return out


def foreign(part: Part | None, path: Iterable[Mapping[str, str]]) -> bool:
    """Tell whether a place whose cells are these lies outside of a part of the town."""
    return part is not None and not any(part.has(one["level"], one["code"]) for one in path)
