"""Nothing on a board is written over anything else, however long names and numbers are."""

from itertools import combinations
from typing import Any

import pytest
import shapely
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from geo_service.formats import sign_board_pdf
from geo_service.formats.sign_board_pdf import Board, BoardPerson, boards_pdf
from tests.formats.test_sign_board_pdf import board

REPORT = (
    ("报警求助", "110"), ("火灾、救援", "119"), ("医疗急救", "120"), ("交通事故", "122"),
    ("非紧急诉求、投诉", "12345"),
)  # fmt: skip
WIDE_MARK, LINE_HEIGHT = "澜", 0.86


class Written(Canvas):  # type: ignore[misc]  # reportlab carries no types
    """A canvas that remembers which boxes its words fill, in the points of the board."""

    boxes: list[tuple[str, shapely.Polygon]] = []  # noqa: RUF012 - one list for the canvas a test draws on

    def drawString(self, x: float, y: float, text: str, *args: Any, **kw: Any) -> None:  # noqa: N802
        self._keep(x, y, text)
        super().drawString(x, y, text, *args, **kw)

    def drawRightString(self, x: float, y: float, text: str, *args: Any, **kw: Any) -> None:  # noqa: N802
        self._keep(x - stringWidth(text, self._fontname, self._fontsize), y, text)
        super().drawRightString(x, y, text, *args, **kw)

    def _keep(self, x: float, y: float, text: str) -> None:
        size = self._fontsize
        wide = stringWidth(text, self._fontname, size)
        if wide:
            self.boxes.append((text, shapely.box(x, y - 0.1 * size, x + wide, y + LINE_HEIGHT * size)))


def boxes_of(one: Board) -> list[tuple[str, shapely.Polygon]]:
    """Return words and boxes of all that stands around the map."""
    Written.boxes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sign_board_pdf, "Canvas", Written)
        patch.setattr(sign_board_pdf.BoardMap, "drawOn", lambda *_: None)  # its words are placed by itself
        boards_pdf([one])
    return Written.boxes


def assert_apart(one: Board) -> None:
    found = boxes_of(one)
    for (a, box), (b, other) in combinations(found, 2):
        assert box.intersection(other).area < 0.5, (a, b)
    for words, box in found:
        west, south, east, _ = box.bounds
        assert west >= 0, words
        assert south >= 0, words
        assert east <= sign_board_pdf._WIDTH, words


@pytest.mark.parametrize("address", ["", "https://grid.example.org/who"])
@pytest.mark.parametrize(
    "office", ["云澜县社会治理中心（演示）", "云澜县社会治理综合服务中心暨城市运行管理指挥中心办公室（演示）"]
)
def test_the_office_stands_beside_its_number(office: str, address: str) -> None:
    one = board(office=office, office_phone="0000-8000000", report=REPORT, address=address)
    assert_apart(one)
    assert "0000-8000000" in [words for words, _ in boxes_of(one)]


def test_a_board_full_of_people_still_says_whom_to_ring() -> None:
    person = BoardPerson("网格员", "欧阳静红", "0000-8000001")
    people = {"own": (person,) * 4, "above": (("社区", person),) * 4}
    one = board(report=REPORT, office_phone="0000-8000000", **people)
    assert_apart(one)
    assert {"110", "12345", "0000-8000000"} <= {words for words, _ in boxes_of(one)}


@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    chars=st.tuples(*(st.integers(1, most) for most in (60, 40, 30, 24))),
    people=st.integers(0, 4),
    above=st.integers(0, 4),
    reports=st.integers(0, 8),
)
def test_no_words_lie_over_others(
    chars: tuple[int, int, int, int], people: int, above: int, reports: int
) -> None:
    office, name, what, phone = chars
    person = BoardPerson("员" * what, WIDE_MARK * name, "0" * phone)
    assert_apart(
        board(
            office=WIDE_MARK * office,
            office_phone="0" * phone,
            own=(person,) * people,
            above=(("社区", person),) * above,
            report=(("事" * what, "1" * phone),) * reports,
        )
    )
