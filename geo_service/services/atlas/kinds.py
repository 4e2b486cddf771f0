"""What a map of the atlas is: its words, its measures, who makes its figures and what lies over them.

A map is a :class:`MapKind`. Its ``draw`` gets a :class:`Scene` (everything it may ask) and a level and
answers with a :class:`Drawing`, figures in the order of the level's cells; an :class:`OverlayKind` answers
with encoded points or areas. How that becomes a page, a file or an answer is no matter of theirs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.maps.classes import Method
from geo_service.maps.figures import Frames, Label
from geo_service.maps.layers import Measure
from geo_service.model import Mode
from geo_service.services import cell_figures
from geo_service.services.ground import Ground
from geo_service.services.plan_state import Plans
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store.database import Database

#: The smallest count that a public map tells, unless the installation says otherwise.
SMALLEST = 5
YEAR_DAYS = 365
MODE_LABELS = {
    Mode.WALK: Label("步行", "on foot"),
    Mode.EBIKE: Label("电动车", "by e-bike"),
    Mode.CAR: Label("汽车", "by car"),
}

Values = NDArray[np.float64]
Made = TypeVar("Made")


@dataclass(frozen=True)
class View:
    """What the reader asks of a map.

    Attributes
    ----------
    at : datetime
        Moment, in the town's time zone.
    mode, limit_s
        How responders travel, and within what they must arrive.
    role : str
        Only responders with this role; empty: all.
    days : int
        Length of the span before the moment over which incidents and patrols count.
    against, plan : int or None
        What is compared: another edition; or a plan, which then is what comes after.
    siting : int or None
        The siting run that is shown; None: the last one.
    smallest : int
        For the public: counts below are kept back. 0 for a map that is not public.
    places : bool
        Whether the reader may see where people on duty are; otherwise how many there are in each cell.
    """

    at: datetime
    mode: Mode = Mode.EBIKE
    limit_s: int = 300
    role: str = ""
    days: int = YEAR_DAYS
    against: int | None = None
    plan: int | None = None
    siting: int | None = None
    smallest: int = 0
    places: bool = True

    @property
    def since(self) -> datetime:
        """Beginning of the span."""
        return self.at - timedelta(days=self.days)

    @property
    def minutes(self) -> str:
        """The limit in minutes, as it is written."""
        return f"{self.limit_s / 60:.4g}"

    def query(self) -> dict[str, str]:
        """Return the view as the parameters of an address; what is as by default is left out."""
        told = {"at": self.at.isoformat(), "mode": self.mode.value, "limit_s": str(self.limit_s)}
        for name in ("role", "against", "plan", "siting"):
            if value := getattr(self, name):
                told[name] = str(value)
        if self.days != YEAR_DAYS:
            told["days"] = str(self.days)
        if self.smallest:
            told["public"] = "true"
        return told


@dataclass(frozen=True)
class Scene:
    """Everything that a map may ask: the place, its people and streets, and what the reader wants.

    One for each request: what is worked out for one level or measure is there for the next.
    """

    database: Database
    ground: Ground
    tilings: Tilings
    tiling: Tiling
    view: View
    plans: Plans | None = None

    @cached_property
    def leaves(self) -> pd.DataFrame:
        """area_km2, households and residents of each leaf, in the order of the index."""
        return self.ground.land_and_people(self.tiling)

    def of_leaves(self, column: str) -> Values:
        """Return a column of :attr:`leaves`."""
        return self.leaves[column].to_numpy(dtype=float)

    @cached_property
    def incidents(self) -> Values:
        """Incidents of the span, by leaf."""
        with self.database.reading() as connection:
            view = self.view
            return cell_figures.incident_counts(connection, self.tiling, view.since, view.at)

    @cached_property
    def _made(self) -> dict[Callable[["Scene"], Any], Any]:
        return {}

    def once(self, make: Callable[["Scene"], Made]) -> Made:
        """Return what a function makes of the scene; it is called once, however many levels ask."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    def up(self, level: str, leaf_values: Values) -> Values:
        """Return the sums of the leaves' values for the cells of a level."""
        return cell_figures.sum_up(self.tiling, level, leaf_values)

    def on(self, tiling: Tiling) -> "Scene":
        """Return the same about another tiling."""
        return replace(self, tiling=tiling)


@dataclass(frozen=True)
class ExtraLine:
    """One more line of the tooltip; ``values`` in the order of the level's cells."""

    title: Label
    unit: Label
    values: Values
    percent: bool = False


@dataclass(frozen=True)
class Drawing:
    """Figures of a level, in the order of its cells, and how they are shown.

    ``also`` are values beside them from which the classes are made too, so that two maps have the same.
    """

    values: Values
    title: Label
    unit: Label
    method: Method = Method.QUANTILES
    breaks: Sequence[float] | None = None
    palette: str = "YlGnBu"
    reverse: bool = False
    percent: bool = False
    colors: Sequence[str] | None = None
    class_labels: Sequence[Label] | None = None
    note: Label | None = None
    extras: Sequence[ExtraLine] = ()
    frames: Frames | None = None
    also: Values | None = None


@dataclass(frozen=True)
class OverlayKind:
    """What lies over the cells.

    Attributes
    ----------
    code : str
    kind : {"units", "heat", "areas"}
    label : Label
    make : callable
        From a scene to the encoded points or areas.
    color : str
    public : bool
        Whether it may be on a map for the public.
    named : bool
        Whether the names of areas are written.
    """

    code: str
    kind: str
    label: Label
    make: Callable[[Scene], bytes]
    color: str = "#22303c"
    public: bool = False
    named: bool = True


def _no_counts(_scene: Scene) -> Sequence[Values]:
    return ()


def _no_level_counts(_scene: Scene, _level: str) -> Sequence[Values]:
    return ()


@dataclass(frozen=True)
class Opening:
    """How a map opens where what is asked for says more than its address.

    Attributes
    ----------
    at : datetime, optional
        The moment that it tells of, whatever the address says.
    measure : str
        The measure shown at first; empty: the first.
    focus : (west, south, east, north), optional
        What is shown at first, degrees, EPSG:4326; else the whole place.
    settled : sequence of str
        Choices that the reader does not have, for they would change nothing.
    """

    at: datetime | None = None
    measure: str = ""
    focus: tuple[float, float, float, float] | None = None
    settled: Sequence[str] = ()


def _as_asked(_scene: Scene) -> Opening:
    return Opening()


@dataclass(frozen=True)
class MapKind:
    """A map.

    Attributes
    ----------
    code : str
        In addresses and on the command line.
    label, about : Label
        Its name, and one sentence.
    measures : sequence of Measure
        Between which the reader switches.
    draw : callable
        (scene, level, measure) to a :class:`Drawing`.
    overlays : sequence of OverlayKind
    asks : sequence of str
        Which parts of the view matter, beside the moment: the page offers to change them.
    counts : callable
        From a scene to counts of leaves; where one of these is small, a public map says nothing of the cell.
    level_counts : callable
        From a scene and a level to counts of its cells that are no sums of leaves; as for ``counts``.
    title : callable, optional
        From the view to the title of the page; else ``label``.
    level, finest, labels
        As for :func:`geo_service.maps.pages.theme_page`.
    opening : callable
        From a scene to how its page opens. Raises NotFoundError where what is asked for is not there.
    compares : bool
        Draws two tilings side by side.
    example : str
        Arguments of ``geo-service map CODE``, as an example.
    """

    code: str
    label: Label
    about: Label
    measures: Sequence[Measure]
    draw: Callable[[Scene, str, str], Drawing]
    overlays: Sequence[OverlayKind] = ()
    asks: Sequence[str] = ()
    counts: Callable[[Scene], Sequence[Values]] = _no_counts
    level_counts: Callable[[Scene, str], Sequence[Values]] = _no_level_counts
    title: Callable[[View], Label] | None = None
    opening: Callable[[Scene], Opening] = _as_asked
    level: str = "auto"
    finest: str = ""
    labels: bool = False
    compares: bool = False
    example: str = ""
    ramp: Sequence[str] = field(default=("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494"))

    def describe(self) -> dict[str, Any]:
        """Return it for a list of maps."""
        return {
            "code": self.code,
            "name": self.label.as_dict(),
            "about": self.about.as_dict(),
            "measures": [{"code": one.code, "name": one.label.as_dict()} for one in self.measures],
            "parameters": ["at", *self.asks, "public"],
            "overlays": [
                {"code": one.code, "name": one.label.as_dict(), "public": one.public} for one in self.overlays
            ],
            "url": f"/maps/{self.code}",
            "file_url": f"/maps/{self.code}/file",
        }


def moment(at: datetime) -> str:
    """Write a moment with its offset, to the minute."""
    return at.isoformat(sep=" ", timespec="minutes")


def at_note(view: View, *, with_mode: bool = False) -> Label:
    """Line under a legend that tells the moment, and how people travel."""
    when = moment(view.at)
    if not with_mode:
        return Label(when, when)
    mode = MODE_LABELS[view.mode]
    return Label(f"{when}　{mode.zh}", f"{when}  {mode.en}")


def span_note(view: View) -> Label:
    """Line under a legend that tells the span."""
    since, until = moment(view.since), moment(view.at)
    return Label(f"{since} 至 {until}", f"{since} to {until}")


def within(label: Label, note: Label) -> Label:
    """Two lines of a note in one."""
    return Label(f"{label.zh}　{note.zh}", f"{label.en}  {note.en}")
