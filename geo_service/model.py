"""The frozen records that travel between rooms. No behaviour beyond small derived values.

Coordinates are lon, lat in EPSG:4326 degrees. Moments are timezone-aware datetimes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shapely.geometry.base import BaseGeometry

#: Days and moments that callers name lie in these years: calendars and databases can reckon around them.
FIRST_YEAR, LAST_YEAR = 1970, 2200


class Mode(StrEnum):
    """How a responder travels."""

    WALK = "walk"
    EBIKE = "ebike"
    CAR = "car"


class Severity(StrEnum):
    """What a finding does to publishing: an error blocks it, a warning asks, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class How(StrEnum):
    """How a point came to its cell."""

    INSIDE = "inside"  # strictly inside one cell
    ON_EDGE = "on_edge"  # on a border: of the touching cells the one with the smallest code
    BY_CELL = "by_cell"  # the cell itself was named, no point is known
    NEAR_GAP = "near_gap"  # in no cell, but within the stated distance of one
    NONE = "none"  # no cell, or no coordinates


class Role(StrEnum):
    """What a principal may do; every route names the roles it takes."""

    ADMIN = "admin"
    PLANNER = "planner"
    DISPATCHER = "dispatcher"
    LEADER = "leader"
    WORKER = "worker"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says about a tiling: which rule, how bad, which cells, where, how much, what to do.

    ``rule`` is one of gap, overlap, crossing, duplicate, hole, invalid_shape, duplicate_code,
    missing_parent, child_outside_parent, repaired, ... ``numbers`` carry their unit in the key
    (``area_m2``, ``width_m``). ``shape`` is in EPSG:4326, or None when the finding has no place.
    ``message_zh`` and ``remedy_zh`` say the same in Chinese, empty where a check speaks English only.
    """

    rule: str
    severity: Severity
    message: str
    cells: tuple[str, ...] = ()
    shape: BaseGeometry | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    remedy: str = ""
    message_zh: str = ""
    remedy_zh: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the hierarchy: depth 0 is the top. Names are data, not code."""

    code: str
    depth: int
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a person or a machine, known by its API key, with one role.

    ``scope`` holds the ids of the cells that he sees, with all below them; empty: the whole town.
    """

    id: int
    name: str
    role: Role
    scope: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Edition:
    """A published tiling: in force during ``valid``, known since ``recorded_at``."""

    id: int
    valid_from: datetime | None
    valid_to: datetime | None
    recorded_at: datetime
    note: str
    published_by: str
