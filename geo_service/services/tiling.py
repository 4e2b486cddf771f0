"""Editions held in memory: the cells of a tiling, its point index and the way up from each leaf."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, NotFoundError, Words
from geo_service.geometry import derive
from geo_service.geometry.segments import segments_of
from geo_service.locate.index import CellIndex
from geo_service.model import Edition
from geo_service.store import boundaries
from geo_service.store.database import Connection, Database

#: How long a process may answer from its idea of what is in force, before it asks the database again.
IN_FORCE_TTL_S = 0.5
#: Tilings held in memory: the one in force, the next, and a few that are looked back at or compared. One of
#: 14,199 leaves takes 54 MiB, with its outlines on every level 60 (growth of the process by eight of them).
EDITIONS_KEPT = 6


@dataclass(frozen=True)
class Tiling:
    """One edition: every cell, and an index over the leaves.

    Attributes
    ----------
    edition : Edition
        What it is and when it is in force.
    cells : pandas.DataFrame
        As :func:`geo_service.store.boundaries.load_cells` gives them; positions in it identify cells below.
    leaves : (n,) int64
        Positions of the leaves, in ascending order of code: the order of the index.
    levels : tuple of str
        Codes of the levels in use, from the top down.
    ancestry : (n, levels) int32
        For each leaf and level the position of its ancestor there (itself on its own level), -1 if none.
    index : CellIndex
        From points to leaves.
    """

    edition: Edition
    cells: pd.DataFrame
    leaves: NDArray[np.int64]
    levels: tuple[str, ...]
    ancestry: NDArray[np.int32]
    index: CellIndex

    @classmethod
    def of(cls, edition: Edition, cells: pd.DataFrame, index: CellIndex | None = None) -> "Tiling":
        """Index the cells of an edition, unless the index of the same leaves is given."""
        leaves = leaves_in_order(cells)
        by_depth = cells[["depth", "level"]].drop_duplicates().sort_values("depth")
        return cls(
            edition=edition,
            cells=cells,
            leaves=leaves,
            levels=tuple(by_depth["level"]),
            ancestry=_ancestry(cells, leaves),
            index=index or index_leaves(cells),
        )

    @cached_property
    def mark(self) -> str:
        """What tells this tiling from others: an edition never changes; of a plan its cells are looked at.

        Whatever is kept about a tiling is kept under this: a plan has another content after every edit.
        """
        if self.edition.id > 0:
            return str(self.edition.id)
        digest = hashlib.sha256()
        columns = [self.cells[name].tolist() for name in ("level", "code", "parent_level", "parent_code")]
        for *words, shape in zip(*columns, self.cells["geom"].tolist(), strict=True):
            digest.update(repr(words).encode() + (b"" if shape is None else shape.wkb))
        return digest.hexdigest()

    @cached_property
    def leaf_ids(self) -> NDArray[np.int64]:
        """Database id of each leaf, in the order of the index."""
        return self.cells["id"].to_numpy()[self.leaves]

    @cached_property
    def leaf_codes(self) -> NDArray[np.object_]:
        """Code of each leaf, in the order of the index."""
        return self.cells["code"].to_numpy(dtype=object)[self.leaves]

    def named_path(self, leaf: int) -> list[dict[str, str]]:
        """Return level, code and name of a leaf's ancestors from the top down, the leaf last."""
        codes, names = self._code_list, self._name_list
        return [
            {"level": level, "code": codes[at], "name": names[at]}
            for level, at in zip(self.levels, self.ancestry[leaf].tolist(), strict=True)
            if at >= 0
        ]

    def ids_above(self, leaf_id: int) -> frozenset[int]:
        """Return the database ids of a leaf and of the cells above it; of another cell its own."""
        at = self._leaf_of_id.get(leaf_id)
        if at is None:
            return frozenset({leaf_id})
        above = self.ancestry[at]
        return frozenset(self._ids[above[above >= 0]].tolist())

    @cached_property
    def _ids(self) -> NDArray[np.int64]:
        return self.cells["id"].to_numpy()

    @cached_property
    def _leaf_of_id(self) -> dict[int, int]:
        return {int(key): i for i, key in enumerate(self.leaf_ids)}

    def path_of_cell(self, cell_id: int) -> list[dict[str, str]]:
        """Return :meth:`named_path` of any cell by its database id; empty if the edition does not have it."""
        path, at, parents = [], cell_id, self._parent_ids
        while (row := self._row_of_id.get(at)) is not None:
            path.append(
                {"level": self._level_list[row], "code": self._code_list[row], "name": self._name_list[row]}
            )
            at = parents.get(at, -1)
        return path[::-1]

    def id_path_of_cell(self, cell_id: int) -> list[int]:
        """Return the database ids of a cell and those above it, from the cell upwards."""
        path, at = [], cell_id
        while at in self._row_of_id:
            path.append(at)
            at = self._parent_ids.get(at, -1)
        return path

    def id_of_cell(self, level: str, code: str) -> int | None:
        """Return the database id of a cell of the edition, None if it has none of this level and code."""
        return self._id_of_key.get((level, code))

    def ids_below(self, cell_id: int) -> list[int]:
        """Return the database ids of a cell and of all cells inside it."""
        below: dict[int, list[int]] = self._children
        found, todo = [], [cell_id]
        while todo:
            at = todo.pop()
            found.append(at)
            todo += below.get(at, [])
        return found

    @cached_property
    def _children(self) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for child, parent in self._parent_ids.items():
            out.setdefault(parent, []).append(child)
        return out

    @cached_property
    def _row_of_id(self) -> dict[int, int]:
        return {int(key): row for row, key in enumerate(self.cells["id"])}

    @cached_property
    def _id_of_key(self) -> dict[tuple[str, str], int]:
        keys = zip(self.cells["level"], self.cells["code"], self.cells["id"], strict=True)
        return {(str(level), str(code)): int(key) for level, code, key in keys}

    @cached_property
    def _level_list(self) -> list[str]:
        return [str(level) for level in self.cells["level"]]

    @cached_property
    def _code_list(self) -> list[str]:
        return [str(code) for code in self.cells["code"]]

    @cached_property
    def _name_list(self) -> list[str]:
        return [str(name) for name in self.cells["name"]]

    def at_level(self, level: str) -> pd.DataFrame:
        """Return the cells of one level with their outlines, those of upper levels derived from the leaves.

        Raises
        ------
        NotFoundError
            The edition has no such level.
        """
        if level not in self.levels:
            known = ", ".join(self.levels)
            raise NotFoundError(
                Words(f"there is no level {level!r} in this edition", f"此边界版本没有层级 {level}"),
                [Fault("level", Words(f"use one of: {known}", f"可用：{known}"), value=level)],
            )
        if level not in self._outlined:
            self._outlined[level] = self._outline(level)
        return self._outlined[level]

    @cached_property
    def _outlined(self) -> dict[str, pd.DataFrame]:
        return {}

    def _outline(self, level: str) -> pd.DataFrame:
        cells = self.cells[self.cells["level"] == level].copy()
        position = np.full(len(self.cells), -1, dtype=np.int64)
        position[cells.index] = np.arange(len(cells))
        of_leaf = self.ancestry[:, self.levels.index(level)]
        inside = of_leaf >= 0
        cells["geom"] = derive.outlines(
            self.cells["geom"].to_numpy()[self.leaves[inside]], position[of_leaf[inside]], len(cells)
        )
        return cells.reset_index(drop=True)

    def row_above(self, cell_id: int, level: str) -> int:
        """Return the row in :meth:`at_level` of a cell, or of its ancestor there; -1 if there is none."""
        rows = {int(key): i for i, key in enumerate(self.cells.loc[self.cells["level"] == level, "id"])}
        parents = self._parent_ids
        while cell_id not in rows and cell_id in parents:
            cell_id = parents[cell_id]
        return rows.get(cell_id, -1)

    @cached_property
    def _parent_ids(self) -> dict[int, int]:
        known = self.cells[self.cells["parent_id"].notna()]
        return {int(a): int(b) for a, b in zip(known["id"], known["parent_id"], strict=True)}

    @cached_property
    def figures(self) -> OrderedDict[tuple[object, ...], NDArray[np.float64]]:
        """What was counted on this tiling, kept as long as the tiling is; who counts sees to its size."""
        return OrderedDict()

    def group_of_leaf(self, level: str) -> NDArray[np.int64]:
        """Return for each leaf the row of its ancestor in :meth:`at_level`, -1 if it has none there."""
        cells = self.cells[self.cells["level"] == level]
        position = np.full(len(self.cells) + 1, -1, dtype=np.int64)
        position[cells.index] = np.arange(len(cells))
        return position[self.ancestry[:, self.levels.index(level)]]


def leaves_in_order(cells: pd.DataFrame) -> NDArray[np.int64]:
    """Return the rows that hold land, in ascending order of code: the order of the index."""
    at = np.flatnonzero(cells["geom"].notna().to_numpy())
    order = np.argsort(cells["code"].to_numpy(dtype=object)[at], kind="stable")
    return at[order]


def index_leaves(cells: pd.DataFrame) -> CellIndex:
    """Build the point index of an edition's leaves."""
    leaves = leaves_in_order(cells)
    codes = cells["code"].to_numpy(dtype=object)[leaves].tolist()
    # only tilings that were proved are published: the proof need not be made again at every start
    return CellIndex.build(segments_of(cells["geom"].to_numpy()[leaves]), codes, check=False)


def _ancestry(cells: pd.DataFrame, leaves: NDArray[np.int64]) -> NDArray[np.int32]:
    depths = np.sort(cells["depth"].unique())
    column = {int(depth): i for i, depth in enumerate(depths)}
    position = pd.Series(np.arange(len(cells)), index=cells["id"])
    # no number stands for "none": the cells of a plan have negative ones
    parent_id = cells["parent_id"].to_numpy(dtype=float, na_value=np.nan)
    parent = position.reindex(parent_id).fillna(-1).to_numpy(dtype=np.int32)
    depth_column = np.array([column[int(depth)] for depth in cells["depth"]])
    out = np.full((len(leaves), len(depths)), -1, dtype=np.int32)
    rows, at = np.arange(len(leaves)), leaves.astype(np.int32)
    while len(rows):
        out[rows, depth_column[at]] = at
        at = parent[at]
        rows, at = rows[at >= 0], at[at >= 0]
    return out


class Tilings:
    """The tilings of a database, loaded when first asked for and kept while they are used.

    Thread-safe. The tiling asked for least recently goes when there are more than ``size``. One thread builds
    an edition, those who want the same one wait for it, everybody else goes on.
    """

    def __init__(self, database: Database, *, size: int = EDITIONS_KEPT) -> None:
        self._database = database
        self._size = size
        self._lock = threading.Lock()  # held for moments only, never while building
        self._kept: OrderedDict[int, Tiling] = OrderedDict()
        self._building: dict[int, threading.Lock] = {}
        self._in_force: tuple[float, list[Edition]] = (float("-inf"), [])

    def keep(self, tiling: Tiling) -> None:
        """Take in a tiling that this process has just published, and ask anew what is in force."""
        self._put(tiling)
        self._in_force = (float("-inf"), [])

    def spans(self) -> list[Edition]:
        """Return what is in force when, as known now, at most :data:`IN_FORCE_TTL_S` old."""
        asked_at, spans = self._in_force
        if time.monotonic() - asked_at > IN_FORCE_TTL_S:
            with self._database.reading() as connection:
                spans = boundaries.spans_in_force(connection)
            self._in_force = (time.monotonic(), spans)
        return spans

    def edition(self, as_of: datetime | None = None, known_at: datetime | None = None) -> Edition:
        """Return the edition in force.

        Raises
        ------
        NotFoundError
            Nothing is published, or nothing was in force then.
        """
        if known_at is not None:
            with self._database.reading() as connection:
                found = boundaries.edition_in_force(connection, as_of, known_at)
        else:
            found = in_force_at(self.spans(), as_of)
        if found is None:
            when = f" at {as_of.isoformat()}" if as_of else ""
            known = f" as known at {known_at.isoformat()}" if known_at else ""
            words = Words(
                f"no boundaries are in force{when}{known}: import some, or ask for another moment",
                f"{as_of.isoformat() if as_of else '目前'}没有生效的边界：请先导入，或改问其他时刻",
            )
            raise NotFoundError(words)
        return found

    def at_hand(self, as_of: datetime | None = None) -> Tiling | None:
        """Return the tiling in force if it is in memory and known to be so, without asking the database."""
        asked_at, spans = self._in_force
        if time.monotonic() - asked_at > IN_FORCE_TTL_S:
            return None
        edition = in_force_at(spans, as_of)
        return self._recall(edition.id) if edition else None

    def get(self, as_of: datetime | None = None, known_at: datetime | None = None) -> Tiling:
        """Return the tiling in force (see :meth:`edition`)."""
        return self.load(self.edition(as_of, known_at))

    def load(self, edition: Edition, connection: Connection | None = None) -> Tiling:
        """Return the tiling of an edition from memory, or from the database.

        Who holds a connection already gives it: a pool in which everybody waits for a second one runs dry.
        """
        if (tiling := self._recall(edition.id)) is not None:
            return tiling
        with self._lock:
            building = self._building.setdefault(edition.id, threading.Lock())
        with building:
            if (tiling := self._recall(edition.id)) is not None:  # another thread has built it meanwhile
                return tiling
            with nullcontext(connection) if connection is not None else self._database.reading() as reading:
                cells = boundaries.load_cells(reading, edition.id)
            tiling = Tiling.of(edition, cells)
            self._put(tiling)
            return tiling

    def _recall(self, edition_id: int) -> Tiling | None:
        with self._lock:
            tiling = self._kept.get(edition_id)
            if tiling is not None:
                self._kept.move_to_end(edition_id)
            return tiling

    def _put(self, tiling: Tiling) -> None:
        with self._lock:
            self._kept[tiling.edition.id] = tiling
            self._kept.move_to_end(tiling.edition.id)
            self._building.pop(tiling.edition.id, None)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def in_force_at(spans: Sequence[Edition], as_of: datetime | None) -> Edition | None:
    """Return which of the spans holds a moment (None: now)."""
    moment = as_of or datetime.now(UTC)
    for span in spans:
        if (span.valid_from is None or span.valid_from <= moment) and (
            span.valid_to is None or moment < span.valid_to
        ):
            return span
    return None
