"""The code on a place's QR sign: signed with the place's own seal, short enough to be typed.

``PV1-<number>-XXXX-XXXX-XXXX-XXXX``: the number of the place and 80 bits of an HMAC-SHA-256 (RFC 2104) under
a seal that only the database holds. Whoever knows the signs of all other places guesses that of one more with
probability 2⁻⁸⁰. The letters are Crockford's base 32, which has no I, L, O and U; who types them anyway, or
small letters, or leaves the hyphens out, is understood.
"""

import hashlib
import hmac
import re

from geo_service.errors import Fault, InvalidInputError, Words

SEAL_BYTES = 16
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 16
_BITS = 5 * _LENGTH
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0"})
_CODE = re.compile(rf"PV1(\d{{1,10}})\.([{_LETTERS}]{{{_LENGTH}}})")


def sign_of(number: int, seal: bytes) -> str:
    """Return the code to print on the sign of a place."""
    letters = _letters(number, seal)
    return "-".join(["PV1", str(number), *(letters[i : i + 4] for i in range(0, _LENGTH, 4))])


def number_on(code: str) -> int:
    """Return which place a code is for, as far as it says; :func:`is_genuine` tells whether that is true.

    Raises
    ------
    InvalidInputError
        It is no code of a sign.
    """
    return _parts(code)[0]


def is_genuine(code: str, number: int, seal: bytes) -> bool:
    """Tell whether a code is the one that is signed with the seal of this place."""
    said, letters = _parts(code)
    return said == number and hmac.compare_digest(letters, _letters(number, seal))


def _letters(number: int, seal: bytes) -> str:
    digest = hmac.new(seal, f"geo_service visit {number}".encode(), hashlib.sha256).digest()
    bits = int.from_bytes(digest, "big") >> (8 * len(digest) - _BITS)
    return "".join(_LETTERS[(bits >> (_BITS - 5 * (i + 1))) & 31] for i in range(_LENGTH))


def _parts(code: str) -> tuple[int, str]:
    """Return number and letters of a code as somebody typed it, or of the address that a QR sign holds."""
    text = code.strip().rpartition("#")[2].rpartition("=")[2].upper()
    # the letters come last: whatever stands before them is the number, with or without hyphens
    plain = re.sub(r"[\s\-_.]", "", text)
    head, tail = plain[:-_LENGTH], plain[-_LENGTH:].translate(_MISREAD)
    found = _CODE.fullmatch(f"{head}.{tail}")
    if found is None:
        words = Words(
            "this is not the code of a sign: scan it again, or type all its letters",
            "不是点位牌上的编码，请重新扫码或完整输入",
        )
        raise InvalidInputError(words, [Fault("code", words)])
    return int(found[1]), found[2]
