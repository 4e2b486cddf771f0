"""Codes of signs: each seal gives its own, typing them is forgiven, forging them is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.visit_signs import is_genuine, number_on, sign_of

seals = st.binary(min_size=16, max_size=16)
numbers = st.integers(1, 2**31 - 1)


@given(numbers, seals)
def test_a_sign_is_known_however_it_is_typed(number: int, seal: bytes) -> None:
    code = sign_of(number, seal)
    typed = [
        code,
        code.lower(),
        code.replace("-", ""),
        code.replace("-", " "),
        f"  {code} ",
        f"https://town.example/worker#visit={code}",
        code[:-16] + code[-16:].replace("1", "l").replace("0", "o"),
    ]
    for text in typed:
        assert number_on(text) == number
        assert is_genuine(text, number, seal)


@given(numbers, seals, seals, st.integers(0, 15), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_no_other_sign_is_taken(number: int, seal: bytes, other: bytes, at: int, letter: str) -> None:
    code = sign_of(number, seal)
    assert is_genuine(code, number, other) == (seal == other)
    assert not is_genuine(sign_of(number + 1, seal), number, seal)
    letters = code.replace("-", "")[-16:]
    changed = code.replace("-", "")[:-16] + letters[:at] + letter + letters[at + 1 :]
    assert is_genuine(changed, number, seal) == (letters[at] == letter)
    assert not is_genuine(code, number + 1, seal)


@pytest.mark.parametrize("text", ["", "PV1", "PV2-1-0000-0000-0000-0000", "PV1-x-0000-0000-0000-0000", "不"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="not the code"):
        number_on(text)
