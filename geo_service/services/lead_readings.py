"""Readings of cells for the map of those who lead: values with classes and colours, and a week."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.maps.classes import classify
from geo_service.maps.figures import Extra, Label, figures_json
from geo_service.services import cell_figures, patrol
from geo_service.services.coverage_readings import Reading, reading_by_level
from geo_service.services.coverage_week import Week
from geo_service.services.lead_area import Area
from geo_service.staffing.density import staffing_density
from geo_service.store import lead as store
from geo_service.store.database import Connection

#: Over so many days incidents and patrols are counted for the map.
INCIDENT_DAYS, PATROL_DAYS = 30, 7
WEEK_FORMAT = "geo-service-week/1"
#: In a week's shares: so many steps make 1, and this is "no households".
STEPS, NONE = 10_000, 65_535
#: Upper limits of the classes of coverage, as on the map of coverage.
COVERAGE_BREAKS = (0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
#: Colour of cells where nothing is wrong: it warns of nothing, and is not that of no data.
NOTHING = "#eef3f0"
#: Colours of the classes of overdue incidents above it.
WARNING = classify([], "given", breaks=(1, 3, 6, 12, 24), palette="OrRd").colors
_NO_UNIT = Label("", "")
_HOUSEHOLDS = Label("户", "households")


class Kind(StrEnum):
    """What the cells may be coloured by."""

    COVERAGE = "coverage"
    DEPTH = "depth"
    STAFFING = "staffing"
    INCIDENTS = "incidents"
    OVERDUE = "overdue"
    PATROL = "patrol"


@dataclass(frozen=True, eq=False)
class Subject:
    """Cells of a level of an area, at a moment; ``leaves`` as ``Ground.land_and_people`` has them."""

    area: Area
    level: str
    at: datetime
    zone: ZoneInfo
    leaves: pd.DataFrame

    def by_code(self, values: NDArray[np.float64]) -> dict[str, float | None]:
        """Return values in the order of ``at_level`` by code, of the cells of the area only."""
        codes = self.area.tiling.at_level(self.level)["code"].to_numpy(dtype=object)
        return {
            str(codes[row]): float(values[row]) if np.isfinite(values[row]) else None
            for row in self.area.rows_at(self.level).tolist()
        }

    def sums(self, leaf_values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of leaves for each cell of the level."""
        return cell_figures.sum_up(self.area.tiling, self.level, leaf_values)

    def people(self, name: str) -> NDArray[np.float64]:
        """Return households, residents or area_km2 of each cell."""
        return self.sums(self.leaves[name].to_numpy(dtype=float))

    def line(self, title: Label, unit: Label, values: NDArray[np.float64], *, percent: bool = False) -> Extra:
        """Return a further line of the tooltip."""
        return Extra(title, unit, self.by_code(values), percent)

    @property
    def moment(self) -> Label:
        """The moment in words."""
        text = self.at.astimezone(self.zone).isoformat(sep=" ", timespec="minutes")
        return Label(text, text)


def coverage(subject: Subject, reading: Reading) -> bytes:
    """Return the share of households reached in time."""
    table = reading_by_level(subject.area.tiling, reading, subject.level)
    minutes = f"{reading.question.limit_s / 60:.4g}"
    column = {name: table[name].to_numpy(dtype=float) for name in ("households", "households_1", "fragile")}
    return figures_json(
        subject.by_code(table["households_share"].to_numpy(dtype=float)),
        title=Label(f"{minutes} 分钟到场覆盖率", f"Covered within {minutes} minutes"),
        unit=Label("户数占比", "share of households"),
        method="given",
        breaks=COVERAGE_BREAKS,
        palette="RdYlBu",
        percent=True,
        extras=(
            subject.line(
                Label("未覆盖", "Not reached"), _HOUSEHOLDS, column["households"] - column["households_1"]
            ),
            subject.line(Label("仅一人可及", "By one only"), _HOUSEHOLDS, column["fragile"]),
        ),
        note=subject.moment,
    )


def depth(subject: Subject, reading: Reading) -> bytes:
    """Return how many can be there in time, mean over the households; more than three count as three."""
    table = reading_by_level(subject.area.tiling, reading, subject.level)
    total = table["households"].to_numpy(dtype=float)
    reached = sum(table[f"households_{n}"].to_numpy(dtype=float) for n in (1, 2, 3))
    return figures_json(
        subject.by_code(_quotient(np.asarray(reached, dtype=float), total)),
        title=Label("覆盖深度", "Depth of coverage"),
        unit=Label("限时内可到人数（最多计 3）", "people in time (3 at the most)"),
        method="given",
        breaks=(0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
        palette="YlGnBu",
        extras=(
            subject.line(
                Label("两人以上可及", "By two or more"),
                _NO_UNIT,
                _quotient(table["households_2"].to_numpy(dtype=float), total),
                percent=True,
            ),
        ),
        note=subject.moment,
    )


def staffing(subject: Subject, connection: Connection) -> bytes:
    """Return staff on duty per thousand residents, or per square kilometre where no residents are known."""
    staff = cell_figures.staff_counts(connection, subject.area.tiling, subject.level, subject.at)
    density = staffing_density(staff, subject.people("area_km2"), subject.people("residents"))
    by_people = subject.leaves["residents"].to_numpy(dtype=float).sum() > 0
    unit = (
        Label("在岗人数 / 千人", "staff per 1,000 residents")
        if by_people
        else Label("在岗人数 / km²", "staff per km²")
    )
    return figures_json(
        subject.by_code(density["per_1000_residents" if by_people else "per_km2"].to_numpy(dtype=float)),
        title=Label("力量配备密度", "Staffing density"),
        unit=unit,
        extras=(subject.line(Label("在岗", "On duty"), Label("人", "people"), staff),),
        note=subject.moment,
    )


def incidents(subject: Subject, connection: Connection) -> bytes:
    """Return the incidents of the last thirty days."""
    until = subject.at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    counts = cell_figures.incident_counts(
        connection, subject.area.tiling, until - timedelta(days=INCIDENT_DAYS), until
    )
    values = subject.sums(counts)
    per_household = _quotient(values * 100, subject.people("households"))
    return figures_json(
        subject.by_code(values),
        title=Label("事件数", "Incidents"),
        unit=Label(f"件（近 {INCIDENT_DAYS} 天）", f"in {INCIDENT_DAYS} days"),
        method="fisher_jenks",
        palette="YlOrRd",
        extras=(
            subject.line(Label("每百户", "Per 100 households"), Label("件", "incidents"), per_household),
        ),
        note=subject.moment,
    )


def overdue(subject: Subject, connection: Connection) -> bytes:
    """Return the open incidents of which a clock has run out, now."""
    found = store.overdue_by_leaf(connection, subject.area.tiling.edition.id)
    leaf = np.array([found.get(int(key), 0) for key in subject.area.tiling.leaf_ids], np.float64)
    values = subject.by_code(subject.sums(leaf))
    most = max((value for value in values.values() if value), default=1.0)
    breaks = [*(limit for limit in (0.0, 1.0, 3.0, 6.0, 12.0) if limit < most), most]
    return figures_json(
        values,
        title=Label("超时未结事件", "Overdue incidents"),
        unit=Label("件（此刻）", "now"),
        method="given",
        breaks=breaks,
        colors=[NOTHING, *WARNING[: len(breaks) - 1]],
        note=subject.moment,
    )


def patrolled(subject: Subject, connection: Connection) -> bytes:
    """Return the share of streets patrolled a day, mean of the days counted in the last week."""
    last = subject.at.astimezone(subject.zone).date() - timedelta(days=1)
    first = last - timedelta(days=PATROL_DAYS - 1)
    table, days = patrol.cell_figures(connection, subject.area.tiling, subject.level, first, last)
    hours = table["hours"].to_numpy(dtype=float)
    return figures_json(
        subject.by_code(table["share"].to_numpy(dtype=float)),
        title=Label("巡防覆盖", "Streets patrolled"),
        unit=Label("街巷长度占比（日均）", "share of street length a day"),
        method="given",
        breaks=(0.05, 0.1, 0.25, 0.5, 0.75, 1.0),
        palette="PuBuGn",
        percent=True,
        extras=(subject.line(Label("巡防时长", "Time patrolled"), Label("小时", "hours"), hours),),
        note=Label(f"{first} 至 {last}，计 {len(days)} 天", f"{first} to {last}, {len(days)} days counted"),
    )


#: What needs nothing but the database; coverage and depth need a reading.
FROM_DATABASE: Mapping[Kind, Callable[[Subject, Connection], bytes]] = {
    Kind.STAFFING: staffing,
    Kind.INCIDENTS: incidents,
    Kind.OVERDUE: overdue,
    Kind.PATROL: patrolled,
}


def week_of_cells(area: Area, level: str, week: Week) -> dict[str, Any]:
    """Return the 168 shares of each cell of a level, small: by state of the week, two bytes each.

    Returns
    -------
    dict
        ``format``, ``edition``, ``level``, ``monday``, ``timezone``; ``states``: the state of each hour;
        ``codes``; ``share``: base64 of little-endian uint16, cell by cell the shares of all states in steps
        of one in ten thousand (65535: no households).
    """
    tiling = area.tiling
    rows = area.rows_at(level)
    total = cell_figures.sum_up(tiling, level, week.total)[rows]
    covered = np.stack([cell_figures.sum_up(tiling, level, one)[rows] for one in week.covered], axis=1)
    share = _quotient(covered, total[:, None])
    steps = np.where(np.isfinite(share), np.rint(np.nan_to_num(share) * STEPS), NONE).astype("<u2")
    codes = tiling.at_level(level)["code"].to_numpy(dtype=object)[rows]
    return {
        "format": WEEK_FORMAT,
        "edition": tiling.edition.id,
        "level": level,
        "monday": week.monday.isoformat(),
        "timezone": week.zone.key,
        "states": week.state.tolist(),
        "codes": [str(code) for code in codes],
        "share": base64.b64encode(steps.tobytes()).decode(),
    }


def _quotient(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.divide(
        part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=np.asarray(whole) > 0
    )
    return out
