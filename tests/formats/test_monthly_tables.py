"""The monthly report as tables: nothing in them is a formula, and no text breaks them."""

import csv
import io
from typing import Any

import openpyxl
import pytest

from geo_service.formats import monthly_pdf, monthly_tables

NAMES = ["=1+1", "sm\x07oke\x00"]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    rows = [("事件类别", name, 3, 0.5) for name in NAMES]
    monkeypatch.setattr(monthly_tables, "figure_rows", lambda _: iter(rows))
    cells: dict[str, Any] = {"cells": []}
    return {
        "month": "2026-10",
        "before": "2026-09",
        "is_whole": True,
        "cell": {"code": "=c"},
        "now": cells,
        "then": cells,
    }


def test_the_csv_holds_no_formula(report: dict[str, Any]) -> None:
    rows = list(csv.reader(io.StringIO(monthly_tables.monthly_csv(report))))
    assert rows[0] == ["月份", "网格编码", "类", "指标", "本月", "上月"]
    assert rows[1] == ["2026-10", "'=c", "事件类别", "'=1+1", "3", "0.5"]


def test_a_workbook_holds_any_category(report: dict[str, Any]) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(monthly_tables.monthly_xlsx(report)))["指标"]
    assert [row[1].value for row in sheet.iter_rows(min_row=2)] == ["'=1+1", "smoke"]


def test_a_month_that_runs_is_beside_the_same_span(report: dict[str, Any]) -> None:
    report["is_whole"] = False
    rows = list(csv.reader(io.StringIO(monthly_tables.monthly_csv(report))))
    assert rows[0][-2:] == ["本月", "上月同期"]
    book = openpyxl.load_workbook(io.BytesIO(monthly_tables.monthly_xlsx(report)))
    assert book.sheetnames == ["指标", "各网格 2026-10", "各网格 2026-09 同期"]
    assert book["指标"]["D1"].value == "2026-09 同期"


def test_what_is_over_a_limit_is_shown_over_it() -> None:
    assert monthly_pdf.way(300.0) == "5 分 00 秒"
    assert monthly_pdf.way(300.2) == "5 分 01 秒"
    assert monthly_pdf.way(None) == "—"
    assert monthly_pdf.span_words({"from": "2026-10-01T00:00+08:00", "to": "2026-11-01T00:00+08:00"}) == (
        "2026-10-01 至 2026-10-31"
    )
    assert monthly_pdf.span_words({"from": "2026-11-01T00:00+08:00", "to": "2026-11-22T08:30+08:00"}) == (
        "2026-11-01 至 2026-11-22 08:30"
    )


def test_figures_are_in_units_that_people_read_and_none_is_marked() -> None:
    phase = {"n": 3, "mean_s": 90.4, "median_s": 61.0, "p90_s": None}
    clock = {"decided": 3, "within": 2, "within_share": 0.67}
    side: dict[str, Any] = {
        "incidents": 3,
        "categories": {},
        "hours": [0] * 24,
        "handled": 3,
        "clocks": dict.fromkeys(monthly_pdf.CLOCKS, clock),
        "phases": dict.fromkeys(monthly_pdf.PHASES, phase),
        "breaches": {"breaches": 1, "worked_out": 1, "causes": {}},
        "coverage": {},
        "people": {},
        "vacancies": {"count": 5, "at_work": 0, "unheld": 5, "person_hours": 0, "empty_posts": 0},
        "patrol": {"walked_m": 1_491_253.2, "hours": 312.345},
        "cells": [],
    }
    span = {"from": "2026-10-01T00:00+08:00", "to": "2026-11-01T00:00+08:00"}
    report = {
        "month": "2026-10", "before": "2026-09", "is_whole": True, "causes": {}, "categories": {},
        "spans": {"now": span, "then": span}, "now": side, "then": side,
    }  # fmt: skip
    sheet = openpyxl.load_workbook(io.BytesIO(monthly_tables.monthly_xlsx(report)))["指标"]
    told = {(row[0].value, row[1].value): row[2].value for row in sheet.iter_rows(min_row=2)}
    assert told["上报 → 到场", "平均（分钟）"] == 1.5
    assert told["上报 → 到场", "P90（分钟）"] == "—"
    assert told["巡查", "里程（公里）"] == 1491.3
    assert told["巡查", "时长（小时）"] == 312.3
    assert told["缺岗", "次"] == told["缺岗", "人时"] == 0  # roles that only have to be held miss no hours
    assert told["缺岗", "职责无人担任"] == 5
    assert None not in told.values()
    assert ("说明", "—") in told
