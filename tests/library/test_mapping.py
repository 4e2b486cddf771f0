"""Maps of frames: one file, nothing from outside, what was asked for is in it."""

import json
import re

import numpy as np
import pytest

from geo_service import coverage_map, figure_map, staffing_density, staffing_map, street_graph
from geo_service.errors import InvalidInputError
from tests.library.scenes import SOUTH, STEP, WEST, points_at, square_cells, street_lines


def embedded(page: str) -> dict[str, dict]:
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def test_a_staffing_map_holds_its_figures_cells_staff_and_streets(tmp_path):
    staff = points_at([(WEST + STEP / 2, SOUTH + STEP / 2)], name=["<b>王</b>"])
    cells = staffing_density(square_cells(3, 4549).assign(residents=100), staff)
    shown = staffing_map(cells, units=staff, base=street_graph(street_lines(3), "car"))
    data = embedded(shown.html)
    figures = {f"figures-cell-{one}" for one in ("per_km2", "per_1000_residents", "staff")}
    assert set(data) == {"base", "units", "shapes-cell"} | figures
    values = data["figures-cell-per_1000_residents"]["values"]
    assert values == dict(zip(cells.code, cells.per_1000_residents, strict=True))
    assert data["units"]["units"][0]["name"] == "<b>王</b>"
    assert "<b>王</b>" not in shown.html.replace(json.dumps(data["units"]), "")
    file = shown.save(tmp_path / "map.html")
    assert file.read_bytes().decode("utf-8") == shown.html
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*https?://", shown.html)
    assert shown._repr_html_().startswith("<iframe srcdoc=")


def test_shares_have_fixed_classes_and_any_figure_can_be_drawn():
    cells = square_cells(2).assign(share=[0.1, 0.5, np.nan, 1.0], median_s=[60, 120, np.nan, 30])
    figures = embedded(coverage_map(cells, title="Night").html)["figures-cell-value"]
    assert (figures["breaks"], figures["percent"]) == ([0.2, 0.4, 0.6, 0.8, 0.95, 1.0], True)
    assert figures["title"] == {"zh": "Night", "en": "Night"}
    assert figures["extras"][0]["values"]["G003"] == 1.0
    drawn = embedded(figure_map(cells, "median_s", unit=("秒", "s"), breaks=[60, 90, 120]).html)
    assert drawn["figures-cell-value"]["unit"] == {"zh": "秒", "en": "s"}


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (staffing_map, "staffing_density()"),
        (coverage_map, "name a column of the cells"),
        (lambda cells: coverage_map(cells.assign(share=1.0), base={"sea": cells}), "use layers among"),
        (lambda cells: coverage_map(cells.assign(share=1.0), base={"water": cells}), "kind"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, says):
    with pytest.raises(InvalidInputError) as refused:
        draw(square_cells(2))
    assert says in str(refused.value)
