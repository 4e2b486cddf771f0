"""Reads what stands in a PDF of ours, by its own tables and not by the library that wrote it."""

import re
import zlib
from base64 import a85decode
from dataclasses import dataclass

_OBJECT = re.compile(rb"(\d+) 0 obj\b(.*?)\bendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_SHOWN = re.compile(rb"/(F[\w+]+) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\) Tj|\b(ET)\b", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True)
class PdfPage:
    """A page: its size in points, its text in the order in which it was written, its drawing operators."""

    size: tuple[float, float]
    text: str
    operators: bytes


def pages(data: bytes) -> list[PdfPage]:
    """Return the pages of a PDF."""
    objects = {int(number): body for number, body in _OBJECT.findall(data)}
    fonts = _fonts(objects)
    root = next(body for body in objects.values() if re.search(rb"/Type /Pages\b", body))
    kids = re.findall(rb"(\d+) 0 R", re.search(rb"/Kids \[(.*?)\]", root, re.DOTALL)[1])
    return [_page(objects, fonts, objects[int(kid)]) for kid in kids]


def links(data: bytes) -> list[str]:
    """Return the addresses that can be clicked."""
    found = [one.replace(rb"\(", b"(").replace(rb"\)", b")") for one in re.findall(rb"/URI \((.*?)\)", data)]
    return [one.decode() for one in found]


def _page(objects: dict[int, bytes], fonts: dict[bytes, dict[bytes, str]], body: bytes) -> PdfPage:
    box = re.search(rb"/MediaBox \[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", body)
    contents = re.search(rb"/Contents (\d+) 0 R", body)
    operators = _content(objects[int(contents[1])])
    names = _resources(objects, body)
    text, font = [], b""
    for name, shown, ended in _SHOWN.findall(operators):
        if ended:
            text.append("\n")
        elif name:
            font = names.get(name, name)
        else:
            table = fonts.get(font, {})
            raw = _ESCAPE.sub(_unescaped, shown)
            text.append("".join(table.get(raw[k : k + 1], chr(raw[k])) for k in range(len(raw))))
    return PdfPage((float(box[1]), float(box[2])), "".join(text), operators)


def _unescaped(found: re.Match[bytes]) -> bytes:
    mark = found[1]
    return bytes([int(mark, 8)]) if mark.isdigit() else _ESCAPED.get(mark, mark)


def _resources(objects: dict[int, bytes], body: bytes) -> dict[bytes, bytes]:
    named = re.search(rb"/Font (\d+) 0 R", body)
    inside = objects[int(named[1])] if named else body
    return dict(re.findall(rb"/(F[\w+]+) (\d+) 0 R", inside))


def _fonts(objects: dict[int, bytes]) -> dict[bytes, dict[bytes, str]]:
    """Return for each font object what its bytes stand for."""
    found = {}
    for number, body in objects.items():
        named = re.search(rb"/ToUnicode (\d+) 0 R", body)
        if named:
            found[str(number).encode()] = _unicode(_content(objects[int(named[1])]))
    return found


def _unicode(table: bytes) -> dict[bytes, str]:
    out = {}
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for first, last, text in re.findall(rb"<(\w+)>\s*<(\w+)>\s*\[(.*?)\]", block, re.DOTALL):
            marks = re.findall(rb"<(\w+)>", text)
            for k in range(int(first, 16), int(last, 16) + 1):
                out[bytes([k])] = bytes.fromhex(marks[k - int(first, 16)].decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for code, text in re.findall(rb"<(\w+)>\s*<(\w+)>", block):
            out[bytes([int(code, 16)])] = bytes.fromhex(text.decode()).decode("utf-16-be")
    return out


def _content(body: bytes) -> bytes:
    raw = _STREAM.search(body)[1]
    if b"ASCII85Decode" in body:
        raw = a85decode(raw.strip().removesuffix(b"~>"))
    return zlib.decompress(raw) if b"FlateDecode" in body else raw
