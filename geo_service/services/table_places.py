"""Rows of a table that name a building or a cell instead of coordinates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pandas as pd

from geo_service.errors import Fault, Words
from geo_service.services import reporting
from geo_service.services.reporting import Place, Report
from geo_service.store import placements
from geo_service.store import table_places as store
from geo_service.store.database import Database


def from_table(database: Database, frame: pd.DataFrame) -> tuple[list[Report], list[Fault]]:
    """Return the reports of a table read with ``places``, and what is wrong with its rows.

    Coordinates go before a building, that before a cell. A building is named by its id or by its address
    word for word, a cell by its code, with its level where several levels use that code.
    """
    reports, faults = reporting.from_table(frame)
    if faults:
        return reports, faults
    rows: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
    asked = [row for row in rows if not row["located"]]
    with database.reading() as connection:
        buildings = store.buildings(connection, {row["building"] for row in asked if row["building"]})
        levels = store.levels(connection, {row["cell_code"] for row in asked if row["cell_code"]})
    placed = []
    for row, report in zip(rows, reports, strict=True):
        place = report.place if row["located"] else _place(row, buildings, levels)
        if isinstance(place, Fault):
            faults.append(place)
        else:
            placed.append(replace(report, place=place))
    return placed, faults


#: Rows that an answer names one by one.
SHOWN = 100


def outside(database: Database, frame: pd.DataFrame, ids: Sequence[UUID]) -> dict[str, Any]:
    """Tell which rows that were taken in lie in no cell, and which have no place; the first of each.

    Parameters
    ----------
    frame : DataFrame
        As :func:`geo_service.formats.incidents.read_incidents` read it.
    ids : sequence of UUID
        The incident of each row.
    """
    with database.reading() as connection:
        leaves = placements.leaves_of(connection, ids)
    found: dict[str, list[dict[str, Any]]] = {"in_no_cell": [], "unlocated": []}
    for row, key in zip(frame.to_dict("records"), ids, strict=True):
        if key in leaves or row["cell_code"]:
            continue
        one = {"row": int(row["row"]), "source_id": str(row["id"]), "id": str(key)}
        if row["located"]:
            found["in_no_cell"].append(one | {"place": [round(row["lon"], 7), round(row["lat"], 7)]})
        elif not row["building"]:
            found["unlocated"].append(one)
    return {name: rows[:SHOWN] for name, rows in found.items()}


def _place(
    row: Mapping[str, Any], buildings: Mapping[str, list[str]], levels: Mapping[str, list[str]]
) -> Place | Fault:
    number = int(row["row"])
    if name := row["building"]:
        found = buildings.get(name, [])
        if len(found) == 1:
            return Place(building=found[0])
        words = Words(
            f"{len(found)} buildings have this address: give the id of one"
            if found
            else "no building has this id or address",
            f"有 {len(found)} 栋楼使用此地址，请填写楼栋编号" if found else "没有此编号或地址的楼栋",
        )
        return Fault("building", words, row=number, value=name)
    if code := row["cell_code"]:
        known = levels.get(code, [])
        chosen = [level for level in known if row["cell_level"] in {"", level}]
        if len(chosen) == 1:
            return Place(level=chosen[0], cell_code=code)
        words = Words(
            f"this code is used by {', '.join(known)}: say which in cell_level"
            if len(chosen) > 1
            else "there is no cell of this code and level",
            f"此编码属于多个层级（{'、'.join(known)}），请填写层级"
            if len(chosen) > 1
            else "没有此编码、层级的网格",
        )
        return Fault("cell_code", words, row=number, value=code)
    return Place()
