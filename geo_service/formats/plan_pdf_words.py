"""Chinese words and number formats of the printed report on a plan."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

#: Figures of a whole side, in the order of the table.
FIGURES = {
    "cells": "网格数",
    "households": "户数",
    "residents": "人口",
    "buildings": "楼栋",
    "incidents_year": "一年事件",
    "staff": "责任人数",
    "workload_gini": "工作量基尼系数",
    "workload_max": "最大工作量指数",
    "coverage_share": "5 分钟到场覆盖率（户）",
    "attainment_share": "5 分钟到场达标率（事件）",
    "compactness_mean_changed": "有变化网格的平均紧凑度",
    "rule_errors": "规则：错误",
    "rule_warnings": "规则：警告",
}
#: Figures of one cell.
COLUMNS = {
    "households": "户数",
    "residents": "人口",
    "buildings": "楼栋",
    "incidents_year": "事件",
    "staff": "责任人",
    "workload": "工作量",
    "coverage_share": "覆盖",
    "attainment_share": "达标",
    "compactness": "紧凑度",
}
STATUS = {
    "new": "新设",
    "retired": "撤销",
    "reshaped": "改形",
    "reparented": "改隶",
    "described": "更名",
    "same": "不变",
}
SEVERITIES = {"error": "错误", "warning": "警告", "note": "提示"}
RULES = {
    "parent": "上级归属",
    "empty_cell": "空网格",
    "code": "编码",
    "code_reused": "编码重用",
    "contiguous": "连片",
    "building_cut": "楼栋不分割",
    "barrier": "不跨障碍",
    "households": "户数规模",
    "area": "面积",
    "compactness": "紧凑度",
    "street_face": "沿街单元",
    "dedicated": "专属网格",
    "owner": "有人负责",
}

_SHARES = frozenset({"coverage_share", "attainment_share"})
_INDICES = frozenset({"workload", "workload_max", "compactness", "compactness_mean_changed"})


def figure_text(name: str, value: float | None) -> str:
    """Write a figure: shares in percent, indices to two decimals, Gini to three, counts whole."""
    if value is None:
        return "—"
    if name in _SHARES:
        return f"{100 * value:.1f}%"
    if name == "workload_gini":
        return f"{value:.3f}"
    return f"{value:.2f}" if name in _INDICES else f"{value:,.0f}"


def place_text(cell: Sequence[Any], names: Mapping[str, str]) -> str:
    """Write level and code of a cell; escaped for a paragraph."""
    return escape(f"{names.get(cell[0], cell[0])} {cell[1]}")
