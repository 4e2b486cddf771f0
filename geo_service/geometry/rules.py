"""Rules that speak: what they find about cells, and what people have accepted.

:func:`check` runs them on a scene, on all cells or on those an edit touched; each breach is a
:class:`~geo_service.model.Finding` with its cells, its place, its numbers and what to do, in English and
Chinese. In ``Finding.cells`` a cell is written ``level/code`` (:func:`~.rules_scene.cell_text`). Which rules
hold where, and how bad a breach is, is data: :mod:`geo_service.geometry.rules_settings`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import rules_barriers, rules_register, rules_shape
from geo_service.geometry.rules_scene import Key, Scene
from geo_service.geometry.rules_settings import RuleSettings
from geo_service.model import Finding, Severity

Rule = Callable[[Scene, Sequence[Key], RuleSettings], Iterator[Finding]]

RULES: dict[str, Rule] = {
    "parent": rules_register.parent,
    "empty_cell": rules_register.empty_cell,
    "code": rules_register.code,
    "code_reused": rules_register.code_reused,
    "contiguous": rules_shape.contiguous,
    "building_cut": rules_shape.building_cut,
    "barrier": rules_barriers.barrier,
    "households": rules_register.households,
    "area": rules_shape.area,
    "compactness": rules_shape.compactness,
    "street_face": rules_shape.street_face,
    "dedicated": rules_shape.dedicated,
    "owner": rules_register.owner,
}
#: What nobody can accept: the tiling or its records would be wrong.
NOT_TO_WAIVE = frozenset({"parent", "empty_cell", "code_reused"})
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
_DEFAULT_SETTINGS = RuleSettings()


def check(
    scene: Scene, cells: Iterable[Key] | None = None, settings: RuleSettings = _DEFAULT_SETTINGS
) -> list[Finding]:
    """Run the rules.

    Parameters
    ----------
    scene : Scene
    cells : iterable of (level, code), optional
        The cells to look at, and with them all that they lie in; keys that are not (or no longer) there are
        passed over. All cells when absent. Breaches of other cells are not reported, so after an edit name
        every cell it touched, givers and takers.
    settings : RuleSettings

    Returns
    -------
    list of Finding
        Errors first, then warnings, then notes; within these in order of rule and cell.
    """
    if cells is None:
        keys = sorted(scene.cells)
    else:
        keys = sorted({up for key in cells for up in scene.line_up(key) if up in scene.cells})
    order = {rule: number for number, rule in enumerate(RULES)}
    found = [finding for rule in RULES.values() for finding in rule(scene, keys, settings)]
    return sorted(found, key=lambda one: (_RANK[one.severity], order[one.rule], one.cells))


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody's word that a breach is accepted for a time.

    Attributes
    ----------
    rule : str
    cells : frozenset of str
        As in ``Finding.cells``. A finding is covered when all its cells are among them.
    who, why : str
    until : date
        The last day on which it holds.
    """

    rule: str
    cells: frozenset[str]
    who: str
    why: str
    until: date

    def __post_init__(self) -> None:
        faults = [
            Fault(name, "must be filled in: who accepts this, and why")
            for name in ("who", "why")
            if not getattr(self, name).strip()
        ]
        if self.rule in NOT_TO_WAIVE or self.rule not in RULES:
            allowed = ", ".join(sorted(RULES.keys() - NOT_TO_WAIVE))
            faults.append(Fault("rule", f"cannot be waived; those that can: {allowed}", value=self.rule))
        if not self.cells:
            faults.append(Fault("cells", "name at least one cell"))
        if faults:
            raise InvalidInputError("The waiver is not complete.", faults)

    def covers(self, finding: Finding, on: date) -> bool:
        """Tell whether a finding is accepted on a day."""
        return (
            finding.rule == self.rule
            and on <= self.until
            and bool(finding.cells)
            and self.cells.issuperset(finding.cells)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the waiver as a JSON object."""
        return {
            "rule": self.rule,
            "cells": sorted(self.cells),
            "who": self.who,
            "why": self.why,
            "until": self.until.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, and the waiver that covers it if there is one."""

    finding: Finding
    waiver: Waiver | None = None

    @property
    def blocks(self) -> bool:
        """Whether it keeps a plan from being published."""
        return self.finding.severity is Severity.ERROR and self.waiver is None


def apply_waivers(findings: Iterable[Finding], waivers: Iterable[Waiver], on: date) -> list[Judged]:
    """Put to each finding the waiver that covers it on a day, of several the one that holds longest."""
    by_rule: dict[str, list[Waiver]] = {}
    for waiver in sorted(waivers, key=lambda one: one.until, reverse=True):
        by_rule.setdefault(waiver.rule, []).append(waiver)
    return [
        Judged(finding, next((one for one in by_rule.get(finding.rule, ()) if one.covers(finding, on)), None))
        for finding in findings
    ]
