"""Progress in lines: each step that lasts is told, a quick one is not, and the last line is no surprise."""

import threading

import pytest

from geo_service.cli.step_lines import StepLines


class Paper:
    """What was written, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._grown = threading.Condition()

    def write(self, line: str) -> None:
        with self._grown:
            self.lines.append(line)
            self._grown.notify_all()

    def wait_for(self, count: int) -> None:
        with self._grown:
            assert self._grown.wait_for(lambda: len(self.lines) >= count, timeout=30), self.lines


def test_a_long_step_is_told_and_told_again_though_it_calls_nobody() -> None:
    paper = Paper()
    with StepLines("starting", paper.write, first_after_s=0.001, again_after_s=0.002) as lines:
        paper.wait_for(3)
        lines.say("placing", 0.25)
        seen = len(paper.lines) + 1  # one more of the first step may be on its way
        paper.wait_for(seen + 2)
    assert paper.lines[:2] == ["starting", "starting, 0 s"]
    assert paper.lines[-1] == "placing, 25%, 0 s"
    assert "placing, 25%" in paper.lines


def test_a_quick_step_is_not_told() -> None:
    paper = Paper()
    with StepLines("starting", paper.write, first_after_s=60) as lines:
        for step in range(1000):
            lines.say(f"step {step}")
    assert paper.lines == []


def test_a_closed_pipe_stops_nothing() -> None:
    called = threading.Event()

    def broken(line: str) -> None:
        called.set()
        raise BrokenPipeError

    with StepLines("starting", broken, first_after_s=0.001, again_after_s=0.001):
        assert called.wait(30)


def test_the_work_s_own_error_comes_through() -> None:
    with pytest.raises(ZeroDivisionError), StepLines("starting", Paper().write):
        _ = 1 / 0
