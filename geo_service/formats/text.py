"""From bytes to text: UTF-8, or GB18030 as Chinese office software writes it, found out and said."""

import codecs
import re
from dataclasses import dataclass

from geo_service.formats.faults import FaultList

ENCODINGS = frozenset(
    ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk", "gb2312", "big5", "cp1252", "iso8859-1", "ascii"]
)
"""Encodings a caller may name (Python's own names for them)."""

_BLOCK = 1 << 20
_SNIFFED_BYTES = 200_000
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read as, and a note when that was not what a reader would expect."""

    text: str
    encoding: str
    note: str | None = None


def known_encoding(name: str) -> str | None:
    """Return Python's name for an encoding if we take it, else None."""
    try:
        found = codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        return None
    return found if found in ENCODINGS else None


def find_encoding(
    data: bytes, faults: FaultList, encoding: str | None = None
) -> tuple[str, str | None] | None:
    """Return the encoding of a text file and a note about it; None after noting a fault.

    UTF-8 is tried first (it proves itself: other text is almost never valid UTF-8 by chance), then
    GB18030, which is accepted only if what comes out is Chinese.
    """
    if encoding is not None:
        return _stated(data, encoding, faults)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        if _fails_at(data, "utf-16") is None:
            return "utf-16", "read as UTF-16"
        faults.add("encoding", "", "the file starts as UTF-16 but breaks off: save it as UTF-8")
        return None
    utf8_fails_at = _fails_at(data, "utf-8")
    if utf8_fails_at is None:
        return ("utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"), None
    if _fails_at(data, "gb18030") is None and _looks_chinese(data):
        return "gb18030", "the file is not UTF-8; it was read as GB18030"
    faults.add(
        "encoding", "", _neither(data, utf8_fails_at), value=data[utf8_fails_at : utf8_fails_at + 8].hex(" ")
    )
    return None


def decode(data: bytes, faults: FaultList, encoding: str | None = None) -> Decoded | None:
    """Return the text of a file; None after noting a fault."""
    found = find_encoding(data, faults, encoding)
    if found is None:
        return None
    name, note = found
    text = data.decode(name)
    if note is None and "\ufffd" in text:
        note = (
            f"{text.count(chr(0xFFFD))} characters are U+FFFD: they were lost before, in some other program"
        )
    return Decoded(text, name, note)


def _stated(data: bytes, encoding: str, faults: FaultList) -> tuple[str, str | None] | None:
    name = known_encoding(encoding)
    if name is None:
        faults.add("encoding", "encoding", f"not one of {', '.join(sorted(ENCODINGS))}", value=encoding)
        return None
    fails_at = _fails_at(data, name)
    if fails_at is None:
        return ("utf-8-sig" if name == "utf-8" and data.startswith(codecs.BOM_UTF8) else name), None
    other = "gb18030" if name != "gb18030" else "utf-8"
    hint = f"; as {other} it can be read" if _fails_at(data, other) is None else ""
    faults.add(
        "encoding",
        "encoding",
        f"the file is not {name} (byte {fails_at}, line {_line(data, fails_at)}){hint}",
    )
    return None


def _fails_at(data: bytes, encoding: str) -> int | None:
    """Return the first byte that is not in the encoding, decoding block by block; None if all is well."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, max(len(data), 1), _BLOCK):
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(data[start : start + _BLOCK], final=start + _BLOCK >= len(data))
        except UnicodeDecodeError as error:
            return max(start - held + error.start, 0)
    return None


def _looks_chinese(data: bytes) -> bool:
    """Tell whether GB18030 text is Chinese and not, say, French in a Windows code page read wrongly.

    An accented letter and the letter after it make one rare character; Chinese as people write it is
    almost wholly within GB 2312, whose characters consist of two high bytes.
    """
    # the sniffed part begins at the first byte that is not ASCII: a long English head says nothing
    found = _NOT_ASCII.search(data)
    first = found.start() if found else len(data)
    text = codecs.getincrementaldecoder("gb18030")().decode(data[first : first + _SNIFFED_BYTES])
    foreign = "".join(c for c in text if not c.isascii())
    return len(foreign.encode("gb2312", "ignore")) // 2 >= 0.8 * len(foreign)


def _neither(data: bytes, at: int) -> str:
    return (
        f"neither UTF-8 (fails at byte {at}, line {_line(data, at)}) nor GB18030: "
        "save the file as UTF-8, or name its encoding"
    )


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def bad_character(text: str) -> str | None:
    r"""Return what is wrong with a text (``\u0000``, half a surrogate pair), or None."""
    if "\x00" in text:
        return "holds the character \\u0000"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return "holds half a surrogate pair, which is no character"
    return None
