"""What tags mean, case by case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.roads.network import Access, Block
from geo_service.roads.osm_tags import CLASSES, access, block, maxspeed_kmh, street_class

W, B, C = "walk", "ebike", "car"
BOTH = {
    W: Access.WALK_FORWARD | Access.WALK_BACK,
    B: Access.EBIKE_FORWARD | Access.EBIKE_BACK,
    C: Access.CAR_FORWARD | Access.CAR_BACK,
}
AHEAD = {B: Access.EBIKE_FORWARD, C: Access.CAR_FORWARD}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "residential"}, BOTH[W] | BOTH[B] | BOTH[C]),
        ({"highway": "residential", "oneway": "yes"}, BOTH[W] | AHEAD[B] | AHEAD[C]),
        ({"highway": "residential", "oneway": "-1"}, BOTH[W] | Access.EBIKE_BACK | Access.CAR_BACK),
        ({"highway": "residential", "oneway": "yes", "oneway:bicycle": "no"}, BOTH[W] | BOTH[B] | AHEAD[C]),
        ({"highway": "residential", "oneway": "yes", "cycleway:left": "opposite_lane"},
         BOTH[W] | BOTH[B] | AHEAD[C]),
        ({"highway": "primary", "junction": "roundabout"}, BOTH[W] | AHEAD[B] | AHEAD[C]),
        ({"highway": "primary", "junction": "roundabout", "oneway": "no"}, BOTH[W] | BOTH[B] | BOTH[C]),
        ({"highway": "motorway"}, AHEAD[C]),
        ({"highway": "motorway_link", "oneway": "no"}, BOTH[C]),
        ({"highway": "trunk", "motorroad": "yes"}, BOTH[C]),
        ({"highway": "trunk"}, BOTH[B] | BOTH[C]),
        ({"highway": "trunk", "foot": "yes"}, BOTH[W] | BOTH[B] | BOTH[C]),
        ({"highway": "footway"}, BOTH[W]),
        ({"highway": "footway", "bicycle": "yes"}, BOTH[W] | BOTH[B]),
        ({"highway": "footway", "access": "yes"}, BOTH[W]),
        ({"highway": "cycleway"}, BOTH[B]),
        ({"highway": "cycleway", "foot": "designated"}, BOTH[W] | BOTH[B]),
        ({"highway": "steps"}, BOTH[W]),
        ({"highway": "steps", "motor_vehicle": "yes"}, BOTH[W]),
        ({"highway": "pedestrian", "motor_vehicle": "destination"}, BOTH[W] | BOTH[C]),
        ({"highway": "service", "access": "no"}, Access(0)),
        ({"highway": "service", "access": "private"}, Access(0)),
        ({"highway": "service", "access": "no", "foot": "yes"}, BOTH[W]),
        ({"highway": "service", "vehicle": "no", "bicycle": "yes"}, BOTH[W] | BOTH[B]),
        ({"highway": "service", "vehicle": "no", "motor_vehicle": "yes"}, BOTH[W] | BOTH[C]),
        ({"highway": "service", "motor_vehicle": "no", "motorcar": "yes"}, BOTH[W] | BOTH[B] | BOTH[C]),
        ({"highway": "residential", "bicycle": "dismount"}, BOTH[W] | BOTH[C]),
        ({"highway": "residential", "oneway": "reversible"}, BOTH[W] | BOTH[B]),
        ({"highway": "path", "access": "some nonsense"}, BOTH[W] | BOTH[B]),
        ({"highway": "footway", "oneway:foot": "yes"}, Access.WALK_FORWARD),
    ],
)  # fmt: skip
def test_access(tags: dict[str, str], expected: Access) -> None:
    assert access(tags) == expected


def test_private_streets_open_to_those_who_look_after_them() -> None:
    tags = {"highway": "service", "access": "private"}
    assert access(tags, private_open=True) == BOTH[W] | BOTH[B] | BOTH[C]
    assert block({"barrier": "gate", "access": "private"}, private_open=True) == Block(0)


WORDS = st.sampled_from(["yes", "no", "private", "designated", "destination", "-1", "1", "reverse", "x", ""])


@given(
    st.sampled_from(sorted(CLASSES)),
    st.dictionaries(
        st.sampled_from(["access", "foot", "vehicle", "bicycle", "motor_vehicle", "oneway"]),
        WORDS,
    ),
)
def test_private_open_only_adds(name: str, tags: dict[str, str]) -> None:
    closed, opened = access({"highway": name, **tags}), access({"highway": name, **tags}, private_open=True)
    assert closed & opened == closed


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "residential"}, "residential"),
        ({"highway": "proposed"}, None),
        ({"highway": "pedestrian", "area": "yes"}, None),
        ({"highway": "unclassified;tertiary"}, None),
        ({}, None),
    ],
)
def test_classes(tags: dict[str, str], expected: str | None) -> None:
    assert street_class(tags) == expected


@pytest.mark.parametrize(
    ("value", "kmh"),
    [
        (None, 0), ("", 0), ("50", 50), ("50 km/h", 50), ("30 mph", 48.28032), ("30mph", 48.28032),
        ("10 knots", 18.52), ("walk", 7), ("CN:urban", 50), ("CN:rural", 70), ("DE:urban", 50),
        ("DE:zone:30", 30), ("DE:zone30", 30), ("FR:30", 30), ("DE:living_street", 7), ("none", 0),
        ("signals", 0), ("50; 40", 40), ("80;none", 80), ("fifty", 0), ("5000", 0), ("-20", 0),
        ("12.5", 12.5),
    ],
)  # fmt: skip
def test_maxspeed(value: str | None, kmh: float) -> None:
    assert maxspeed_kmh(value) == pytest.approx(kmh)


@given(st.text())
def test_any_maxspeed_is_read_without_complaint(value: str) -> None:
    assert 0 <= maxspeed_kmh(value) < 2000


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, Block(0)),
        ({"barrier": "gate"}, Block(0)),
        ({"barrier": "gate", "locked": "yes"}, Block.WALK | Block.EBIKE | Block.CAR),
        ({"barrier": "gate", "access": "private"}, Block.WALK | Block.EBIKE | Block.CAR),
        ({"barrier": "gate", "access": "no", "foot": "yes", "bicycle": "yes"}, Block.CAR),
        ({"barrier": "gate", "motor_vehicle": "no"}, Block.CAR),
        ({"barrier": "bollard"}, Block.CAR),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, Block(0)),
        ({"barrier": "kissing_gate"}, Block.EBIKE | Block.CAR),
        ({"barrier": "wall"}, Block.WALK | Block.EBIKE | Block.CAR),
        ({"barrier": "wall", "foot": "yes"}, Block.EBIKE | Block.CAR),
        ({"barrier": "toll_booth"}, Block(0)),
    ],
)
def test_barriers(tags: dict[str, str], expected: Block) -> None:
    assert block(tags) == expected
