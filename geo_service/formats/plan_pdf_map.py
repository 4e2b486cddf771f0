"""Maps on paper: cells coloured by workload, drawn as vector paths."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

#: Classes of the workload by their upper bounds; from little to much, readable to the colour-blind.
CLASSES = (
    (0.5, HexColor("#5b93b8"), "< 0.5"),
    (0.8, HexColor("#a9cbdd"), "0.5–0.8"),
    (1.2, HexColor("#f1efe6"), "0.8–1.2"),
    (1.6, HexColor("#f3bd84"), "1.2–1.6"),
    (math.inf, HexColor("#d4702f"), "≥ 1.6"),
)
_NONE = HexColor("#ffffff")
_EDGE, _MARK, _INK = HexColor("#8b8f92"), HexColor("#7a1f5c"), HexColor("#1f2a33")
#: Finer than this many points a corner cannot be seen on paper.
_TOLERANCE_PT = 0.15
_LABEL_PT = 6.2
_CHANGED = frozenset({"new", "retired", "reshaped", "reparented"})

Window = tuple[float, float, float, float]


def colour(workload: float | None) -> Color:
    """Return the fill of a workload."""
    if workload is None:
        return _NONE
    return next(shade for bound, shade, _ in CLASSES if workload < bound)


class WorkloadMap(Flowable):  # type: ignore[misc]  # reportlab carries no types
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
        super().__init__()
        self.cells, self.font = cells, font
        self.width = self.height = width
        west, south, east, north = window
        self.squeeze = math.cos(math.radians((south + north) / 2))
        self.middle = (west + east) / 2, (south + north) / 2
        self.per_degree = width / max((east - west) * self.squeeze, north - south)

    def draw(self) -> None:
        """Draw onto the page, clipped to the frame."""
        canvas: Canvas = self.canv
        canvas.saveState()
        frame = canvas.beginPath()
        frame.rect(0, 0, self.width, self.height)
        canvas.clipPath(frame, stroke=0)
        shapes = shapely.simplify(
            np.array([self._on_paper(cell["shape"]) for cell in self.cells], dtype=object), _TOLERANCE_PT
        )
        canvas.setLineJoin(1)
        for cell, shape in zip(self.cells, shapes, strict=True):
            self._draw(shape, fill=colour(cell["workload"]), edge=_EDGE, width=0.35)
        changed = [(c, s) for c, s in zip(self.cells, shapes, strict=True) if c["status"] in _CHANGED]
        for _, shape in changed:
            self._draw(shape, fill=None, edge=_MARK, width=1.3)
        for cell, shape in changed:
            self._name(str(cell["name"]), shape)
        canvas.restoreState()
        canvas.setStrokeColor(_EDGE)
        canvas.setLineWidth(0.6)
        canvas.rect(0, 0, self.width, self.height)
        self._scale_bar()

    def _on_paper(self, shape: shapely.Geometry) -> shapely.Geometry:
        x0, y0 = self.middle
        scale = np.array([self.per_degree * self.squeeze, self.per_degree])
        return shapely.transform(shape, lambda xy: (xy - (x0, y0)) * scale + self.width / 2)

    def _draw(self, shape: shapely.Geometry, *, fill: Color | None, edge: Color, width: float) -> None:
        canvas: Canvas = self.canv
        path = canvas.beginPath()
        for ring in shapely.get_rings(shapely.get_parts(shape)):
            first, *rest = shapely.get_coordinates(ring).tolist()
            path.moveTo(*first)
            for place in rest[:-1]:
                path.lineTo(*place)
            path.close()
        canvas.setStrokeColor(edge)
        canvas.setLineWidth(width)
        if fill is not None:
            canvas.setFillColor(fill)
        canvas.drawPath(path, stroke=1, fill=int(fill is not None), fillMode=0)

    def _name(self, name: str, shape: shapely.Geometry) -> None:
        """Write a name on a light ground in the middle of its cell, if that is in the frame."""
        place = shape.representative_point()
        if place.is_empty or not (0 < place.x < self.width and 0 < place.y < self.height):
            return
        canvas: Canvas = self.canv
        width = canvas.stringWidth(name, self.font, _LABEL_PT)
        x = min(max(place.x, width / 2 + 2), self.width - width / 2 - 2)
        canvas.setFillColor(Color(1, 1, 1, alpha=0.75))
        canvas.rect(x - width / 2 - 1.2, place.y - 2.6, width + 2.4, _LABEL_PT + 1.8, stroke=0, fill=1)
        canvas.setFillColor(_INK)
        canvas.setFont(self.font, _LABEL_PT)
        canvas.drawCentredString(x, place.y - 0.6, name)

    def _scale_bar(self) -> None:
        """Draw a bar of a round length, at most a third of the width."""
        canvas: Canvas = self.canv
        metres_per_point = 111_320 / self.per_degree
        longest_m = metres_per_point * self.width / 3
        decade = 10 ** math.floor(math.log10(longest_m))
        length_m = next(step * decade for step in (5, 2, 1) if step * decade <= longest_m)
        words = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
        end = 6 + length_m / metres_per_point
        canvas.setFillColor(Color(1, 1, 1, alpha=0.8))
        canvas.rect(3, 3, end + 4 - 3 + canvas.stringWidth(words, self.font, 6.5) + 4, 10, stroke=0, fill=1)
        canvas.setStrokeColor(_INK)
        canvas.setLineWidth(1)
        canvas.line(6, 6, end, 6)
        canvas.setFillColor(_INK)
        canvas.setFont(self.font, 6.5)
        canvas.drawString(end + 3, 5, words)


class WorkloadLegend(Flowable):  # type: ignore[misc]  # the same
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
            canvas.setFillColor(_INK)
            canvas.drawString(x, 4, words)
            x += canvas.stringWidth(words, self.font, 7.5) + after

        write("工作量指数", 8)
        for _, shade, words in CLASSES:
            canvas.setFillColor(shade)
            canvas.setStrokeColor(_EDGE)
            canvas.rect(x, 3, 12, 8, stroke=1, fill=1)
            x += 15
            write(words, 9)
        canvas.setStrokeColor(_MARK)
        canvas.setLineWidth(1.3)
        canvas.line(x + 4, 7, x + 20, 7)
        x += 24
        write("有变化的网格", 0)
