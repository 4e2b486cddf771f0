"""Sign boards (网格公示牌) as PDF, A3 or A4 upright: map, people, duties, what to report where, QR.

Each is laid out on A3; on A4 the same is drawn smaller, so that both read alike from their own distance.
"""

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A3, A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from geo_service.formats.paper import INK, LINE, SOFT, chinese_font
from geo_service.formats.qr import draw_qr
from geo_service.formats.sign_board_map import BoardMap, BoardScene

Paper = Literal["A3", "A4"]
_SIZES = {"A3": A3, "A4": A4}
_WIDTH, _HEIGHT = A3
_MARGIN, _BAND, _GAP = 34.0, 132.0, 16.0
_MAP_HEIGHT = 636.0
#: Width over height of the map on a board.
MAP_ASPECT = (_WIDTH - 2 * _MARGIN) / _MAP_HEIGHT
_DEEP, _PALE, _ALARM = HexColor("#12395b"), HexColor("#cfe0ee"), HexColor("#c4161c")
_LEFT = 452.0
_QR = 148.0
#: Height of what stands in its place where there is no address to lead to.
_CALL = 138.0
#: Of a cell so many people are named; more of them would not be read.
MOST_OWN, MOST_ABOVE = 4, 4
#: Sizes of the names of who answers for the cell, and for those above it; a row is so many times as high.
_OWN, _ABOVE, _ROW = 30.0, 20.0, 1.56
#: From the head of a part to what stands in it, before the next head, and of a line of numbers.
_HEAD, _BEFORE, _NUMBER = 31.0, 12.0, 33.0
_NOBODY = 40.0
#: A name that would have to be smaller than this share of its size takes two lines.
_SHRINK = 0.66


@dataclass(frozen=True)
class BoardPerson:
    """Somebody named on a board: the role in Chinese, the name, the number ("" for none)."""

    role: str
    name: str
    phone: str


@dataclass(frozen=True)
class Board:
    """What stands on a board.

    Attributes
    ----------
    title : str
        Over the board, such as 网格公示牌.
    path : tuple of str
        Names of the cells above, the top first.
    level, name, code : str
        Of the cell.
    own : tuple of BoardPerson
        Who answers for the cell.
    above : tuple of (str, BoardPerson)
        Who answers for the cells above, with the level's name.
    duties : tuple of str
    report : tuple of (str, str)
        What, and under which number.
    office, office_phone : str
        Who hangs the board; "" leaves it out.
    address : str
        Of the cell's page; "" for none, then there is no code to scan.
    printed_on : str
    edition_id : int
    scene : BoardScene
    """

    title: str
    path: tuple[str, ...]
    level: str
    name: str
    code: str
    own: tuple[BoardPerson, ...]
    above: tuple[tuple[str, BoardPerson], ...]
    duties: tuple[str, ...]
    report: tuple[tuple[str, str], ...]
    office: str
    office_phone: str
    address: str
    printed_on: str
    edition_id: int
    scene: BoardScene


def boards_pdf(boards: Iterable[Board], paper: Paper = "A3") -> bytes:
    """Write boards into one PDF, a page for each; equal boards give equal bytes."""
    stream = io.BytesIO()
    size = _SIZES[paper]
    canvas = Canvas(stream, pagesize=size, invariant=1, pageCompression=1)
    canvas.setAuthor("geo_service")
    for number, board in enumerate(boards):
        if not number:
            canvas.setTitle(f"{board.title} {board.name}")
        canvas.bookmarkPage(board.code)
        canvas.addOutlineEntry(f"{board.name} {board.code}", board.code, 0)
        canvas.saveState()
        canvas.scale(size[0] / _WIDTH, size[1] / _HEIGHT)
        _Page(canvas, board).draw()
        canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def boards_zip(boards: Iterable[Board], paper: Paper = "A3") -> bytes:
    """Write boards into a zip, a PDF for each, named by the code of its cell."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for board in boards:
            name = f"{_file_name(board.code)}-{paper}.pdf"
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), boards_pdf([board], paper))
    return stream.getvalue()


def _file_name(code: str) -> str:
    """Return a code without what a file system may not take."""
    return "".join(mark if mark.isalnum() or mark in "-_." else "_" for mark in code)


class _Page:
    """One board, drawn in points of A3."""

    def __init__(self, canvas: Canvas, board: Board) -> None:
        self.canvas, self.board, self.font = canvas, board, chinese_font()

    def draw(self) -> None:
        self._band()
        scene_map = BoardMap(self.board.scene, _WIDTH - 2 * _MARGIN, _MAP_HEIGHT, self.font)
        top = _HEIGHT - _BAND - _GAP
        scene_map.drawOn(self.canvas, _MARGIN, top - _MAP_HEIGHT)
        top -= _MAP_HEIGHT + _GAP
        self._left(_MARGIN, top)
        self._right(_MARGIN + _LEFT + 26, top)
        self._foot()

    # -------------------------------------------------------------------------------------------- parts

    def _band(self) -> None:
        canvas, board = self.canvas, self.board
        canvas.setFillColor(_DEEP)
        canvas.rect(0, _HEIGHT - _BAND, _WIDTH, _BAND, stroke=0, fill=1)
        canvas.setFillColor(_PALE)
        self._line(" · ".join([board.title, *board.path]), _MARGIN, _HEIGHT - 44, 18, _WIDTH - 2 * _MARGIN)
        canvas.setFillColor(HexColor("#ffffff"))
        self._line(board.name, _MARGIN, _HEIGHT - 104, 48, _WIDTH - 2 * _MARGIN - 190)
        canvas.setFillColor(_PALE)
        right = _WIDTH - _MARGIN
        canvas.setFont(self.font, 15)
        canvas.drawRightString(right, _HEIGHT - 86, board.level)
        canvas.setFont(self.font, 15)
        canvas.drawRightString(right, _HEIGHT - 108, f"编码 {board.code}")

    def _left(self, x: float, y: float) -> None:
        board, fit = self.board, self._fit(y)
        y = self._heading("责任人", x, y, _LEFT)
        for person in board.own[:MOST_OWN]:
            y = self._person(person, x, y, _OWN * fit)
        if not board.own:
            self.canvas.setFillColor(SOFT)
            said = f"请拨打 {board.office_phone} 联系社区" if board.office_phone else "请拨打下方电话"
            self._line(said, x, y - 24, 20, _LEFT)
            y -= _NOBODY
        for level, person in board.above[:MOST_ABOVE]:
            named = BoardPerson(f"{level} {person.role}", person.name, person.phone)
            y = self._person(named, x, y, _ABOVE * fit)
        y = self._heading("有事找谁", x, y - _BEFORE, _LEFT)
        self._report(x, y, fit)

    def _fit(self, top: float) -> float:
        """Return by how much the people and numbers shrink where all of them would not end on the page."""
        board = self.board
        rows = -(-len(board.report) // 2) + bool(board.office_phone)
        people = _OWN * len(board.own[:MOST_OWN]) + _ABOVE * len(board.above[:MOST_ABOVE])
        fixed = 2 * _HEAD + _BEFORE + (0 if board.own else _NOBODY)
        return min(1.0, (top - _MARGIN - 4 - fixed) / (people * _ROW + rows * _NUMBER or 1))

    def _person(self, person: BoardPerson, x: float, y: float, size: float) -> float:
        canvas = self.canvas
        base = y - size * 1.18
        canvas.setFillColor(SOFT)
        self._name(person.role, x, base + size * 0.08, min(15, size * 0.78), 128)
        canvas.setFillColor(INK)
        self._name(person.name, x + 136, base, size, 126)
        canvas.setFillColor(_DEEP)
        canvas.setFont(self.font, self._fitting(person.phone, size, _LEFT - 270))
        canvas.drawRightString(x + _LEFT, base, person.phone)
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.7)
        canvas.line(x, base - size * 0.38, x + _LEFT, base - size * 0.38)
        return y - size * _ROW

    def _report(self, x: float, y: float, fit: float) -> None:
        """Write what is reported under which number, in two columns; the office has a line of its own."""
        gap, step = 20.0, _NUMBER * fit
        half = (_LEFT - gap) / 2
        y -= 25 * fit
        for number, line in enumerate(self.board.report):
            left, base = x + (number % 2) * (half + gap), y - (number // 2) * step
            self._number(line, left, base, width=half, fit=fit)
        if self.board.office_phone:
            y -= -(-len(self.board.report) // 2) * step
            office = (self.board.office or "社区", self.board.office_phone)
            self._number(office, x, y, width=_LEFT, fit=fit)

    def _number(self, line: tuple[str, str], x: float, base: float, *, width: float, fit: float) -> None:
        """Write whom to ring at the left and the number at the right, neither over the other."""
        canvas, (what, phone) = self.canvas, line
        size = self._fitting(phone, 23 * fit, width * 0.5)
        canvas.setFillColor(_ALARM)
        canvas.setFont(self.font, size)
        canvas.drawRightString(x + width, base - 1, phone)
        canvas.setFillColor(INK)
        self._name(what, x, base, 17 * fit, width - canvas.stringWidth(phone, self.font, size) - 10)

    def _right(self, x: float, y: float) -> None:
        width = _WIDTH - _MARGIN - x
        y = self._heading("网格员职责", x, y, width)
        style = ParagraphStyle("duty", fontName=self.font, fontSize=15, leading=20.5, textColor=INK)
        style.wordWrap, style.leftIndent, style.bulletFontName, style.bulletFontSize = (
            "CJK",
            20,
            self.font,
            15,
        )
        bottom = _MARGIN + 16 + (_QR if self.board.address else _CALL) + 12
        for number, duty in enumerate(self.board.duties, 1):
            said = Paragraph(escape(duty), style, bulletText=f"{number}.")
            _, height = said.wrap(width, y - bottom)
            if y - height - 5 < bottom:
                break
            said.drawOn(self.canvas, x, y - height - 5)
            y -= height + 5
        if self.board.address:
            self._code(x, width)
        else:
            self._call(x, width)

    def _code(self, x: float, width: float) -> None:
        canvas, bottom = self.canvas, _MARGIN + 16
        draw_qr(canvas, self.board.address, x - 12, bottom, _QR)
        canvas.linkURL(self.board.address, (x - 12, bottom, x - 12 + _QR, bottom + _QR), relative=1)
        left = x + _QR - 4
        canvas.setFillColor(INK)
        self._line("扫码查询", left, bottom + _QR - 34, 20, width - _QR)
        canvas.setFillColor(SOFT)
        for number, said in enumerate(("网格范围", "责任人与电话", "有事找谁")):
            self._line(said, left, bottom + _QR - 58 - number * 20, 14, width - _QR)

    def _call(self, x: float, width: float) -> None:
        """Where there is no page to lead to: what to say of the place, and whom to ring."""
        canvas, board, bottom = self.canvas, self.board, _MARGIN + 16
        canvas.setFillColor(_PALE)
        canvas.roundRect(x, bottom, width, _CALL, 8, stroke=0, fill=1)
        canvas.setFillColor(SOFT)
        self._line("来电报事，请说网格编码", x + 16, bottom + _CALL - 28, 15, width - 32)
        canvas.setFillColor(INK)
        self._line(board.code, x + 16, bottom + _CALL - 62, 28, width - 32)
        if board.office_phone:
            canvas.setFillColor(SOFT)
            self._name(board.office or "社区", x + 16, bottom + _CALL - 92, 15, width - 32)
            canvas.setFillColor(_ALARM)
            self._line(board.office_phone, x + 16, bottom + _CALL - 124, 28, width - 32)

    def _foot(self) -> None:
        board, canvas = self.board, self.canvas
        canvas.setFillColor(SOFT)
        said = f"{board.printed_on} 制 · 第 {board.edition_id} 版边界"
        self._line(f"{board.office} · {said}" if board.office else said, _MARGIN, _MARGIN - 12, 11, _LEFT)
        if board.address:
            canvas.setFont(self.font, self._fitting(board.address, 10, 300))
            canvas.drawRightString(_WIDTH - _MARGIN, _MARGIN - 12, board.address)

    # ------------------------------------------------------------------------------------------ helpers

    def _heading(self, words: str, x: float, y: float, width: float) -> float:
        canvas = self.canvas
        canvas.setFillColor(_DEEP)
        canvas.rect(x, y - 22, 5, 20, stroke=0, fill=1)
        self._line(words, x + 13, y - 19, 19, width)
        canvas.setStrokeColor(_DEEP)
        canvas.setLineWidth(1.1)
        canvas.line(x, y - 29, x + width, y - 29)
        return y - 31

    def _line(self, words: str, x: float, y: float, size: float, width: float) -> None:
        """Write a line from x on, smaller where it would be wider than it may."""
        self.canvas.setFont(self.font, self._fitting(words, size, width))
        self.canvas.drawString(x, y, words)

    def _name(self, words: str, x: float, y: float, size: float, width: float) -> None:
        """Write a name that may be long: a little smaller, else in two lines about the height of the one."""
        if self._fitting(words, size, width) >= _SHRINK * size:
            self._line(words, x, y, size, width)
            return
        lines = self._halves(words)
        small = min(_SHRINK * size, *(self._fitting(line, size, width) for line in lines))
        for line, base in zip(lines, (y + 0.62 * small, y - 0.53 * small), strict=True):
            self._line(line, x, base, small, width)

    def _halves(self, words: str) -> tuple[str, str]:
        """Split a text where both parts are about as wide."""
        wide = [self.canvas.stringWidth(words[:at], self.font, 1) for at in range(len(words) + 1)]
        middle = min(range(len(wide)), key=lambda at: abs(2 * wide[at] - wide[-1]))
        return words[:middle], words[middle:]

    def _fitting(self, words: str, size: float, width: float) -> float:
        """Return the size in which words are no wider than they may be."""
        wide = self.canvas.stringWidth(words, self.font, size)
        return float(size * min(1.0, width / wide)) if wide else size
