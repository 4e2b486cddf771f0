"""Answers that many ask for at once are made once."""

import threading
import time

import pytest

from geo_service.services.ground import Ground
from geo_service.services.keeping import Keeper


def test_many_who_ask_at_once_have_it_made_once() -> None:
    keeper, made, got = Keeper(), [], []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    threads = [threading.Thread(target=lambda: got.append(keeper.get("key", make))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [1] * 12


def test_a_failure_is_not_kept() -> None:
    keeper = Keeper()

    def fail() -> None:
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        keeper.get("key", fail)
    assert keeper.get("key", lambda: 7) == 7


def test_those_used_last_stay() -> None:
    keeper = Keeper(size=2)
    keeper.get("a", lambda: 1)
    keeper.get("b", lambda: 2)
    keeper.get("a", lambda: 0)
    keeper.get("c", lambda: 3)
    assert keeper.get("a", lambda: 9) == 1
    assert keeper.get("b", lambda: 9) == 9


def test_who_asks_the_ground_for_one_thing_does_not_wait_for_another() -> None:
    ground = Ground(None)  # type: ignore[arg-type]
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        return "made" if go_on.wait(10) else "waited"

    got: list[str] = []
    maker = threading.Thread(target=lambda: got.append(ground.keep("slow", slow)))
    maker.start()
    assert begun.wait(10)
    desk = threading.Thread(target=lambda: got.append(ground.keep("quick", lambda: "quick")), daemon=True)
    desk.start()
    desk.join(5)
    is_free = ground._lock.acquire(timeout=1)  # what roads() and travel() take
    if is_free:
        ground._lock.release()
    go_on.set()
    maker.join()
    assert is_free
    assert got == ["quick", "made"]
