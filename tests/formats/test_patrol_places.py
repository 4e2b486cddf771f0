"""Tables of places and campaigns: Chinese headers, xlsx, joined rows, and what is wrong with its row."""

import io
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from geo_service.errors import InvalidInputError
from geo_service.formats.patrol_places import read_campaigns, read_places

HEAD = "编号,名称,行业,地址,经度,纬度,检查部门,风险等级,检查分钟,上次检查,免检原因,免检至\n"


def test_a_table_as_departments_keep_it() -> None:
    text = HEAD + (
        "s1,东街五金店,商铺,东街 1 号,118.1,29.1,消防,a,20,2026/3/1,,\n"
        "s1,东街五金店,商铺,东街 1 号,118.1,29.1,市监,B,,,,\n"
        "w1,机械厂,工厂,,118.2,29.2,消防,C,60,2025年12月9日,已停产,2026-06-30\n"
        "w2,木器厂,工厂,,118.2,29.2,消防,C,60,2025-12-09 00:00:00,否,\n"
    )
    frame = read_places(text.encode()).frame
    assert frame["code"].tolist() == ["s1", "s1", "w1", "w2"]
    assert frame["grade"].tolist() == ["A", "B", "C", "C"]
    assert frame["visit_s"].fillna(-1).tolist() == [1200, -1, 3600, 3600]
    assert frame["last"].tolist() == [date(2026, 3, 1), None, date(2025, 12, 9), date(2025, 12, 9)]
    assert frame["exempt"].tolist() == ["", "", "已停产", ""]
    assert frame["exempt_until"].tolist() == [None, None, date(2026, 6, 30), None]
    assert (frame["lon"][2], frame["lat"][2]) == (118.2, 29.2)


def test_every_fault_has_its_row(tmp_path: Path) -> None:
    text = HEAD + (
        "s1,五金店,,,118.1,29.1,消防,A,,昨天,,\n"
        "s1,五金店,,,118.1,29.1,消防,A,,,,\n"
        "s1,另一家,,,118.1,29.1,市监,A,999,,,2026-01-01\n"
    )
    with pytest.raises(InvalidInputError) as refused:
        read_places(text.encode())
    found = {(fault.field, fault.row) for fault in refused.value.faults}
    assert found == {("上次检查", 1), ("department", 2), ("name", 3), ("检查分钟", 3), ("exempt", 3)}


@pytest.mark.parametrize("header", ["负责人", "联系电话", "户主", "phone"])
def test_persons_are_refused(header: str) -> None:
    text = f"编号,名称,部门,等级,{header}\ns1,店,消防,A,x\n"
    with pytest.raises(InvalidInputError):
        read_places(text.encode())


def test_campaigns_from_a_spreadsheet() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["专项行动", "牵头部门", "开始日期", "结束日期", "点位编号"])
    sheet.append(["节前检查", "消防", date(2026, 1, 5), date(2026, 2, 10), "s1"])
    sheet.append(["节前检查", "消防", date(2026, 1, 5), date(2026, 2, 10), "s2"])
    file = io.BytesIO()
    book.save(file)
    frame = read_campaigns(file.getvalue()).frame
    assert frame["code"].tolist() == ["s1", "s2"]
    assert set(zip(frame["first"], frame["last"], strict=True)) == {(date(2026, 1, 5), date(2026, 2, 10))}
    with pytest.raises(InvalidInputError) as refused:
        read_campaigns(
            "专项,部门,开始,结束,编号\nx,消防,2026-02-01,2026-01-01,a\nx,市监,2026-02-01,2026-03-01,b\n".encode()
        )
    assert [fault.row for fault in refused.value.faults] == [1, 2]
