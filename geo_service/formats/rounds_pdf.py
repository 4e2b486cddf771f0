"""Rounds on paper: the QR signs of places, and the lists of a week, a page for each person. Chinese text."""

import io
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus.tables import Table, TableStyle

from geo_service.formats.paper import ACCENT, INK, LINE, MARGIN, PAPER, SOFT, chinese_font

_QR_MM = 52
_ACROSS, _DOWN = 2, 3
_WEEKDAYS = "一二三四五六日"


def sign_address(base: str, code: str) -> str:
    """Return the address that a QR sign holds: the worker's page, which takes the code from there.

    The code stands behind ``#``, so that no server writes it into a log.
    """
    return f"{base.rstrip('/')}/worker#visit={quote(code)}"


def visit_signs_pdf(places: Sequence[Mapping[str, Any]], base: str) -> bytes:
    """Draw the QR signs of places, six to an A4 page, with lines to cut along.

    Parameters
    ----------
    places : sequence of mapping
        Each with ``name``, ``code``, ``address``, ``path`` (cells from the top down), ``sign`` (its code).
    base : str
        Address at which phones reach the service: ``https://grid.example.cn``.
    """
    styles = _styles()
    cards = [_sign(place, base, styles) for place in places]
    cards += [[] for _ in range(-len(cards) % _ACROSS)]
    rows = [cards[i : i + _ACROSS] for i in range(0, len(cards), _ACROSS)]
    width = (A4[0] - 2 * MARGIN) / _ACROSS
    height = (A4[1] - 2 * MARGIN - 14) / _DOWN
    story: list[Flowable] = []
    if rows:
        table = Table(rows, colWidths=[width] * _ACROSS, rowHeights=[height] * len(rows))
        table.setStyle(
            TableStyle(
                [
                    ("GRID", (0, 0), (-1, -1), 0.4, LINE),
                    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                    ("ALIGN", (0, 0), (-1, -1), "CENTER"),
                ]
            )
        )
        story.append(table)
    return _built(story or [Paragraph("没有点位", styles["text"])], "巡查点位牌")


def _sign(place: Mapping[str, Any], base: str, styles: Mapping[str, ParagraphStyle]) -> list[Flowable]:
    side = _QR_MM * mm
    code = QrCodeWidget(sign_address(base, place["sign"]), barLevel="M", barBorder=2)
    low_x, low_y, high_x, high_y = code.getBounds()
    scale = side / (high_x - low_x), side / (high_y - low_y)
    drawing = Drawing(side, side, transform=[scale[0], 0, 0, scale[1], 0, 0])
    drawing.add(code)
    drawing.hAlign = "CENTER"
    cell = " › ".join(one["name"] or one["code"] for one in place["path"][-2:])
    return [
        Paragraph(escape(place["name"]), styles["name"]),
        Paragraph(escape(place["address"] or cell), styles["middle"]),
        drawing,
        Paragraph(place["sign"], styles["code"]),
        Paragraph("巡查人员扫码登记走访 · 打不开时可在手机页面输入编码", styles["middle"]),
    ]


def week_pdf(told: Mapping[str, Any], zone: ZoneInfo) -> bytes:
    """Draw the lists of a week: for each person a page (or more), each day a table to tick off.

    ``told`` as :func:`geo_service.services.week_lists.week` gives it.
    """
    styles = _styles()
    story: list[Flowable] = []
    for who in told["people"]:
        if story:
            story.append(PageBreak())
        stops = sum(len(day["stops"]) for day in who["days"])
        story.append(Paragraph(f"{escape(who['name'])} 一周走访清单", styles["h1"]))
        line = f"{told['monday']} 起一周 · 工号 {escape(who['responder'])} · 共 {stops} 处"
        story.append(Paragraph(line, styles["soft"]))
        for day in who["days"]:
            story += _day(day, zone, styles)
        if who["routes"]:
            story += _routes(who["routes"], styles)
    if told["left_out"]:
        story.append(PageBreak() if story else Spacer(0, 0))
        story.append(Paragraph("未能列入清单", styles["h1"]))
        rows = [
            [escape(one["name"]), escape("、".join(one["departments"])), one["message_zh"]]
            for one in told["left_out"]
        ]
        story.append(_table([["点位", "部门", "原因"], *rows], (70, 60, 48), styles))
    return _built(story or [Paragraph("本周没有走访任务", styles["text"])], f"{told['monday']} 走访清单")


def _day(day: Mapping[str, Any], zone: ZoneInfo, styles: Mapping[str, ParagraphStyle]) -> list[Flowable]:
    minutes = round(day["seconds"] / 60)
    head = f"{day['day']} 星期{_WEEKDAYS[day['day'].weekday()]} · 约 {minutes // 60} 小时 {minutes % 60} 分"
    rows = [["", "点位", "地址", "联合检查部门", "到期", "完成"]]
    for stop in day["stops"]:
        done = stop["visited_at"]
        drives = f"（{'、'.join(stop['campaigns'])}）" if stop["campaigns"] else ""
        rows.append(
            [
                str(stop["position"]),
                escape(stop["place_name"]),
                escape(stop["address"]),
                escape("、".join(stop["departments"]) + drives),
                stop["due"].strftime("%m-%d"),
                done.astimezone(zone).strftime("%m-%d %H:%M") if done else "☐",
            ]
        )
    return [Paragraph(head, styles["h2"]), _table(rows, (8, 44, 44, 48, 14, 20), styles)]


def _routes(routes: Sequence[Mapping[str, Any]], styles: Mapping[str, ParagraphStyle]) -> list[Flowable]:
    rows = [["固定路线", "时段", "长度", "日期（☑ 已完成）"]]
    for one in routes:
        days = "　".join(f"{'☑' if day['done'] else '☐'} {day['day']:%m-%d}" for day in one["days"])
        hours = f"{one['from']}–{one['to']}"
        rows.append([escape(one["name"]), hours, f"{one['length_m'] / 1000:.1f} 公里", days])
    return [Paragraph("固定路线", styles["h2"]), _table(rows, (60, 26, 20, 72), styles)]


def _table(
    rows: Sequence[Sequence[str]], widths_mm: Sequence[float], styles: Mapping[str, ParagraphStyle]
) -> Table:
    cells = [[Paragraph(text, styles["small"]) for text in row] for row in rows]
    table = Table(cells, colWidths=[width * mm for width in widths_mm], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), PAPER),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return table


def _built(story: list[Flowable], title: str) -> bytes:
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=title,
        author="geo_service",
        invariant=1,
    )
    document.build(story)
    return stream.getvalue()


def _styles() -> dict[str, ParagraphStyle]:
    base = ParagraphStyle(
        "text", fontName=chinese_font(), fontSize=9, leading=13, textColor=INK, wordWrap="CJK"
    )
    return {
        "text": base,
        "small": ParagraphStyle("small", base, fontSize=8.2, leading=11),
        "soft": ParagraphStyle("soft", base, textColor=SOFT),
        "h1": ParagraphStyle("h1", base, fontSize=17, leading=24),
        "h2": ParagraphStyle(
            "h2", base, fontSize=11, leading=15, spaceBefore=9, spaceAfter=3, textColor=ACCENT
        ),
        "name": ParagraphStyle("name", base, fontSize=13, leading=17, alignment=1),
        "middle": ParagraphStyle("middle", base, fontSize=7.5, leading=10, alignment=1, textColor=SOFT),
        "code": ParagraphStyle("code", base, fontName="Courier-Bold", fontSize=9.5, leading=13, alignment=1),
    }
