"""Small files for the tests of this folder."""

import io
import json
import zipfile
from typing import Any

import pytest

from geo_service.errors import Fault, InvalidInputError

SQUARE = [[[120.0, 30.0], [120.1, 30.0], [120.1, 30.1], [120.0, 30.1], [120.0, 30.0]]]


def square(west: float = 120.0, south: float = 30.0, size: float = 0.1) -> list[list[list[float]]]:
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def feature(coordinates: Any = None, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": SQUARE if coordinates is None else coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: Any, **members: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", **members, "features": list(features)}).encode()


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


def faults_of(call: Any, *args: Any, **more: Any) -> tuple[Fault, ...]:
    with pytest.raises(InvalidInputError) as raised:
        call(*args, **more)
    assert raised.value.faults
    for fault in raised.value.faults:
        json.dumps(fault.as_dict()).encode()  # can be sent as it is
    return raised.value.faults


def one_fault_of(call: Any, *args: Any, **more: Any) -> Fault:
    faults = faults_of(call, *args, **more)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]
