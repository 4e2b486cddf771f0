"""The text of a Shapefile's table: its encoding as the file says it, or as it turns out."""

from collections.abc import Iterator
from typing import Any

from geo_service.formats.faults import FaultList
from geo_service.formats.text import known_encoding

_Columns = list[list[Any]]
_CPG_NUMBERS = {"936": "gbk", "54936": "gb18030", "950": "big5", "65001": "utf-8", "1252": "cp1252"}


def decode_dbf(
    names: list[str],
    columns: _Columns,
    faults: FaultList,
    notes: list[str],
    *,
    encoding: str | None,
    cpg: str | None,
) -> tuple[list[str], _Columns]:
    """Return names and columns whose text has been decoded.

    Parameters
    ----------
    names, columns
        As read: every byte of a text is one character (Latin-1).
    faults, notes
        Where faults and remarks go.
    encoding : str or None
        What the caller says; then it is this or a fault.
    cpg : str or None
        What the ``.cpg`` file says; believed if it fits. Else UTF-8 is tried, then GB18030.
    """
    declared = _declared(cpg, notes)
    if encoding is not None:
        stated = known_encoding(encoding)
        candidates = [stated] if stated else []
    else:
        candidates = list(dict.fromkeys([*([declared] if declared else []), "utf-8", "gb18030"]))
    texts = list(_raw_texts(names, columns))
    chosen = next((name for name in candidates if all(_decodes(text, name) for text in texts)), None)
    if chosen is None:
        tried = ", ".join(candidates) or "no encoding we know"
        faults.add(
            "encoding", "encoding", f"the table's text is not {tried}: name its encoding", value=encoding
        )
        return names, columns
    if any(not text.isascii() for text in texts):
        _remark(chosen, declared, encoding, notes)
    return [_decode(name, chosen) for name in names], [
        [_decode(value, chosen) if isinstance(value, str) else value for value in column]
        for column in columns
    ]


def _declared(cpg: str | None, notes: list[str]) -> str | None:
    if cpg is None:
        return None
    bare = cpg.strip().lower().removeprefix("ansi").strip()
    name = _CPG_NUMBERS.get(bare) or known_encoding(bare)
    if name is None:
        notes.append(
            f"the .cpg names an encoding we do not take ({cpg[:20]!r}); found out from the text instead"
        )
    return name


def _remark(chosen: str, declared: str | None, encoding: str | None, notes: list[str]) -> None:
    if encoding is None and declared is not None and declared != chosen:
        notes.append(f"the .cpg says {declared}, but the table is {chosen}: read as {chosen}")
    elif encoding is None and declared is None and chosen != "utf-8":
        notes.append(f"there is no .cpg; the table was read as {chosen}")


def _raw_texts(names: list[str], columns: _Columns) -> Iterator[str]:
    yield from names
    for column in columns:
        yield from (value for value in column if isinstance(value, str))


def _decodes(text: str, encoding: str) -> bool:
    try:
        _decode(text, encoding)
    except UnicodeError:
        return False
    return True


def _decode(text: str, encoding: str) -> str:
    """Decode one field; a last character cut in half by the field's width is left out."""
    if text.isascii():
        return text
    raw = text.encode("latin-1")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        cut = error.end == len(raw) and ("incomplete" in error.reason or "unexpected end" in error.reason)
        if not cut or error.start == 0:
            raise
        return raw[: error.start].decode(encoding)
