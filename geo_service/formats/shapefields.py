"""What a Shapefile's table can hold: names of ten bytes, texts of 254, cut between characters and said."""

from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

SHAPEFILE_ENCODINGS = {"utf-8": "UTF-8", "gb18030": "GB18030"}
_NAME_BYTES = 10
_TEXT_BYTES = 254


@dataclass(frozen=True, slots=True)
class ShapefileText:
    """A frame that fits, the names that had to change, and what was cut."""

    frame: gpd.GeoDataFrame
    fields: dict[str, str]
    notes: list[str]


def fit_to_dbf(frame: gpd.GeoDataFrame, encoding: str) -> ShapefileText:
    """Return a frame whose names and texts a Shapefile's table can hold.

    Parameters
    ----------
    frame : GeoDataFrame
        Any columns.
    encoding : str
        ``utf-8`` or ``gb18030``: a Chinese character takes three bytes or two.
    """
    names = [str(name) for name in frame.columns if name != frame.geometry.name]
    short = short_names(names, encoding)
    fields = {name: short[name] for name in names if short[name] != name}
    out = frame.copy()
    cut = 0
    for name in names:
        if out[name].dtype.kind in "mM":
            out[name] = out[name].astype(str).replace("NaT", None)
        if pd.api.types.is_string_dtype(out[name]) or out[name].dtype == object:
            texts = [cut_bytes(v, _TEXT_BYTES, encoding) if isinstance(v, str) else v for v in out[name]]
            cut += sum(isinstance(v, str) and v != t for v, t in zip(out[name], texts, strict=True))
            out[name] = pd.Series(texts, index=out.index, dtype=object)
    notes = [f"{len(fields)} names of columns were shortened to ten bytes"] if fields else []
    if cut:
        notes.append(f"{cut} texts were cut to 254 bytes")
    return ShapefileText(out.rename(columns=short), fields, notes)


def short_names(names: list[str], encoding: str) -> dict[str, str]:
    """Return for each name a different one of at most ten bytes; names that fit stay as they are."""
    short = {name: name for name in names if len(name.encode(encoding, "replace")) <= _NAME_BYTES}
    taken = {name.lower() for name in short}
    for name in names:
        if name in short:
            continue
        candidate, number = cut_bytes(name, _NAME_BYTES, encoding), 1
        while candidate.lower() in taken:
            number += 1
            candidate = cut_bytes(name, _NAME_BYTES - len(f"_{number}"), encoding) + f"_{number}"
        short[name] = candidate
        taken.add(candidate.lower())
    return short


def cut_bytes(text: str, most: int, encoding: str) -> str:
    """Return the longest beginning of a text that takes at most ``most`` bytes, never half a character."""
    raw = text.encode(encoding, "replace")
    return text if len(raw) <= most else raw[:most].decode(encoding, "ignore")
