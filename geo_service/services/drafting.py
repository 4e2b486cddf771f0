"""From an imported table to a draft tiling: what the next edition would be, what changes, what is wrong.

Nothing is written here. The draft holds every cell of the next edition, the findings of the whole-tiling
check and the difference from the edition it starts from.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.inspect import inspect_tiling
from geo_service.model import Finding, Level, Severity
from geo_service.services.fitting import compare_outlines, match_codes, parent_findings, parents_by_place
from geo_service.services.tiling import Tiling

COLUMNS = ["level", "code", "kind", "name", "parent_level", "parent_code", "attributes", "geom"]

#: Errors that a caller may accept; a broken tiling is not among them.
ACCEPTABLE = frozenset({"child_outside_parent", "parent_not_covered", "unknown_parent"})


@dataclass(frozen=True)
class BoundaryImport:
    """What the caller wants: a table of cells of one level, and how to read it."""

    table: pd.DataFrame  # code, name, parent_code, attributes, geometry (EPSG:4326)
    level: str
    parent_level: str | None = None
    tolerance_m: float = 0.0
    accept: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Difference:
    """What changes from one edition to the next: (level, code) of each cell."""

    added: list[tuple[str, str]] = field(default_factory=list)
    retired: list[tuple[str, str]] = field(default_factory=list)
    reshaped: list[tuple[str, str]] = field(default_factory=list)
    reparented: list[tuple[str, str]] = field(default_factory=list)
    described: list[tuple[str, str]] = field(default_factory=list)  # name or attributes
    unchanged: int = 0

    def __bool__(self) -> bool:
        """Say whether anything changes at all."""
        return any((self.added, self.retired, self.reshaped, self.reparented, self.described))

    def as_dict(self) -> dict[str, Any]:
        """Return counts by level, and the first codes of each kind of change."""
        out: dict[str, Any] = {"unchanged": self.unchanged}
        for kind in ("added", "retired", "reshaped", "reparented", "described"):
            cells: list[tuple[str, str]] = getattr(self, kind)
            levels: dict[str, int] = {}
            for level, _ in cells:
                levels[level] = levels.get(level, 0) + 1
            out[kind] = {"count": len(cells), "by_level": levels, "first": [code for _, code in cells[:20]]}
        return out


@dataclass(frozen=True)
class Draft:
    """The next edition before it is written."""

    base: int | None
    cells: pd.DataFrame
    changed: NDArray[np.bool_]
    new_levels: tuple[Level, ...]
    findings: tuple[Finding, ...]
    difference: Difference
    digest: bytes

    @property
    def refines(self) -> bool:
        """Whether the draft only divides leaves of the base: each gave all its land to children of its own.

        Then nobody's outline moves, and the division holds for as long as what it divides.
        """
        change = self.difference
        if self.base is None or change.retired or change.reparented or change.described or not change.added:
            return False
        keys = list(zip(self.cells["level"], self.cells["code"], strict=True))
        parents = zip(self.cells["parent_level"], self.cells["parent_code"], strict=True)
        parent = dict(zip(keys, parents, strict=True))
        bare = {key for key, shape in zip(keys, self.cells["geom"], strict=True) if shape is None}
        divided = set(change.reshaped) & bare
        strays = {"child_outside_parent", "parent_not_covered", "unknown_parent", "missing_parent"}
        return (
            divided == set(change.reshaped)
            and all(parent[cell] in divided for cell in change.added)
            and not any(finding.rule in strays for finding in self.findings)
        )

    @property
    def errors(self) -> list[Finding]:
        """The findings that stand in the way of publishing."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


def draft_import(request: BoundaryImport, current: Tiling | None, levels: Sequence[Level]) -> Draft:
    """Work out the next edition from an imported table.

    The file is the whole of its level: cells of that level that it does not name are retired. A level
    below which there are cells already keeps its derived outlines; the shapes given are compared with
    them and only names, parents and attributes are taken over.

    Raises
    ------
    InvalidInputError
        The levels do not fit together.
    """
    placed, new_levels = _place_level(request, levels)
    depth = {level.code: level.depth for level in placed}
    old = current.cells[COLUMNS] if current else pd.DataFrame(columns=COLUMNS)
    holds_land = not current or not any(depth[code] > depth[request.level] for code in current.levels)
    rows = _rows(request, placed, current)
    findings = [*match_codes(rows, current), *parent_findings(rows, current, request.tolerance_m)]
    if holds_land:
        cells = _replace_level(old, rows, request.level)
        cells, found = _whole_tiling(cells, request.tolerance_m)
        findings += found
    else:
        assert current is not None  # noqa: S101 - there are cells below, so there is a tiling
        findings += compare_outlines(rows, current, request.level, request.tolerance_m)
        cells = _describe_level(old, rows, request.level)
    accepted = tuple(_accepted(finding, request.accept) for finding in findings)
    return _draft(cells, current, depth, new_levels, accepted)


def draft_whole(cells: pd.DataFrame, levels: Sequence[Level], current: Tiling | None) -> Draft:
    """Work out the next edition from all its cells on all its levels (columns :data:`COLUMNS`)."""
    known = set(current.levels) if current else set()
    new_levels = tuple(level for level in levels if level.code not in known)
    cells, findings = _whole_tiling(cells.reset_index(drop=True), tolerance_m=0.0)
    return _draft(cells, current, {level.code: level.depth for level in levels}, new_levels, tuple(findings))


def _draft(
    cells: pd.DataFrame,
    current: Tiling | None,
    depth: dict[str, int],
    new_levels: tuple[Level, ...],
    findings: tuple[Finding, ...],
) -> Draft:
    """Put the cells in order and compare them with the edition in force."""
    cells = cells.assign(depth=cells["level"].map(depth)).sort_values(["depth", "code"], kind="stable")
    cells = cells[COLUMNS].reset_index(drop=True)
    old = current.cells[COLUMNS] if current else pd.DataFrame(columns=COLUMNS)
    changed, difference = _compare(old, cells)
    return Draft(
        base=current.edition.id if current else None,
        cells=cells,
        changed=changed,
        new_levels=new_levels,
        findings=findings,
        difference=difference,
        digest=_digest(cells),
    )


def _place_level(request: BoundaryImport, levels: Sequence[Level]) -> tuple[list[Level], tuple[Level, ...]]:
    """Return the levels as they will be, and those of them that are new."""
    known = {level.code: level for level in levels}
    has_parents = bool(request.table["parent_code"].notna().any())
    if request.level in known:
        return list(levels), ()
    if has_parents and not request.parent_level and not levels:
        raise InvalidInputError(
            "the file names parents, but there is no level for them yet",
            [Fault("parent_level", "say what the parents are: --parent-level district", value=None)],
        )
    out = list(levels)
    new: list[Level] = []
    if request.parent_level and request.parent_level not in known:
        new.append(_new_level(request.parent_level, len(out)))
        out.append(new[-1])
    parent = request.parent_level or (out[-1].code if out else None)
    depth = next(level.depth for level in out if level.code == parent) + 1 if parent else 0
    if depth < len(out):
        raise InvalidInputError(
            f"level {request.level!r} is new and would come between levels that have cells",
            [Fault("level", f"import it below the deepest level, {out[-1].code!r}", value=request.level)],
        )
    new.append(_new_level(request.level, depth))
    return [*out, new[-1]], tuple(new)


def _new_level(code: str, depth: int) -> Level:
    names = {
        "county": "县",
        "township": "乡镇",
        "community": "村（社区）",
        "grid": "网格",
        "micro_grid": "微网格",
    }
    return Level(code, depth, names.get(code, code), code.replace("_", " "))


def _rows(request: BoundaryImport, levels: Sequence[Level], current: Tiling | None) -> pd.DataFrame:
    """Return the file's cells as rows of an edition, each with its parent."""
    table = request.table
    depth = next(level.depth for level in levels if level.code == request.level)
    parent_level = next((level.code for level in levels if level.depth == depth - 1), None)
    shapes = np.asarray(table["geometry"], dtype=object)
    parents: list[str | None] = [code if isinstance(code, str) else None for code in table["parent_code"]]
    if parent_level is None and any(parents):
        raise InvalidInputError(
            f"cells of the top level {request.level!r} cannot have parents",
            [Fault("parent_field", "leave it out, or give the level above with --parent-level")],
        )
    known = current.cells[current.cells["level"] == request.level] if current else None
    kind = dict(zip(known["code"], known["kind"], strict=True)) if known is not None else {}
    if parent_level and not any(parents) and current and parent_level in current.levels:
        parents = parents_by_place(shapes, current.at_level(parent_level))
    return pd.DataFrame(
        {
            "level": request.level,
            "code": table["code"].tolist(),
            # a file of outlines says nothing of it
            "kind": [kind.get(code, "regular") for code in table["code"]],
            "name": table["name"].fillna("").tolist(),
            "parent_level": [parent_level if code is not None else None for code in parents],
            "parent_code": parents,
            "attributes": table["attributes"].tolist(),
            "geom": shapes,
        },
        columns=COLUMNS,
        dtype=object,
    )


def _replace_level(old: pd.DataFrame, rows: pd.DataFrame, level: str) -> pd.DataFrame:
    """Put the file's cells in the place of the level's, and fit the level above to them."""
    kept = old[old["level"] != level].copy()
    parent_level = next((name for name in rows["parent_level"] if name), None)
    if parent_level is None:
        bare: pd.DataFrame = pd.concat([kept, rows], ignore_index=True)
        return bare
    named = set(rows["parent_code"].dropna())
    at_parent = kept["level"] == parent_level
    has_children = at_parent & kept["code"].isin(named)
    # a parent gives its land to its children; one that is left with neither land nor children is retired
    kept.loc[has_children, "geom"] = None
    kept = kept[~at_parent | has_children | kept["geom"].notna()]
    missing = sorted(named - set(kept.loc[kept["level"] == parent_level, "code"]))
    created = pd.DataFrame(
        {
            "level": parent_level,
            "code": missing,
            "kind": "regular",
            "name": "",
            "parent_level": None,
            "parent_code": None,
            "attributes": [{} for _ in missing],
            "geom": None,
        },
        columns=COLUMNS,
        dtype=object,
    )
    together: pd.DataFrame = pd.concat([kept, created, rows], ignore_index=True)
    return together


def _describe_level(old: pd.DataFrame, rows: pd.DataFrame, level: str) -> pd.DataFrame:
    """Take over names, parents and attributes for cells whose outlines are derived."""
    cells = old.copy()
    given = rows.set_index("code")
    known = (cells["level"] == level) & cells["code"].isin(given.index)
    new = given.reindex(cells.loc[known, "code"])
    new.index = cells.index[known]
    for column in ("name", "attributes"):
        cells.loc[known, column] = new[column]
    moved = new.index[new["parent_code"].notna()]
    for column in ("parent_level", "parent_code"):
        cells.loc[moved, column] = new.loc[moved, column]
    return cells


def _whole_tiling(cells: pd.DataFrame, tolerance_m: float) -> tuple[pd.DataFrame, list[Finding]]:
    """Check and repair the leaves all together; returns the cells with the repaired shapes."""
    leaves = cells.index[cells["geom"].notna()]
    inspection = inspect_tiling(
        cells.loc[leaves, "geom"].to_numpy(), cells.loc[leaves, "code"].tolist(), tolerance_m=tolerance_m
    )
    if inspection.ok:
        shapes = [shapely.MultiPolygon([s]) if s.geom_type == "Polygon" else s for s in inspection.geoms]
        cells = cells.copy()
        cells.loc[leaves, "geom"] = pd.Series(shapes, index=leaves, dtype=object)
    return cells, list(inspection.findings)


def _compare(old: pd.DataFrame, new: pd.DataFrame) -> tuple[NDArray[np.bool_], Difference]:
    """Return which rows of ``new`` differ from the old edition, and the difference in words."""
    before: dict[tuple[str, str], Any] = {
        (str(row.level), str(row.code)): row for row in old.itertuples(index=False)
    }
    difference = Difference()
    changed = np.ones(len(new), dtype=bool)
    unchanged = 0
    for i, row in enumerate(new.itertuples(index=False)):
        key = (str(row.level), str(row.code))
        was = before.pop(key, None)
        if was is None:
            difference.added.append(key)
            continue
        reshaped = not _same_shape(was.geom, row.geom)
        reparented = (was.parent_level, was.parent_code) != (row.parent_level, row.parent_code)
        described = (was.name, was.kind, was.attributes) != (row.name, row.kind, row.attributes)
        for flag, cells in (
            (reshaped, difference.reshaped),
            (reparented, difference.reparented),
            (described, difference.described),
        ):
            if flag:
                cells.append(key)
        changed[i] = reshaped or reparented or described
        unchanged += not changed[i]
    difference.retired.extend(before)
    return changed, Difference(**{**vars(difference), "unchanged": unchanged})


def _same_shape(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(shapely.equals_identical(shapely.normalize(a), shapely.normalize(b)))


def _accepted(finding: Finding, accept: frozenset[str]) -> Finding:
    """Lower an error that the caller accepts; a broken tiling cannot be accepted."""
    if finding.severity is Severity.ERROR and finding.rule in accept & ACCEPTABLE:
        return Finding(finding.rule, Severity.WARNING, finding.message, finding.cells, finding.shape,
                       finding.numbers, finding.remedy)  # fmt: skip
    return finding


def _digest(cells: pd.DataFrame) -> bytes:
    """Return SHA-256 over level, code, parent and shape of every cell: equal tilings have equal digests."""
    digest = hashlib.sha256()
    for row in cells.itertuples(index=False):
        digest.update(repr((row.level, row.code, row.parent_level, row.parent_code)).encode())
        if row.geom is not None:
            digest.update(shapely.to_wkb(shapely.normalize(row.geom)))
    return digest.digest()
