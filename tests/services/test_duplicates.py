"""Duplicates by rule: only what a person has set, with his name in both logs; undone it stays undone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.services import duplicates, handling
from geo_service.services.correcting import Asked
from geo_service.services.tiling import Tilings
from geo_service.staffing.duplicates import CHANNELS, MOST_M, MOST_S, DuplicateRule
from geo_service.store import lives
from geo_service.store.database import Database
from tests.postgis import TestServer
from tests.services import desk_town
from tests.services.places import middle

NUMBERS = count()
METRE = 1 / 111_000


@pytest.fixture(scope="module")
def town(postgis: TestServer) -> Iterator[tuple[Database, Tilings]]:
    with postgis.fresh() as made:
        yield made, desk_town.build(made)


def rule(database: Database, **given_: object) -> duplicates.RuleSet:
    with database.reading() as connection:
        version = duplicates.read_rule(connection).version
    return duplicates.set_rule(database, given_, after=version, who="张三")


def report(
    town: tuple[Database, Tilings], place: int, *, east_m: float = 0.0, later_s: int = 0, **given_: object
) -> UUID:
    """Report something of a square of its own, so that tests do not meet each other's."""
    lon, lat = middle(place % 6, place // 6)
    at = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=later_s)
    said = {"channel": "sensor", "category": "street_light", "occurred_at": at, **given_}
    place_deg = (lon + east_m * METRE / 0.87, lat)
    return desk_town.report(town[0], town[1], f"{next(NUMBERS)}", place_deg, **said)


def of(database: Database, key: UUID) -> UUID | None:
    with database.reading() as connection:
        return lives.get(connection, key).duplicate_of


def test_nothing_is_merged_until_somebody_says_so(town: tuple[Database, Tilings]) -> None:
    database = town[0]
    first, second = report(town, 0), report(town, 0)
    assert duplicates.merge_by_rule(database) == 0
    with database.reading() as connection:
        assert duplicates.read_rule(connection).rule == DuplicateRule()
    rule(database, enabled=True)
    assert duplicates.merge_by_rule(database) == 0  # these were there before the rule
    assert of(database, first) is of(database, second) is None


def test_what_is_alike_is_merged_into_the_first_with_the_rule_in_both_logs(
    town: tuple[Database, Tilings],
) -> None:
    database = town[0]
    now = rule(database, enabled=True, within_m=20, within_s=600)
    first = report(town, 1)
    same = report(town, 1, east_m=15, later_s=300)
    third = report(town, 1, east_m=5, later_s=-300)
    others = [
        report(town, 1, east_m=30),
        report(town, 1, later_s=700),
        report(town, 1, category="noise"),
        report(town, 1, channel="call"),
        report(town, 1, category=""),
    ]
    assert duplicates.merge_by_rule(database) == 2
    assert of(database, same) == of(database, third) == first
    assert [of(database, key) for key in (first, *others)] == [None] * 6
    assert duplicates.merge_by_rule(database) == 0
    with database.reading() as connection:
        (line,) = [one for one in lives.log_of(connection, same) if one["move"] == "void"]
        merges = [one for one in lives.log_of(connection, first) if one["move"] == "merge"]
    assert line["who"] == f"rule {now.version} (张三)"
    assert line["details"]["rule_version"] == now.version
    assert line["details"]["rule_set_by"] == "张三"
    assert 14 < line["details"]["distance_m"] < 16
    assert {one["details"]["duplicate"] for one in merges} == {str(same), str(third)}


def test_undone_it_stays_undone_and_what_somebody_touched_is_left_alone(
    town: tuple[Database, Tilings],
) -> None:
    database = town[0]
    rule(database, enabled=True)
    first, second = report(town, 2), report(town, 2)
    assert duplicates.merge_by_rule(database) == 1
    duplicates.unmerge(database, second, Asked("李四", "two lamps"))
    assert duplicates.merge_by_rule(database) == 0
    assert of(database, second) is None
    third = report(town, 2)
    handling.move(database, third, handling.Move.ACCEPT, who="李四")
    assert duplicates.merge_by_rule(database) == 0
    assert of(database, first) is of(database, third) is None
    rule(database, enabled=False)
    report(town, 2)
    assert duplicates.merge_by_rule(database) == 0


def settle(database: Database, key: UUID) -> None:
    for what in (handling.Move.ACCEPT, handling.Move.HANDLE):
        handling.move(database, key, what, who="李四")


def test_the_rule_leaves_to_a_person_what_may_be_another_thing(town: tuple[Database, Tilings]) -> None:
    database = town[0]
    rule(database, enabled=True)
    settle(database, report(town, 4))
    assert of(database, report(town, 4)) is None
    assert duplicates.merge_by_rule(database) == 0  # handled: the lamp is out again
    report(town, 5, urgency="low")
    report(town, 5, urgency="critical")
    assert duplicates.merge_by_rule(database) == 0
    report(town, 7, urgency="critical", floor=3)
    report(town, 7, urgency="low", floor=9)
    assert duplicates.merge_by_rule(database) == 0
    report(town, 8, urgency="critical", floor=3)
    report(town, 8, urgency="low")
    assert duplicates.merge_by_rule(database) == 1


def test_a_person_says_so_to_merge_into_what_is_settled_and_never_into_a_void(
    town: tuple[Database, Tilings],
) -> None:
    database = town[0]
    first, second, third = (report(town, 9) for _ in range(3))
    settle(database, first)
    with pytest.raises(ConflictError, match="handled already"):
        duplicates.merge(database, second, first, Asked("李四"))
    merged = duplicates.merge(database, second, first, Asked("李四"), even_if_settled=True)
    assert merged.kept.duplicate_of == first
    handling.move(database, third, handling.Move.VOID, who="李四", reason="a trial")
    fourth = report(town, 9)
    with pytest.raises(ConflictError, match="void"):
        duplicates.merge(database, fourth, third, Asked("李四"), even_if_settled=True)


def test_categories_hold_with_all_below_them(town: tuple[Database, Tilings]) -> None:
    database = town[0]
    with database.reading() as connection:
        rows = duplicates.catalogue.categories(connection)
    child = next(row for row in rows if row["parent_code"])
    other = next(row for row in rows if row["parent_code"] not in {None, child["parent_code"]})
    rule(database, enabled=True, categories=[child["parent_code"]])
    for row in (child, other):
        report(town, 3, category=row["code"])
        report(town, 3, category=row["code"])
    assert duplicates.merge_by_rule(database) == 1


def test_a_rule_that_cannot_be_is_refused_and_versions_follow(town: tuple[Database, Tilings]) -> None:
    database = town[0]
    for wrong in (
        {"within_m": -1},
        {"within_m": True},
        {"within_s": 1.5},
        {"channels": []},
        {"channels": ["smoke"]},
        {"enabled": "yes"},
        {"colour": 1},
        {"categories": ["no-such-category"]},
    ):
        with pytest.raises(InvalidInputError):
            rule(database, **wrong)
    version = rule(database, enabled=False).version
    with pytest.raises(ConflictError):
        duplicates.set_rule(database, {}, after=version - 1, who="x")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "enabled": st.booleans(),
            "within_m": st.floats(0, MOST_M),
            "within_s": st.integers(0, MOST_S),
            "channels": st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True),
            "categories": st.lists(st.text(max_size=5), max_size=4),
        },
    )
)
def test_a_rule_comes_back_as_it_was_given(said: dict[str, object]) -> None:
    made = DuplicateRule.from_mapping(said)
    assert DuplicateRule.from_mapping(made.as_mapping()) == made
    assert all(made.as_mapping()[name] == value for name, value in said.items())
