from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.formats.faults import FaultList
from geo_service.formats.refused import Purpose, is_identity_number, note_refused_values, refused

PERSONAL = [
    "身份证",
    "身份证号码",
    "户主",
    "户主姓名",
    "姓名",
    "居民姓名",
    "手机号",
    "联系电话",
    "报警人",
    "民族",
    "政治面貌",
    "病史",
    "车牌号",
    "微信号",
    "出生日期",
    "网格长",
    "id_card",
    "ID Card No",
    "residentIdCard",
    "idcard",
    "phone",
    "Phone Number",
    "mobile",
    "tel",
    "owner_name",
    "householder",
    "date_of_birth",
    "DOB",
    "ethnicity",
    "passport",
    "license_plate",
    "contact",
    "email",
    "reporter_name",
]
HARMLESS = [
    "name",
    "Name",
    "名称",
    "网格名称",
    "code",
    "编号",
    "户数",
    "人口数",
    "重点人员数",
    "党员人数",
    "电话亭数",
    "hotel",
    "households",
    "residents",
    "telephone_poles",
    "phone booths count",
    "Primary Type",
    "Arrest",
    "Beat",
    "District",
    "Location",
    "Description",
    "owner_type",
    "mobile_count",
    "address",
    "地址",
    "Case Number",
    "kind",
    "area_m2",
    "民族路街道",
    "telegraph",
    "identity",
    "placement",
]


@pytest.mark.parametrize("purpose", [Purpose.BOUNDARIES, Purpose.DEMAND, Purpose.INCIDENTS, Purpose.PLACES])
@pytest.mark.parametrize("name", PERSONAL)
def test_personal_columns(name: str, purpose: Purpose) -> None:
    assert refused(name, purpose)


@pytest.mark.parametrize("name", [n for n in HARMLESS if n not in ("telephone_poles", "phone booths count")])
def test_harmless_columns(name: str) -> None:
    assert refused(name, Purpose.BOUNDARIES) is None


def test_harmless_by_accident() -> None:
    assert refused("telephone_pole", Purpose.BOUNDARIES) is None
    assert refused("phone booth", Purpose.BOUNDARIES) is None


@pytest.mark.parametrize("name", ["name", "姓名", "phone", "手机号", "网格员", "contact"])
def test_staff_may_be_named(name: str) -> None:
    assert refused(name, Purpose.RESPONDERS) is None


@pytest.mark.parametrize("name", ["身份证号", "家庭住址", "民族", "home_address", "id_card", "出生日期"])
def test_but_not_everything_of_them(name: str) -> None:
    assert refused(name, Purpose.RESPONDERS)


def identity_number(area: int, day: str, order: int) -> str:
    body = f"{area:06d}{day}{order:03d}"
    weights = [pow(2, 17 - i, 11) for i in range(17)]
    check = (12 - sum(int(c) * w for c, w in zip(body, weights, strict=True))) % 11
    return body + "0123456789X"[check]


@given(
    st.integers(110_000, 820_000),
    st.dates(date(1901, 1, 1), date(2029, 12, 31)),
    st.integers(0, 999),
)
def test_identity_numbers_are_known_by_their_check_digit(area: int, day: object, order: int) -> None:
    """The check digit is computed here by the definition, ISO 7064 MOD 11-2, in another way."""
    number = identity_number(area, f"{day:%Y%m%d}", order)
    assert is_identity_number(number)
    assert is_identity_number(number.lower())
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    assert not is_identity_number(wrong)


def test_columns_are_looked_into() -> None:
    numbers = [identity_number(330803, "19800101", i) for i in range(10)]
    for values, found in (
        (numbers, 1),
        ([*numbers, *["x"] * 5], 1),
        (["x"] * 30 + numbers, 0),
        (["13800138000", "+8613912345678", ""], 1),
        (["330102001000", "330102003000"], 0),
        ([], 0),
        ([None, ""], 0),
        ([120.5, 3], 0),
    ):
        faults = FaultList()
        note_refused_values("note", values, faults)
        assert len(faults) == found, values
