"""The report on a plan as a PDF for the file: maps drawn as vectors, tables, findings, lines to sign on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer
from reportlab.platypus.tables import Table, TableStyle

from geo_service.formats.paper import INK, Sheets
from geo_service.formats.plan_pdf_map import WorkloadLegend, WorkloadMap
from geo_service.formats.plan_pdf_words import (
    COLUMNS,
    FIGURES,
    RULES,
    SEVERITIES,
    STATUS,
    figure_text,
    place_text,
)

#: Rows of the longer tables; all are in the JSON report.
ROWS_SHOWN = 40
FINDINGS_SHOWN = 30

Cells = Sequence[Mapping[str, Any]]


def plan_report_pdf(
    report: Mapping[str, Any], maps: tuple[Cells, Cells], window: tuple[float, float, float, float]
) -> bytes:
    """Write the report on a plan.

    Parameters
    ----------
    report : mapping
        As :class:`geo_service.services.preview.Previews` makes it.
    maps : pair of sequences
        Cells before and after: ``shape`` (EPSG:4326), ``workload``, ``status``, ``name``.
    window : west, south, east, north
        Of both maps, in degrees.

    Returns
    -------
    bytes
        PDF, A4 upright.
    """
    sheet = _Sheet(report)
    return sheet.build(
        [
            *sheet.head(),
            *sheet.maps(maps, window),
            *sheet.sums(),
            *sheet.levels(),
            *sheet.cells(),
            *sheet.foremost(),
            *sheet.hands(),
            *sheet.flows(),
            *sheet.findings(),
            *sheet.signatures(),
        ],
        title=f"{sheet.title} 调整前后对比",
        subject=f"revision {report['revision']}",
    )


class _Sheet(Sheets):
    """The parts of the report, each a list of what flows onto the pages."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.report = report
        plan, against = report["plan"], report["against"]
        self.title = str(plan.get("name") or f"方案 {plan['id']}")
        self.other = str(against.get("name")) if against["kind"] == "plan" else f"第 {against['id']} 版边界"
        self.names = {level["level"]: level["name_zh"] for level in report["levels"]}
        super().__init__(f"{self.title} · 修订 {report['revision']} · {self._moment()}")

    def _moment(self) -> str:
        at = datetime.fromisoformat(str(self.report["at"])).astimezone()  # as this machine's clock has it
        return at.isoformat(sep=" ", timespec="minutes")

    def head(self) -> list[Flowable]:
        said = (
            f"网格划分方案调整前后对比。调整前：{self.other}；调整后：本方案修订 {self.report['revision']}。"
            f"在岗与到场按 {self._moment()} 计算，电动自行车 {self.report['limit_s'] // 60} 分钟；"
            "事件为此前一年。工作量指数 1 为调整前的平均水平。"
        )
        return [Paragraph(escape(self.title), self.h1), Paragraph(escape(said), self.soft), Spacer(1, 6)]

    def maps(self, maps: tuple[Cells, Cells], window: tuple[float, float, float, float]) -> list[Flowable]:
        gap = 5 * mm
        width = (self.width - gap) / 2
        both = [WorkloadMap(cells, window, width, self.font) for cells in maps]
        level = self.names.get(self.report["level"], self.report["level"])
        heads = [
            Paragraph(f"调整前 · {escape(level)}", self.text),
            "",
            Paragraph(f"调整后 · {escape(level)}", self.text),
        ]
        table = Table([heads, [both[0], "", both[1]]], colWidths=[width, gap, width])
        table.setStyle(
            TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)])
        )
        return [table, WorkloadLegend(self.width, self.font)]

    def sums(self) -> list[Flowable]:
        rows: list[list[Any]] = [["指标", "调整前", "调整后", "变化"]]
        for name, words in FIGURES.items():
            before, after = self.report["before"].get(name), self.report["after"].get(name)
            step = after - before if before is not None and after is not None else None
            signed = "—" if step is None else ("" if step <= 0 else "+") + figure_text(name, step)
            rows.append(
                [words, figure_text(name, before), figure_text(name, after), "—" if step == 0 else signed]
            )
        return self.section("一、总体", self.table(rows, [0.4, 0.2, 0.2, 0.2], right_from=1))

    def levels(self) -> list[Flowable]:
        rows: list[list[Any]] = [
            ["层级", "数量 前→后", "新设", "撤销", "改形", "改隶", "工作量基尼系数 前→后", "最大工作量 前→后"]
        ]
        for one in self.report["levels"]:
            before, after = one["before"], one["after"]
            rows.append(
                [
                    one["name_zh"],
                    f"{before['cells']} → {after['cells']}",
                    *(str(one[word]) for word in ("new", "retired", "reshaped", "reparented")),
                    f"{before['workload_gini']:.3f} → {after['workload_gini']:.3f}",
                    f"{before['workload_max']:.2f} → {after['workload_max']:.2f}",
                ]
            )
        return self.section(
            "二、各层级", self.table(rows, [0.16, 0.16, 0.08, 0.08, 0.08, 0.08, 0.18, 0.18], right_from=1)
        )

    def cells(self) -> list[Flowable]:
        rows: list[list[Any]] = [["网格", "变化", *COLUMNS.values()]]
        cells = self.report["cells"]
        for cell in cells[:ROWS_SHOWN]:
            name = Paragraph(f"{escape(cell['name'])}<br/>{escape(cell['cell'][1])}", self.small)
            rows.append([name, STATUS[cell["status"]], *(self._pair(cell, column) for column in COLUMNS)])
        if not cells:
            return self.section("三、有变化的网格", Paragraph("无", self.text))
        widths = [0.21, 0.07] + [0.72 / len(COLUMNS)] * len(COLUMNS)
        return self.section(
            "三、有变化的网格（前 → 后）",
            self.table(rows, widths, right_from=2),
            self.more(len(cells), ROWS_SHOWN),
        )

    def _pair(self, cell: Mapping[str, Any], name: str) -> Paragraph:
        before, after = (figure_text(name, (cell[word] or {}).get(name)) for word in ("before", "after"))
        right = ParagraphStyle("right", self.small, alignment=2)
        return Paragraph(after if before == after else f"{before}<br/>→ {after}", right)

    def foremost(self) -> list[Flowable]:
        rows: list[list[Any]] = [["", "网格", "工作量 前", "后", "变化"]]
        for words, name in (("减负最多", "relieved"), ("增负最多", "burdened")):
            rows += [
                [
                    words,
                    self._cell_text(one),
                    f"{one['before']:.2f}",
                    f"{one['after']:.2f}",
                    f"{one['step']:+.2f}",
                ]
                for one in self.report[name]
            ]
        if len(rows) == 1:
            return []
        return self.section("四、减负与增负", self.table(rows, [0.13, 0.48, 0.13, 0.13, 0.13], right_from=2))

    def _cell_text(self, one: Mapping[str, Any]) -> Paragraph:
        return Paragraph(escape(f"{one['name']} {one['cell'][1]}"), self.small)

    def hands(self) -> list[Flowable]:
        hands = self.report["hands"]
        days = hands["open_incident_days"]
        rows: list[list[Any]] = [["层级", "户数", "人口", "楼栋", "一年事件", f"近 {days} 天事件"]]
        columns = ("households", "residents", "buildings", "incidents_year", "incidents_open")
        for level, counts in hands["by_level"].items():
            rows.append([self.names.get(level, level), *(f"{counts[name]:,}" for name in columns)])
        parts: list[Any] = [self.table(rows, [0.2, 0.16, 0.16, 0.16, 0.16, 0.16], right_from=1)]
        people = hands["responders"]
        if people:
            rows = [["姓名", "编号", "责任网格", "变化", "接收网格"]]
            rows += [
                [
                    Paragraph(escape(one["name"]), self.small),
                    Paragraph(escape(one["code"]), self.small),
                    Paragraph(place_text(one["cell"], self.names), self.small),
                    STATUS[one["change"]],
                    Paragraph(place_text(one["heir"], self.names) if one["heir"] else "—", self.small),
                ]
                for one in people[:ROWS_SHOWN]
            ]
            parts += [
                Spacer(1, 6),
                self.table(rows, [0.16, 0.18, 0.28, 0.1, 0.28]),
                self.more(len(people), ROWS_SHOWN),
            ]
        return self.section("五、易手的户、楼栋、事件与责任人", *parts)

    def flows(self) -> list[Flowable]:
        flows = [flow for flow in self.report["flows"] if flow["level"] == self.report["level"]]
        if not flows:
            return []
        rows: list[list[Any]] = [["从", "到", "面积 公顷", "占原", "户数", "占原", "事件", "占原"]]
        for flow in flows[:ROWS_SHOWN]:
            shares = [
                figure_text("coverage_share", flow[f"share_{n}"]) for n in ("land", "households", "incidents")
            ]
            rows.append(
                [
                    Paragraph(escape(flow["from"] or "无主地"), self.small),
                    Paragraph(escape(flow["to"] or "无主地"), self.small),
                    f"{flow['land_m2'] / 1e4:,.2f}",
                    shares[0],
                    f"{flow['households']:,}",
                    shares[1],
                    f"{flow['incidents_year']:,}",
                    shares[2],
                ]
            )
        widths = [0.2, 0.2, 0.12, 0.09, 0.1, 0.09, 0.1, 0.1]
        return self.section(
            "六、沿革：土地与户的去向",
            self.table(rows, widths, right_from=2),
            self.more(len(flows), ROWS_SHOWN),
        )

    def findings(self) -> list[Flowable]:
        rules = self.report["rules"]
        title = "七、规则检查（全部网格；逐条列出的为有变化的网格及其上级）"
        words = ("before", "after", "new", "solved")
        counts = {
            word: {(one["rule"], one["severity"]): one["count"] for one in rules[word]["by_rule"]}
            for word in words
        }
        names = sorted(set().union(*counts.values()))
        if not names:
            return self.section(title, Paragraph("调整前后均无发现。", self.text))
        rows: list[list[Any]] = [["规则", "程度", "调整前", "调整后", "新增", "消除"]]
        for rule, severity in names:
            numbers = [str(counts[word].get((rule, severity), 0)) for word in words]
            rows.append([RULES.get(rule, rule), SEVERITIES.get(severity, severity), *numbers])
        parts: list[Any] = [
            self.table(rows, [0.3, 0.14, 0.14, 0.14, 0.14, 0.14], right_from=2),
            Spacer(1, 6),
        ]
        shown = rules["after"]["findings"][:FINDINGS_SHOWN]
        parts += [
            Paragraph(
                f"· {'新增' if one['is_new'] else ''}{SEVERITIES.get(one['severity'], '')}："
                f"{escape(one['message_zh'] or one['message'])}",
                self.small,
            )
            for one in shown
        ]
        return self.section(title, *parts, self.more(rules["after"]["of_changed"], len(shown)))

    def signatures(self) -> list[Flowable]:
        rows = [["编制", "", "审核", "", "批准", ""], ["日期", "", "日期", "", "日期", ""]]
        table = Table(
            rows, colWidths=[self.width * share for share in (0.08, 0.25) * 3], rowHeights=[14 * mm, 11 * mm]
        )
        style = [("FONT", (0, 0), (-1, -1), self.font, 9.5), ("VALIGN", (0, 0), (-1, -1), "BOTTOM")]
        style += [
            ("LINEBELOW", (column, row), (column, row), 0.6, INK) for column in (1, 3, 5) for row in (0, 1)
        ]
        table.setStyle(TableStyle(style))
        return [KeepTogether([Spacer(1, 8 * mm), table])]
