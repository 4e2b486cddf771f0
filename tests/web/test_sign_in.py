"""The page to sign in says how to get the key that the page beyond it takes."""

import pytest

from geo_service.web.pages import sign_in_page


@pytest.mark.parametrize(
    ("target", "role"),
    [
        ("/", "planner"),
        ("/planner", "planner"),
        ("/dispatch", "dispatcher"),
        ("/dispatch?incident=1", "dispatcher"),
        ("/roster?week=2026-11-16", "dispatcher"),
        ("/worker", "worker"),
    ],
)
def test_the_key_advised_opens_the_page_that_was_asked_for(target: str, role: str) -> None:
    assert f"--role {role}</code>" in sign_in_page(target)
