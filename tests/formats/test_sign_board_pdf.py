"""Sign boards on paper: page sizes, every word, the code read back by the standard."""

import io
import re
import zipfile

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo_service.formats.qr import QUIET, qr_modules
from geo_service.formats.sign_board_map import BoardScene
from geo_service.formats.sign_board_pdf import MAP_ASPECT, Board, BoardPerson, boards_pdf, boards_zip
from tests import pdf, qr

WINDOW = (118.0, 29.0, 118.0 + 0.01 * MAP_ASPECT / np.cos(np.radians(29.005)), 29.01)
ADDRESS = "https://grid.example.org/who?cell=339801001001001&level=grid"


def board(**other: object) -> Board:
    west, south, east, north = WINDOW
    x, y = (west + east) / 2, (south + north) / 2
    outline = shapely.box(x - 0.002, y - 0.003, x + 0.003, y + 0.002)
    street = shapely.LineString([(west, y + 0.0015), (east, y + 0.0015)])
    scene = BoardScene(
        WINDOW,
        outline,
        [
            ("甲微网格", shapely.box(x - 0.002, y - 0.003, x, y + 0.002)),
            ("乙微网格", shapely.box(x, y - 0.003, x + 0.003, y + 0.002)),
        ],
        [("东邻网格", shapely.box(x + 0.003, south, east, north))],
        [{"kind": "primary", "name": "府前街", "shape": street},
         {"kind": "path", "name": "小径", "shape": shapely.LineString([(x, y), (x, y + 0.0001)])}],
        [{"kind": "water", "name": "", "shape": shapely.box(west, south, east, south + 0.001)},
         {"kind": "stream", "name": "", "shape": shapely.LineString([(west, south), (x, y)])}],
        [shapely.box(x, y, x + 0.0003, y + 0.0002)],
        (x, y),
    )  # fmt: skip
    values: dict[str, object] = {
        "title": "网格公示牌",
        "path": ("云澜县", "澜城街道"),
        "level": "网格",
        "name": "新湖第1网格",
        "code": "339801001001001",
        "own": (BoardPerson("网格员", "周静红", "0000-8000005"),),
        "above": (("社区", BoardPerson("网格长", "黄晓娜", "")),),
        "duties": ("巡查网格，发现并上报安全隐患", "走访居民 <和> 商户"),
        "report": (("报警求助", "110"), ("火灾、救援", "119")),
        "office": "澜城街道办",
        "office_phone": "0000-1234567",
        "address": ADDRESS,
        "printed_on": "2026-11-22",
        "edition_id": 7,
        "scene": scene,
    }
    return Board(**(values | other))


@pytest.mark.parametrize(("paper", "size"), [("A3", (297, 420)), ("A4", (210, 297))])
def test_size_and_every_word(paper: str, size: tuple[float, float]) -> None:
    content = boards_pdf([board()], paper)
    (page,) = pdf.pages(content)
    assert np.allclose(np.array(page.size) * 25.4 / 72, size, atol=0.1)
    for words in (
        "网格公示牌 · 云澜县 · 澜城街道",
        "新湖第1网格",
        "339801001001001",
        "周静红",
        "0000-8000005",
        "黄晓娜",
        "社区 网格长",
        "巡查网格，发现并上报安全隐患",
        "走访居民 <和> 商户",
        "报警求助",
        "110",
        "澜城街道办",
        "0000-1234567",
        "府前街",
        "东邻网格",
        "甲微网格",
        "您在此处",
        "扫码查询",
        "第 7 版边界",
        ADDRESS,
    ):
        assert words in page.text, words
    assert pdf.links(content) == [ADDRESS]
    assert content == boards_pdf([board()], paper)  # equal boards give equal bytes


def test_the_code_on_the_paper_leads_to_the_page() -> None:
    (page,) = pdf.pages(boards_pdf([board()]))
    assert qr.read(drawn_code(page.operators)) == ADDRESS


def drawn_code(operators: bytes) -> NDArray[np.bool_]:
    """Return the modules as the page has them: runs of black, drawn as rectangles one module high."""
    runs = [tuple(map(int, run)) for run in re.findall(rb"(?<![\d.])(\d+) (\d+) (\d+) 1 re\b", operators)]
    count = max(y for _, y, _ in runs) + 1 + QUIET
    paper = np.zeros((count, count), dtype=bool)
    for x, y, width in runs:
        paper[count - 1 - y, x : x + width] = True
    inner = slice(QUIET, count - QUIET)
    assert not paper[:QUIET].any()
    return paper[inner, inner]


@settings(max_examples=20, deadline=None)
@given(
    st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=120), st.booleans()
)
def test_every_code_is_read_back_by_the_standard(text: str, chinese: bool) -> None:
    said = f"https://h.example/who?cell={'格' if chinese else ''}{text.lower()}"
    assert qr.read(qr_modules(said)) == said


def test_without_an_address_there_is_no_code_and_without_people_a_number_to_call() -> None:
    content = boards_pdf([board(address="", own=(), above=())])
    (page,) = pdf.pages(content)
    assert pdf.links(content) == []
    assert "扫码查询" not in page.text
    assert "请拨打 0000-1234567 联系社区" in page.text


def test_several_in_one_file_or_a_file_each() -> None:
    boards = [board(code=f"0{k}/x", name=f"第{k}网格") for k in range(3)]
    assert [f"第{k}网格" in page.text for k, page in enumerate(pdf.pages(boards_pdf(boards, "A4")))] == [
        True
    ] * 3
    with zipfile.ZipFile(io.BytesIO(boards_zip(boards, "A4"))) as archive:
        assert archive.namelist() == ["00_x-A4.pdf", "01_x-A4.pdf", "02_x-A4.pdf"]
        assert "第2网格" in pdf.pages(archive.read("02_x-A4.pdf"))[0].text


def test_long_names_and_many_people_stay_on_the_page() -> None:
    people = tuple(BoardPerson("网格员" * 5, "很长的名字" * 6, "0000-12345678-1234") for _ in range(9))
    (page,) = pdf.pages(boards_pdf([board(name="名" * 60, own=people, above=(), duties=("职责" * 40,) * 8)]))
    assert page.text.replace("\n", "").count("很长的名字" * 6) == 4  # in two lines each


def test_without_an_address_the_foot_says_whom_to_ring() -> None:
    (page,) = pdf.pages(boards_pdf([board(address="")], "A3"))
    for words in ("来电报事，请说网格编码", "0000-1234567"):
        assert words in page.text
