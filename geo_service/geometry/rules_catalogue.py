"""What each rule is called, what it asks and what its numbers mean, in Chinese and English: one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from geo_service.geometry.rules import NOT_TO_WAIVE
from geo_service.geometry.rules_settings import CLASSES, DEFAULTS, KINDS, OFF, PARAMETERS, RuleSettings


@dataclass(frozen=True, slots=True)
class RuleWords:
    """Name and meaning of a rule."""

    name_zh: str
    name_en: str
    about_zh: str
    about_en: str


RULE_WORDS: dict[str, RuleWords] = {
    "parent": RuleWords(
        "上级归属", "Parent", "每个单元只属于一个上一级单元", "each cell stands in one cell of a level above"
    ),
    "empty_cell": RuleWords("空单元", "Empty cell", "每个单元都有范围", "each cell has land"),
    "code": RuleWords(
        "编码", "Code", "编码符合本地设定的编码规则", "codes fit the scheme that the office has set"
    ),
    "code_reused": RuleWords(
        "编码重用", "Code used before", "新设单元不得使用曾用编码", "a new cell gets a code that never was"
    ),
    "contiguous": RuleWords(
        "连片",
        "Contiguous",
        "单元内土地相连；已登记的插花地只作提示",
        "the land of a cell hangs together; a declared exclave is only noted",
    ),
    "building_cut": RuleWords(
        "楼栋不分割", "Buildings whole", "边界不穿过楼栋", "no border runs through a building"
    ),
    "barrier": RuleWords(
        "不跨障碍",
        "Barrier",
        "单元不被河流、铁路等分隔，除非格内有通道",
        "no river, railway or the like cuts a cell, unless a crossing lies inside",
    ),
    "households": RuleWords(
        "户数规模",
        "Households in band",
        "户数在上下限之间；户数不明时看人口",
        "households within the band; residents where households are unknown",
    ),
    "area": RuleWords("面积", "Area", "面积在上下限之间", "land within the bounds"),
    "compactness": RuleWords("紧凑度", "Compactness", "形状不过于狭长曲折", "no cell is too drawn out"),
    "street_face": RuleWords(
        "沿街单元",
        "Street face",
        "沿街单元不越过所属社区界线",
        "a street-face unit keeps within its community",
    ),
    "dedicated": RuleWords(
        "专属网格",
        "Dedicated",
        "专属网格完全位于一个上级单元内，不只占一个单位的一部分又越出其范围",
        "a dedicated grid lies wholly in one cell above, and takes no part of premises to reach beyond them",
    ),
    "owner": RuleWords(
        "有人负责",
        "Has an owner",
        "生效之日每个单元有责任人",
        "somebody answers for each cell on the effective date",
    ),
}

#: Name of a parameter to its words and its unit.
PARAMETER_WORDS: dict[str, tuple[str, str, str]] = {
    "low": ("户数下限", "fewest households", "households"),
    "high": ("户数上限", "most households", "households"),
    "residents_low": ("人口下限", "fewest residents", "residents"),
    "residents_high": ("人口上限", "most residents", "residents"),
    "low_m2": ("面积下限（平方米）", "least land", "m2"),
    "high_m2": ("面积上限（平方米）", "most land", "m2"),
    "polsby_popper_low": ("紧凑度下限（4π×面积/周长²）", "least 4π·area/perimeter²", "1"),
    "reock_low": ("紧凑度下限（占最小外接圆的比例）", "least share of the smallest circle round it", "1"),
    "min_share": ("对岸面积占比低于此值时不计", "less land than this share beyond it does not count", "1"),
    "min_households": (
        "对岸户数少于此值时不计",
        "fewer households than this beyond it do not count",
        "households",
    ),
    "reach_m": ("通道离障碍线的最大距离（米）", "how far from the line a crossing may lie", "m"),
    "tolerance_m": ("允许切入楼栋的深度（米）", "how deep a border may cut into a building", "m"),
    "slight_m2": (
        "不相连面积不超过此值时只作提示（平方米）",
        "no more land apart than this is only noted",
        "m2",
    ),
    "tolerance_m2": ("允许越界的面积（平方米）", "how much land may lie outside", "m2"),
}


def catalogue(settings: RuleSettings, levels: Sequence[str]) -> list[dict[str, Any]]:
    """Return every rule as JSON: its words, its parameters with bounds, what is in force, and its defaults.

    ``in_force`` has a row for each level, class and kind of cell, with the members that a setting has; class
    and kind are null where it is the same for all of them.
    """
    return [
        {
            "rule": rule,
            "name_zh": words.name_zh,
            "name_en": words.name_en,
            "about_zh": words.about_zh,
            "about_en": words.about_en,
            "can_be_waived": rule not in NOT_TO_WAIVE,
            "parameters": [_parameter(name, *bounds) for name, bounds in PARAMETERS[rule].items()],
            "in_force": [row for level in levels for row in _in_force(settings, rule, level)],
            "defaults": [one.as_mapping() for one in DEFAULTS if one.rule == rule],
        }
        for rule, words in RULE_WORDS.items()
    ]


def _parameter(name: str, low: float, high: float) -> dict[str, Any]:
    chinese, english, unit = PARAMETER_WORDS[name]
    return {"name": name, "low": low, "high": high, "unit": unit, "about_zh": chinese, "about_en": english}


def _in_force(settings: RuleSettings, rule: str, level: str) -> list[dict[str, Any]]:
    rows = []
    for class_ in (*CLASSES, ""):
        for kind in KINDS:
            found = settings.of(rule, level, class_, kind)
            holds = {"severity": OFF} if found is None else found.as_mapping()
            holds = {name: holds[name] for name in holds if name not in {"rule", "level", "class", "kind"}}
            rows.append(({"level": level, "class": class_, "kind": kind}, holds))
    if all(holds == rows[0][1] for _, holds in rows):
        return [{"level": level, "class": None, "kind": None, **rows[0][1]}]
    return [{**cell, **holds} for cell, holds in rows]
