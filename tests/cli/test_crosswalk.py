"""``geo-service crosswalk`` on a small place."""

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.formats.makers import collection, feature, square

pytestmark = pytest.mark.postgis


def layer(path: Path, side: float, count: int, field: str) -> Path:
    cells = [
        feature(
            square(118.0 + side * (k % count), 29.0 + side * (k // count), side), **{field: f"{field}{k}"}
        )
        for k in range(count * count)
    ]
    path.write_bytes(collection(*cells))
    return path


@pytest.mark.usefixtures("on_database")
def test_two_layers_are_compared(geo_service: Call, tmp_path: Path) -> None:
    ours = layer(tmp_path / "ours.geojson", 0.0078125, 4, "CODE")
    theirs = layer(tmp_path / "theirs.geojson", 0.015625, 2, "BEAT")
    words = ["--level", "grid", "--code-field"]
    made = geo_service("import", "boundaries", ours, *words, "CODE", "--commit")
    assert made.status == 0, made.err
    outcome = geo_service("crosswalk", theirs, *words, "BEAT", "--json")
    assert outcome.status == 0, outcome.err
    found = outcome.json
    assert found["cells"] == 16
    assert found["agency_cells"] == 4
    assert [row["land_of_cell"] for row in found["matrix"]] == pytest.approx([1.0] * 16)
    assert [row["land_of_agency"] for row in found["matrix"]] == pytest.approx([0.25] * 16, abs=1e-4)
    assert found["agreement_land"] == pytest.approx(0.25, abs=1e-4)
    short = geo_service("crosswalk", theirs, *words, "BEAT")
    assert "agreement land" in short.out
    wrong = geo_service("crosswalk", theirs, *words, "NOPE")
    assert wrong.status == 1
    assert "BEAT" in wrong.err
