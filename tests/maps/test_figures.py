import numpy as np
import orjson

from geo_service.maps.figures import Extra, Label, figures_json

TITLE, UNIT = Label("力量配备密度", "Staffing density"), Label("人/千人", "staff per 1,000")


def test_what_the_page_takes() -> None:
    values = {"a": 1.23456, "b": None, "c": float("nan"), "d": 2.5, "e": 9.0}
    extra = Extra(Label("户数", "Households"), Label("户", ""), {"a": np.float64(300.0)})
    content = orjson.loads(
        figures_json(values, title=TITLE, unit=UNIT, extras=[extra], note=Label("今天", "today"))
    )
    assert content["title"] == {"zh": "力量配备密度", "en": "Staffing density"}
    assert content["values"] == {"a": 1.235, "b": None, "c": None, "d": 2.5, "e": 9.0}
    assert content["breaks"] == [1.235, 2.5, 9.0]
    assert len(content["colors"]) == 3
    assert content["lowest"] == 1.235
    assert content["method_label"]["zh"] == "分位数分级"
    assert content["extras"][0]["values"] == {"a": 300.0}
    assert content["note"] == {"zh": "今天", "en": "today"}


def test_given_limits_and_percent() -> None:
    content = orjson.loads(
        figures_json(
            {"a": 0.5},
            title=TITLE,
            unit=UNIT,
            method="given",
            breaks=[0.4, 0.8, 1.0],
            palette="RdYlBu",
            percent=True,
        )
    )
    assert content["breaks"] == [0.4, 0.8, 1.0]
    assert content["percent"] is True


def test_no_value_at_all() -> None:
    content = orjson.loads(figures_json({"a": None}, title=TITLE, unit=UNIT))
    assert content["breaks"] == content["colors"] == []
