"""What outside the boundaries a new edition touches: who answers for cells that change, and sign boards."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from geo_service.planning.sign_boards import TouchedBoard, summary
from geo_service.services.lineage import between_cells
from geo_service.services.sign_boards import touched_by_edition
from geo_service.services.tiling import Tiling
from geo_service.store import staffing
from geo_service.store.database import Connection

_DECIMALS = 6


@dataclass(frozen=True)
class Touched:
    """What an edition touches.

    Attributes
    ----------
    duties : list of dict
        For each duty on a cell that changes: responder_id, code, name, role, cell ``[level, code]``,
        cell_name, change (retired: the cell is no more; reshaped: land came or went; reparented: another
        cell is above it), and what the cell passed on and received, each with the share of the giver's land.
    boards : list of TouchedBoard
        The sign boards that must be printed again, or change hands.
    """

    duties: list[dict[str, Any]] = field(default_factory=list)
    boards: list[TouchedBoard] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"duties": self.duties, "sign_boards": summary(self.boards)}


def touched(connection: Connection, old: Tiling, new: Tiling, flows: pd.DataFrame, at: datetime) -> Touched:
    """Tell what an edition touches.

    Parameters
    ----------
    old, new : Tiling
        The edition before, and the new one.
    flows : pandas.DataFrame
        What passed between cells, or became nobody's or was so, as
        :func:`geo_service.services.lineage.trace` tells it: strips that rounding makes are no land there.
    at : datetime
        The duties are those held at this moment.
    """
    return Touched(_duties(connection, old, new, flows, at), touched_by_edition(connection, old, new))


def _duties(
    connection: Connection, old: Tiling, new: Tiling, flows: pd.DataFrame, at: datetime
) -> list[dict[str, Any]]:
    changes = _changes(old, new, flows)
    duties = staffing.duties(connection, at)
    duties = duties[duties["cell_id"].isin(list(changes))]
    if not len(duties):
        return []
    people = staffing.responders(connection).set_index("id")
    names = _names(old) | _names(new)
    passed = between_cells(flows)
    given, taken = _flows(passed, names, "from_id", "to_id"), _flows(passed, names, "to_id", "from_id")
    rows = []
    for who, cell, role in zip(duties["responder_id"], duties["cell_id"], duties["role"], strict=True):
        level, code, name = names[cell]
        rows.append(
            {
                "responder_id": int(who),
                "code": people.at[who, "code"],
                "name": people.at[who, "name"],
                "role": role,
                "cell": [level, code],
                "cell_name": name,
                "change": changes[cell],
                "passed_on": given[cell],
                "received": taken[cell],
            }
        )
    return sorted(rows, key=lambda row: (row["cell"], row["code"], row["role"]))


def _changes(old: Tiling, new: Tiling, flows: pd.DataFrame) -> dict[int, str]:
    """Return what becomes of the cells that were there before and do not stay as they were."""
    before, after = _parents(old), _parents(new)
    moved = flows[flows["kind"] != "kept"]
    ends = set(moved["from_id"]) | set(moved["to_id"])
    out = {}
    for cell, parent in before.items():
        if cell not in after:
            out[cell] = "retired"
        elif cell in ends:
            out[cell] = "reshaped"
        elif parent != after[cell]:
            out[cell] = "reparented"
    return out


def _parents(tiling: Tiling) -> dict[int, int | None]:
    cells = tiling.cells
    return {
        int(cell): None if pd.isna(parent) else int(parent)
        for cell, parent in zip(cells["id"], cells["parent_id"], strict=True)
    }


def _names(tiling: Tiling) -> dict[int, tuple[str, str, str]]:
    cells = tiling.cells
    return {
        int(cell): (str(level), str(code), str(name))
        for cell, level, code, name in zip(
            cells["id"], cells["level"], cells["code"], cells["name"], strict=True
        )
    }


def _flows(
    flows: pd.DataFrame, names: dict[int, tuple[str, str, str]], of: str, other: str
) -> dict[int, list[dict[str, Any]]]:
    """Return for each cell the others that it gave to or got from, the largest share first."""
    out: dict[int, list[dict[str, Any]]] = defaultdict(list)
    largest_first = flows.sort_values("share_land", ascending=False, kind="stable")
    for cell, to, share in zip(
        largest_first[of], largest_first[other], largest_first["share_land"], strict=True
    ):
        out[cell].append({"cell": list(names[to][:2]), "share_land": round(float(share), _DECIMALS)})
    return out
