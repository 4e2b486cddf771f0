"""The validator's words in Chinese: every kind that our routes can meet has its form."""

import orjson
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geo_service.api.problems import validation_problem
from geo_service.api.reports import Report
from geo_service.errors import Fault, Words


class Given(BaseModel):
    """Fields of the usual sorts."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(ge=1, le=5)
    name: str = Field("", max_length=3, pattern="^[a-z]*$")


def faults_of(model: type[BaseModel], given: object) -> list[Fault]:
    """Validate what was given, and return the faults as a caller gets them."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(given)
    found = [{**one, "loc": ("body", *one["loc"])} for one in caught.value.errors()]
    return list(validation_problem(found).faults)


@pytest.mark.parametrize(
    ("given", "field", "zh"),
    [
        ({}, "count", "缺少此项"),
        ({"count": 0}, "count", "不得小于 1"),
        ({"count": 9}, "count", "不得大于 5"),
        ({"count": "x"}, "count", "须为整数"),
        ({"count": 1, "nam": ""}, "nam", "没有此项，请核对名称"),
        ({"count": 1, "name": "abcd"}, "name", "最多 3 个字符"),
        ({"count": 1, "name": "A"}, "name", "格式不符"),
        ([], "", "须为 JSON 对象"),
    ],
)
def test_each_fault_is_said_in_both_languages(given: object, field: str, zh: str) -> None:
    [fault] = faults_of(Given, given)
    assert fault.field == field
    assert isinstance(fault.message, Words)
    assert fault.message.zh == zh
    said = orjson.loads(orjson.dumps(fault.as_dict()))
    assert said["message_zh"] == zh
    assert said["message"] != zh


def test_a_choice_is_listed_without_quotes() -> None:
    [fault] = faults_of(Report, {"occurred_at": "2026-11-22T08:30+08:00", "channel": "pigeon"})
    assert isinstance(fault.message, Words)
    assert fault.message.zh == "须为下列之一：call、hotline、worker、sensor、web"


def test_a_report_without_a_moment_says_so_in_both_languages() -> None:
    found = {fault.field: fault.message for fault in faults_of(Report, {"lonn": 1})}
    assert {name: one.zh for name, one in found.items() if isinstance(one, Words)} == {
        "occurred_at": "缺少此项",
        "lonn": "没有此项，请核对名称",
    }


def test_the_whole_is_said_in_both_languages() -> None:
    problem = validation_problem([{"type": "missing", "loc": ("query", "lon"), "msg": "Field required"}])
    assert isinstance(problem.detail, Words)
    assert problem.detail.zh.startswith("参数有误")
