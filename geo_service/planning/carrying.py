"""What a cell carries through an edit: its counts follow the land, its descriptions follow the cell.

Counts (:data:`COUNTS`) are of what lies on the land. Where the points they are counted from are known, they
are counted anew for every cell whose land an edit changed. Otherwise a cell that passes land on passes that
share of its count on with it, in whole numbers that add up to what there was; a cell that takes land in from
one that has the count adds it. A cell that had land, but no such count, still has none: what it is given is
not the count of all of it. Moving a corner or a border passes nothing on unless it can be counted.

Everything else describes the cell. Both halves of a cell that is cut keep it. Of cells that are merged the
survivor's stands; what it lacks it takes over from the others, and where they differ theirs is kept beside
its own under ``name@code``, the code being that of the cell that is no more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.lattice import UNIT_DEG
from geo_service.geometry.stars import NOBODY
from geo_service.geometry.workspace import EdgeChange, Workspace
from geo_service.planning.register import COUNTS, CellKey, CellRecord, Register

#: This share of a new cell may come from cells without a count: a bent border makes no count unknown.
_LITTLE = 0.01
#: What each count is called where points are counted.
_COUNTED_AS = {
    "households": "households",
    "residents": "residents",
    "population": "residents",
    "buildings": "buildings",
}

Flow = Counter[tuple[CellKey | None, CellKey | None]]
Pairs = Mapping[tuple[CellKey | None, CellKey | None], Sequence[tuple[int, int]]]


class Census(Protocol):
    """Counts of points as they would be after the edit under way."""

    def of(self, leaves: Iterable[int]) -> Mapping[str, float]:
        """Return the sum of each figure over some leaves."""


class Land(Protocol):
    """The tiling after the edit: what :class:`geo_service.planning.redraw.Redraw` offers."""

    space: Workspace
    register: Register

    def key_of(self, leaf: int) -> CellKey:
        """Return level and code of a leaf."""

    def leaves_of(self, key: CellKey) -> list[int]:
        """Return the leaves that make up a cell."""


def divide_count(total: int, weights: Sequence[int]) -> list[int]:
    """Divide a count by weights, as nearly as whole numbers can, so that the parts add up to it.

    By largest remainders; of equal ones the earlier part gets more. Without any weight all goes to the first.
    """
    whole = sum(weights)
    if whole <= 0:
        return [total if k == 0 else 0 for k in range(len(weights))]
    parts = [total * weight // whole for weight in weights]
    rest = total - sum(parts)
    order = sorted(range(len(weights)), key=lambda k: (-(total * weights[k] % whole), k))
    for k in order[:rest]:
        parts[k] += 1
    return parts


def settle(
    land: Land,
    edges: Sequence[EdgeChange],
    before: Mapping[CellKey, CellRecord | None],
    *,
    census: Census | None,
    by_land: bool,
    heirs: Mapping[CellKey, CellKey],
) -> None:
    """Let counts and descriptions follow an edit that was just made.

    Parameters
    ----------
    land : Land
        The tiling after the edit.
    edges : sequence of EdgeChange
        Net changes of its borders.
    before : mapping of (level, code) to CellRecord or None
        Of the cells whose record the edit changed what it was.
    census : Census or None
        Counts of points after the edit, where there are points.
    by_land : bool
        Whether counts that cannot be made anew are passed on by land.
    heirs : mapping of (level, code) to (level, code)
        Into which cell others were merged; of those struck off otherwise it is the one that got most land.
    """
    past = _Past(land.register, before)
    faces = sorted({face for c in edges for side in (c.before, c.after) if side for face in side} - {NOBODY})
    affected = sorted(set(faces) | _handed(land, before))
    old_keys = {leaf: past.path(land.key_of(leaf)) for leaf in affected}
    new_keys = {leaf: _path(land, leaf) for leaf in affected}
    struck = sorted(key for key, record in before.items() if record and land.register.get(key) is None)
    concerned = {key for path in [*old_keys.values(), *new_keys.values()] for key in path}
    if not any(_counts(past.get(key)) for key in concerned) and not any(past.tells(key) for key in struck):
        return
    passed = _flows(land.space, edges, faces)
    for leaf in set(affected) - set(faces):
        passed[leaf, leaf] = land.space.area2(leaf)
    told = _leaf_counts(passed, {leaf: past.get(land.key_of(leaf)) for leaf in old_keys if old_keys[leaf]})
    added: dict[CellKey, set[str]] = {}
    flows = []
    for level in land.register.levels:
        pairs = _pairs(passed, old_keys, new_keys, level)
        flows.append(Counter({cells: sum(passed[pair] for pair in found) for cells, found in pairs.items()}))
        if any(source != target for source, target in pairs):
            turn = _Turn(land, past, flows[-1], pairs, told, set(affected))
            turn.pass_counts(census, added, by_land=by_land)
    for key in struck:
        heir = heirs.get(key) or _most(flows[land.register.depth(key[0])], key)
        if heir is not None:
            _keep_descriptions(land.register, past.require(key), heir, added.get(heir, set()))


class _Past:
    """The register as it was before the edit."""

    def __init__(self, register: Register, before: Mapping[CellKey, CellRecord | None]) -> None:
        self._register = register
        self._before = before

    def get(self, key: CellKey) -> CellRecord | None:
        return self._before[key] if key in self._before else self._register.get(key)

    def require(self, key: CellKey) -> CellRecord:
        found = self.get(key)
        return found if found is not None else self._register.require(key)

    def path(self, key: CellKey) -> list[CellKey]:
        """Return a cell and its ancestors as they were; nothing if there was no such cell."""
        out: list[CellKey] = []
        record = self.get(key)
        while record is not None:
            out.append(record.key)
            record = self.get(record.parent) if record.parent is not None else None
        return out

    def tells(self, key: CellKey) -> bool:
        """Say whether something is written down of a cell that would be lost with it."""
        record = self.get(key)
        return record is not None and bool(record.attributes or record.kind != "regular")


def _handed(land: Land, before: Mapping[CellKey, CellRecord | None]) -> set[int]:
    """Return the leaves of cells that came to another parent, or are new."""
    out: set[int] = set()
    for key, was in before.items():
        now = land.register.get(key)
        if now is not None and (was is None or was.parent != now.parent):
            out.update(land.leaves_of(key))
    return out


def _path(land: Land, leaf: int) -> list[CellKey]:
    key = land.key_of(leaf)
    return land.register.path(key) if land.space.exists(leaf) else []


def _flows(space: Workspace, edges: Sequence[EdgeChange], faces: Sequence[int]) -> Counter[tuple[int, int]]:
    """Return how much land went from which leaf to which, twice the area in lattice units.

    What is thinner than a lattice step is no land: a border parted for a new corner bends by so much.
    """
    if not faces:
        return Counter()
    after = np.array([space.polygon(face) for face in faces], dtype=object)
    space.replay([change.reversed() for change in edges], proved=True)
    before = np.array([space.polygon(face) for face in faces], dtype=object)
    space.replay(edges, proved=True)
    old, new = shapely.STRtree(after).query(before, predicate="intersects")
    shared = shapely.intersection(before[old], after[new])
    size = _steps(shared)
    out: Counter[tuple[int, int]] = Counter()
    for i, j, amount in zip(old.tolist(), new.tolist(), size, strict=True):
        if amount:
            out[faces[i], faces[j]] = amount
    for k, face in enumerate(faces):
        for shape, pair, met in (
            (before[k], (face, NOBODY), sum(out[face, other] for other in faces)),
            (after[k], (NOBODY, face), sum(out[other, face] for other in faces)),
        ):
            rest = int(_areas([shape])[0]) - met
            if rest > 2 * shapely.length(shape) / UNIT_DEG:
                out[pair] = rest
    return +out


def _areas(shapes: Any) -> NDArray[np.float64]:
    return np.asarray(np.rint(2 * shapely.area(shapes) / UNIT_DEG**2), dtype=np.float64)


def _steps(shapes: Any) -> list[int]:
    areas = _areas(shapes)
    thin = areas <= shapely.length(shapes) / UNIT_DEG
    return [int(area) for area in np.where(thin, 0, areas)]


def _pairs(
    passed: Counter[tuple[int, int]],
    old: Mapping[int, list[CellKey]],
    new: Mapping[int, list[CellKey]],
    level: str,
) -> dict[tuple[CellKey | None, CellKey | None], list[tuple[int, int]]]:
    """Sort the flows between leaves by the cells of a level that they lie in; None: no cell."""
    was = {leaf: next((key for key in path if key[0] == level), None) for leaf, path in old.items()}
    now = {leaf: next((key for key in path if key[0] == level), None) for leaf, path in new.items()}
    out: dict[tuple[CellKey | None, CellKey | None], list[tuple[int, int]]] = {}
    for source, target in passed:
        cells = was.get(source), now.get(target)
        if cells != (None, None):
            out.setdefault(cells, []).append((source, target))
    return out


def _leaf_counts(
    passed: Counter[tuple[int, int]], records: Mapping[int, CellRecord | None]
) -> dict[str, dict[tuple[int, int], int]]:
    """Divide the counts of the leaves over where their land went."""
    out: dict[str, dict[tuple[int, int], int]] = {name: {} for name in COUNTS}
    to: dict[int, list[int]] = {}
    for source, target in passed:
        to.setdefault(source, []).append(target)
    for leaf, record in records.items():
        order = sorted(to.get(leaf, ()), key=lambda other: (other != leaf, other))
        for name, total in _counts(record).items():
            parts = divide_count(total, [passed[leaf, other] for other in order]) if order else []
            out[name].update({(leaf, other): n for other, n in zip(order, parts, strict=True)})
    return out


@dataclass(frozen=True)
class _Turn:
    """The cells of one level while their counts are set.

    Attributes
    ----------
    flow : Counter
        Land by the cell that had it and the cell that has it; None: no cell.
    pairs : mapping
        The same, as flows between leaves.
    told : mapping
        By count what of it went with each flow between leaves, where the leaf had that count.
    affected : set of int
        The leaves in the flows.
    """

    land: Land
    past: _Past
    flow: Flow
    pairs: Pairs
    told: Mapping[str, Mapping[tuple[int, int], int]]
    affected: set[int]

    def pass_counts(self, census: Census | None, added: dict[CellKey, set[str]], *, by_land: bool) -> None:
        """Set the counts of the cells whose land has changed; note in ``added`` which now hold all of it."""
        register = self.land.register
        sources = sorted({a for a, b in self.flow if a is not None and a != b})
        targets = {b for a, b in self.flow if b is not None and a != b}
        shares = self._shares(sources) if by_land else {}
        for key in sorted(targets | {key for key in sources if register.get(key) is not None}):
            is_fresh = key in targets and not self._had_land(key)
            names = self._names(key, is_fresh=is_fresh, is_counted=census is not None)
            counted = census.of(self.land.leaves_of(key)) if census is not None and names else {}
            found: dict[str, int | None] = {}
            for name in sorted(names):
                if _COUNTED_AS.get(name) in counted:
                    found[name] = round(counted[_COUNTED_AS[name]])
                elif by_land:
                    found[name] = self._sum_in(shares, key, name, is_fresh=is_fresh)
            _write(register, key, found, fresh=is_fresh)
            added.setdefault(key, set()).update(name for name, value in found.items() if value is not None)

    def _had_land(self, key: CellKey) -> bool:
        if self.past.get(key) is None:
            return False
        return any(a == key for a, _ in self.flow) or bool(set(self.land.leaves_of(key)) - self.affected)

    def _names(self, key: CellKey, *, is_fresh: bool, is_counted: bool) -> set[str]:
        """Return which counts a cell is to have: its own, or if it had no land those of who gives it some."""
        names = set(_counts(self.past.get(key)))
        if is_fresh:
            names.update(*(_counts(self.past.get(a)) for a, b in self.flow if b == key and a is not None))
            parent = self.land.register.require(key).parent
            if is_counted and parent is not None:
                names.update(_counts(self.past.get(parent)))
        return names

    def _shares(self, sources: Sequence[CellKey]) -> dict[tuple[CellKey, str], dict[CellKey | None, int]]:
        """Return for each source and count what each cell gets of it, the source itself too.

        By the counts of its leaves where they have them, otherwise by land.
        """
        out: dict[tuple[CellKey, str], dict[CellKey | None, int]] = {}
        for source in sources:
            counts = _counts(self.past.get(source))
            if not counts:
                continue
            parts = {b: amount for (a, b), amount in self.flow.items() if a == source}
            if self.land.register.get(source) is not None:
                rest = set(self.land.leaves_of(source)) - self.affected
                parts[source] = parts.get(source, 0) + sum(self.land.space.area2(leaf) for leaf in rest)
            order = sorted(parts, key=lambda key: (key != source, key is None, key or ("", "")))
            by_land = [parts[key] for key in order]
            for name, total in counts.items():
                weights = self._by_leaves(source, order, name, total) or by_land
                out[source, name] = dict(zip(order, divide_count(total, weights), strict=True))
        return out

    def _by_leaves(
        self, source: CellKey, order: Sequence[CellKey | None], name: str, total: int
    ) -> list[int] | None:
        """Return how the leaves' own counts say that a count divides; None where they do not."""
        told, gone = self.told[name], {key: 0 for key in order if key != source}
        for key in gone:
            for pair in self.pairs.get((source, key), ()):
                if pair not in told:
                    return None
                gone[key] += told[pair]
        moved = sum(gone.values())
        weights = [total - moved if key == source else gone[key] for key in order]
        if min(weights) < 0 or sum(weights) == 0:
            return None
        return weights

    def _sum_in(
        self,
        shares: Mapping[tuple[CellKey, str], Mapping[CellKey | None, int]],
        key: CellKey,
        name: str,
        *,
        is_fresh: bool,
    ) -> int | None:
        """Return the count of a cell: what it keeps and what comes in; None if not known of all of it."""
        own = 0
        if not is_fresh:
            kept = shares.get((key, name))
            own = _counts(self.past.get(key))[name] if kept is None else kept.get(key, 0)
        given = {a: land for (a, b), land in self.flow.items() if b == key and a is not None and a != key}
        known = [a for a in given if (a, name) in shares]
        unknown = sum(given.values()) - sum(given[a] for a in known)
        if is_fresh and unknown > _LITTLE * sum(given.values()):
            return None
        return own + sum(shares[a, name].get(key, 0) for a in known)


def _write(register: Register, key: CellKey, found: Mapping[str, int | None], *, fresh: bool) -> None:
    record = register.require(key)
    attributes = dict(record.attributes)
    if fresh:  # what was copied from the cell that it was made after is not its own
        attributes = {
            name: value for name, value in attributes.items() if name in found or name not in COUNTS
        }
    for name, value in found.items():
        if value is None:
            attributes.pop(name, None)
        else:
            attributes[name] = value
    if attributes != record.attributes:
        register.put(replace(record, attributes=attributes))


def _counts(record: CellRecord | None) -> dict[str, int]:
    """Return the counts that are written down of a cell."""
    if record is None:
        return {}
    found = {name: record.attributes.get(name) for name in COUNTS}
    return {
        name: int(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    }


def _most(flow: Flow, key: CellKey) -> CellKey | None:
    """Return which cell got most of another's land; None if none did."""
    got = {b: amount for (a, b), amount in flow.items() if a == key and b is not None and b != key}
    return min(got, key=lambda b: (-got[b], b)) if got else None


def _keep_descriptions(register: Register, gone: CellRecord, heir: CellKey, added: set[str]) -> None:
    """Keep what was written down of a cell that is no more with the cell that took it in."""
    record = register.get(heir)
    if record is None:
        return
    attributes = dict(record.attributes)
    told = dict(gone.attributes)
    if gone.kind != record.kind:
        told["kind"] = gone.kind
    for name, value in sorted(told.items()):
        if name in added:
            continue
        if name not in attributes and name != "kind" and name not in COUNTS:
            attributes[name] = value
        elif name == "kind" or attributes.get(name) != value:
            attributes[f"{name}@{gone.code}"] = value
    if attributes != record.attributes:
        register.put(replace(record, attributes=attributes))
