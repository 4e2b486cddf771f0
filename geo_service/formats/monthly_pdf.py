"""The monthly report as a PDF: key figures, maps, incidents, clocks, coverage, people, cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, Spacer
from reportlab.platypus.tables import Table, TableStyle

from geo_service.formats.monthly_drawings import (
    Choropleth,
    Classes,
    ClassLegend,
    HourBars,
    KeyFigures,
    WeekShares,
    count_classes,
    share_classes,
)
from geo_service.formats.paper import Sheets
from geo_service.formats.paper_map import Window
from geo_service.staffing.shown import rounded_up

#: Cells that are listed; all are in the xlsx and CSV.
CELLS_SHOWN = 40
CATEGORIES_SHOWN = 20
#: The table of the cells begins on a sheet where several of its rows have room.
_CELLS_ROOM = 60 * mm

PHASES = {
    "report_to_arrive": "上报 → 到场",
    "report_to_handle": "上报 → 处置",
    "report_to_close": "上报 → 办结",
    "accept": "上报 → 受理",
    "dispatch": "受理 → 派单",
    "arrive": "派单 → 到场",
    "handle": "到场 → 处置",
    "close": "处置 → 办结",
}
CLOCKS = {"arrive": "到场（5 分钟）", "handle": "处置（60 分钟）", "close": "办结（7 小时）"}


@dataclass(frozen=True)
class ReportMaps:
    """The two maps: cells by incidents and by coverage, each with name, shape and value; blind spots."""

    incidents: Sequence[Mapping[str, Any]]
    coverage: Sequence[Mapping[str, Any]]
    spots: Sequence[Any]
    window: Window


def monthly_pdf(report: Mapping[str, Any], maps: ReportMaps) -> bytes:
    """Write the report, A4 upright; equal reports give equal bytes.

    Parameters
    ----------
    report : mapping
        As :func:`geo_service.services.monthly.monthly` tells it.
    maps : ReportMaps
    """
    sheet = _Sheet(report)
    parts = [
        *sheet.head(),
        *sheet.maps(maps),
        *sheet.incidents(),
        *sheet.clocks(),
        *sheet.breaches(),
        *sheet.coverage(),
        *sheet.people(),
        *sheet.cells(),
    ]
    return sheet.build(parts, title=sheet.title, subject=str(report["month"]))


def before_words(report: Mapping[str, Any]) -> str:
    """Return what the other month is called: the whole of it, or its same span while the month runs."""
    return "上月" if report["is_whole"] else "上月同期"


def span_words(span: Mapping[str, str]) -> str:
    """Write a span of a report: 2026-11-01 至 2026-11-22 08:00; a whole month to its last day."""
    start, end = (datetime.fromisoformat(span[name]) for name in ("from", "to"))
    if end.time() == time() and end > start:
        return f"{start:%Y-%m-%d} 至 {end - timedelta(days=1):%Y-%m-%d}"
    return f"{start:%Y-%m-%d} 至 {end:%Y-%m-%d %H:%M}"


def percent(value: float | None) -> str:
    """Write a share in percent."""
    return "—" if value is None else f"{100 * value:.1f}%"


def span(value_s: float | None) -> str:
    """Write seconds as minutes and seconds, from an hour on as hours and minutes."""
    if value_s is None:
        return "—"
    whole = round(value_s)
    if whole >= 3600:
        return f"{whole // 3600} 时 {whole % 3600 // 60:02} 分"
    return f"{whole // 60} 分 {whole % 60:02} 秒"


def way(value_s: float | None) -> str:
    """Write how long somebody needs to a blind spot, rounded up: it is over the limit and reads so."""
    return span(None if value_s is None else rounded_up(value_s))


def count(value: float | None) -> str:
    """Write a count with groups of thousands."""
    return "—" if value is None else f"{value:,.0f}"


def change(now: float | None, then: float | None) -> str:
    """Write by how much a count changed, in numbers and percent."""
    if now is None or then is None:
        return "—"
    if now == then:
        return "持平"
    return f"{now - then:+,.0f}" + (f"（{(now - then) / then:+.0%}）" if then else "")


def points(now: float | None, then: float | None) -> str:
    """Write by how many percentage points a share changed."""
    if now is None or then is None:
        return "—"
    step = round(100 * (now - then), 1)
    return f"{step:+.1f} 个百分点" if step else "持平"


class _Sheet(Sheets):
    """The parts of the report, each a list of what flows onto the pages."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.report, self.now, self.then = report, report["now"], report["then"]
        year, month = report["month"].split("-")
        cell = report["cell"]
        self.place = " · ".join(cell["path"][-2:])
        self.title = f"{cell['name']} {year} 年 {int(month)} 月网格工作月报"
        self.before = before_words(report)
        self.below = report["levels"][cell["below"]]
        made = datetime.fromisoformat(report["made_at"])
        super().__init__(f"{self.title} · {made:%Y-%m-%d %H:%M} 生成")

    def head(self) -> list[Flowable]:
        report, now, then = self.report, self.now, self.then
        spans = {side: span_words(report["spans"][side]) for side in ("now", "then")}
        running = "" if report["is_whole"] else "本月尚未结束，与上月同期相比。"
        at, before = (side["people"]["at"][:16].replace("T", " ") for side in (now, then))
        said = (
            f"{self.place}。{spans['now']}，对比 {spans['then']}。{running}"
            f"覆盖与在岗为 {at}（上月 {before}）；边界为第 {report['edition']} 版。"
        )
        then_late = count(then["breaches"]["breaches"])
        figures = [
            (words, one, f"{self.before} {other}")
            for words, one, other in (
                ("事件", *(count(side["incidents"]) for side in (now, then))),
                ("5 分钟到场达标率", *(percent(s["clocks"]["arrive"]["within_share"]) for s in (now, then))),
                (
                    "到场超时",
                    count(now["breaches"]["breaches"]),
                    f"{then_late} / {count(then['handled'])} 件",
                ),
                ("到场中位时长", *(span(s["phases"]["report_to_arrive"]["median_s"]) for s in (now, then))),
                ("覆盖率（住户）", *(percent(side["coverage"]["now"]) for side in (now, then))),
                ("一周最低覆盖率", *(percent(side["coverage"]["worst"]) for side in (now, then))),
                ("缺岗人时", *(count(side["vacancies"]["person_hours"]) for side in (now, then))),
                ("街道巡查率（日均）", *(percent(side["patrol"]["share"]) for side in (now, then))),
            )
        ]
        return [
            Paragraph(escape(self.title), self.h1),
            Paragraph(escape(said), self.soft),
            Spacer(1, 6),
            KeyFigures(figures, self.width, self.font),
            Spacer(1, 4),
        ]

    def maps(self, maps: ReportMaps) -> list[Flowable]:
        gap = 5 * mm
        width = (self.width - gap) / 2
        incidents = count_classes([one["value"] for one in maps.incidents])
        both: list[tuple[str, Classes, Sequence[Mapping[str, Any]], Sequence[Any]]] = [
            (f"事件 · 按{self.below}", incidents, maps.incidents, ()),
            (f"{self.report['limit_s'] // 60} 分钟覆盖率 · 按{self.below}（紫色为盲区）", share_classes(),
             maps.coverage, maps.spots),
        ]  # fmt: skip
        columns = [
            [
                Paragraph(title, self.text),
                Choropleth(
                    cells, classes, maps.window, size=(width, width * 0.86), font=self.font, spots=spots
                ),
                ClassLegend("件" if classes is incidents else "", classes, width, self.font),
            ]
            for title, classes, cells, spots in both
        ]
        rows = [[left, "", right] for left, right in zip(*columns, strict=True)]
        table = Table(rows, colWidths=[width, gap, width])
        table.setStyle(
            TableStyle(
                [
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                    ("TOPPADDING", (0, 0), (-1, -1), 1),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
                ]
            )
        )
        return [table]

    def incidents(self) -> list[Flowable]:
        now, then, names = self.now["categories"], self.then["categories"], self.report["categories"]
        rows: list[list[Any]] = [["类别", "本月", self.before, "变化", "占比"]]
        order = sorted({*now, *then}, key=lambda code: (-now.get(code, 0), -then.get(code, 0), code))
        for code in order[:CATEGORIES_SHOWN]:
            one, other = now.get(code, 0), then.get(code, 0)
            share = one / self.now["incidents"] if self.now["incidents"] else None
            name = Paragraph(escape(str(names.get(code, code) or "未分类")), self.small)
            rows.append([name, count(one), count(other), change(one, other), percent(share)])
        bars = HourBars(self.now["hours"], self.then["hours"], self.width, self.font, before=self.before)
        return [
            *self.section(
                "一、事件：类别",
                self.table(rows, [0.36, 0.14, 0.14, 0.22, 0.14], right_from=1),
                self.more(len(order), CATEGORIES_SHOWN),
            ),
            self.kept("二、事件：一天中的时段（发生时刻）", bars),
        ]

    def clocks(self) -> list[Flowable]:
        rows: list[list[Any]] = [["时限", "已判定", "达标", "达标率", self.before, "变化"]]
        for code, words in CLOCKS.items():
            now, then = self.now["clocks"][code], self.then["clocks"][code]
            rows.append(
                [
                    words,
                    count(now["decided"]),
                    count(now["within"]),
                    percent(now["within_share"]),
                    percent(then["within_share"]),
                    points(now["within_share"], then["within_share"]),
                ]
            )
        long: list[list[Any]] = [["阶段", "件数", "平均", "中位", "P90", f"{self.before}中位"]]
        for code, words in PHASES.items():
            now, then = self.now["phases"][code], self.then["phases"][code]
            times = [span(now[f"{part}_s"]) for part in ("mean", "median", "p90")]
            long.append([words, count(now["n"]), *times, span(then["median_s"])])
        said = (
            f"按在本系统办理的事件统计：本月 {count(self.now['handled'])} 件，"
            f"{self.before} {count(self.then['handled'])} 件。导入的历史事件没有办理时刻，不在其内。"
        )
        first = self.kept(
            "三、“567”达标",
            self.table(rows, [0.24, 0.14, 0.14, 0.14, 0.14, 0.2], right_from=1),
            Paragraph(said, self.soft),
        )
        second = KeepTogether(
            [Spacer(1, 6), self.table(long, [0.24, 0.12, 0.16, 0.16, 0.16, 0.16], right_from=1)]
        )
        return [first, second]

    def breaches(self) -> list[Flowable]:
        now, then = self.now["breaches"], self.then["breaches"]
        handled = [side["handled"] for side in (self.now, self.then)]
        # a month of which most was never handled here has fewer breaches for that reason alone
        is_like = all(2 * side["handled"] >= side["incidents"] for side in (self.now, self.then))
        rows: list[list[Any]] = [["到场超时的原因", "本月", self.before, "变化"]]
        for code, words in self.report["causes"].items():
            one, other = now["causes"][code], then["causes"][code]
            rows.append([words, count(one), count(other), change(one, other) if is_like else "—"])
        left, before = (one["breaches"] - one["worked_out"] for one in (now, then))
        rows.append(["尚未分析", count(left), count(before), change(left, before) if is_like else "—"])
        rows.append(
            [
                "合计",
                *(count(one["breaches"]) for one in (now, then)),
                change(now["breaches"], then["breaches"]) if is_like else "—",
            ]
        )
        table = self.table(rows, [0.46, 0.16, 0.16, 0.22], right_from=1)
        said = f"只计在本系统办理的事件：本月 {count(handled[0])} 件，{self.before} {count(handled[1])} 件。"
        if left or before:
            said += "尚未分析的：无位置的无法计算路程；其余为时所限，再次生成月报时继续分析。"
        return [self.kept("四、超时与原因", table, Paragraph(said, self.soft))]

    def coverage(self) -> list[Flowable]:
        now, then = self.now["coverage"], self.then["coverage"]
        if now["now"] is None:
            return self.section("五、覆盖", Paragraph(escape(now["why"] or "没有住户数据。"), self.text))
        rows: list[list[Any]] = [["指标（电动自行车）", "本月", self.before, "变化"]]
        for name, words in (("now", "当时覆盖率"), ("mean", "一周平均"), ("worst", "一周最低")):
            rows.append([words, percent(now[name]), percent(then[name]), points(now[name], then[name])])
        for name, words in (("blind_spots", "盲区（处）"), ("blind_households", "盲区住户")):
            rows.append([words, count(now[name]), count(then.get(name)), change(now[name], then.get(name))])
        worst = datetime.fromisoformat(now["worst_at"])
        day = WeekShares.DAYS[worst.weekday()]
        said = f"最低在{day} {worst:%H:%M}。每格一小时，颜色同上图。"
        week = WeekShares(now["hours"], share_classes(), self.width, self.font)
        parts: list[Flowable] = [
            self.kept("五、覆盖", self.table(rows, [0.4, 0.2, 0.2, 0.2], right_from=1)),
            KeepTogether([Spacer(1, 5), Paragraph(said, self.soft), week]),
        ]
        spots: list[list[Any]] = [["盲区所在", "住户", "最近力量需时"]]
        spots += [
            [Paragraph(escape(one["cell"]), self.small), count(one["households"]), way(one["nearest_s"])]
            for one in now["spots"]
        ]
        if len(spots) > 1:
            parts += [Spacer(1, 5), self.table(spots, [0.5, 0.2, 0.3], right_from=1)]
            more = self.more(now["blind_spots"], len(now["spots"]))
            parts += [more] if more else []
        return parts

    def people(self) -> list[Flowable]:
        now, then = self.now, self.then
        rows: list[list[Any]] = [["指标", "本月", self.before, "变化"]]
        for words, group, name in (
            ("当时在岗（人）", "people", "on_duty"),
            ("缺岗（次）", "vacancies", "at_work"),
            ("缺岗人时", "vacancies", "person_hours"),
            ("职责无人担任（处）", "vacancies", "unheld"),
            ("空岗的定点岗位时段", "vacancies", "empty_posts"),
            ("巡查里程（公里）", "patrol", "walked_km"),
            ("巡查时长（小时）", "patrol", "hours"),
            ("巡查人次", "patrol", "person_times"),
        ):
            one, other = (self._number(side[group], name) for side in (now, then))
            rows.append([words, count(one), count(other), change(one, other)])
        shares = now["patrol"]["share"], then["patrol"]["share"]
        rows.append(["街道巡查率（日均）", percent(shares[0]), percent(shares[1]), points(*shares)])
        table = self.table(rows, [0.4, 0.2, 0.2, 0.2], right_from=1)
        days = f"巡查按 {now['patrol']['days']} 天的轨迹统计（{self.before} {then['patrol']['days']} 天）。"
        return [self.kept("六、力量与巡查", table, Paragraph(days, self.soft))]

    def _number(self, group: Mapping[str, Any], name: str) -> float | None:
        if name == "walked_km":
            return None if group["walked_m"] is None else group["walked_m"] / 1000
        value: float | None = group[name]
        return value

    def cells(self) -> list[Flowable]:
        before = {row["code"]: row for row in self.then["cells"]}
        heads = [self.below, "事件", self.before, "到场达标率", self.before, "覆盖率", "巡查率", "在岗"]
        rows: list[list[Any]] = [heads]
        order = sorted(self.now["cells"], key=lambda row: (-row["incidents"], row["code"]))
        for row in order[:CELLS_SHOWN]:
            then = before.get(row["code"], {})
            name = Paragraph(f"{escape(row['name'])}<br/>{escape(row['code'])}", self.small)
            rows.append(
                [
                    name,
                    count(row["incidents"]),
                    count(then.get("incidents")),
                    percent(row["arrive_within_share"]),
                    percent(then.get("arrive_within_share")),
                    percent(row["coverage_share"]),
                    percent(row["patrol_share"]),
                    count(row["staff"]),
                ]
            )
        widths = [0.28, 0.08, 0.08, 0.13, 0.11, 0.12, 0.11, 0.09]
        table = self.table(rows, widths, right_from=1)
        # a few rows stand below the heading, or all of it on the next sheet
        room = CondPageBreak(_CELLS_ROOM)
        return [room, *self.section(f"七、各{self.below}", table, self.more(len(order), CELLS_SHOWN))]
