"""Waiting in tests for what comes to pass by itself."""

import time
from collections.abc import Callable


def until(found: Callable[[], bool], patience_s: float = 200) -> None:
    """Wait until something is so; fail when it does not become so in good time."""
    deadline = time.monotonic() + patience_s
    while not found():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
