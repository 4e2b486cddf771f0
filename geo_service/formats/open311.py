"""Answers of Open311 (GeoReport v2) as XML or JSON: the same facts, in the shape that its clients read."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

import orjson

#: Characters that XML 1.0 cannot hold.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as a JSON array; moments with their offset, what is unknown as null."""
    return orjson.dumps([dict(row) for row in rows])


def as_xml(rows: Sequence[Mapping[str, Any]], whole: str, one: str) -> bytes:
    """Return rows as XML: an element ``whole`` with an element ``one`` for each row; unknown is empty."""
    root = ET.Element(whole)
    for row in rows:
        element = ET.SubElement(root, one)
        for name, value in row.items():
            ET.SubElement(element, name).text = _text(value)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    return _NOT_XML.sub("\ufffd", str(value))
