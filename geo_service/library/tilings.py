"""Cells as a tiling: judged, mended, and indexed for questions about points."""

from dataclasses import dataclass, field
from typing import Any, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.inspect import Inspection, inspect_tiling
from geo_service.geometry.segments import segments_of
from geo_service.library.frames import (
    MAX_FAULTS,
    Floats,
    Geoms,
    in_crs_of,
    require_column,
    require_frame,
    shapes_deg,
)
from geo_service.locate.index import CellIndex
from geo_service.locate.policy import Located
from geo_service.model import Severity


@dataclass(frozen=True, eq=False)
class Tiling:
    """Cells made ready: make it once where many questions are asked of the same cells.

    Every function that takes ``cells`` takes a frame or a tiling.

    Attributes
    ----------
    frame : GeoDataFrame
        The cells as given.
    code : Series
        Their codes, in the order of the frame.
    shapes : (n,) array of shapely Polygon or MultiPolygon
        EPSG:4326, on the lattice of 2⁻²³ degree, in the order of the frame.

    Examples
    --------
    >>> cells = Tiling.of(grids, code="GRID_NO")                   # doctest: +SKIP
    >>> locate(monday, cells), locate(tuesday, cells)              # doctest: +SKIP
    """

    frame: gpd.GeoDataFrame
    code: pd.Series
    shapes: Geoms
    _index: CellIndex = field(repr=False)
    _row: NDArray[np.int64] = field(repr=False)  # position in the frame of each cell of the index; last: -1

    @classmethod
    def of(
        cls, cells: "gpd.GeoDataFrame | Tiling", *, code: str | None = None, tolerance_m: float = 0.0
    ) -> "Tiling":
        """Judge cells and index them.

        Parameters
        ----------
        cells : GeoDataFrame
            Polygons that do not overlap, in any CRS. Land that no cell has is allowed.
        code : str, optional
            Column of their codes; by default ``code``, and where there is none the index.
        tolerance_m : float
            Gaps and overlaps up to this width are closed (:func:`mend`); wider overlaps are refused.

        Raises
        ------
        InvalidInputError
            The cells are no tiling: each fault says which cells and where; ``check(cells)`` gives them as a
            frame.
        """
        if isinstance(cells, Tiling):
            return cells
        frame = require_frame(cells, "cells")
        codes = codes_of(frame, code)
        inspection = _inspect(frame, codes, tolerance_m)
        errors = [found for found in inspection.findings if found.severity is Severity.ERROR]
        if errors:
            faults = [
                Fault("cells", f"{one.message}; {one.remedy}", place=_place(one.shape))
                for one in errors[:MAX_FAULTS]
            ]
            raise InvalidInputError(
                "The cells are no tiling; check(cells) shows where, mend(cells) closes what is narrow.",
                faults,
            )
        return cls._indexed(frame, codes, inspection.geoms)

    @classmethod
    def _indexed(cls, frame: gpd.GeoDataFrame, codes: pd.Series, shapes: Geoms) -> Self:
        names = codes.astype(str).to_numpy(dtype=object)
        order = np.argsort(names, kind="stable")
        index = CellIndex.build(segments_of(shapes[order]), names[order].tolist(), check=False)
        return cls(frame, codes, shapes, index, np.append(order, -1).astype(np.int64))

    def __len__(self) -> int:
        """Count of cells."""
        return len(self.frame)

    def rows_of(self, lonlat_deg: Floats) -> NDArray[np.int64]:
        """Return the position in the frame of the cell of each point (EPSG:4326), -1 for none."""
        return self._row[self._index.leaf_of(lonlat_deg)[0]]

    def located(self, lonlat_deg: Floats, **options: Any) -> tuple[Located, NDArray[np.int64]]:
        """Return all that is known of points, and the table that turns its cells into positions."""
        return self._index.locate(lonlat_deg, **options), self._row


def check(cells: gpd.GeoDataFrame, *, code: str | None = None, tolerance_m: float = 0.0) -> gpd.GeoDataFrame:
    """Find all that keeps cells from being a tiling.

    Parameters
    ----------
    cells : GeoDataFrame
        Polygons in any CRS.
    code : str, optional
        Column of their codes; by default ``code``, and where there is none the index.
    tolerance_m : float
        What is up to this wide counts as drawing accuracy and is found as ``repaired``.

    Returns
    -------
    GeoDataFrame
        A row for each finding, errors first: ``rule`` (gap, overlap, crossing, duplicate, hole,
        invalid_shape, duplicate_code, repaired …), ``severity`` (error, warning, note), ``message``,
        ``remedy``, ``cells`` (tuple of codes), its measures (``area_m2``, ``width_m`` …) and its shape in the
        CRS of the cells, None where it has no place. No row: a perfect tiling.

    Raises
    ------
    InvalidInputError
        The cells are no frame, have no CRS, or a column is missing.

    Examples
    --------
    >>> check(grids).groupby("rule").size()                        # doctest: +SKIP
    """
    frame = require_frame(cells, "cells")
    findings = _inspect(frame, codes_of(frame, code), tolerance_m).findings
    shapes = np.array([one.shape for one in findings] or [None], dtype=object)[: len(findings)]
    measures = sorted({name for one in findings for name in one.numbers})
    columns: dict[str, Any] = {
        "rule": [one.rule for one in findings],
        "severity": [one.severity.value for one in findings],
        "message": [str(one.message) for one in findings],
        "remedy": [str(one.remedy) for one in findings],
        "cells": [one.cells for one in findings],
    }
    columns |= {name: [one.numbers.get(name, np.nan) for one in findings] for name in measures}
    return gpd.GeoDataFrame(columns, geometry=in_crs_of(frame, shapes), crs=frame.crs)


def mend(cells: gpd.GeoDataFrame, tolerance_m: float = 1.0, *, code: str | None = None) -> gpd.GeoDataFrame:
    """Close gaps and overlaps that are no wider than a tolerance, so that neighbours share their borders.

    Parameters
    ----------
    cells : GeoDataFrame
        Polygons in any CRS.
    tolerance_m : float
        0 to 100; what is wider stays, and ``check`` tells of it.
    code : str, optional
        As for :func:`check`.

    Returns
    -------
    GeoDataFrame
        The same rows with mended shapes. Shared borders are the same line in both neighbours, and every
        vertex lies on the lattice of 2⁻²³ degree (a step of 1.3 cm).

    Raises
    ------
    InvalidInputError
        A shape could not be used at all; ``check`` says which.
    """
    frame = require_frame(cells, "cells")
    inspection = _inspect(frame, codes_of(frame, code), tolerance_m)
    lost = np.flatnonzero(shapely.is_empty(inspection.geoms))[:MAX_FAULTS]
    if len(lost):
        faults = [
            Fault("cells.geometry", "cannot be used: see check(cells)", int(row) + 1, inspection.codes[row])
            for row in lost
        ]
        raise InvalidInputError("Some shapes cannot be mended.", faults)
    mended = in_crs_of(frame, inspection.geoms)
    return frame.set_geometry(gpd.GeoSeries(mended.array, index=frame.index, crs=frame.crs))


def codes_of(frame: gpd.GeoDataFrame, code: str | None) -> pd.Series:
    """Return the codes of cells: a column, or the index.

    Raises
    ------
    InvalidInputError
        The column is not there, or a code is missing.
    """
    if code is not None:
        codes = require_column(frame, code, "cells", argument="code")
    elif "code" in frame.columns:
        codes = frame["code"]
    else:
        codes = pd.Series(frame.index, index=frame.index)
    missing = np.flatnonzero(codes.isna().to_numpy())[:MAX_FAULTS]
    if len(missing):
        message = "every cell needs a code; name another column with code=…, or drop the row"
        faults = [Fault("cells.code", message, int(row) + 1) for row in missing]
        raise InvalidInputError("Some cells have no code.", faults)
    return codes


def _inspect(frame: gpd.GeoDataFrame, codes: pd.Series, tolerance_m: float) -> Inspection:
    empty = np.flatnonzero((frame.geometry.isna() | frame.geometry.is_empty).to_numpy())[:MAX_FAULTS]
    if len(empty):
        message = "has no shape; where only the smallest cells hold land, keep cells[cells.geometry.notna()]"
        faults = [Fault("cells.geometry", message, int(row) + 1, codes.iloc[row]) for row in empty]
        raise InvalidInputError("Some cells have no shape.", faults)
    if len(frame) == 0:
        raise InvalidInputError("There are no cells.", [Fault("cells", "give at least one polygon")])
    names = codes.astype(str).tolist()
    return inspect_tiling(shapes_deg(frame, "cells"), names, tolerance_m=tolerance_m)


def _place(shape: shapely.Geometry | None) -> tuple[float, float] | None:
    if shape is None or shapely.is_empty(shape):
        return None
    point = shapely.point_on_surface(shape)
    return float(point.x), float(point.y)
