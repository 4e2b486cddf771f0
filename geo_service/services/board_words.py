"""The words on a sign board (people, public numbers, duties), and a digest that tells when they change."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from geo_service.planning.register import CellKey
from geo_service.planning.sign_boards import PublicPerson
from geo_service.services.role_words import ROLE_NAMES
from geo_service.services.street_words import StreetWords, words
from geo_service.services.tiling import Tiling
from geo_service.store import boundaries, street
from geo_service.store.database import Connection


@dataclass(frozen=True)
class Holder:
    """People who may be named in public, of one cell."""

    cell: CellKey
    level_zh: str
    name: str
    people: tuple[PublicPerson, ...]


def role_zh(role: str) -> str:
    """Return the Chinese name of a role."""
    return ROLE_NAMES[role].zh if role in ROLE_NAMES else role


def role_en(role: str) -> str:
    """Return the English name of a role."""
    return ROLE_NAMES[role].en if role in ROLE_NAMES else role


def holders_of(
    connection: Connection, tiling: Tiling, cells: Sequence[CellKey], at: datetime
) -> dict[CellKey, tuple[Holder, ...]]:
    """Return for each cell who may be named at a moment: its own people first, then those of the cells above.

    The cells are there.
    """
    names = {one.code: one.name_zh for one in boundaries.levels(connection)}
    paths = {key: tiling.id_path_of_cell(tiling.id_of_cell(*key) or 0) for key in cells}
    known = street.people(connection, {one for path in paths.values() for one in path}, at)
    out: dict[CellKey, tuple[Holder, ...]] = {}
    for key, path in paths.items():
        named = tiling.path_of_cell(path[0])[::-1]
        out[key] = tuple(
            Holder((cell["level"], cell["code"]), names[cell["level"]], cell["name"], tuple(known[cell_id]))
            for cell_id, cell in zip(path, named, strict=True)
            if cell_id in known
        )
    return out


def mark_of(cell: CellKey, holders: Sequence[Holder], said: StreetWords) -> bytes:
    """Return the digest of people, public numbers and duties on a board: equal words have equal ones.

    The name of the cell itself is not among them: the register keeps it.
    """
    people = [
        [
            "" if one.cell == cell else one.name,
            [[person.name, person.role, person.phone] for person in one.people],
        ]
        for one in holders
    ]
    spoken = {name: value for name, value in said.as_dict().items() if name != "version"}
    return hashlib.sha256(orjson.dumps([people, spoken], option=orjson.OPT_SORT_KEYS)).digest()


def marks(connection: Connection, tiling: Tiling, cells: Sequence[CellKey]) -> dict[CellKey, bytes]:
    """Return the digest of the words that a board of each cell would have now, if it is there."""
    there = [key for key in dict.fromkeys(cells) if tiling.id_of_cell(*key) is not None]
    if not there:
        return {}
    said, held = words(connection), holders_of(connection, tiling, there, boundaries.moment(connection))
    return {key: mark_of(key, held[key], said) for key in there}
