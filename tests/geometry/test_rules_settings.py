"""Settings of rules: defaults, what overrides what, and errors that name the key."""

import json

import pytest

from geo_service.errors import InvalidInputError
from geo_service.geometry.rules import RULES
from geo_service.geometry.rules_settings import DEFAULTS, PARAMETERS, RuleSettings
from geo_service.model import Severity

LEVELS = ("county", "township", "community", "grid", "micro_grid")


def read(*settings, **more):
    return RuleSettings.from_mapping({"settings": list(settings), **more}, LEVELS)


def test_each_rule_has_a_default_and_parameters():
    assert {setting.rule for setting in DEFAULTS} == RULES.keys() == PARAMETERS.keys()


def test_a_grid_in_town_has_300_to_500_households_and_a_village_what_it_has():
    setting = RuleSettings().of("households", "grid", "urban", "regular")
    assert (setting.numbers["low"], setting.numbers["high"]) == (300, 500)
    for level, area_class, kind in (
        ("grid", "rural", "regular"),
        ("grid", "urban", "dedicated"),
        ("community", "urban", "regular"),
    ):
        assert RuleSettings().of("households", level, area_class, kind) is None


def test_the_last_setting_that_fits_holds():
    settings = read(
        {"rule": "households", "level": "grid", "severity": "note", "low": 100},
        {"rule": "households", "level": ["grid"], "class": "urban", "severity": "error", "high": 450},
        {"rule": "area", "severity": "off"},
    )
    assert settings.of("households", "grid", "rural").severity is Severity.NOTE
    town = settings.of("households", "grid", "urban")
    assert (town.severity, town.number("high", 0), town.number("low", 0)) == (Severity.ERROR, 450, 0)
    assert settings.of("area", "grid", "urban") is None
    assert settings.of("contiguous", "grid").severity is Severity.WARNING


def test_defaults_may_be_left_out():
    assert read(defaults=False).of("contiguous", "grid") is None


def test_settings_go_through_json_and_back():
    settings = read({"rule": "barrier", "severity": "off", "class": "rural", "barriers": ["stream"]})
    again = RuleSettings.from_mapping(json.loads(json.dumps(settings.as_mapping())), LEVELS)
    assert again == settings


def area(**more):
    return {"settings": [{"rule": "area", "severity": "note"} | more]}


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"settings": {}}, ["settings"]),
        ({"setting": []}, ["setting"]),
        ({"defaults": 1}, ["defaults"]),
        ({"settings": ["x"]}, ["settings[0]"]),
        (area(rule="colour"), ["settings[0].rule"]),
        (area(rule=["area"]), ["settings[0].rule"]),
        ({"settings": [{"rule": "area"}]}, ["settings[0].severity"]),
        (area(severity="bad"), ["settings[0].severity"]),
        (area(severity=["off"]), ["settings[0].severity"]),
        (area(level="parish"), ["settings[0].level"]),
        (area(kind=[1]), ["settings[0].kind"]),
        ({"settings": [{"rule": "area", "severity": "off", "class": []}]}, ["settings[0].class"]),
        (area(low=1), ["settings[0].low"]),
        (area(low_m2="1"), ["settings[0].low_m2"]),
        (area(low_m2=True), ["settings[0].low_m2"]),
        (area(low_m2=float("nan")), ["settings[0].low_m2"]),
        (area(low_m2=-1), ["settings[0].low_m2"]),
        (area(low_m2=2, high_m2=1), ["settings[0].low_m2"]),
        (
            {
                "settings": [
                    {"rule": "area", "severity": "note"},
                    {"rule": "x"},
                    {"rule": "households", "low": 1},
                ]
            },
            ["settings[1].rule", "settings[2].severity"],
        ),
    ],
)
def test_each_fault_names_its_key(data, fields):
    with pytest.raises(InvalidInputError) as raised:
        RuleSettings.from_mapping(data, LEVELS)
    assert [fault.field for fault in raised.value.faults] == fields


@pytest.mark.parametrize("data", [None, [], "settings", 3])
def test_something_else_than_an_object_is_refused(data):
    with pytest.raises(InvalidInputError):
        RuleSettings.from_mapping(data)
