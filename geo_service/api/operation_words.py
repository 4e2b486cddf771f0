"""What the documentation calls the operations, and how it groups them."""

import re
from typing import Any

#: Groups in their order, from what is asked most to what an operator needs; a new group follows these.
TAGS = (
    ("locate", "落点归格：一个点属于哪个网格、由谁负责。 Which cell a point belongs to."),
    ("boundaries", "网格与边界版本。 Cells, and the editions of their boundaries."),
    ("plans", "划分方案：编辑、自动划分、比对、发布。 Redrawing cells: drafts, reports, publishing."),
    (
        "office",
        "本单位的设定：规则、编码、插花地登记、公示牌。 What an office sets itself, and its sign boards.",
    ),
    ("incidents", "事件：上报、批量上报、查询。 Reporting and reading incidents."),
    ("figures", "指标：跨版本统计、一地历年、工作量。 Figures over editions; the series of a place."),
    (
        "roster",
        "排班：人员、任职、班次、岗位、队伍、请假换班、缺岗告警。 People, shifts, posts, vacancies.",
    ),
    ("coverage", "到场覆盖：在岗力量限时内能到达的住户比例。 What is reached in time by those on duty."),
    ("maps", "地图页面及其数据。 The map pages, and the shapes, figures and tiles that they fetch."),
    ("imports", "文件导入：先看差异，再提交。 Files: look at the differences first, then commit."),
    (
        "jobs",
        "任务：耗时较长的发布与导入，进度、结果与取消。 Long work: progress, result, cancelling.",
    ),
    ("identity", "密钥与当前身份。 API keys, and who the caller is."),
    ("status", "系统概况。 What the installation holds."),
    ("service", "健康检查。 For monitoring."),
)

_CHINESE = {
    "GET /v1/locate": "落点归格",
    "POST /v1/locate/batch": "批量归格",
    "GET /v1/editions": "边界版本列表",
    "GET /v1/cells": "网格列表",
    "GET /v1/cells/{code}": "单个网格",
    "POST /v1/incidents": "上报事件",
    "POST /v1/incidents/batch": "批量上报事件",
    "GET /v1/incidents": "事件列表",
    "GET /v1/incidents/{incident_id}": "单个事件",
    "GET /v1/roster": "一周排班",
    "GET /v1/cells/{code}/on-duty": "网格此刻谁在岗",
    "GET /v1/vacancies": "缺岗",
    "GET /v1/alarms": "告警",
    "GET /v1/responders/{key}/contact": "联系电话",
    "PUT /v1/responders/{key}/contact": "设定联系电话",
    "GET /v1/responders": "人员列表",
    "GET /v1/responders/{key}": "单项人员",
    "PUT /v1/responders/{key}": "写入人员",
    "DELETE /v1/responders/{key}": "删除人员",
    "GET /v1/duties": "任职列表",
    "GET /v1/duties/{key}": "单项任职",
    "PUT /v1/duties/{key}": "写入任职",
    "DELETE /v1/duties/{key}": "删除任职",
    "POST /v1/duties": "新增任职",
    "GET /v1/rotas": "排班规律列表",
    "GET /v1/rotas/{key}": "单项排班规律",
    "PUT /v1/rotas/{key}": "写入排班规律",
    "DELETE /v1/rotas/{key}": "删除排班规律",
    "GET /v1/shifts": "单次班次列表",
    "GET /v1/shifts/{key}": "单项单次班次",
    "PUT /v1/shifts/{key}": "写入单次班次",
    "DELETE /v1/shifts/{key}": "删除单次班次",
    "POST /v1/shifts": "新增单次班次",
    "GET /v1/absences": "请假与换班列表",
    "GET /v1/absences/{key}": "单项请假与换班",
    "PUT /v1/absences/{key}": "写入请假与换班",
    "DELETE /v1/absences/{key}": "删除请假与换班",
    "POST /v1/absences": "新增请假与换班",
    "GET /v1/posts": "岗位列表",
    "GET /v1/posts/{key}": "单项岗位",
    "PUT /v1/posts/{key}": "写入岗位",
    "DELETE /v1/posts/{key}": "删除岗位",
    "GET /v1/teams": "队伍列表",
    "GET /v1/teams/{key}": "单项队伍",
    "PUT /v1/teams/{key}": "写入队伍",
    "DELETE /v1/teams/{key}": "删除队伍",
    "GET /v1/calendars": "日历列表",
    "GET /v1/calendars/{key}": "单项日历",
    "PUT /v1/calendars/{key}": "写入日历",
    "DELETE /v1/calendars/{key}": "删除日历",
    "GET /v1/stations": "站所列表",
    "GET /v1/stations/{key}": "单项站所",
    "PUT /v1/stations/{key}": "写入站所",
    "DELETE /v1/stations/{key}": "删除站所",
    "GET /v1/staffing-needs": "岗位配备要求列表",
    "GET /v1/staffing-needs/{key}": "单项岗位配备要求",
    "PUT /v1/staffing-needs/{key}": "写入岗位配备要求",
    "DELETE /v1/staffing-needs/{key}": "删除岗位配备要求",
    "GET /v1/coverage": "覆盖率",
    "GET /v1/coverage/cells": "各网格覆盖率",
    "GET /maps/tiles/base/{z}/{x}/{y}.mvt": "底图瓦片",
    "GET /maps/shapes/{edition}/{level}.json": "网格形状",
    "GET /maps/figures/{edition}/{kind}/{level}.json": "网格指标",
    "GET /maps/heat.json": "事件热力数据",
    "GET /maps/units.json": "在岗点位",
    "GET /maps/{kind}": "地图页面",
    "POST /v1/imports/boundaries": "导入边界",
    "POST /v1/imports/incidents": "导入事件",
    "POST /v1/imports/responders": "导入力量",
    "POST /v1/imports/shifts": "导入班次",
    "POST /v1/imports/demand": "导入户数人口",
    "POST /v1/imports/roads": "导入路网",
    "POST /v1/plans": "新建方案",
    "GET /v1/plans": "方案列表",
    "GET /v1/plans/{plan_id}": "单个方案",
    "DELETE /v1/plans/{plan_id}": "放弃方案",
    "GET /v1/plans/{plan_id}/cells": "方案中的网格",
    "GET /v1/plans/{plan_id}/changes": "方案改动记录",
    "POST /v1/plans/{plan_id}/changes": "改动方案",
    "POST /v1/plans/{plan_id}/undo": "撤销",
    "POST /v1/plans/{plan_id}/redo": "重做",
    "GET /v1/plans/{plan_id}/comments": "方案意见",
    "POST /v1/plans/{plan_id}/comments": "提出意见",
    "GET /v1/plans/{plan_id}/events": "方案变动推送",
    "GET /v1/plans/{plan_id}/findings": "方案规则检查",
    "POST /v1/plans/{plan_id}/waivers": "豁免检查结果",
    "POST /v1/plans/{plan_id}/publish": "发布方案",
    "POST /v1/plans/{plan_id}/rebase": "方案改基于现行版本",
    "POST /v1/editions/{edition_id}/restore": "恢复旧版边界",
    "POST /v1/plans/{plan_id}/split": "自动划分方案",
    "POST /v1/plans/{plan_id}/suggest/merge": "合并建议",
    "POST /v1/plans/{plan_id}/suggest/leads": "就近指派建议",
    "GET /v1/plans/{plan_id}/preview": "方案比对：调整前后",
    "GET /v1/plans/{plan_id}/preview/map": "方案比对地图",
    "GET /v1/plans/{plan_id}/preview.pdf": "方案比对报告（PDF）",
    "GET /v1/jobs": "任务列表",
    "GET /v1/jobs/{job_id}": "单个任务",
    "POST /v1/jobs/{job_id}/cancel": "取消任务",
    "GET /v1/cells/{code}/children": "下级网格",
    "GET /v1/cells/{code}/parents": "上级网格",
    "GET /v1/cells/{code}/touches": "相邻网格",
    "GET /v1/cells/{code}/overlaps": "与之重叠的网格",
    "GET /v1/cells/{code}/covers": "完全位于其内的网格",
    "GET /v1/cells/{code}/lineage": "网格沿革",
    "GET /v1/cells/{code}/series": "一地历年数字",
    "GET /v1/figures/incidents": "跨边界版本的事件统计",
    "GET /v1/figures/cells": "网格指标与工作量",
    "GET /v1/gaps": "空白地带（三不管）",
    "PUT /v1/gaps/{gap_id}": "指定空白地带兜底单位",
    "GET /v1/exclaves": "插花地",
    "POST /v1/crosswalk": "多网比对",
    "GET /v1/rules": "规则设定",
    "PUT /v1/rules": "设定规则",
    "GET /v1/rules/versions": "规则设定记录",
    "GET /v1/code-schemes": "编码规则",
    "PUT /v1/code-schemes": "设定编码规则",
    "GET /v1/code-schemes/versions": "编码规则记录",
    "GET /v1/exclaves/declared": "已登记的插花地",
    "POST /v1/exclaves/declared": "登记插花地",
    "DELETE /v1/exclaves/declared/{number}": "撤销插花地登记",
    "GET /v1/sign-boards": "网格公示牌",
    "POST /v1/imports/sign-boards": "导入公示牌",
    "GET /v1/me": "当前身份",
    "POST /v1/keys": "新建密钥",
    "GET /v1/keys": "密钥列表",
    "GET /v1/keys/{key_id}": "单个密钥",
    "DELETE /v1/keys/{key_id}": "吊销密钥",
    "GET /v1/status": "系统概况",
    "GET /health/live": "存活检查",
    "GET /health/ready": "就绪检查",
}
# of the first paragraph, up to the first full stop, semicolon or colon that ends a thought
_FIRST_THOUGHT = re.compile(r"(.+?)(?:[.;:](?=\s|$)|\n\n|$)", re.DOTALL)


def with_words(document: dict[str, Any]) -> dict[str, Any]:
    """Call each operation by what it does, Chinese first; describe and order the groups."""
    used = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["summary"] = _summary(f"{method.upper()} {path}", operation)
            used += operation.get("tags", [])
    known = [name for name, _ in TAGS]
    further = [name for name in dict.fromkeys(used) if name not in known]
    document["tags"] = [{"name": name, "description": words} for name, words in TAGS if name in used]
    document["tags"] += [{"name": name} for name in further]
    return document


def _summary(operation_name: str, operation: dict[str, Any]) -> str:
    """Write a line of the list: the Chinese name, then the first thought of the English description."""
    found = _FIRST_THOUGHT.match(operation.get("description", ""))
    english = " ".join(found[1].split()) if found else operation["summary"]
    return " · ".join(filter(None, (_CHINESE.get(operation_name), english)))
