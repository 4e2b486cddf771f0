"""Draw for me on the demo county's own land: 837 buildings on both banks of its river, into 12 grids.

``riverside.json.gz`` holds what :func:`benchmarks.communities.riverside` draws, which takes a minute: three
communities as one, its buildings, and the lines that cross it.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from geo_service.geometry.atoms import BARRIER_KINDS, Atoms, make_atoms
from geo_service.geometry.derive import outlines
from geo_service.geometry.partition import split
from geo_service.geometry.pieces import Pieces, components

BAND = (300, 500)
COUNT = 12


@pytest.fixture(scope="module")
def place() -> dict:
    with gzip.open(Path(__file__).with_name("riverside.json.gz"), "rt", encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="module")
def footprints(place: dict) -> np.ndarray:
    return shapely.from_wkb(np.array(place["footprints"], dtype=object))


@pytest.fixture(scope="module")
def barriers(place: dict) -> list:
    return [shapely.from_wkb(line) for kind in sorted(BARRIER_KINDS) for line in place["lines"][kind]]


@pytest.fixture(scope="module")
def atoms(place: dict, footprints: np.ndarray) -> Atoms:
    lines = {kind: [shapely.from_wkb(line) for line in some] for kind, some in place["lines"].items()}
    return make_atoms(shapely.from_wkb(place["land"]), footprints, lines, crossings=place["crossings"])


@pytest.fixture(scope="module")
def pieces(place: dict, atoms: Atoms) -> Pieces:
    return atoms.weighed(place["households"])


def test_no_atom_lies_on_both_sides_of_the_river(atoms: Atoms, barriers: list) -> None:
    inner = shapely.buffer(atoms.geoms, -2e-6)
    assert shapely.length(shapely.intersection(inner, shapely.union_all(barriers))).max() == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_twelve_grids_of_300_to_500_households(
    atoms: Atoms, pieces: Pieces, footprints: np.ndarray, seed: int
) -> None:
    (found,) = split(pieces, count=COUNT, band=BAND, seed=seed, alternatives=1)
    group = found.assignment
    assert len(found) == COUNT
    assert found.in_band
    assert found.weights.sum() == pieces.weight.sum() == 4_421
    assert found.contiguous
    assert found.compactness_mean > 0.6  # 0.615 to 0.627 measured, seeds 0 to 5
    # none has people on two banks: what hangs together over open borders, bridges among them
    lived = pieces.weight > 0
    bank = components(len(pieces), pieces.pairs[~pieces.barrier])
    assert len(set(zip(group[lived].tolist(), bank[lived].tolist(), strict=True))) == COUNT
    shapes = outlines(atoms.geoms, group, COUNT)
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON).all()
    # each building is whole in the group of its atom
    known = np.flatnonzero(atoms.atom_of >= 0)
    home = shapes[group[atoms.atom_of[known]]]
    share = shapely.area(shapely.intersection(home, footprints[known])) / shapely.area(footprints[known])
    assert len(known) == len(footprints) == 837
    assert share.min() > 0.999
