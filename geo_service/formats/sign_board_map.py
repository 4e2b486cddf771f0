"""The map on a sign board: the cell with border, parts, what lies beside it, streets, buildings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas

from geo_service.formats.paper_map import INK, PaperMap, Window
from geo_service.geometry.anchors import anchor_on

_GROUND, _GREEN, _WATER = HexColor("#f6f3ec"), HexColor("#dfe9d3"), HexColor("#bcd9ea")
_BUILDING, _WALL = HexColor("#d9d2c6"), HexColor("#b9b0a1")
_CASE, _ROAD, _MAJOR, _PATH = (HexColor(code) for code in ("#c3bbad", "#ffffff", "#fbe3a8", "#cfc7b8"))
_RAIL, _BORDER, _PART, _BESIDE = (HexColor(code) for code in ("#8d8d8d", "#c4161c", "#b06a2c", "#7d8790"))
_VEIL, _HERE, _STREET = Color(1, 1, 1, alpha=0.5), HexColor("#c4161c"), HexColor("#5c5346")

#: Width in points (on A3) of streets by their class, those drawn last the last.
WIDTHS: Mapping[str, float] = {
    "path": 0.9,
    "footway": 0.9,
    "steps": 0.9,
    "track": 1.0,
    "cycleway": 1.0,
    "service": 2.0,
    "pedestrian": 2.6,
    "living_street": 3.0,
    "residential": 3.4,
    "unclassified": 3.6,
    "tertiary": 5.0,
    "secondary": 6.2,
    "primary": 7.4,
    "trunk": 8.2,
    "motorway": 8.2,
}
_NARROW = 1.5
_WIDE = 5.0
_LARGEST_NAMES = 60
#: A name may be so many times as wide as the radius of the largest circle in its cell.
_ROOM = 3.2


@dataclass(frozen=True)
class BoardScene:
    """What the map shows, all in EPSG:4326.

    ``children`` and ``neighbours`` are pairs of name and outline, ``streets`` and ``land`` objects with
    ``kind``, ``name`` and ``shape``; ``place`` is where the board hangs.
    """

    window: Window
    outline: Any
    children: Sequence[tuple[str, Any]]
    neighbours: Sequence[tuple[str, Any]]
    streets: Sequence[Mapping[str, Any]]
    land: Sequence[Mapping[str, Any]]
    buildings: Sequence[Any]
    place: tuple[float, float] | None = None


class BoardMap(PaperMap):
    """The map of a board.

    Parameters
    ----------
    scene : BoardScene
    width, height : float
        In points.
    font : str
    """

    def __init__(self, scene: BoardScene, width: float, height: float, font: str) -> None:
        super().__init__(scene.window, width, height, font)
        self.scene = scene

    def draw_land(self) -> None:
        """Draw from the ground up: land, buildings, streets, borders, names."""
        scene, canvas = self.scene, self.canv
        canvas.setFillColor(_GROUND)
        canvas.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        self._land()
        for shape in self.on_paper(scene.buildings):
            self.area(shape, fill=_BUILDING, edge=_WALL, width=0.3)
        shapes = self._streets()
        outline = self.on_paper([scene.outline])[0]
        frame = shapely.box(-2, -2, self.width + 2, self.height + 2)
        self.area(shapely.difference(frame, outline), fill=_VEIL)
        beside = self.on_paper(shape for _, shape in scene.neighbours)
        for shape in beside:
            self.line(shapely.boundary(shape), edge=_BESIDE, width=1.1, dash=(6, 2.5, 1.2, 2.5))
        children = self.on_paper(shape for _, shape in scene.children)
        if len(children) > 1:
            for shape in children:
                self.line(shapely.boundary(shape), edge=_PART, width=1.1, dash=(3.5, 2.5))
        self.line(shapely.boundary(outline), edge=Color(1, 1, 1, alpha=0.85), width=7.5)
        self.line(shapely.boundary(outline), edge=_BORDER, width=4)
        if scene.place is not None:
            self._here(scene.place)
        self._place_names(children, beside)
        self._street_names(shapes)
        self._north()

    def _land(self) -> None:
        shades = {"wood": _GREEN, "park": _GREEN, "square": _GREEN}
        for one, shape in zip(
            self.scene.land, self.on_paper(one["shape"] for one in self.scene.land), strict=True
        ):
            kind = one["kind"]
            if shapely.get_dimensions(shape) == 2:
                self.area(_polygons(shape), fill=shades.get(kind, _WATER))
            elif kind in {"railway", "rail"}:
                self.line(shape, edge=_RAIL, width=2.6)
                self.line(shape, edge=_ROAD, width=1.4, dash=(6, 6))
            else:
                self.line(shape, edge=_WATER, width=3)

    def _streets(self) -> list[tuple[str, Any, float]]:
        """Draw the streets, narrow ones first; returns name, shape and width of each."""
        streets = sorted(self.scene.streets, key=lambda one: _width(one["kind"]))
        shapes = [_lines(shape) for shape in self.on_paper(one["shape"] for one in streets)]
        drawn = [
            (one["name"], shape, _width(one["kind"])) for one, shape in zip(streets, shapes, strict=True)
        ]
        for _, shape, width in drawn:
            if width > _NARROW:
                self.line(shape, edge=_CASE, width=width + 1.2)
        for _, shape, width in drawn:
            if width > _NARROW:
                self.line(shape, edge=_MAJOR if width >= _WIDE else _ROAD, width=width)
            else:
                self.line(shape, edge=_PATH, width=width, dash=(2.5, 1.8))
        return drawn

    def _here(self, place: tuple[float, float]) -> None:
        """Mark where the board hangs, and keep names away from it."""
        canvas: Canvas = self.canv
        at = self.on_paper([shapely.Point(place)])[0]
        if not (0 < at.x < self.width and 0 < at.y < self.height):
            return
        canvas.setFillColor(_HERE)
        canvas.setStrokeColor(HexColor("#ffffff"))
        canvas.setLineWidth(1.6)
        pin = canvas.beginPath()
        pin.moveTo(at.x, at.y)
        pin.curveTo(at.x - 3, at.y + 9, at.x - 9, at.y + 11, at.x - 9, at.y + 19)
        pin.curveTo(at.x - 9, at.y + 31, at.x + 9, at.y + 31, at.x + 9, at.y + 19)
        pin.curveTo(at.x + 9, at.y + 11, at.x + 3, at.y + 9, at.x, at.y)
        pin.close()
        canvas.drawPath(pin, stroke=1, fill=1)
        canvas.setFillColor(HexColor("#ffffff"))
        canvas.circle(at.x, at.y + 19, 3.6, stroke=0, fill=1)
        self.is_free((at.x - 10, at.y - 2, at.x + 10, at.y + 30))
        self._written("您在此处", at.x, at.y - 13, 11, _HERE)

    def _place_names(self, children: Iterable[Any], beside: Iterable[Any]) -> None:
        frame = shapely.box(4, 4, self.width - 4, self.height - 4)
        for (name, _), shape in zip(self.scene.neighbours, beside, strict=True):
            seen = shapely.intersection(shape, frame)
            if not shapely.is_empty(seen) and shapely.area(seen) > 1500:
                self._in_middle(name, seen, 12.5, _BESIDE)
        parts = list(zip(self.scene.children, children, strict=True))
        if len(parts) > 1:
            for (name, _), shape in parts:
                self._in_middle(name, shape, 11, _PART)

    def _in_middle(self, name: str, shape: Any, size: float, shade: Color) -> None:
        """Write a name where there is most room in a shape, or not at all."""
        largest = max(shapely.get_parts(shape), key=shapely.area)
        radius = shapely.maximum_inscribed_circle(largest, tolerance=2.0)
        if self.canv.stringWidth(name, self.font, size) > _ROOM * shapely.length(radius):
            return
        middle = shapely.get_point(radius, 0)
        self._written(name, middle.x, middle.y - size / 3, size, shade)

    def _written(self, name: str, x: float, y: float, size: float, shade: Color) -> None:
        canvas: Canvas = self.canv
        width = canvas.stringWidth(name, self.font, size)
        x = min(max(x, width / 2 + 4), self.width - width / 2 - 4)
        if self.is_free((x - width / 2 - 2, y - 3, x + width / 2 + 2, y + size)):
            self.haloed(name, x, y, size, shade)

    def _street_names(self, streets: Iterable[tuple[str, Any, float]]) -> None:
        """Write names along streets, the widest first, each once and only where there is room."""
        canvas: Canvas = self.canv
        frame = shapely.box(8, 8, self.width - 8, self.height - 8)
        seen: set[str] = set()
        for name, shape, width in sorted(streets, key=lambda one: -one[2]):
            if not name or name in seen or len(seen) >= _LARGEST_NAMES:
                continue
            at = anchor_on(_lines(shapely.intersection(shape, frame)))
            size = 10.5 if width >= _WIDE else 9.0
            long = canvas.stringWidth(name, self.font, size)
            if at is None or at.room < long + 6:
                continue
            turned = shapely.affinity.rotate(
                shapely.box(at.x - long / 2, at.y - size / 2, at.x + long / 2, at.y + size / 2),
                at.angle_deg,
                origin=(at.x, at.y),
            )
            if not self.is_free(turned.bounds):
                continue
            seen.add(name)
            canvas.saveState()
            canvas.translate(at.x, at.y)
            canvas.rotate(at.angle_deg)
            self.haloed(name, 0, -size * 0.36, size, _STREET)
            canvas.restoreState()

    def _north(self) -> None:
        canvas: Canvas = self.canv
        x, y = self.width - 24, self.height - 46
        arrow = canvas.beginPath()
        arrow.moveTo(x, y + 26)
        arrow.lineTo(x + 7, y)
        arrow.lineTo(x, y + 5)
        arrow.lineTo(x - 7, y)
        arrow.close()
        canvas.setFillColor(INK)
        canvas.drawPath(arrow, stroke=0, fill=1)
        self.haloed("北", x, y + 29, 11, INK)

    def scale_bar(self, size: float = 10) -> None:
        """Draw the bar, larger than on a report: a board is read standing."""
        super().scale_bar(size)


def _width(kind: str) -> float:
    return WIDTHS.get(kind.removesuffix("_link"), 2.6)


def _lines(shape: Any) -> Any:
    """Return the lines of a shape as one MultiLineString."""
    parts = shapely.get_parts(shape)
    parts = parts[~shapely.is_empty(parts)]
    return shapely.MultiLineString(list(parts[shapely.get_dimensions(parts) == 1]))


def _polygons(shape: Any) -> Any:
    parts = shapely.get_parts(shape)
    parts = parts[~shapely.is_empty(parts)]
    return shapely.MultiPolygon(list(parts[shapely.get_dimensions(parts) == 2]))
