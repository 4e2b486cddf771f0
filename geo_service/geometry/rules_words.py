"""What each rule says, in English and in Chinese, and what to do about it: one table.

Names in braces are filled in by the rule; in the Chinese text ``{cell}`` is the Chinese name of the cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.geometry.rules_scene import Key, cell_text
from geo_service.model import Finding, Severity


@dataclass(frozen=True, slots=True)
class Words:
    """Templates: the message and the remedy in both languages."""

    en: str
    zh: str
    do_en: str
    do_zh: str


WORDS: dict[str, Words] = {
    "households_few": Words(
        "{cell} has {count:,} households, {missing:,} fewer than the {low:,} it should have",
        "{cell}共{count:,}户，比下限{low:,}户少{missing:,}户",
        "take over homes from a neighbour, or merge it with one",
        "从相邻单元划入住户，或与相邻单元合并",
    ),
    "households_many": Words(
        "{cell} has {count:,} households, {over:,} more than the {high:,} it may have",
        "{cell}共{count:,}户，比上限{high:,}户多{over:,}户",
        "hand homes to a neighbour, or cut it in two",
        "向相邻单元划出住户，或拆分为两个",
    ),
    "residents_few": Words(
        "{cell} has {count:,} residents, {missing:,} fewer than the {low:,} it should have",
        "{cell}共{count:,}人，比下限{low:,}人少{missing:,}人",
        "take over homes from a neighbour, or merge it with one",
        "从相邻单元划入住户，或与相邻单元合并",
    ),
    "residents_many": Words(
        "{cell} has {count:,} residents, {over:,} more than the {high:,} it may have",
        "{cell}共{count:,}人，比上限{high:,}人多{over:,}人",
        "hand homes to a neighbour, or cut it in two",
        "向相邻单元划出住户，或拆分为两个",
    ),
    "area_small": Words(
        "{cell} has {area:,.0f} m² of land, less than {low:,.0f} m²",
        "{cell}面积{area:,.0f}平方米，小于{low:,.0f}平方米",
        "merge it with a neighbour",
        "与相邻单元合并",
    ),
    "area_large": Words(
        "{cell} has {area:,.0f} m² of land, more than {high:,.0f} m²",
        "{cell}面积{area:,.0f}平方米，大于{high:,.0f}平方米",
        "cut it in two",
        "拆分为两个",
    ),
    "drawn_out": Words(
        "{cell} is drawn out: its compactness is {score:.2f} ({measure}), below {low:.2f}",
        "{cell}形状狭长曲折：紧凑度{score:.2f}（{measure}），低于{low:.2f}",
        "straighten its border along streets or water, or swap ends with a neighbour",
        "沿道路或水系取直边界，或与相邻单元互换端部",
    ),
    "in_parts": Words(
        "{cell} lies in {parts} parts; {area:,.0f} m² ({share:.1%} of its land) are apart from the rest",
        "{cell}分成{parts}块，其中{area:,.0f}平方米（占{share:.1%}）与主体不相连",
        "hand the part that lies apart to the cell round it, or declare it an exclave",
        "将飞地划给其周围的单元，或登记为插花地",
    ),
    "in_parts_meant": Words(
        "{cell} has an exclave that is declared: {area:,.0f} m² ({share:.1%} of its land) lie apart, until"
        " {until}: {why} ({who})",
        "{cell}有已登记的插花地：{area:,.0f}平方米（占{share:.1%}）与主体不相连，登记有效至{until}：{why}（{who}）",
        "nothing; renew the declaration before it ends",
        "无需处理；到期前续登",
    ),
    "barrier": Words(
        "{cell} is cut by {barrier} and has no crossing inside: {households:,} households and {area:,.0f} m²"
        " lie on the far side",
        "{cell}被{barrier}分隔，且格内无通道：对岸有{households:,}户、{area:,.0f}平方米",
        "hand the far side to the cell over there, or move the border to take in a crossing",
        "将另一侧划给对岸单元，或调整边界纳入通道",
    ),
    "building_cut": Words(
        "a border cuts building {building} in {pieces}: its largest piece, in {cell}, is {share:.0%} of it",
        "边界线将建筑“{building}”切成{pieces}块：最大一块在{cell}，占{share:.0%}",
        "move the border round the building, so that it lies wholly in {cell}",
        "将边界绕开该建筑，使其整体归入{cell}",
    ),
    "orphan": Words(
        "{cell} stands in no cell above",
        "{cell}没有上级单元",
        "give it a parent",
        "为其指定上级单元",
    ),
    "parent_missing": Words(
        "{cell} names a parent that does not exist: {parent}",
        "{cell}的上级单元不存在：{parent}",
        "give it a parent that exists",
        "改为现有的上级单元",
    ),
    "parent_not_above": Words(
        "{cell} has a parent that is not on a level above: {parent}",
        "{cell}的上级单元不在更高层级：{parent}",
        "give it a parent of a level above",
        "改为更高层级的上级单元",
    ),
    "empty_cell": Words(
        "{cell} has no cells below and no land of its own",
        "{cell}下无单元，也无自己的范围",
        "hand cells to it, or retire it",
        "向其划入下级单元，或将其撤销",
    ),
    "street_face_outside": Words(
        "{cell} crosses the line of {parent}: {area:,.0f} m² ({share:.1%} of it) lie outside",
        "街面单元{cell}越过{parent}的界线：{area:,.0f}平方米（占{share:.1%}）在界外",
        "end it at that line, and make the rest a unit of the community over there",
        "以该界线为界，界外部分划为对面社区的街面单元",
    ),
    "street_face_apart": Words(
        "{cell} does not touch the rest of {parent}: the unit lies beyond its line",
        "街面单元{cell}与{parent}其余部分不相连：该单元位于其界线之外",
        "hand it to the community it lies in",
        "划给其所在的社区",
    ),
    "dedicated_outside": Words(
        "{cell} does not lie wholly inside {parent}: {area:,.0f} m² ({share:.1%} of it) lie outside",
        "专属网格{cell}未完全位于{parent}内：{area:,.0f}平方米（占{share:.1%}）在界外",
        "end it at that line, or hand it to the cell that holds most of it",
        "以该界线为界，或划给占其大部分的单元",
    ),
    "dedicated_cuts_premises": Words(
        "{cell} takes {share:.1%} of premises {premises} and reaches {area:,.0f} m² beyond them",
        "专属网格{cell}只占单位“{premises}”的{share:.1%}，又超出其范围{area:,.0f}平方米",
        "draw it along the premises' outline",
        "沿单位围墙（范围线）划定",
    ),
    "no_owner": Words(
        "nobody answers for {cell} on the effective date",
        "{cell}在生效日期无责任人",
        "name a grid lead or worker who starts by then",
        "指定届时到岗的网格长或网格员",
    ),
    "code": Words(
        "the code of {cell} does not fit the scheme: {fault}",
        "{cell}的编码不符合规则：{fault}",
        "give it the next free code of its parent",
        "改用上级单元下一个可用编码",
    ),
    "code_reused": Words(
        "{cell} is new, but its code was used before: past records would point to other land",
        "{cell}为新设单元，但其编码曾被使用：历史记录会指向别处",
        "give it a code that never was",
        "改用从未使用过的编码",
    ),
}


def say(
    rule: str,
    words: str,
    severity: Severity,
    cells: Sequence[Key],
    *,
    names: tuple[str, str],
    shape: BaseGeometry | None = None,
    numbers: Mapping[str, float] | None = None,
    **filling: Any,
) -> Finding:
    """Make a finding.

    Parameters
    ----------
    rule, words : str
        Rule (of the settings), and which of its templates in :data:`WORDS`.
    severity : Severity
    cells : sequence of (level, code)
        The cell the finding is about first.
    names : (english, chinese)
        What to call that cell.
    shape : geometry, optional
        Where; None or empty when it has no place.
    numbers : mapping, optional
        Unit in the key.
    **filling
        Values for the templates; a pair is English and Chinese.
    """
    template = WORDS[words]
    english: dict[str, Any] = {"cell": names[0]}
    chinese: dict[str, Any] = {"cell": names[1]}
    for name, value in filling.items():
        both = value if isinstance(value, tuple) else (value, value)
        english[name], chinese[name] = both
    return Finding(
        rule=rule,
        severity=severity,
        message=template.en.format(**english),
        cells=tuple(cell_text(key) for key in cells),
        shape=None if shape is None or shapely.is_empty(shape) else shape,
        numbers={name: float(value) for name, value in (numbers or {}).items()},
        remedy=template.do_en.format(**english),
        message_zh=template.zh.format(**chinese),
        remedy_zh=template.do_zh.format(**chinese),
    )
