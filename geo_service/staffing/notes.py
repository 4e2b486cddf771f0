"""What is said of somebody who could be sent: a code for programs, words in two languages for people."""

from collections.abc import Mapping
from typing import Any

#: Code → Chinese, English. What stands in braces is a value that the note carries too.
WORDS: Mapping[str, tuple[str, str]] = {
    # why he is proposed
    "own_cell": ("负责事发地所在的{cell_name}", "holds {cell_name}, where it is"),
    "neighbour": ("负责相邻的{cell_name}", "holds {cell_name}, next to where it is"),
    "local": ("本辖区人员", "belongs to the same area"),
    "unattached": ("未分配网格的机动力量", "holds no cell"),
    "capable": ("具备能力：{capabilities}", "can do: {capabilities}"),
    "live": ("定位 {fix_age_s} 秒前", "position {fix_age_s} s old"),
    "team": ("队伍 {team}，共 {count} 人，以最后到达者计", "team {team} of {count}, when the last arrives"),
    # what speaks against him
    "mutual_aid": ("跨域联勤：来自{cell_name}", "mutual aid from {cell_name}"),
    "no_fix_base": ("无新定位，按驻地推算", "no recent position: taken to be at the base"),
    "no_fix_post": ("无新定位，按岗位推算", "no recent position: taken to be at the post"),
    "shift_ends_before": ("到场前已下班（{until}）", "the shift ends before arrival, at {until}"),
    "shift_soon_over": (
        "{until} 下班，到场后仅剩 {minutes} 分钟",
        "off at {until}, {minutes} min after arrival",
    ),
    "post_soon": ("{start} 起须到岗：{post}", "bound to the post {post} from {start}"),
    "short_rest": ("班前休息仅 {hours} 小时", "rested only {hours} h before the shift"),
    "leaves_uncovered": ("离开后{cell_name}无人可派", "leaves {cell_name} without anybody free"),
    # why somebody nearer is passed over
    "busy": ("已被派往事件 {incident}（{since} 起）", "sent to incident {incident} since {since}"),
    "pinned": ("在岗 {post}，至 {until}", "at the post {post} until {until}"),
    "lacks": ("缺少能力：{capabilities}", "cannot do: {capabilities}"),
    "declined": ("已拒接：{reason}", "has declined: {reason}"),
}


#: What a town can do, as people call it; a capability that a town made itself stands for itself.
CAPABILITIES_ZH: Mapping[str, str] = {
    "fire": "消防",
    "traffic": "交通疏导",
    "mediation": "调解",
    "rescue": "救援",
    "patrol": "巡防",
    "first_aid": "急救",
}


def note(code: str, **values: Any) -> dict[str, Any]:
    """Return a note: its code, its values, and the words in both languages.

    >>> note("own_cell", cell="330802", cell_name="East")["en"]
    'holds East, where it is'
    """
    zh, en = WORDS[code]
    shown = {
        name: "、".join(map(str, value)) if isinstance(value, list) else value
        for name, value in values.items()
    }
    shown_zh = dict(shown)
    if isinstance(named := values.get("capabilities"), list):
        shown_zh["capabilities"] = "、".join(CAPABILITIES_ZH.get(one, one) for one in named)
    return {"code": code, **values, "zh": zh.format(**shown_zh), "en": en.format(**shown).replace("、", ", ")}


def of_member(said: Mapping[str, Any], code: str, name: str) -> dict[str, Any]:
    """Return a note about one member of a team: under his name.

    >>> of_member(note("no_fix_base"), "p1", "Li")["en"]
    'Li: no recent position: taken to be at the base'
    """
    return {**said, "member": code, "zh": f"{name}：{said['zh']}", "en": f"{name}: {said['en']}"}
