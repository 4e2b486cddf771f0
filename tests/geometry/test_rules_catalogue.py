"""The catalogue of rules: all of them, in both languages, and what holds for each kind of cell."""

import pytest

from geo_service.geometry.rules import RULES
from geo_service.geometry.rules_catalogue import PARAMETER_WORDS, RULE_WORDS, catalogue
from geo_service.geometry.rules_settings import CLASSES, KINDS, PARAMETERS, RuleSettings

LEVELS = ("community", "grid", "micro_grid")


def entry(settings, rule):
    return next(one for one in catalogue(settings, LEVELS) if one["rule"] == rule)


def test_every_rule_and_every_parameter_has_words_in_both_languages():
    assert RULE_WORDS.keys() == RULES.keys() == PARAMETERS.keys()
    assert PARAMETER_WORDS.keys() == {name for numbers in PARAMETERS.values() for name in numbers}
    for words in RULE_WORDS.values():
        assert all((words.name_zh, words.name_en, words.about_zh, words.about_en))


def test_parameters_come_with_their_bounds():
    by_name = {one["name"]: one for one in entry(RuleSettings(), "barrier")["parameters"]}
    assert (by_name["min_share"]["low"], by_name["min_share"]["high"]) == (0, 0.5)
    assert by_name["reach_m"]["unit"] == "m"


def test_what_is_the_same_for_all_cells_of_a_level_stands_once():
    rows = entry(RuleSettings(), "parent")["in_force"]
    assert [(row["level"], row["class"], row["kind"]) for row in rows] == [
        (level, None, None) for level in LEVELS
    ]
    assert {row["severity"] for row in rows} == {"error"}


def test_what_differs_stands_for_each_class_and_kind():
    grid = [row for row in entry(RuleSettings(), "households")["in_force"] if row["level"] == "grid"]
    assert len(grid) == (len(CLASSES) + 1) * len(KINDS)
    held = [row for row in grid if row["severity"] != "off"]
    assert [(row["class"], row["kind"], row["low"], row["high"]) for row in held] == [
        ("urban", "regular", 300, 500)
    ]


def test_what_an_office_sets_is_in_force_and_the_defaults_stay_told():
    ours = {"settings": [{"rule": "households", "level": "grid", "severity": "error", "high": 450}]}
    told = entry(RuleSettings.from_mapping(ours, LEVELS), "households")
    (row,) = [row for row in told["in_force"] if row["level"] == "grid"]
    assert (row["severity"], row["high"], row["class"]) == ("error", 450, None)
    assert told["defaults"][0]["high"] == 500


@pytest.mark.parametrize("rule", sorted(RULES))
def test_defaults_of_each_rule_can_be_read_back(rule):
    given = {"defaults": False, "settings": entry(RuleSettings(), rule)["defaults"]}
    assert RuleSettings.from_mapping(given, ()).settings
