"""A small writer of vector tiles, so that the base map can be tried without a database."""

import math
from collections.abc import Iterator, Mapping

import geopandas as gpd
import numpy as np
import shapely

EXTENT = 4096
BUFFER = 64


def tile(frames: Mapping[str, gpd.GeoDataFrame], z: int, x: int, y: int) -> bytes:
    """Encode what lies in a tile, as the Mapbox Vector Tile specification 2.1 says."""
    return b"".join(_bytes_field(3, _layer(name, frame, z, x, y)) for name, frame in frames.items())


def _layer(name: str, frame: gpd.GeoDataFrame, z: int, x: int, y: int) -> bytes:
    keys = ["kind", "name"]
    values: list[str] = []
    out = _bytes_field(1, name.encode())
    geoms = shapely.transform(frame.geometry.array, lambda c: _to_tile(c, z, x, y))
    window = (-BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER)
    for row, geom in zip(frame.to_dict("records"), geoms, strict=True):
        for part in shapely.get_parts(shapely.clip_by_rect(geom, *window)):
            tags = []
            for k, key in enumerate(keys):
                if row[key]:
                    if row[key] not in values:
                        values.append(row[key])
                    tags += [k, values.index(row[key])]
            body = _packed(2, tags) + _varint_field(3, 3 if part.geom_type == "Polygon" else 2)
            out += _bytes_field(2, body + _packed(4, list(_commands(part))))
    out += b"".join(_bytes_field(3, key.encode()) for key in keys)
    out += b"".join(_bytes_field(4, _bytes_field(1, value.encode())) for value in values)
    return out + _varint_field(5, EXTENT) + _varint_field(15, 2)


def _to_tile(lonlat: np.ndarray, z: int, x: int, y: int) -> np.ndarray:
    size = 2**z
    sin = np.sin(np.radians(lonlat[:, 1]))
    px = ((lonlat[:, 0] / 360 + 0.5) * size - x) * EXTENT
    py = ((0.5 - np.log((1 + sin) / (1 - sin)) / (4 * math.pi)) * size - y) * EXTENT
    return np.column_stack([px, py])


def _commands(part: shapely.Geometry) -> Iterator[int]:
    at = np.zeros(2, dtype=int)
    area = part.geom_type == "Polygon"
    for ring in [part.exterior, *part.interiors] if area else [part]:
        points = np.rint(shapely.get_coordinates(ring)).astype(int)
        points = points[:-1] if area else points
        for k, point in enumerate(points):
            if k < 2:
                yield (1 if k == 0 else 2) | ((1 if k == 0 else len(points) - 1) << 3)
            for step in point - at:
                yield int(step << 1) ^ int(step >> 63)
            at = point
        if area:
            yield 7 | (1 << 3)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes_field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _packed(number: int, values: list[int]) -> bytes:
    return _bytes_field(number, b"".join(map(_varint, values)))
