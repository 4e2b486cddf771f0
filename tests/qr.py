"""Reads a QR code (ISO/IEC 18004, byte mode) from its modules, written against the standard's own tables."""

import numpy as np
from numpy.typing import NDArray

#: Of versions 1 to 10 at level M: check words of a block, then (blocks, data words) of each group.
_BLOCKS_M = {
    1: (10, ((1, 16),)),
    2: (16, ((1, 28),)),
    3: (26, ((1, 44),)),
    4: (18, ((2, 32),)),
    5: (24, ((2, 43),)),
    6: (16, ((4, 27),)),
    7: (18, ((4, 31),)),
    8: (22, ((2, 38), (2, 39))),
    9: (22, ((3, 36), (2, 37))),
    10: (26, ((4, 43), (1, 44))),
}
_ALIGNED = {
    1: (),
    2: (6, 18),
    3: (6, 22),
    4: (6, 26),
    5: (6, 30),
    6: (6, 34),
    7: (6, 22, 38),
    8: (6, 24, 42),
    9: (6, 26, 46),
    10: (6, 28, 50),
}
_MASKS = (
    lambda r, c: (r + c) % 2,
    lambda r, _: r % 2,
    lambda _, c: c % 3,
    lambda r, c: (r + c) % 3,
    lambda r, c: (r // 2 + c // 3) % 2,
    lambda r, c: r * c % 2 + r * c % 3,
    lambda r, c: (r * c % 2 + r * c % 3) % 2,
    lambda r, c: ((r + c) % 2 + r * c % 3) % 2,
)


def read(modules: NDArray[np.bool_]) -> str:
    """Return the text of a code at level M; AssertionError where it is not one without a flaw."""
    size = len(modules)
    version = (size - 17) // 4
    assert modules.shape == (size, size)
    assert size == 17 + 4 * version
    level, mask = _format(modules)
    assert level == 0b00  # M
    data = _words(modules, version, mask)
    checks, groups = _BLOCKS_M[version]
    lengths = [length for count, length in groups for _ in range(count)]
    blocks: list[list[int]] = [[] for _ in lengths]
    at = 0
    for k in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if k < length:
                block.append(data[at])
                at += 1
    for _ in range(checks):
        for block in blocks:
            block.append(data[at])
            at += 1
    for block in blocks:
        assert not any(_syndromes(block, checks)), "the check words do not fit the data"
    stream = [word for block, length in zip(blocks, lengths, strict=True) for word in block[:length]]
    return _text("".join(f"{word:08b}" for word in stream), version)


def _format(modules: NDArray[np.bool_]) -> tuple[int, int]:
    """Return level and mask as both copies of the format say them, free of errors."""
    size = len(modules)
    first = [(8, c) for c in (0, 1, 2, 3, 4, 5, 7, 8)] + [(r, 8) for r in (7, 5, 4, 3, 2, 1, 0)]
    second = [(r, 8) for r in range(size - 1, size - 8, -1)] + [(8, c) for c in range(size - 8, size)]
    one, other = (int("".join(str(int(modules[at])) for at in places), 2) for places in (first, second))
    assert one == other
    said = rest = one ^ 0b101010000010010
    for bit in range(14, 9, -1):
        if rest >> bit & 1:
            rest ^= 0b10100110111 << (bit - 10)
    assert rest == 0, "the format has an error"
    return said >> 13, said >> 10 & 7


def _words(modules: NDArray[np.bool_], version: int, mask: int) -> list[int]:
    size = len(modules)
    free = np.ones((size, size), dtype=bool)
    free[:9, :9] = free[:9, -8:] = free[-8:, :9] = False
    free[6], free[:, 6] = False, False
    middles = _ALIGNED[version]
    for r in middles:
        for c in middles:
            if (r, c) not in {(6, 6), (6, middles[-1]), (middles[-1], 6)}:
                free[r - 2 : r + 3, c - 2 : c + 3] = False
    if version >= 7:
        free[:6, -11:-8] = free[-11:-8, :6] = False
    bits, up = [], True
    columns = [c for c in range(size - 1, 0, -2) if c > 6] + [5, 3, 1]
    for right in columns:
        for r in range(size - 1, -1, -1) if up else range(size):
            bits += [int(modules[r, c]) ^ (_MASKS[mask](r, c) == 0) for c in (right, right - 1) if free[r, c]]
        up = not up
    return [int("".join(map(str, bits[k : k + 8])), 2) for k in range(0, len(bits) - 7, 8)]


def _text(bits: str, version: int) -> str:
    at, out = 0, b""
    while len(bits) - at >= 4 and bits[at : at + 4] != "0000":
        assert bits[at : at + 4] == "0100", "only byte mode is read"
        wide = 8 if version < 10 else 16
        count = int(bits[at + 4 : at + 4 + wide], 2)
        at += 4 + wide
        out += bytes(int(bits[at + 8 * k : at + 8 * k + 8], 2) for k in range(count))
        at += 8 * count
    return out.decode()


_EXP = [1]
for _ in range(254):
    _EXP.append(_EXP[-1] * 2 ^ (0x11D if _EXP[-1] & 0x80 else 0))
_LOG = {value: power for power, value in enumerate(_EXP)}


def _syndromes(block: list[int], checks: int) -> list[int]:
    """Return the polynomial of a block at the first powers of alpha: all are zero in a code word."""
    out = []
    for power in range(checks):
        value = 0
        for word in block:
            value = (_EXP[(_LOG[value] + power) % 255] if value else 0) ^ word
        out.append(value)
    return out
