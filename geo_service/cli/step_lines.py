"""Progress for where no bar can be drawn: a log file, a pipe, a terminal of a build machine."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

#: Called with what is being done now and the share done of it (0 to 1), None if nobody knows.
ShowStep = Callable[[str, float | None], None]

FIRST_AFTER_S = 1.0
AGAIN_AFTER_S = 10.0


class StepLines:
    """Write a line for each step that lasts, and again while it goes on.

    A thread writes them, so that the line comes also while a long step calls nobody.

    Parameters
    ----------
    title : str
        The step that runs at the beginning.
    write : callable
        Takes one line.
    first_after_s, again_after_s : float
        How long a step runs before its first line, and from one line to the next.

    Examples
    --------
    >>> with StepLines("reading", print) as lines:
    ...     lines.say("storing", 0.5)
    """

    def __init__(
        self,
        title: str,
        write: Callable[[str], None],
        *,
        first_after_s: float = FIRST_AFTER_S,
        again_after_s: float = AGAIN_AFTER_S,
    ) -> None:
        self._write = write
        self._first_after_s, self._again_after_s = first_after_s, again_after_s
        self._step: tuple[str, float | None] = (title, None)
        self._changed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._changed.set()
        self._thread.join()

    def say(self, what: str, share: float | None = None) -> None:
        """Name the step that runs now; the same name again only renews the share."""
        before, self._step = self._step[0], (what, share)
        if what != before:
            self._changed.set()

    def _tell(self) -> None:
        while True:
            self._changed.clear()
            if self._ended:  # looked at after clearing: an end that came in between is not lost
                return
            began, wait_s = time.monotonic(), self._first_after_s
            while not self._changed.wait(wait_s):
                what, share = self._step
                done = "" if share is None else f", {share:.0%}"
                waited = "" if wait_s == self._first_after_s else f", {time.monotonic() - began:.0f} s"
                with suppress(OSError):  # nobody reads any more: no reason to stop the work
                    self._write(f"{what}{done}{waited}")
                wait_s = self._again_after_s
