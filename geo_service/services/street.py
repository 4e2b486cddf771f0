"""Who answers for a place, as the street may know it: its grid, people who may be named, whom to call.

The answer is made of nothing but public parts, each put in by name: nothing of a row of the database goes out
as it is. It tells of one place or one cell; no answer lists people, and of cells a few names at the most.
"""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words
from geo_service.planning.register import CellKey
from geo_service.services.board_words import Holder, holders_of, role_en, role_zh
from geo_service.services.locating import locate_closely
from geo_service.services.street_map import ASPECT, street_map
from geo_service.services.street_words import words
from geo_service.services.surroundings import surroundings_of
from geo_service.services.tiling import Tiling
from geo_service.store import boundaries, premises, reporting
from geo_service.store.database import Connection

#: So many addresses are looked at: where all that fit lie in one grid, that is the answer.
_LOOKED_AT = 2_000
#: So many cells and premises are offered to choose from. Houses never are: their list is not for the street.
MOST_CHOICES = 5
#: A cell that holds more, itself included, is not drawn.
MOST_CELLS_DRAWN = 150
_LONGEST, _SHORTEST = 60, 2
_MOST_WORDS = 6
#: With this probability a place lies in another grid before that is said.
_LIKELY = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """What a question comes to.

    Attributes
    ----------
    cell : (level, code) or None
        The cell whose people are named; None while places in several grids fit.
    place : (lon, lat) or None
        EPSG:4326, where a place was asked for.
    choices : tuple of str
        Cells and premises that fit, each of which is understood when it is asked for.
    fitting : tuple of str
        Premises that fit a text, also where they lie in one grid.
    exact : bool
        A place is called just so.
    beside : str
        Name of the grid in which the place may lie as well, as far as it is known where it is.
    """

    cell: CellKey | None
    place: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    beside: str = ""
    fitting: tuple[str, ...] = ()
    exact: bool = False


def at_place(tiling: Tiling, lon: float, lat: float, accuracy_m: float | None = None) -> Found:
    """Find the grid of a place.

    Raises
    ------
    NotFoundError
        It lies in no grid.
    """
    near = locate_closely(tiling, lon, lat, accuracy_m)
    if near["cell_code"] is None:
        message = Words(
            "This place lies in no grid of this town. Move closer or type an address.",
            "该位置不在本辖区的网格内。请检查定位，或改为输入地址。",
        )
        raise NotFoundError(message, [Fault("lon", message)])
    cell = _grid_of(tiling, _leaf(tiling, near["cell_code"]))
    grids: dict[CellKey, float] = {}
    for one in near.get("candidates", ()):
        if one["cell_code"] is not None:
            key = _grid_of(tiling, _leaf(tiling, one["cell_code"]))
            grids[key] = grids.get(key, 0.0) + one["probability"]
    grids.pop(cell, None)
    other = max(grids, key=grids.__getitem__, default=None)
    beside = _name(tiling, other) if other is not None and grids[other] >= _LIKELY else ""
    return Found(cell, (lon, lat), beside=beside)


def _leaf(tiling: Tiling, code: str) -> int:
    return int(np.flatnonzero(tiling.leaf_codes == code)[0])


def at_code(tiling: Tiling, code: str, level: str | None = None) -> Found:
    """Find a cell by its code.

    Raises
    ------
    NotFoundError
        There is none.
    """
    levels = [one for one in tiling.levels if tiling.id_of_cell(one, code) is not None]
    if level is not None:
        levels = [one for one in levels if one == level]
    if not levels:
        message = Words(
            "There is no grid of this code; perhaps the boundaries have changed since the board was printed.",
            "没有这个编码的网格；可能在公示牌印制之后网格已调整。请改为输入地址或使用定位。",
        )
        raise NotFoundError(message, [Fault("cell", message, value=code)])
    return Found((levels[-1], code))


def by_text(connection: Connection, tiling: Tiling, asked: str) -> Found:
    """Find a grid by its code or name, or the grid of an address or of premises.

    Raises
    ------
    InvalidInputError
        The text is too short, too long, or too many words.
    NotFoundError
        Nothing fits.
    """
    question = unicodedata.normalize("NFKC", asked).strip()
    parts = question.split()
    if not _SHORTEST <= len(question) <= _LONGEST or len(parts) > _MOST_WORDS or max(map(len, parts)) < 2:
        message = Words(
            "Type an address with its house number, the name of a place, or the code of a grid.",
            "请输入地址、地名或网格编码，例如“府前街 12 号”（至少两个字）。",
        )
        raise InvalidInputError(message, [Fault("text", message, value=asked)])
    cells = tiling.cells
    if (cells["code"].to_numpy(dtype=object) == question).any():
        return at_code(tiling, question)
    named = np.flatnonzero(cells["name"].to_numpy(dtype=object) == question)
    if len(named) == 1:
        return Found(_key(tiling, int(named[0])))
    return _by_part(connection, tiling, question, parts)


def _key(tiling: Tiling, row: int) -> CellKey:
    return str(tiling.cells["level"].iloc[row]), str(tiling.cells["code"].iloc[row])


def _cells_called(tiling: Tiling, question: str) -> list[int]:
    """Return the rows of cells above the lowest level whose name has these words in it, each name only once.

    Those that begin with them come first, and the larger ones before those inside them. A name that several
    cells have is left out: to be asked for by it would not find one.
    """
    cells = tiling.cells
    plain = _plain(question)
    names = [_plain(str(one)) for one in cells["name"]]
    how_many = Counter(names)
    upper = (cells["level"] != tiling.levels[-1]).to_numpy()
    fits = [row for row, name in enumerate(names) if upper[row] and plain in name and how_many[name] == 1]
    return sorted(fits, key=lambda row: not names[row].startswith(plain))[:MOST_CHOICES]


def _by_part(connection: Connection, tiling: Tiling, question: str, parts: list[str]) -> Found:
    """Find what is called so in part: cells first, then places."""
    rows = _cells_called(tiling, question)
    if not rows:
        return _by_address(connection, tiling, question, parts)
    try:
        places = _by_address(connection, tiling, question, parts)
    except NotFoundError:
        if len(rows) == 1:
            return Found(_key(tiling, rows[0]))
        places = Found(None)
    if places.exact:
        return places
    names = [str(tiling.cells["name"].iloc[row]) for row in rows]
    offered = dict.fromkeys((*names, *places.fitting))
    return Found(None, choices=tuple(offered)[:MOST_CHOICES])


def _by_address(connection: Connection, tiling: Tiling, question: str, parts: list[str]) -> Found:
    grounds = premises.named(connection, parts, limit=_LOOKED_AT)
    houses = reporting.addresses(connection, question, limit=_LOOKED_AT)
    plain = _plain(question)
    exact = [one for one in (*grounds, *houses) if _plain(one["address"]) == plain]
    places = exact[:1] or [*grounds, *houses]
    at = np.array([(one["lon"], one["lat"]) for one in places], dtype=np.float64).reshape(-1, 2)
    leaf, _ = tiling.index.leaf_of(at)
    grids = {_grid_of(tiling, int(one)) for one in leaf if one >= 0}
    if not grids:
        message = Words(
            "Nothing of this name was found. Try the street alone, the name of a compound, or your location.",
            "没有找到这个地址。可只输入路名或小区名，或使用手机定位。",
        )
        raise NotFoundError(message, [Fault("text", message, value=question)])
    texts = tuple(dict.fromkeys(one["address"] for one in grounds))[:MOST_CHOICES]
    all_seen = len(houses) < _LOOKED_AT
    if len(grids) == 1 and (exact or all_seen):
        first = int(np.flatnonzero(leaf >= 0)[0])
        place = (float(at[first, 0]), float(at[first, 1])) if len(places) == 1 else None
        return Found(grids.pop(), place, fitting=texts, exact=bool(exact))
    of_grids = _names_of(tiling, grids) if all_seen and len(grids) <= MOST_CHOICES else ()
    return Found(None, choices=tuple(dict.fromkeys((*texts, *of_grids)))[:MOST_CHOICES], fitting=texts)


def _names_of(tiling: Tiling, grids: set[CellKey]) -> list[str]:
    """Return the names by which grids are found when asked for, or their codes where names are shared."""
    names = tiling.cells["name"]
    called = [(code, _name(tiling, (level, code))) for level, code in sorted(grids)]
    return [name if (names == name).sum() == 1 else code for code, name in called]


def answer(connection: Connection, tiling: Tiling, found: Found, *, names_people: bool) -> dict[str, Any]:
    """Return what the street is told.

    Parameters
    ----------
    names_people : bool
        Whether people are named; else only the border and what to report where.
    """
    if found.cell is None:
        return {"several": True, "choices": list(found.choices)}
    now = boundaries.moment(connection)
    said = words(connection)
    levels = {one.code: one for one in boundaries.levels(connection)}
    cell_id = tiling.id_of_cell(*found.cell)
    path = tiling.path_of_cell(cell_id) if cell_id is not None else []
    held = holders_of(connection, tiling, [found.cell], now)[found.cell] if names_people else ()
    drawn = None
    if cell_id is not None and is_drawn(tiling, cell_id, found.cell[0]):
        around = surroundings_of(connection, tiling, *found.cell, aspect=ASPECT)
        drawn = street_map(around, found.place)
    return {
        "several": False,
        "choices": [],
        "cells": [
            {
                "level_zh": levels[one["level"]].name_zh,
                "level_en": levels[one["level"]].name_en,
                "name": one["name"],
                "code": one["code"],
            }
            for one in path
        ],
        "beside": found.beside,
        "people": _people(held),
        "people_withheld": not names_people,
        "office": said.office,
        "office_phone": said.office_phone,
        "report": [{"zh": one.zh, "en": one.en, "phone": one.phone} for one in said.report],
        "map": drawn,
    }


def is_drawn(tiling: Tiling, cell_id: int, level: str) -> bool:
    """Tell whether the street gets a drawing of a cell: of a grid and of its leaves, as they hang on boards.

    A township or the whole town takes seconds to draw, and nobody in the street asks for its map here.
    """
    return level in tiling.levels[-2:] and len(tiling.ids_below(cell_id)) <= MOST_CELLS_DRAWN


def _people(held: tuple[Holder, ...]) -> list[dict[str, str]]:
    """Return those of the nearest cell that names anybody, and the leads of those above it."""
    return [
        {
            "name": person.name,
            "role_zh": role_zh(person.role),
            "role_en": role_en(person.role),
            "cell": one.name,
            "phone": person.phone,
        }
        for one in held
        for person in one.people
    ]


def _grid_of(tiling: Tiling, leaf: int) -> CellKey:
    """Return the cell directly above a leaf; the leaf itself where there is none."""
    path = tiling.named_path(leaf)
    one = path[-2] if len(path) > 1 and path[-1]["level"] == tiling.levels[-1] else path[-1]
    return one["level"], one["code"]


def _name(tiling: Tiling, key: CellKey) -> str:
    cell_id = tiling.id_of_cell(*key)
    return tiling.path_of_cell(cell_id)[-1]["name"] if cell_id is not None else ""


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).lower().split())
