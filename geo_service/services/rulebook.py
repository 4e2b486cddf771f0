"""What cells are judged by: rules as the office set them, its code schemes, the exclaves it declared."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from geo_service.geometry import rules
from geo_service.geometry.code_schemes import CodeSchemes
from geo_service.geometry.rules_scene import DeclaredExclave, Scene
from geo_service.geometry.rules_settings import RuleSettings
from geo_service.model import Finding
from geo_service.planning.register import CellKey
from geo_service.services import office
from geo_service.services.rostering import town_zone
from geo_service.store import boundaries, exclaves
from geo_service.store.database import Connection


@dataclass(frozen=True)
class Rulebook:
    """All that a judgement hangs on beside the cells and the ground.

    Attributes
    ----------
    version : int
        Of the rule settings; 0 for the program's defaults.
    settings : RuleSettings
    schemes : CodeSchemes
    declared : tuple of DeclaredExclave
    mark : hashable
        Changes whenever one of them does: what was judged under another mark must be judged anew.
    """

    version: int
    settings: RuleSettings
    schemes: CodeSchemes
    declared: tuple[DeclaredExclave, ...]
    mark: Hashable

    def over(self, scene: Scene) -> Scene:
        """Return a scene with what the office declared; what was worked out for it is shared."""
        return replace(scene, declared_exclaves=self.declared, scheme=self.schemes)

    def check(self, scene: Scene, cells: Iterable[CellKey] | None = None) -> list[Finding]:
        """Run the rules on some cells and all above them, or on all."""
        return rules.check(self.over(scene), cells, self.settings)


def day_of(connection: Connection, moment: datetime | None = None) -> date:
    """Return which day it is in the town at a moment (now): waivers and declarations hold until a day.

    A plan that begins with the first of a month does so at midnight there, which is still the day before in
    UTC.
    """
    return (moment or boundaries.moment(connection)).astimezone(town_zone(connection)).date()


def rulebook(connection: Connection, on: date, plan_id: int | None = None) -> Rulebook:
    """Return what cells are judged by on a day: those of a plan, or those that are live."""
    rules_now = office.rules(connection)
    schemes_now = office.code_schemes(connection)
    declared = exclaves.in_force(connection, plan_id, on)
    return Rulebook(
        rules_now.version,
        rules_now.settings,
        schemes_now.schemes,
        tuple(
            DeclaredExclave((row.level, row.code), row.place, row.area_m2, row.who, row.why, row.until)
            for row in declared
        ),
        (rules_now.version, schemes_now.version, tuple(row.id for row in declared)),
    )
