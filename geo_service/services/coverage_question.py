"""What is asked of coverage: when, within how long, who counts, at what speeds, and "what if"."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import Mode

LONGEST_LIMIT_S = 4 * 3600
MOST_CHANGES = 500
MOST_CAPABILITIES = 20
SLOWEST_RAIN = 0.1


class Positions(StrEnum):
    """Where people are taken to be."""

    BASE = "base"
    ACTUAL = "actual"


class Measure(StrEnum):
    """Of what the share is."""

    HOUSEHOLDS = "households"
    RESIDENTS = "residents"
    AREA = "area"
    INCIDENTS = "incidents"


@dataclass(frozen=True, slots=True)
class Added:
    """Somebody who is not there, put somewhere: EPSG:4326."""

    lon: float
    lat: float
    mode: Mode = Mode.EBIKE


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody, by code, elsewhere than he is: EPSG:4326."""

    code: str
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What if: people added, removed and moved; streets closed by id, by name, or by a bridge's name."""

    add: tuple[Added, ...] = ()
    remove: tuple[str, ...] = ()
    move: tuple[Moved, ...] = ()
    edges: tuple[int, ...] = ()
    streets: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything is changed."""
        return any(len(getattr(self, name)) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class Counted:
    """Who counts of those on duty.

    Attributes
    ----------
    free : bool
        Only who is not sent anywhere at the moment.
    capabilities : tuple of str
        Only who has all of them.
    pinned : bool
        Also who is bound to a post, from there.
    stations : tuple of str or None
        Stations of these kinds count too, by car (all kinds when empty); None: no stations.
    outside : bool
        Mutual aid: who stands in no cell of ours counts too.
    border : str or None
        No aid over the borders of this level: people count in their own cell of it only.
    """

    free: bool = False
    capabilities: tuple[str, ...] = ()
    pinned: bool = False
    stations: tuple[str, ...] | None = None
    outside: bool = True
    border: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes
    ----------
    at : datetime
        Moment with its offset.
    limit_s : int
        Seconds within which somebody must be there.
    mode : Mode or None
        How all of them travel; None: each his own way.
    counted : Counted
    positions : Positions
        Where they are: bases (posts), or where they were last seen in the quarter of an hour before.
    pace : str
        ``free``; ``typical`` (by class and hour); ``rush``, ``night``; or the name of a stored table.
    rain : float or None
        Share of the speed that rain leaves, 0.1 to 1.
    changes : Changes
    measures : tuple of Measure
        Of what shares are told.
    """

    at: datetime
    limit_s: int = 300
    mode: Mode | None = None
    counted: Counted = field(default_factory=Counted)
    positions: Positions = Positions.BASE
    pace: str = "free"
    rain: float | None = None
    changes: Changes = field(default_factory=Changes)
    measures: tuple[Measure, ...] = (Measure.HOUSEHOLDS, Measure.RESIDENTS)

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises
        ------
        InvalidInputError
            With one fault for each.
        """
        faults = []
        if not 0 < self.limit_s <= LONGEST_LIMIT_S:
            words = Words(f"give seconds from 1 to {LONGEST_LIMIT_S}", f"请给出 1 至 {LONGEST_LIMIT_S} 秒")
            faults.append(Fault("limit_s", words, value=self.limit_s))
        if self.rain is not None and not SLOWEST_RAIN <= self.rain <= 1:
            words = Words(f"give a share from {SLOWEST_RAIN} to 1", f"请给出 {SLOWEST_RAIN} 至 1 的比例")
            faults.append(Fault("rain", words, value=self.rain))
        if len(self.counted.capabilities) > MOST_CAPABILITIES:
            words = Words(f"give at most {MOST_CAPABILITIES}", f"最多 {MOST_CAPABILITIES} 项")
            faults.append(Fault("capabilities", words))
        for name in Changes.__slots__:
            if len(getattr(self.changes, name)) > MOST_CHANGES:
                words = Words(f"give at most {MOST_CHANGES}", f"最多 {MOST_CHANGES} 项")
                faults.append(Fault(name, words))
        for name, things in (("add", self.changes.add), ("move", self.changes.move)):
            faults += _off_earth(name, things)
        if faults:
            raise InvalidInputError(Words("the question is not in order", "覆盖问题有误"), faults)

    def unchanged(self) -> "Question":
        """Return the question without its "what if"."""
        return replace(self, changes=Changes())

    @classmethod
    def from_dict(cls, asked: Mapping[str, Any]) -> "Question":
        """Return the question that :meth:`as_dict` told."""
        counted, changes = asked["counted"], asked["changes"]
        stations = counted["stations"]
        return cls(
            at=datetime.fromisoformat(asked["at"]),
            limit_s=asked["limit_s"],
            mode=None if asked["mode"] == "own" else Mode(asked["mode"]),
            counted=Counted(
                **{
                    **counted,
                    "capabilities": tuple(counted["capabilities"]),
                    "stations": None if stations is None else tuple(stations),
                }
            ),
            positions=Positions(asked["positions"]),
            pace=asked["pace"],
            rain=asked["rain"],
            changes=Changes(
                add=tuple(Added(one["lon"], one["lat"], Mode(one["mode"])) for one in changes["add"]),
                remove=tuple(changes["remove"]),
                move=tuple(Moved(**one) for one in changes["move"]),
                edges=tuple(changes["edges"]),
                streets=tuple(changes["streets"]),
                bridges=tuple(changes["bridges"]),
            ),
            measures=tuple(Measure(one) for one in asked["measures"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the question as JSON, the same text for equal questions."""
        told = asdict(self)
        told["at"] = self.at.isoformat()
        told["mode"] = self.mode.value if self.mode else "own"
        return told


def _off_earth(name: str, things: Sequence[Added | Moved]) -> list[Fault]:
    words = Words("give longitude and latitude on earth", "请给出有效的经纬度")
    return [
        Fault(f"{name}[{i}]", words)
        for i, one in enumerate(things)
        if not (-180 <= one.lon <= 180 and -90 <= one.lat <= 90)
    ]
