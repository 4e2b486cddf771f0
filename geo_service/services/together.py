"""Work of callers who come at once, done together: who comes while some is being done joins the next lot."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from geo_service.errors import HeldError, UnavailableError

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@dataclass(eq=False)
class _Ticket(Generic[Asked, Told]):
    asked: Asked
    called: threading.Event = field(default_factory=threading.Event)
    told: list[Told] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return bool(self.told) or self.error is not None


class Together(Generic[Asked, Told]):
    """Does in lots what costs nearly the same for one as for many: a transaction.

    Nobody waits for others to come. The first caller does his work at once, in his own thread; those who come
    meanwhile wait, and the first of them does the work of all of them.

    Parameters
    ----------
    work : callable
        Takes what several callers ask, gives an answer for each in the same order. An exception among the
        answers is raised to the caller whose it is. If ``work`` itself raises, everything is done anew one by
        one, so that nobody fails for another's sake (unless the database is away: then for all); it must have
        left no trace of the lot.
    most : int
        Callers in a lot.
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Told | Exception]], most: int) -> None:
        self._work = work
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[Asked, Told]] = []
        self._is_working = False

    def __call__(self, asked: Asked) -> Told:
        """Have it done, and return the answer."""
        mine = _Ticket[Asked, Told](asked)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._is_working
            self._is_working = True
        if not leads:
            mine.called.wait()
        if not mine.is_done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return mine.told[0]

    def _lead(self, mine: _Ticket[Asked, Told]) -> None:
        """Do the work of those who wait, the caller among them, and call the next one to lead."""
        with self._lock:
            lot, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._do(lot)
        finally:
            with self._lock:  # the thread may be ending: others go on without it
                self._waiting[:0] = [one for one in lot if not one.is_done and one is not mine]
                following = self._waiting[0] if self._waiting else None
                self._is_working = following is not None
            for one in lot:
                if one.is_done:
                    one.called.set()
            if following is not None:
                following.called.set()

    def _do(self, lot: list[_Ticket[Asked, Told]]) -> None:
        try:
            answers = self._work([one.asked for one in lot])
        except Exception as error:  # noqa: BLE001 - raised to whose it is
            # who is away is away for each of them: nobody waits for the others to find that out in turn
            is_away = isinstance(error, UnavailableError) and not isinstance(error, HeldError)
            if len(lot) == 1 or is_away:
                for one in lot:
                    one.error = error
                return
            for one in lot:
                self._do([one])
            return
        for one, answer in zip(lot, answers, strict=True):
            if isinstance(answer, Exception):
                one.error = answer
            else:
                one.told.append(answer)
