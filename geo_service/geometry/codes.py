"""Codes of cells: schemes that check a code and issue new ones, and the order in which codes are given out.

A scheme is anything with the two methods of :class:`CodeScheme`; three are here:

- :class:`NestedDigits`: a child's code is its parent's and some digits more. :data:`GB_12_3` is the national
  way: six digits of the district (GB/T 2260), three of the street or township and three of the community
  (GB/T 10114), three of the grid, and three more for a micro-grid.
- :class:`SpecialGridCode`: the twenty digits of CJ/T 349-2010.
- :class:`FreeCode`: whatever a place writes; it only has to be of some pattern.

:func:`issue_like` needs no scheme: it goes on as the siblings' codes do. No function here ever gives out a
code that is in ``taken``; put every code there that ever was, the retired ones with them.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.geometry.measure import metres_per_degree

MAX_ISSUED = 10_000
_MAX_LENGTH = 64
_FIRST_MERGED = 601
_TAIL = re.compile(r"^(.*?)([0-9]+)$", re.DOTALL)


class CodeScheme(Protocol):
    """How codes are built. A fault's ``message`` is in both languages."""

    def check(self, code: str, level: str, parent_code: str | None = None) -> tuple[Fault, ...]:
        """Return what is wrong with a code; nothing if it is sound."""

    def check_beside(self, code: str, level: str, siblings: Collection[str]) -> tuple[Fault, ...]:
        """Return what contradicts a code among those of the other cells of its parent."""

    def issue(self, parent_code: str, level: str, taken: Collection[str], count: int) -> list[str]:
        """Return so many new codes, in ascending order, none of them taken."""


def order_by_place(lonlat_deg: ArrayLike) -> NDArray[np.intp]:
    """Return the order in which cells get their codes: from west to east, and from north to south.

    As one reads a page: the cells stand in about √n lines of latitude, the northern line first, and in each
    line the western cell first. CJ/T 349-2010 (5.6, 5.7) says "left to right, top to bottom" and leaves the
    lines to whoever draws them.

    Parameters
    ----------
    lonlat_deg : (n, 2) array_like
        A point of each cell, EPSG:4326; equal ones keep their order.

    Returns
    -------
    (n,) int
        Index of the cell that gets the first code, the second, and so on.
    """
    deg = np.asarray(lonlat_deg, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(deg).all():
        raise InvalidInputError("Cells without a place cannot be put in order.")
    if len(deg) < 2:
        return np.arange(len(deg))
    east_m, north_m = (np.ptp(deg, axis=0) * metres_per_degree(float(deg[:, 1].mean()))).tolist()
    lines = (
        1
        if north_m == 0.0
        else max(1, min(len(deg), round(math.sqrt(len(deg) * north_m / max(east_m, north_m)))))
    )
    down = (deg[:, 1].max() - deg[:, 1]) / (np.ptp(deg[:, 1]) or 1.0)
    line = np.minimum(lines - 1, (down * lines).astype(np.int64))
    return np.lexsort((-deg[:, 1], deg[:, 0], line))


def issue_like(
    siblings: Iterable[str],
    taken: Collection[str],
    count: int,
    *,
    parent_code: str = "",
    after: str | None = None,
    width: int = 3,
) -> list[str]:
    """Issue codes that go on as those of the siblings do: same beginning, same number of digits.

    Parameters
    ----------
    siblings : iterable of str
        Codes of the cells in the same parent (of the same level, that is).
    taken : collection of str
        Every code of the level that ever was; the siblings need not be among them.
    count : int
        How many.
    parent_code, width : str, int
        What to begin with, and how many digits follow, where there are no siblings to go by.
    after : str, optional
        A sibling whose series to go on with (the cell that is cut): where villages have 200 and up, and
        neighbourhoods 001 and up, what is cut out of neighbourhood 003 becomes a neighbourhood. Otherwise
        numbers follow the highest.

    Raises
    ------
    ConflictError
        Every number of that many digits has been used.
    InvalidInputError
        ``count`` is out of range.
    """
    _require_count(count)
    siblings = list(siblings)
    used = set(taken).union(siblings)
    start, digits = _pattern([after] if after else siblings, parent_code, width)
    numbers = [number for code in siblings if (number := _number(code, start, digits)) is not None]
    last = max(numbers, default=0)
    if after is not None:
        last = _number(after, start, digits) or 0
    return _next_numbers(start, digits, last, used, count)


def _pattern(siblings: Sequence[str], parent_code: str, width: int) -> tuple[str, int]:
    """Return what most codes begin with, and how many digits follow; 0 digits: written without zeros."""
    split = [(found.group(1), found.group(2)) for code in siblings if (found := _TAIL.match(code))]
    if not split:
        return siblings[0] + "-" if siblings and not parent_code else parent_code, width
    whole = [(head, tail) for head, tail in split if head]
    if not whole:  # nothing but digits: what they have in common is the parent's code
        return _digits_only([tail for _, tail in split], parent_code, width)
    head = Counter(head for head, _ in whole).most_common(1)[0][0]
    tails = [tail for one, tail in whole if one == head]
    return head, _width(tails)


def _digits_only(codes: Sequence[str], parent_code: str, width: int) -> tuple[str, int]:
    length = Counter(map(len, codes)).most_common(1)[0][0]
    same = [code for code in codes if len(code) == length]
    if parent_code and all(code.startswith(parent_code) for code in same) and length > len(parent_code):
        return parent_code, length - len(parent_code)
    if length > width and len({code[:-width] for code in same}) == 1:
        return same[0][:-width], width
    return "", _width(codes)


def _width(tails: Sequence[str]) -> int:
    """Return the digits that all numbers are written with, 0 if they are written without leading zeros."""
    lengths = set(map(len, tails))
    if len(lengths) == 1 and (any(tail.startswith("0") for tail in tails) or len(tails[0]) > 1):
        return lengths.pop()
    return 0 if not any(tail.startswith("0") for tail in tails) else max(lengths)


def _number(code: str, start: str, digits: int) -> int | None:
    """Return the number a code ends in, if it begins and is written like the others."""
    tail = code[len(start) :] if code.startswith(start) else ""
    if not (tail.isascii() and tail.isdigit()):
        return None
    return int(tail) if (len(tail) == digits if digits else not tail.startswith("0")) else None


def _next_numbers(start: str, digits: int, last: int, used: Collection[str], count: int) -> list[str]:
    """Count on from the last; when the highest is reached, from 1 again, through what was never used."""
    end = 10**digits if digits else last + len(used) + count + 1
    out: list[str] = []
    for low, high in ((last + 1, end), (1, min(last + 1, end))):
        for number in range(low, high):
            code = f"{start}{number:0{digits}d}" if digits else f"{start}{number}"
            if code not in used:
                out.append(code)
            if len(out) == count:
                return out if low == last + 1 else sorted(out)
    needed = "No code is left" if count == 1 else f"Fewer than {count} codes are left"
    begins = f"begin{'s' if count == 1 else ''} with {start} and " if start else ""
    raise ConflictError(
        Words(
            f"{needed} that {begins}end{'s' if count == 1 else ''} in {digits} digits; "
            "codes are never issued twice. Give the cells codes by hand.",
            f"以 {start or '任意字符'} 开头、以 {digits} 位数字结尾的编码已不足 {count} 个；"
            "编码从不重复使用，请手工指定编码。",
        )
    )


def _require_count(count: int) -> None:
    if not 1 <= count <= MAX_ISSUED:
        raise InvalidInputError(
            "That many codes cannot be issued.",
            [Fault("count", f"must lie between 1 and {MAX_ISSUED}", value=count)],
        )


def _require_digits(code: str, length: int) -> list[Fault]:
    if len(code) == length and code.isascii() and code.isdigit():
        return []
    return [Fault("code", Words(f"must be {length} digits", f"应为{length}位数字"), value=code)]


@dataclass(frozen=True, slots=True)
class NestedDigits:
    """Codes of digits, each its parent's and some more.

    Attributes
    ----------
    widths : mapping from level to int
        Digits each level adds, from the top.
    first_numbers : mapping from level to int
        Where numbers begin on a level when there is nothing to go on from; 1 unless said otherwise.
    """

    widths: Mapping[str, int]
    first_numbers: Mapping[str, int] = field(default_factory=dict)

    def length(self, level: str) -> int:
        """Return how many digits a code of a level has."""
        total = 0
        for name, width in self.widths.items():
            total += width
            if name == level:
                return total
        raise InvalidInputError(
            f"The scheme has no level {level}.",
            [Fault("level", f"one of {', '.join(self.widths)}", value=level)],
        )

    def check(self, code: str, level: str, parent_code: str | None = None) -> tuple[Fault, ...]:
        """Look at the count of digits, the parent's code at the front, and that the number is not 0."""
        if level not in self.widths:
            return (
                Fault(
                    "level",
                    Words(f"the scheme has no level {level}", f"编码规则中没有层级{level}"),
                    value=level,
                ),
            )
        faults = _require_digits(code, self.length(level))
        if faults:
            return tuple(faults)
        if parent_code and not code.startswith(parent_code):
            faults.append(
                Fault(
                    "code",
                    Words(f"must begin with {parent_code}", f"应以上级编码{parent_code}开头"),
                    value=code,
                )
            )
        if int(code[-self.widths[level] :]) == 0:
            faults.append(
                Fault("code", Words("its own number must not be 0", "本级顺序号不能为0"), value=code)
            )
        return tuple(faults)

    def check_beside(self, code: str, level: str, siblings: Collection[str]) -> tuple[Fault, ...]:  # noqa: ARG002 - any stand together
        """Codes of this scheme do not contradict each other."""
        return ()

    def issue(self, parent_code: str, level: str, taken: Collection[str], count: int) -> list[str]:
        """Count on from the highest of the parent's children."""
        _require_count(count)
        width, length = self.widths.get(level, 0), self.length(level)
        if len(parent_code) != length - width:
            message = f"must have {length - width} digits for a child of level {level}"
            raise InvalidInputError(
                "The parent's code does not fit the scheme.", [Fault("parent_code", message)]
            )
        own = [
            int(code[-width:])
            for code in taken
            if len(code) == length and code.startswith(parent_code) and code[-width:].isdigit()
        ]
        last = max(own, default=self.first_numbers.get(level, 1) - 1)
        return _next_numbers(parent_code, width, last, taken, count)


#: District 6, street 3, community 3, grid 3, micro-grid 3 digits: as the demo county has it.
GB_12_3 = NestedDigits({"county": 6, "township": 3, "community": 3, "grid": 3, "micro_grid": 3})


@dataclass(frozen=True, slots=True)
class SpecialGridCode:
    """Twenty digits of a special grid (专业网格) by CJ/T 349-2010, clause 5.

    Digits 1-6 say what is managed or served (CJ/T 348; a main class ends in 00), 7-12 the district
    (GB/T 2260), 13-15 the street or township (GB/T 10114), 16-18 the community (CJ/T 213), 19-20 count the
    grids of the community, 00 when it is not divided. A grid made of several communities has 601 or above in
    16-18.

    Attributes
    ----------
    subject : str
        The first six digits.
    level : str
        Level of the cells that have such codes.
    """

    subject: str
    level: str = "grid"

    def __post_init__(self) -> None:
        if _require_digits(self.subject, 6):
            raise InvalidInputError("The subject of special grids is six digits (CJ/T 348).")

    def check(self, code: str, level: str, parent_code: str | None = None) -> tuple[Fault, ...]:
        """Look at the twenty digits: this subject and, unless communities were merged, the community."""
        if level != self.level:
            return ()
        faults = _require_digits(code, 20)
        if faults:
            return tuple(faults)
        if not code.startswith(self.subject):
            faults.append(
                Fault(
                    "code",
                    Words(f"must begin with {self.subject}", f"应以管理对象代码{self.subject}开头"),
                    value=code,
                )
            )
        community = int(code[15:18])
        if community in {0, _FIRST_MERGED - 1}:
            faults.append(
                Fault(
                    "code",
                    Words("no community has the number 000 or 600", "社区代码不能为000或600"),
                    value=code,
                )
            )
        if parent_code and len(parent_code) in {9, 12}:
            merged = community >= _FIRST_MERGED
            own = parent_code[:9] if merged else parent_code
            if not code[6:].startswith(own):
                faults.append(
                    Fault("code", Words(f"digits 7 on must be {own}", f"第7位起应为{own}"), value=code)
                )
            elif len(parent_code) == 9 and not merged:
                words = Words(
                    f"a grid of several communities has {_FIRST_MERGED} or more in digits 16 to 18",
                    f"由多个社区合并的网格，第16至18位应不小于{_FIRST_MERGED}",
                )
                faults.append(Fault("code", words, value=code))
        return tuple(faults)

    def check_beside(self, code: str, level: str, siblings: Collection[str]) -> tuple[Fault, ...]:
        """Find a community that is divided (01, 02, ...) and not divided (00) at once."""
        own = {one[18:] for one in siblings if one[:18] == code[:18]}
        if level != self.level or not own or "00" not in {code[18:], *own}:
            return ()
        words = Words(
            "00 says that the community is not divided, but it has other grids",
            "00表示社区不划分网格，但该社区还有其他网格",
        )
        return (Fault("code", words, value=code),)

    def issue(self, parent_code: str, level: str, taken: Collection[str], count: int) -> list[str]:
        """Count the grids of a community (12 digits), or make those of a street (9 digits).

        A grid that belongs to a street itself is made of several communities: each has a number from 601 on.

        One grid for a community that never was divided gets 00; 00 beside 01 would be a contradiction.
        """
        _require_count(count)
        if level == self.level and not _require_digits(parent_code, 9):
            return [f"{start}00" for start in self.merged(parent_code, taken, count)]
        start = self.subject + parent_code
        if level != self.level or _require_digits(start, 18):
            message = "give the community's 12 digits, or the street's 9"
            raise InvalidInputError(
                "No such codes for this level or parent.", [Fault("parent_code", message)]
            )
        own = [
            int(code[18:])
            for code in taken
            if len(code) == 20 and code.startswith(start) and code[18:].isdigit()
        ]
        if not own and count == 1:
            return [start + "00"]
        return _next_numbers(start, 2, max(own, default=0), taken, count)

    def merged(self, street_code: str, taken: Collection[str], count: int = 1) -> list[str]:
        """Return the first 18 digits of grids made of several communities of a street (9 digits)."""
        if _require_digits(street_code, 9):
            raise InvalidInputError("The code of a street or township is nine digits.")
        start = self.subject + street_code
        used = {code[:18] for code in taken}
        last = max(
            (int(code[15:18]) for code in taken if code.startswith(start) and code[15:18].isdigit()),
            default=0,
        )
        return _next_numbers(start, 3, max(last, _FIRST_MERGED - 1), used, count)


@dataclass(frozen=True, slots=True)
class FreeCode:
    """Codes of a place's own making.

    Attributes
    ----------
    pattern : str
        Regular expression a code matches as a whole; without "." and "*" in a row it reads in linear time.
    separator : str
        What stands between the parent's code and the number of a code issued.
    width : int
        Digits of that number.
    """

    pattern: str = r"\S(?:.{0,62}\S)?"
    separator: str = "-"
    width: int = 2

    def check(self, code: str, level: str, parent_code: str | None = None) -> tuple[Fault, ...]:  # noqa: ARG002 - one pattern for all levels
        """Compare with the pattern; at most 64 characters."""
        if len(code) <= _MAX_LENGTH and re.fullmatch(self.pattern, code):
            return ()
        return (Fault("code", Words(f"must match {self.pattern}", f"应符合格式{self.pattern}"), value=code),)

    def check_beside(self, code: str, level: str, siblings: Collection[str]) -> tuple[Fault, ...]:  # noqa: ARG002 - any stand together
        """Codes of this scheme do not contradict each other."""
        return ()

    def issue(self, parent_code: str, level: str, taken: Collection[str], count: int) -> list[str]:
        """Count on from the highest under the parent; refuse what the pattern does."""
        start = parent_code + self.separator if parent_code else ""
        own = [
            code for code in taken if code.startswith(start) and re.fullmatch("[0-9]+", code[len(start) :])
        ]
        last = max(
            (int(code[len(start) :]) for code in own if len(code) - len(start) == self.width), default=0
        )
        _require_count(count)
        out = _next_numbers(start, self.width, last, taken, count)
        if any(self.check(code, level) for code in out):
            raise InvalidInputError(f"Code {out[0]} does not match {self.pattern}; give codes by hand.")
        return out
