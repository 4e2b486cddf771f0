"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.postgis", "tests.town"]

ROOT = Path(__file__).resolve().parents[1]
#: Where the files are that take longest; side by side they begin first, so that no process is left with one.
LONGEST_FIRST = (
    "faults/test_killed.py",
    "api/test_fuzz.py",
    "cli/test_real_data.py",
    "cli/test_demo.py",
    "faults",
    "browser",
    "cli",
    "services/test_escalating.py",
    "services/test_invariants.py",
    "api",
    "store",
    "services",
)

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the real data must be present in CI: ../shared/data is missing")
        pytest.skip("the real data is not on this machine (../shared/data)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the real data ``shared``; the longest come first."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    place = item.path.relative_to(ROOT / "tests")
    mine = [turn for turn, name in enumerate(LONGEST_FIRST) if place.is_relative_to(name)]
    return min(mine, default=len(LONGEST_FIRST))
