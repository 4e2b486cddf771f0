import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.formats.archive import Archive
from geo_service.formats.faults import FaultList
from geo_service.formats.limits import MIB, Limits

from .makers import zipped


def opened(data: bytes, limits: Limits | None = None) -> tuple[Archive, FaultList]:
    faults = FaultList()
    return Archive(data, faults, limits or Limits()), faults


def messages(faults: FaultList) -> str:
    return "\n".join(map(str, faults.listed()))


def test_a_sound_zip() -> None:
    archive, faults = opened(zipped(("a/b.txt", b"hello"), ("__MACOSX/x", b"y"), ("a/.DS_Store", b"z")))
    assert archive.ok
    assert archive.names == ["a/b.txt"]
    assert archive.read("a/b.txt") == b"hello"
    assert not len(faults)


def test_chinese_names_without_the_utf8_mark() -> None:
    info = zipfile.ZipInfo("??.txt")
    data = zipped((info, b"x")).replace(b"??.txt", "网".encode("gbk") + b".txt")  # type: ignore[arg-type]
    archive, _faults = opened(data)
    assert archive.names == ["网.txt"]


def test_a_bomb_by_ratio_is_refused_unopened() -> None:
    archive, faults = opened(zipped(("zeros", b"\0" * 20 * MIB)))
    assert not archive.ok
    assert "100 times its packed size" in messages(faults)


def test_a_bomb_by_total_is_refused_unopened() -> None:
    data = zipped(("a", b"x" * 600), ("b", b"y" * 600), method=zipfile.ZIP_STORED)
    _archive, faults = opened(data, Limits(file_bytes=1_000))
    assert "the limit is" in messages(faults)


def test_a_bomb_whose_directory_lies_breaks_off() -> None:
    """The central directory claims 10 bytes; the packed stream holds 20 MiB."""
    data = bytearray(zipped(("zeros", b"\0" * 20 * MIB)))
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 10)
    archive, faults = opened(bytes(data))
    if archive.ok:
        assert archive.read("zeros") is None
    assert len(faults) == 1


def test_too_many_entries() -> None:
    _archive, faults = opened(zipped(*((f"f{i}", b"") for i in range(51))))
    assert "51 entries" in messages(faults)


@pytest.mark.parametrize(
    "name", ["../x.shp", "/etc/x.shp", "a/../../x.shp", "C:\\x.shp", "..\\x.shp", "a\\..\\..\\x.shp"]
)
def test_names_that_lead_outside(name: str) -> None:
    archive, faults = opened(zipped((name, b"x")))
    assert not archive.ok
    assert "leads out" in messages(faults)


def test_links_and_devices() -> None:
    for mode in (stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600):
        info = zipfile.ZipInfo("x.shp")
        info.external_attr = mode << 16
        archive, faults = opened(zipped((info, b"/etc/passwd")))  # type: ignore[arg-type]
        assert not archive.ok
        assert "link or a device" in messages(faults)


def test_encrypted_entries() -> None:
    data = bytearray(zipped(("x.shp", b"secret")))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        data[at + offset] |= 1
    archive, faults = opened(bytes(data))
    assert not archive.ok
    assert "password" in messages(faults)


def test_an_entry_that_stands_twice() -> None:
    data = zipped(("x1", b"1"), ("x2", b"2")).replace(b"x2", b"x1")
    _archive, faults = opened(data)
    assert "twice" in messages(faults)


def test_an_entry_without_a_name() -> None:
    archive, faults = opened(zipped(("a.txt", b"1")).replace(b"a.txt", b"\0.txt"))
    assert not archive.ok
    assert "no name" in messages(faults)


def test_all_that_is_wrong_is_listed() -> None:
    _archive, faults = opened(zipped(("../x", b"\0" * 20 * MIB), ("/y", b"")))
    assert faults.kinds == {"zip-path", "zip-bomb"}


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_zip_is_a_fault_and_no_exception(noise: bytes, at: int, value: int) -> None:
    data = bytearray(zipped(("a.txt", b"hello" * 50), ("b.txt", noise)))
    data[at % len(data)] = value
    archive, _faults = opened(bytes(data))
    if archive.ok:
        for name in archive.names:
            archive.read(name)
    opened(noise)
