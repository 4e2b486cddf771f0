"""What the office says on its sign boards and on the street's page: title, duties, what to report where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.store import audit, setting
from geo_service.store.database import Connection, Database

SUBJECT = "street"
MOST_DUTIES, MOST_LINES = 8, 8
_LONGEST = 80
_PHONE = re.compile(r"\+?[\d\s()（）-]{2,25}")


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What is reported under which number, in both languages."""

    zh: str
    en: str
    phone: str


@dataclass(frozen=True, slots=True)
class StreetWords:
    """The words of one version; version 0 is what the program comes with.

    Attributes
    ----------
    version : int
    title : str
        Over every board.
    office : str
        Whose boards these are; "" leaves the line out.
    office_phone : str
        Under which it is reached; "" for none.
    duties : tuple of str
        What a grid worker does, one sentence each.
    report : tuple of ReportLine
    """

    version: int
    title: str
    office: str
    office_phone: str
    duties: tuple[str, ...]
    report: tuple[ReportLine, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return them as JSON, as :func:`set_words` takes them back."""
        lines = [{"zh": one.zh, "en": one.en, "phone": one.phone} for one in self.report]
        return {
            "version": self.version,
            "title": self.title,
            "office": self.office,
            "office_phone": self.office_phone,
            "duties": list(self.duties),
            "report": lines,
        }


#: The numbers are those that hold all over China.
DEFAULT: Mapping[str, Any] = {
    "title": "网格公示牌",
    "office": "",
    "office_phone": "",
    "duties": [
        "巡查网格，发现并上报安全隐患、矛盾纠纷和环境问题",
        "走访居民和商户，宣传政策与安全知识",
        "接到事件后到场先期处置，跟进办结并反馈",
        "收集意见建议，协助办理便民服务事项",
    ],
    "report": [
        {"zh": "报警求助", "en": "Police", "phone": "110"},
        {"zh": "火灾、救援", "en": "Fire and rescue", "phone": "119"},
        {"zh": "医疗急救", "en": "Ambulance", "phone": "120"},
        {"zh": "交通事故", "en": "Road accident", "phone": "122"},
        {"zh": "非紧急诉求、投诉", "en": "Public services, complaints", "phone": "12345"},
    ],
}


def words(connection: Connection) -> StreetWords:
    """Return what is said now."""
    version, value = setting.latest(connection, SUBJECT)
    given = value or DEFAULT
    return StreetWords(
        version,
        given["title"],
        given["office"],
        given["office_phone"],
        tuple(given["duties"]),
        tuple(ReportLine(one["zh"], one["en"], one["phone"]) for one in given["report"]),
    )


def set_words(database: Database, given: Mapping[str, Any], *, after: int, who: str) -> StreetWords:
    """Set what is said; what is left out is as the program has it.

    Raises
    ------
    InvalidInputError
        Each fault names the field.
    ConflictError
        Somebody set it since version ``after``.
    """
    value = {**DEFAULT, **{name: one for name, one in given.items() if name != "version"}}
    faults = _faults(value)
    if faults:
        raise InvalidInputError(Words("these words cannot be printed", "牌面文字有误"), faults)
    with database.writing() as connection:
        setting.lock(connection)
        if setting.latest(connection, SUBJECT)[0] != after:
            message = Words("somebody has set this meanwhile; look again", "设置已被他人修改，请刷新后再试")
            raise ConflictError(message, [Fault("version", message, value=after)])
        setting.add(connection, SUBJECT, value, after=after, who=who)
        audit.record(connection, who, "sign-boards.words", f"street {after + 1}", {"version": after + 1})
        return words(connection)


def _faults(value: Mapping[str, Any]) -> list[Fault]:
    faults = [
        Fault(name, Words(f"a text of up to {_LONGEST} characters", f"不超过{_LONGEST}字的文字"))
        for name in ("title", "office")
        if not _is_text(value[name], empty=name == "office")
    ]
    faults += [
        Fault(name, Words("there is no such setting", "没有此项设置"))
        for name in value
        if name not in DEFAULT
    ]
    if not (value["office_phone"] == "" or _is_phone(value["office_phone"])):
        faults.append(Fault("office_phone", Words("this is no telephone number", "不是电话号码")))
    duties, report = value["duties"], value["report"]
    if not (isinstance(duties, list) and len(duties) <= MOST_DUTIES and all(map(_is_text, duties))):
        said = Words(f"up to {MOST_DUTIES} sentences", f"最多{MOST_DUTIES}条，每条不超过{_LONGEST}字")
        faults.append(Fault("duties", said))
    if not (isinstance(report, list) and len(report) <= MOST_LINES and all(map(_is_line, report))):
        said = Words(
            f"up to {MOST_LINES} objects of zh, en and phone", f"最多{MOST_LINES}条，含 zh、en、phone"
        )
        faults.append(Fault("report", said))
    return faults


def _is_text(value: Any, *, empty: bool = False) -> bool:
    return isinstance(value, str) and (empty or bool(value.strip())) and len(value) <= _LONGEST


def _is_phone(value: Any) -> bool:
    return isinstance(value, str) and _PHONE.fullmatch(value) is not None and any(map(str.isdigit, value))


def _is_line(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"zh", "en", "phone"}
        and _is_text(value["zh"])
        and _is_text(value["en"])
        and _is_phone(value["phone"])
    )
