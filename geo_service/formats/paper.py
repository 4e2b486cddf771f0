"""What everything printed shares: the font, the colours, text styles, tables that go over pages, page feet.

Chinese text. Where a TrueType font with Chinese is installed its glyphs in use are embedded; without one the
file names Adobe's STSong-Light, which viewers bring along or replace.
"""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
)
from reportlab.platypus.tables import Table, TableStyle

#: TrueType outlines only: reportlab embeds no others.
_FONT_FILES = (
    "truetype/wqy/wqy-microhei.ttc",
    "truetype/wqy/wqy-zenhei.ttc",
    "truetype/droid/DroidSansFallbackFull.ttf",
    "truetype/arphic/uming.ttc",
)
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")

INK, SOFT, LINE, ACCENT, PAPER = (
    HexColor(code) for code in ("#1f2a33", "#66717b", "#d4d0c6", "#1d5f8a", "#f5f3ee")
)
MARGIN = 16 * mm
#: With less room than this below it a heading goes to the next page.
_LEAST_BELOW = 30 * mm


@lru_cache(maxsize=1)
def chinese_font() -> str:
    """Return the name of a registered font that has Chinese."""
    for folder in _FONT_FOLDERS:
        for file in _FONT_FILES:
            path = Path(folder) / file
            if path.is_file():
                try:
                    pdfmetrics.registerFont(TTFont("chinese", str(path)))
                except (TTFError, OSError):
                    continue
                return "chinese"
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    return "STSong-Light"


class Sheets:
    """A document of upright A4 sheets: its styles, its tables, its foot.

    Parameters
    ----------
    foot : str
        Written at the foot of each page, beside its number.
    """

    def __init__(self, foot: str) -> None:
        self._foot = foot
        self.font = font = chinese_font()
        base = ParagraphStyle("base", fontName=font, fontSize=9, leading=13, textColor=INK, wordWrap="CJK")
        self.text = base
        self.small = ParagraphStyle("small", base, fontSize=7.8, leading=10.5)
        self.soft = ParagraphStyle("soft", base, fontSize=8, leading=11, textColor=SOFT)
        self.h1 = ParagraphStyle("h1", base, fontSize=18, leading=24)
        self.h2 = ParagraphStyle(
            "h2", base, fontSize=12, leading=16, spaceBefore=12, spaceAfter=4, textColor=ACCENT
        )

    @property
    def width(self) -> float:
        """Width between the margins, in points."""
        return float(A4[0] - 2 * MARGIN)

    def build(self, parts: Sequence[Flowable], *, title: str, subject: str) -> bytes:
        """Lay the parts out over pages; equal parts give equal bytes."""
        stream = io.BytesIO()
        document = BaseDocTemplate(
            stream,
            pagesize=A4,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=18 * mm,
            title=title,
            author="geo_service",
            subject=subject,
            invariant=1,
        )
        frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
        document.addPageTemplates([PageTemplate(frames=[frame], onPage=self._write_foot)])
        document.build(list(parts))
        return stream.getvalue()

    def _write_foot(self, canvas: Canvas, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(self.font, 7.5)
        canvas.setFillColor(SOFT)
        canvas.drawString(MARGIN, 10 * mm, self._foot)
        canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"第 {document.page} 页")
        canvas.restoreState()

    def section(self, title: str, first: Any, *rest: Any) -> list[Flowable]:
        """Return a heading and what stands below it."""
        heading = [CondPageBreak(_LEAST_BELOW), Paragraph(title, self.h2)]
        return [*heading, first, *(part for part in rest if part is not None)]

    def kept(self, title: str, *parts: Any) -> Flowable:
        """Return a heading with what stands below it, on one page."""
        return KeepTogether([Paragraph(title, self.h2), *(part for part in parts if part is not None)])

    def more(self, total: int, shown: int) -> Paragraph | None:
        """Return a line on what is left out; None where nothing is."""
        return Paragraph(f"另有 {total - shown} 项，见电子版。", self.soft) if total > shown else None

    def table(
        self, rows: list[list[Any]], shares: Sequence[float], *, right_from: int | None = None
    ) -> Table:
        """Return a table whose first row is its head, repeated on each page."""
        table = Table(rows, colWidths=[self.width * share for share in shares], repeatRows=1)
        style = [
            ("FONT", (0, 0), (-1, -1), self.font, 8.3),
            ("TEXTCOLOR", (0, 0), (-1, -1), INK),
            ("TEXTCOLOR", (0, 0), (-1, 0), SOFT),
            ("BACKGROUND", (0, 0), (-1, 0), PAPER),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("TOPPADDING", (0, 0), (-1, -1), 2.6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3.4),
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ]
        if right_from is not None:
            style.append(("ALIGN", (right_from, 0), (-1, -1), "RIGHT"))
        table.setStyle(TableStyle(style))
        return table
