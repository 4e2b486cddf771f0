"""Texts of a report: what no table can hold is refused at the door."""

import pytest
from pydantic import TypeAdapter, ValidationError

from geo_service.api.reports import Text

TEXT = TypeAdapter(Text)


@pytest.mark.parametrize("mark", ["\x00", "\x07", "\x0b", "\x1f"])
def test_control_characters_are_refused(mark: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        TEXT.validate_python(f"东街{mark}12号")


@pytest.mark.parametrize("text", ["", "东街 12 号", "东街\t12\n号"])
def test_other_texts_are_taken(text: str) -> None:
    assert TEXT.validate_python(text) == text
