"""How imported cells fit the levels around them: codes, parents, and outlines that are derived."""

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.geometry import measure
from geo_service.model import Finding, Severity
from geo_service.services.tiling import Tiling

#: A child of which more than this share lies outside its parent's former outline, and most of it in
#: another parent's, is in the wrong one.
WRONG_PARENT_SHARE = 0.5
#: Below this share an outline that sticks out is drawing accuracy, not a fault.
TOLERATED_SHARE = 0.001


def match_codes(rows: pd.DataFrame, current: Tiling | None) -> list[Finding]:
    """Take codes that differ from known ones by leading zeros only for those, and say so.

    One file writes district 1, the other 01: spreadsheets and exports drop the zeros.
    """
    if current is None:
        return []
    findings = []
    for level_column, code_column in (("level", "code"), ("parent_level", "parent_code")):
        level = next((name for name in rows[level_column] if name), None)
        known = set(current.cells.loc[current.cells["level"] == level, "code"])
        twin = _zero_twins([code for code in rows[code_column].unique() if code is not None], known)
        if twin:
            rows[code_column] = [twin.get(code, code) for code in rows[code_column]]
            pairs = ", ".join(f"{new} for {old}" for new, old in sorted(twin.items())[:10])
            message = f"codes that differ in leading zeros only are taken for the known ones: {pairs}"
            findings.append(Finding("code_matched", Severity.NOTE, message, tuple(sorted(twin.values()))))
    return findings


def _zero_twins(codes: list[str], known: set[str]) -> dict[str, str]:
    """Return which unknown code is which known one but for leading zeros; nothing where that is ambiguous."""
    bare: dict[str, list[str]] = {}
    for code in known:
        bare.setdefault(code.lstrip("0"), []).append(code)
    twins = {
        code: bare[code.lstrip("0")][0]
        for code in codes
        if code not in known and code.isdigit() and len(bare.get(code.lstrip("0"), ())) == 1
    }
    taken = [*twins.values(), *known.intersection(codes)]
    return twins if len(set(taken)) == len(taken) else {}


def parents_by_place(geoms: NDArray[np.object_], parents: pd.DataFrame) -> list[str | None]:
    """Return for each shape the code of the parent that holds most of it, None if none does."""
    outlines = parents["geom"].to_numpy()
    child, parent = shapely.STRtree(outlines).query(geoms, predicate="intersects")
    shared = shapely.area(shapely.intersection(geoms[child], outlines[parent]))
    out = np.full(len(geoms), None, dtype=object)
    order = np.lexsort((parent, shared))  # the last of a child is its largest
    out[child[order]] = parents["code"].to_numpy(dtype=object)[parent[order]]
    found: list[str | None] = out.tolist()
    return found


def parent_findings(rows: pd.DataFrame, current: Tiling | None, tolerance_m: float) -> list[Finding]:
    """Say which cells have no parent, and which stick out of the one they name."""
    parent_level = next((level for level in rows["parent_level"] if level), None)
    if parent_level is None:
        return []
    orphans = rows[rows["parent_code"].isna()]
    findings = [
        Finding(
            "missing_parent",
            Severity.WARNING,
            f"cell {code} names no parent",
            (str(code),),
            shape,
            remedy="give its parent's code in the parent field",
        )
        for code, shape in zip(orphans["code"], orphans["geom"], strict=True)
    ]
    if current is None or parent_level not in current.levels:
        return findings
    parents = current.at_level(parent_level).set_index("code")["geom"]
    findings += [
        Finding(
            "unknown_parent",
            Severity.ERROR,
            f"{len(cells)} cell(s) name the parent {code}, which level {parent_level} does not have",
            tuple(map(str, cells["code"][:10])),
            remedy="correct the parent field; to make a new cell of that code, accept unknown_parent",
        )
        for code, cells in rows.groupby("parent_code", sort=True)
        if code not in parents.index
    ]
    findings += _land_lost(rows, current, parent_level, tolerance_m)
    known = rows[rows["parent_code"].isin(parents.index) & rows["geom"].map(shapely.is_valid)]
    shapes = known["geom"].to_numpy()
    outlines = parents.reindex(known["parent_code"]).to_numpy()
    outside = shapely.difference(shapes, outlines)
    whole_m2, outside_m2 = measure.area_m2(shapes), measure.area_m2(outside)
    share = np.divide(outside_m2, whole_m2, out=np.zeros_like(whole_m2), where=whole_m2 > 0)
    width_m = 2 * outside_m2 / np.maximum(measure.length_m(shapely.boundary(outside)), 1e-9)
    by_place = parents_by_place(shapes, current.at_level(parent_level))
    for i in np.flatnonzero((share > TOLERATED_SHARE) & (width_m > tolerance_m)):
        row = known.iloc[int(i)]
        # nobody's land may be taken in; another parent's may not, unless the caller says so
        elsewhere = share[i] > WRONG_PARENT_SHARE and by_place[i] not in (None, row["parent_code"])
        findings.append(
            Finding(
                "child_outside_parent",
                Severity.ERROR if elsewhere else Severity.WARNING,
                f"{share[i]:.1%} of cell {row['code']} lies outside its parent {row['parent_code']}",
                (str(row["code"]), str(row["parent_code"])),
                outside[i],
                {"share": float(share[i]), "area_m2": float(outside_m2[i])},
                "correct the parent's code or the shape; if the parent's border is what moves, "
                "accept it with --accept child_outside_parent",
            )
        )
    return findings


def _land_lost(rows: pd.DataFrame, current: Tiling, parent_level: str, tolerance_m: float) -> list[Finding]:
    """Say which leaves would give their land to children that do not take all of it."""
    cells = current.cells[(current.cells["level"] == parent_level) & current.cells["geom"].notna()]
    divided = cells[cells["code"].isin(rows["parent_code"])]
    if not len(divided):
        return []
    outlines = divided["geom"].to_numpy()
    # land that another parent's child takes is not lost: that child sticks out of its parent
    taken = shapely.union_all(rows.loc[rows["geom"].map(shapely.is_valid), "geom"].to_numpy())
    lost = shapely.difference(outlines, taken)
    lost_m2, whole_m2 = measure.area_m2(lost), measure.area_m2(outlines)
    width_m = 2 * lost_m2 / np.maximum(measure.length_m(shapely.boundary(lost)), 1e-9)
    findings = []
    for i in np.flatnonzero((lost_m2 > TOLERATED_SHARE * whole_m2) & (width_m > tolerance_m)):
        code = str(divided["code"].iloc[int(i)])
        share = lost_m2[i] / whole_m2[i]
        findings.append(
            Finding(
                "parent_not_covered",
                Severity.ERROR,
                f"the children of {code} leave {share:.1%} of its land to nobody",
                (code,),
                lost[i],
                {"share": float(share), "area_m2": float(lost_m2[i])},
                "add the missing cells; to give the land up, accept it with --accept parent_not_covered",
            )
        )
    return findings


def compare_outlines(rows: pd.DataFrame, current: Tiling, level: str, tolerance_m: float) -> list[Finding]:
    """Hold the shapes given for a level against the outlines derived from its leaves."""
    derived = current.at_level(level).set_index("code")["geom"]
    unknown = rows[~rows["code"].isin(derived.index)]
    findings = [
        Finding(
            "unknown_code",
            Severity.ERROR,
            f"no leaf belongs to cell {code}",
            (str(code),),
            shape,
            remedy="a cell of this level exists through its leaves: import those with this parent",
        )
        for code, shape in zip(unknown["code"], unknown["geom"], strict=True)
    ]
    both = rows[rows["code"].isin(derived.index) & rows["geom"].map(shapely.is_valid)]
    given, outline = both["geom"].to_numpy(), derived.reindex(both["code"]).to_numpy()
    differing = shapely.symmetric_difference(given, outline)
    area_m2 = measure.area_m2(differing)
    agreement = 1 - area_m2 / np.maximum(measure.area_m2(shapely.union(given, outline)), 1e-9)
    width_m = 2 * area_m2 / np.maximum(measure.length_m(shapely.boundary(differing)), 1e-9)
    for i in np.flatnonzero((agreement < 1 - TOLERATED_SHARE) & (width_m > tolerance_m)):
        code = str(both["code"].iloc[int(i)])
        findings.append(
            Finding(
                "outline_differs",
                Severity.WARNING,
                f"the shape given for {code} agrees with the union of its leaves to {agreement[i]:.2%}",
                (code,),
                differing[i],
                {
                    "agreement": float(agreement[i]),
                    "area_m2": float(area_m2[i]),
                    "width_m": float(width_m[i]),
                },
                "the outline follows the leaves; to move it, change them",
            )
        )
    return findings
