"""What a file may cost us: every reader takes one :class:`Limits`, and a caller raises what it trusts."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, checked before the work they bound.

    Attributes
    ----------
    file_bytes : int
        Size of a file as given, and of all that is in a zip together.
    features, rows : int
        Features of a vector file; rows of a table.
    vertices : int
        Vertices of one geometry. Checking a polygon is quadratic at worst: 10,000 jagged vertices take
        0.05 s, 100,000 take 5 s, a million many minutes.
    rings, parts : int
        Rings of one polygon; parts of one geometry.
    properties : int
        Attributes (columns) of a file.
    depth : int
        Levels of lists and objects inside a property.
    name_chars, text_chars : int
        Characters of the name of an attribute, and of its value.
    zip_entries, zip_ratio : int
        Entries of a zip; how many times larger an entry may be than its packed form.
    child_memory_bytes, child_cpu_s, child_wall_s : int
        What the process that meets GDAL may use.
    """

    file_bytes: int = 200 * MIB
    features: int = 200_000
    rows: int = 5_000_000
    vertices: int = 10_000
    rings: int = 1_000
    parts: int = 1_000
    properties: int = 100
    depth: int = 6
    name_chars: int = 200
    text_chars: int = 10_000
    zip_entries: int = 50
    zip_ratio: int = 100
    child_memory_bytes: int = 1_500 * MIB
    child_cpu_s: int = 20
    child_wall_s: int = 60
