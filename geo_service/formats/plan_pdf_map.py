"""Maps on paper: cells coloured by workload, drawn as vector paths."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from geo_service.formats.paper_map import EDGE, INK, PaperMap, Window

#: Classes of the workload by their upper bounds; from little to much, readable to the colour-blind.
CLASSES = (
    (0.5, HexColor("#5b93b8"), "< 0.5"),
    (0.8, HexColor("#a9cbdd"), "0.5–0.8"),
    (1.2, HexColor("#f1efe6"), "0.8–1.2"),
    (1.6, HexColor("#f3bd84"), "1.2–1.6"),
    (math.inf, HexColor("#d4702f"), "≥ 1.6"),
)
_NONE = HexColor("#ffffff")
_MARK = HexColor("#7a1f5c")
_CHANGED = frozenset({"new", "retired", "reshaped", "reparented"})


def colour(workload: float | None) -> Color:
    """Return the fill of a workload."""
    if workload is None:
        return _NONE
    return next(shade for bound, shade, _ in CLASSES if workload < bound)


class WorkloadMap(PaperMap):
    """A square map of cells.

    Parameters
    ----------
    cells : sequence of mapping
        ``shape`` (EPSG:4326), ``workload``, ``status``, ``name``; what changes is outlined and named.
    window : west, south, east, north
        In degrees.
    width : float
        In points; the height is the same.
    font : str
        For the names.
    """

    def __init__(self, cells: Sequence[Mapping[str, Any]], window: Window, width: float, font: str) -> None:
        super().__init__(window, width, width, font)
        self.cells = cells

    def draw_land(self) -> None:
        """Draw the cells; what changes is outlined and named."""
        shapes = self.on_paper(cell["shape"] for cell in self.cells)
        for cell, shape in zip(self.cells, shapes, strict=True):
            self.area(shape, fill=colour(cell["workload"]), edge=EDGE)
        changed = [(c, s) for c, s in zip(self.cells, shapes, strict=True) if c["status"] in _CHANGED]
        for _, shape in changed:
            self.area(shape, fill=None, edge=_MARK, width=1.3)
        for cell, shape in changed:
            self.name(str(cell["name"]), shape)


class WorkloadLegend(Flowable):  # type: ignore[misc]  # reportlab carries no types
    """What the colours of the maps say, in one line."""

    def __init__(self, width: float, font: str) -> None:
        super().__init__()
        self.width, self.height, self.font = width, 16.0, font

    def draw(self) -> None:
        """Draw onto the page."""
        canvas: Canvas = self.canv
        canvas.setFont(self.font, 7.5)
        canvas.setLineWidth(0.35)
        x = 0.0

        def write(words: str, after: float) -> None:
            nonlocal x
            canvas.setFillColor(INK)
            canvas.drawString(x, 4, words)
            x += canvas.stringWidth(words, self.font, 7.5) + after

        write("工作量指数", 8)
        for _, shade, words in CLASSES:
            canvas.setFillColor(shade)
            canvas.setStrokeColor(EDGE)
            canvas.rect(x, 3, 12, 8, stroke=1, fill=1)
            x += 15
            write(words, 9)
        canvas.setStrokeColor(_MARK)
        canvas.setLineWidth(1.3)
        canvas.line(x + 4, 7, x + 20, 7)
        x += 24
        write("有变化的网格", 0)
