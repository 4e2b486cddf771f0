"""Checking a boundary file: the findings of the whole tiling, without a database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from geo_service.formats.boundaries import read_boundaries
from geo_service.geometry.inspect import inspect_tiling
from geo_service.model import Finding, Severity


@dataclass(frozen=True)
class Checked:
    """What was found in a file."""

    cells: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Count of the findings that would block publishing."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    def lines(self, *, geometry: bool = False) -> Iterator[dict[str, Any]]:
        """Give each finding as a JSON object with its place, on demand with its shape as GeoJSON."""
        for finding in self.findings:
            line = finding_json(finding)
            yield line if geometry else {name: value for name, value in line.items() if name != "geometry"}


def check_file(
    file: Path | bytes,
    *,
    code_field: str,
    crs: str | None = None,
    tolerance_m: float = 0.0,
    max_vertices: int | None = None,
    say: Callable[[str, float | None], None] = lambda *_: None,
) -> Checked:
    """Read a boundary file and inspect it as one tiling.

    Raises
    ------
    InvalidInputError
        The file cannot be read, or its rows have faults (all are listed).
    """
    table = read_boundaries(
        file, code_field=code_field, crs=crs, check_shapes=False, max_vertices=max_vertices
    )
    say("checking the tiling", None)
    inspection = inspect_tiling(
        table.frame["geometry"].to_numpy(), table.frame["code"].tolist(), tolerance_m=tolerance_m
    )
    return Checked(len(table.frame), tuple(inspection.findings))


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as a JSON object."""
    shape = finding.shape
    place = shape.representative_point() if shape is not None and not shape.is_empty else None
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "cells": list(finding.cells),
        "message": finding.message,
        "remedy": finding.remedy,
        "numbers": {name: round(float(value), 4) for name, value in finding.numbers.items()},
        "place": [round(place.x, 7), round(place.y, 7)] if place else None,
        "geometry": shapely.geometry.mapping(shape) if shape is not None else None,
    }
