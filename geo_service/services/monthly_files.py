"""The monthly report as a file: PDF with maps, xlsx, CSV."""

from typing import Any, Literal

import shapely

from geo_service.formats.monthly_pdf import ReportMaps, monthly_pdf
from geo_service.formats.monthly_tables import monthly_csv, monthly_xlsx
from geo_service.services.monthly import Sources, map_cells, place_of

ReportFormat = Literal["pdf", "xlsx", "csv"]
MEDIA_TYPES: dict[ReportFormat, str] = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
#: Round the cells so much of their width or height is shown besides.
_ROOM = 0.03


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
