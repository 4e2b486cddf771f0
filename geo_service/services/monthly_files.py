"""The monthly report as a file: PDF with maps, xlsx, CSV, JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson
import shapely

from geo_service.formats.monthly_pdf import ReportMaps, monthly_pdf
from geo_service.formats.monthly_tables import monthly_csv, monthly_xlsx
from geo_service.services.jobs import Say, silent
from geo_service.services.monthly import Sources, Steps, map_cells, monthly, place_of, without_shapes
from geo_service.store.jobs import MadeFile

ReportFormat = Literal["pdf", "xlsx", "csv"]
MEDIA_TYPES: dict[ReportFormat, str] = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
#: Round the cells so much of their width or height is shown besides.
_ROOM = 0.03


@dataclass(frozen=True, slots=True)
class ReportWish:
    """What is asked for: the month, the cell by code and level (None: the one at the top), the form."""

    month: str
    cell: str | None
    level: str | None
    form: Literal["json"] | ReportFormat

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"report-{self.month}.{self.form}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "ReportWish":
        """Read what :meth:`as_dict` wrote."""
        return cls(**told)


def make_report(sources: Sources, wish: ReportWish, say: Say = silent) -> tuple[MadeFile, int]:
    """Return the report as a file, and the edition that it counts by; ``say`` is told how far it is.

    Raises
    ------
    InvalidInputError, NotFoundError
        As :func:`geo_service.services.monthly.monthly`.
    """
    steps = Steps(say)
    report = monthly(sources, wish.month, wish.cell, wish.level, steps=steps)
    steps.begin(Steps.DRAWING)
    if wish.form == "json":
        content = orjson.dumps(without_shapes(report), option=orjson.OPT_NON_STR_KEYS)
        made = MadeFile(wish.name, "application/json", content)
    else:
        made = MadeFile(wish.name, MEDIA_TYPES[wish.form], report_file(sources, report, wish.form))
    steps.end()
    return made, report["edition"]


def report_file(sources: Sources, report: dict[str, Any], form: ReportFormat) -> bytes:
    """Write a report that :func:`geo_service.services.monthly.monthly` made."""
    if form == "csv":
        return ("\ufeff" + monthly_csv(report)).encode()
    if form == "xlsx":
        return monthly_xlsx(report)
    cell = report["cell"]
    place = place_of(sources.tilings.get(), cell["code"], cell["level"])
    rows = report["now"]["cells"]
    incidents, coverage = (map_cells(place, rows, name) for name in ("incidents", "coverage_share"))
    west, south, east, north = shapely.total_bounds([one["shape"] for one in incidents]).tolist()
    x, y = _ROOM * (east - west), _ROOM * (north - south)
    spots = report["now"]["coverage"]["shapes"]
    window = (west - x, south - y, east + x, north + y)
    return monthly_pdf(report, ReportMaps(incidents, coverage, spots, window))
