"""Drawings of the monthly report: cells coloured by a figure, bars by hour, a week of coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from geo_service.formats.paper import ACCENT, INK, LINE, PAPER, SOFT
from geo_service.formats.paper_map import EDGE, PaperMap, Window

#: From little to much, also without colours and for the colour-blind.
COUNTS = tuple(HexColor(code) for code in ("#fdf4dc", "#fbd78f", "#f3a04a", "#cf641f", "#86330a"))
#: Shares from bad to good.
SHARES = tuple(HexColor(code) for code in ("#a8480f", "#ee9b46", "#fbdcae", "#c9dfee", "#5b93b8"))
#: Upper bounds of the classes of a share.
SHARE_BREAKS = (0.5, 0.7, 0.85, 0.95)
_NONE, _SPOT = HexColor("#ffffff"), HexColor("#7a1f5c")
_MOST_NAMES = 40


@dataclass(frozen=True)
class Classes:
    """Classes of a figure by their inner bounds, with a shade and words for each."""

    bounds: tuple[float, ...]
    shades: tuple[Color, ...]
    words: tuple[str, ...]

    def shade(self, value: float | None) -> Color:
        """Return the fill of a value; white where there is none."""
        return _NONE if value is None else self.shades[int(np.searchsorted(self.bounds, value, side="right"))]


def count_classes(values: Sequence[float | None]) -> Classes:
    """Return up to five classes of counts with about as many cells in each (quantiles)."""
    known = np.array([value for value in values if value is not None], dtype=float)
    inner = np.unique(np.ceil(np.quantile(known, (0.2, 0.4, 0.6, 0.8)))) if len(known) else np.empty(0)
    bounds = tuple(inner[inner > known.min()].tolist()) if len(known) else ()
    shades = COUNTS[: len(bounds) + 1]
    if not bounds:
        return Classes((), shades, (f"{known.max():.0f}" if len(known) else "—",))
    words = [f"< {bounds[0]:.0f}"]
    words += [f"{low:.0f}–{high - 1:.0f}" for low, high in pairwise(bounds)]
    return Classes(bounds, shades, (*words, f"≥ {bounds[-1]:.0f}"))


def share_classes() -> Classes:
    """Return the classes of a share: the same in every report, so that two can be compared."""
    percent = [f"{100 * one:.0f}%" for one in SHARE_BREAKS]
    words = [f"< {percent[0]}", *(f"{a}–{b}" for a, b in pairwise(percent))]
    return Classes(SHARE_BREAKS, SHARES, (*words, f"≥ {percent[-1]}"))


class Choropleth(PaperMap):
    """Cells coloured by a figure.

    Parameters
    ----------
    cells : sequence of mapping
        ``name``, ``shape`` (EPSG:4326), ``value`` (None: nothing is known).
    classes : Classes
    window : west, south, east, north
    size : (float, float)
        Width and height, in points.
    font : str
    spots : sequence of geometry
        Blind spots, drawn over the cells.
    """

    def __init__(
        self,
        cells: Sequence[Mapping[str, Any]],
        classes: Classes,
        window: Window,
        *,
        size: tuple[float, float],
        font: str,
        spots: Sequence[Any] = (),
    ) -> None:
        super().__init__(window, *size, font)
        self.cells, self.classes, self.spots = cells, classes, spots

    def draw_land(self) -> None:
        """Draw cells, blind spots, and names where they do not crowd."""
        shapes = self.on_paper(cell["shape"] for cell in self.cells)
        for cell, shape in zip(self.cells, shapes, strict=True):
            self.area(shape, fill=self.classes.shade(cell["value"]), edge=EDGE, width=0.4)
        for spot in self.on_paper(self.spots) if len(self.spots) else ():
            self.area(spot, fill=Color(*_SPOT.rgb(), alpha=0.55), edge=_SPOT, width=0.5)
        if len(self.cells) > _MOST_NAMES:
            return
        for cell, shape in zip(self.cells, shapes, strict=True):
            at, name = shape.representative_point(), str(cell["name"])
            half = self.canv.stringWidth(name, self.font, 6.2) / 2
            if self.is_free((at.x - half, at.y - 3, at.x + half, at.y + 6)):
                self.name(name, shape)


class ClassLegend(Flowable):  # type: ignore[misc]  # reportlab carries no types
    """What the shades of a map say, in one line."""

    def __init__(self, title: str, classes: Classes, width: float, font: str) -> None:
        super().__init__()
        self.title, self.classes, self.width, self.height, self.font = title, classes, width, 15.0, font

    def draw(self) -> None:
        """Draw onto the page."""
        canvas: Canvas = self.canv
        canvas.setFont(self.font, 7.2)
        canvas.setFillColor(INK)
        canvas.drawString(0, 4, self.title)
        x = canvas.stringWidth(self.title, self.font, 7.2) + 7
        for shade, words in zip(self.classes.shades, self.classes.words, strict=True):
            canvas.setFillColor(shade)
            canvas.setStrokeColor(EDGE)
            canvas.setLineWidth(0.35)
            canvas.rect(x, 3, 9, 7.5, stroke=1, fill=1)
            canvas.setFillColor(INK)
            canvas.drawString(x + 11, 4, words)
            x += 11 + canvas.stringWidth(words, self.font, 7.2) + 6


class HourBars(Flowable):  # type: ignore[misc]  # the same
    """Counts by hour of the day, with the month before (as ``before`` calls it) as a line of marks."""

    def __init__(
        self, now: Sequence[int], then: Sequence[int], width: float, font: str, *, before: str = "上月"
    ) -> None:
        super().__init__()
        self.before = before
        self.now, self.then, self.width, self.height, self.font = now, then, width, 108.0, font

    def draw(self) -> None:
        """Draw onto the page."""
        canvas: Canvas = self.canv
        most = 2 * -(-max(1, *self.now, *self.then) // 2)  # even, so that its half is whole
        base, top, left = 16.0, self.height - 16, 24.0
        step = (self.width - left) / 24
        canvas.setFont(self.font, 6.8)
        for share in (0.0, 0.5, 1.0):
            y = base + share * (top - base)
            canvas.setStrokeColor(LINE)
            canvas.setLineWidth(0.4)
            canvas.line(left, y, self.width, y)
            canvas.setFillColor(SOFT)
            canvas.drawRightString(left - 4, y - 2, f"{most * share:,.0f}")
        for hour, (now, then) in enumerate(zip(self.now, self.then, strict=True)):
            x = left + hour * step
            canvas.setFillColor(ACCENT)
            canvas.rect(x + step * 0.16, base, step * 0.68, now / most * (top - base), stroke=0, fill=1)
            y = base + then / most * (top - base)
            canvas.setStrokeColor(_SPOT)
            canvas.setLineWidth(1.4)
            canvas.line(x + step * 0.04, y, x + step * 0.96, y)
            if hour % 3 == 0:
                canvas.setFillColor(SOFT)
                canvas.drawCentredString(x + step / 2, base - 10, f"{hour}时")
        canvas.setFillColor(ACCENT)
        canvas.rect(left, top + 6, 8, 6, stroke=0, fill=1)
        canvas.setStrokeColor(_SPOT)
        canvas.line(left + 44, top + 9, left + 56, top + 9)
        canvas.setFillColor(INK)
        canvas.drawString(left + 11, top + 6, "本月")
        canvas.drawString(left + 60, top + 6, self.before)


class WeekShares(Flowable):  # type: ignore[misc]  # the same
    """Coverage by the hour over a week: a row for each day."""

    DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

    def __init__(self, shares: Sequence[float | None], classes: Classes, width: float, font: str) -> None:
        super().__init__()
        self.shares, self.classes, self.width, self.height, self.font = shares, classes, width, 100.0, font

    def draw(self) -> None:
        """Draw onto the page."""
        canvas: Canvas = self.canv
        left, step, row = 24.0, (self.width - 24) / 24, 12.0
        canvas.setFont(self.font, 6.8)
        for day, words in enumerate(self.DAYS):
            y = self.height - 2 - (day + 1) * row
            canvas.setFillColor(SOFT)
            canvas.drawString(0, y + 3.4, words)
            for hour in range(24):
                canvas.setFillColor(self.classes.shade(self.shares[day * 24 + hour]))
                canvas.setStrokeColor(_NONE)
                canvas.setLineWidth(0.6)
                canvas.rect(left + hour * step, y, step, row, stroke=1, fill=1)
        canvas.setFillColor(SOFT)
        for hour in range(0, 24, 3):
            canvas.drawCentredString(left + (hour + 0.5) * step, 3, f"{hour}时")


class KeyFigures(Flowable):  # type: ignore[misc]  # the same
    """The figures that are looked at first, each with the one of the month before."""

    ROW = 54.0

    def __init__(self, figures: Sequence[tuple[str, str, str]], width: float, font: str) -> None:
        super().__init__()
        self.figures, self.width, self.font = figures, width, font
        self.height = self.ROW * -(-len(figures) // 4)

    def draw(self) -> None:
        """Draw onto the page."""
        canvas: Canvas = self.canv
        gap, columns = 6.0, 4
        wide = (self.width - gap * (columns - 1)) / columns
        for number, (name, value, before) in enumerate(self.figures):
            x = (number % columns) * (wide + gap)
            y = self.height - (number // columns + 1) * self.ROW + 5
            canvas.setFillColor(PAPER)
            canvas.roundRect(x, y, wide, self.ROW - 5, 4, stroke=0, fill=1)
            canvas.setFillColor(SOFT)
            canvas.setFont(self.font, 7.6)
            canvas.drawString(x + 8, y + self.ROW - 17, name)
            canvas.setFillColor(INK)
            canvas.setFont(self.font, 17)
            canvas.drawString(x + 8, y + 17, value)
            canvas.setFillColor(SOFT)
            canvas.setFont(self.font, 7)
            canvas.drawString(x + 8, y + 6, before)
