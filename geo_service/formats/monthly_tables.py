"""The monthly report as tables: sheets of an xlsx, or one CSV of a figure a row."""

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from geo_service.formats.monthly_pdf import CLOCKS, PHASES, before_words, span_words
from geo_service.formats.spreadsheet import safe_cell, without_control, write_table

_PERCENT = "0.0%"
_PARTS = {"n": "件数", "mean_s": "平均（分钟）", "median_s": "中位（分钟）", "p90_s": "P90（分钟）"}
#: Where nothing is known.
NOTHING = "—"
_CLOCK_PARTS = {"decided": "已判定", "within": "达标", "within_share": "达标率"}
_CELLS = {
    "code": "编码",
    "name": "名称",
    "households": "户数",
    "staff": "在岗",
    "incidents": "事件",
    "arrive_decided": "到场已判定",
    "arrive_within": "到场达标",
    "arrive_within_share": "到场达标率",
    "coverage_share": "覆盖率",
    "patrol_share": "巡查率",
}

Row = tuple[str, str, Any, Any]


def figure_rows(report: Mapping[str, Any]) -> Iterator[Row]:
    """Give every figure of the report: group, name, this month, the month before (or its same span)."""
    now, then = report["now"], report["then"]
    spans = report["spans"]
    yield "报告", "统计时段", span_words(spans["now"]), span_words(spans["then"])
    yield "事件", "合计", now["incidents"], then["incidents"]
    for code in sorted({*now["categories"], *then["categories"]}):
        name = str(report["categories"].get(code, code) or "未分类")
        yield "事件类别", name, now["categories"].get(code, 0), then["categories"].get(code, 0)
    for hour in range(24):
        yield "事件时段", f"{hour}时", now["hours"][hour], then["hours"][hour]
    yield "事件", "其中在本系统办理", now["handled"], then["handled"]
    for code, words in CLOCKS.items():
        for part, said in _CLOCK_PARTS.items():
            yield words, said, now["clocks"][code][part], then["clocks"][code][part]
    for code, words in PHASES.items():
        for part, said in _PARTS.items():
            values = (side["phases"][code][part] for side in (now, then))
            one, other = (_minutes(value) if part.endswith("_s") else value for value in values)
            yield words, said, one, other
    late, before = now["breaches"], then["breaches"]
    yield "到场超时", "合计", late["breaches"], before["breaches"]
    yield "到场超时", "已分析", late["worked_out"], before["worked_out"]
    for code, words in report["causes"].items():
        yield "到场超时", words, late["causes"][code], before["causes"][code]
    yield from _standing(now, then)


def _standing(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[Row]:
    for group, words, names in (
        (
            "coverage",
            "覆盖",
            {
                "now": "当时覆盖率",
                "mean": "一周平均覆盖率",
                "worst": "一周最低覆盖率",
                "worst_at": "最低时刻",
                "blind_spots": "盲区",
                "blind_households": "盲区住户",
            },
        ),
        ("people", "力量", {"at": "时刻", "on_duty": "在岗", "households": "户数", "residents": "人口"}),
        (
            "vacancies",
            "缺岗",
            {"at_work": "次", "person_hours": "人时", "unheld": "职责无人担任", "empty_posts": "空岗时段"},
        ),
        (
            "patrol",
            "巡查",
            {
                "days": "天数",
                "share": "街道巡查率",
                "walked_m": "里程（公里）",
                "hours": "时长（小时）",
                "person_times": "人次",
            },
        ),
    ):
        for name, said in names.items():
            one, other = (side[group].get(name) for side in (now, then))
            if name.endswith("_m"):
                one, other = (None if value is None else round(value / 1000, 1) for value in (one, other))
            elif name == "hours":
                one, other = (None if value is None else round(value, 1) for value in (one, other))
            yield words, said, one, other


def _minutes(value_s: float | None) -> float | None:
    return None if value_s is None else round(value_s / 60, 1)


def monthly_csv(report: Mapping[str, Any]) -> str:
    """Return the report as CSV: month, cell, group, figure, value and that of the month before."""
    rows = [
        (report["month"], report["cell"]["code"], group, name, one, other)
        for group, name, one, other in figure_rows(report)
    ]
    known = {row["code"]: row for row in report["then"]["cells"]}
    for row in report["now"]["cells"]:
        before = known.get(row["code"], {})
        rows += [
            (report["month"], row["code"], "各网格", words, row[name], before.get(name))
            for name, words in _CELLS.items()
            if name not in {"code", "name"}
        ]
    columns = ["月份", "网格编码", "类", "指标", "本月", before_words(report)]
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    stream = io.StringIO(newline="")
    write_table(table, stream)
    return stream.getvalue()


def monthly_xlsx(report: Mapping[str, Any]) -> bytes:
    """Return the report as a workbook: every figure, and the cells of this month and of the one before."""
    book = openpyxl.Workbook()
    del book[book.sheetnames[0]]
    sheet = book.create_sheet("指标")
    before = report["before"] if report["is_whole"] else f"{report['before']} 同期"
    _fill(sheet, ("类", "指标", report["month"], before), _explained(figure_rows(report)))
    for side, month in (("now", report["month"]), ("then", before)):
        rows = [
            tuple(NOTHING if row[name] is None else row[name] for name in _CELLS)
            for row in report[side]["cells"]
        ]
        _fill(book.create_sheet(f"各网格 {month}"), tuple(_CELLS.values()), rows)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _explained(rows: Iterable[Row]) -> list[Row]:
    """Return rows with a mark where nothing is known, and a line that says what the mark means."""
    marked: list[Row] = []
    for words, said, *values in rows:
        now, then = (NOTHING if value is None else value for value in values)
        marked.append((words, said, now, then))
    if any(NOTHING in row for row in marked):
        marked.append(("说明", NOTHING, "该时段没有可统计的数据", "该时段没有可统计的数据"))
    return marked


def _fill(sheet: Any, heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Write a table that prints well: the head on each page, columns wide enough, shares in percent."""
    sheet.append(heads)
    for row in rows:
        sheet.append(
            [safe_cell(without_control(value)) if isinstance(value, str) else value for value in row]
        )
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="F5F3EE")
    for number, column in enumerate(zip(heads, *rows, strict=True), 1):
        wide = max(sum(2 if ord(mark) > 0x2E7F else 1 for mark in str(value or "")) for value in column)
        sheet.column_dimensions[get_column_letter(number)].width = min(40, max(8, wide + 2))
    for line, row in enumerate(rows, 2):
        for number, value in enumerate(row, 1):
            if isinstance(value, float) and ("率" in heads[number - 1] or "率" in str(row[1])):
                sheet.cell(line, number).number_format = _PERCENT
            if isinstance(value, int | float) or value == NOTHING:
                sheet.cell(line, number).alignment = Alignment(horizontal="right")
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
