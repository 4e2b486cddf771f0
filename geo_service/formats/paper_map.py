"""Maps on paper, drawn as vector paths: projection, shapes, names and the scale that all share."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

#: Finer than this many points a corner cannot be seen on paper.
TOLERANCE_PT = 0.15
EDGE, INK = HexColor("#8b8f92"), HexColor("#1f2a33")
_LABEL_PT = 6.2

Window = tuple[float, float, float, float]
Box = tuple[float, float, float, float]


class PaperMap(Flowable, ABC):  # type: ignore[misc]  # reportlab carries no types
    """A map in a frame; what is on it a map of its own kind says in :meth:`draw_land`.

    Parameters
    ----------
    window : west, south, east, north
        In degrees; all of it is seen, in the middle of the frame.
    width, height : float
        Of the frame, in points.
    font : str
        For the names.
    """

    def __init__(self, window: Window, width: float, height: float, font: str) -> None:
        super().__init__()
        self.width, self.height, self.font = width, height, font
        west, south, east, north = window
        self.squeeze = math.cos(math.radians((south + north) / 2))
        self.middle = (west + east) / 2, (south + north) / 2
        self.per_degree = min(
            width / max((east - west) * self.squeeze, 1e-9), height / max(north - south, 1e-9)
        )
        self._taken: list[Box] = []

    @abstractmethod
    def draw_land(self) -> None:
        """Draw what is on the map; the frame clips it."""

    def draw(self) -> None:
        """Draw onto the page, clipped to the frame."""
        canvas: Canvas = self.canv
        canvas.saveState()
        frame = canvas.beginPath()
        frame.rect(0, 0, self.width, self.height)
        canvas.clipPath(frame, stroke=0)
        canvas.setLineJoin(1)
        self._taken.clear()
        self.draw_land()
        canvas.restoreState()
        canvas.setStrokeColor(EDGE)
        canvas.setLineWidth(0.6)
        canvas.rect(0, 0, self.width, self.height)
        self.scale_bar()

    # ------------------------------------------------------------------------------------------ from degrees

    def on_paper(self, shapes: Iterable[shapely.Geometry]) -> NDArray[np.object_]:
        """Return shapes (EPSG:4326) in points of the frame, without corners that cannot be seen."""
        x0, y0 = self.middle
        scale = np.array([self.per_degree * self.squeeze, self.per_degree])
        middle = np.array([self.width / 2, self.height / 2])
        given = np.array(list(shapes), dtype=object)
        moved = shapely.transform(given, lambda xy: (xy - (x0, y0)) * scale + middle)
        return np.asarray(shapely.simplify(moved, TOLERANCE_PT), dtype=object)

    @property
    def metres_per_point(self) -> float:
        """How many metres of land a point of paper is."""
        return 111_320 / self.per_degree

    # ------------------------------------------------------------------------------------------ onto the page

    def area(
        self, shape: shapely.Geometry, *, fill: Color | None, edge: Color | None = None, width: float = 0.35
    ) -> None:
        """Draw the polygons of a shape in points."""
        canvas: Canvas = self.canv
        path = canvas.beginPath()
        for ring in shapely.get_rings(shapely.get_parts(shape)):
            first, *rest = shapely.get_coordinates(ring).tolist()
            path.moveTo(*first)
            for place in rest[:-1]:
                path.lineTo(*place)
            path.close()
        if edge is not None:
            canvas.setStrokeColor(edge)
            canvas.setLineWidth(width)
        if fill is not None:
            canvas.setFillColor(fill)
        canvas.drawPath(path, stroke=int(edge is not None), fill=int(fill is not None), fillMode=0)

    def line(
        self, shape: shapely.Geometry, *, edge: Color, width: float, dash: Sequence[float] | None = None
    ) -> None:
        """Draw the lines of a shape in points."""
        canvas: Canvas = self.canv
        path = canvas.beginPath()
        for part in shapely.get_parts(shape):
            corners = shapely.get_coordinates(part).tolist()
            if len(corners) > 1:
                path.moveTo(*corners[0])
                for place in corners[1:]:
                    path.lineTo(*place)
        canvas.setStrokeColor(edge)
        canvas.setLineWidth(width)
        canvas.setLineCap(1)
        canvas.setDash(*([list(dash), 0] if dash else [[], 0]))
        canvas.drawPath(path, stroke=1, fill=0)
        canvas.setDash([], 0)

    def is_free(self, box: Box) -> bool:
        """Tell whether no name stands in a box (left, bottom, right, top) yet, and take it if so."""
        left, bottom, right, top = box
        if any(left < r and right > l and bottom < t and top > b for l, b, r, t in self._taken):  # noqa: E741
            return False
        self._taken.append(box)
        return True

    def name(self, name: str, shape: shapely.Geometry, size: float = _LABEL_PT) -> None:
        """Write a name on a light ground in the middle of a shape in points, if that is in the frame."""
        place = shape.representative_point()
        if place.is_empty or not (0 < place.x < self.width and 0 < place.y < self.height):
            return
        canvas: Canvas = self.canv
        width = canvas.stringWidth(name, self.font, size)
        x = min(max(place.x, width / 2 + 2), self.width - width / 2 - 2)
        canvas.setFillColor(Color(1, 1, 1, alpha=0.75))
        canvas.rect(x - width / 2 - 1.2, place.y - 2.6, width + 2.4, size + 1.8, stroke=0, fill=1)
        canvas.setFillColor(INK)
        canvas.setFont(self.font, size)
        canvas.drawCentredString(x, place.y - 0.6, name)

    def haloed(self, words: str, x: float, y: float, size: float, shade: Color) -> None:
        """Write words with their middle at x on a line at y, with a white rim against the map."""
        canvas: Canvas = self.canv
        left = x - canvas.stringWidth(words, self.font, size) / 2
        canvas.saveState()  # how text is drawn outlasts it
        canvas.setStrokeColor(Color(1, 1, 1, alpha=0.9))
        canvas.setLineWidth(size / 4)
        rim = canvas.beginText(left, y)
        rim.setFont(self.font, size)
        rim.setTextRenderMode(1)
        rim.textLine(words)
        canvas.drawText(rim)
        canvas.restoreState()
        canvas.setFillColor(shade)
        canvas.setFont(self.font, size)
        canvas.drawString(left, y, words)

    def scale_bar(self, size: float = 6.5) -> None:
        """Draw a bar of a round length, at most a third of the width."""
        canvas: Canvas = self.canv
        longest_m = self.metres_per_point * self.width / 3
        decade = 10 ** math.floor(math.log10(longest_m))
        length_m = next(step * decade for step in (5, 2, 1) if step * decade <= longest_m)
        words = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
        end = 6 + length_m / self.metres_per_point
        canvas.setFillColor(Color(1, 1, 1, alpha=0.8))
        canvas.rect(
            3, 3, end + 4 - 3 + canvas.stringWidth(words, self.font, size) + 4, size + 3.5, stroke=0, fill=1
        )
        canvas.setStrokeColor(INK)
        canvas.setLineWidth(1)
        canvas.line(6, 6, end, 6)
        canvas.setFillColor(INK)
        canvas.setFont(self.font, size)
        canvas.drawString(end + 3, 5, words)
