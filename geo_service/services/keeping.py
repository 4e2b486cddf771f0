"""Answers that many ask for at once: each is worked out by one of them and kept while it holds."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

#: So many are held: an area has some tens of them.
KEPT = 400


class Keeper:
    """Answers by key, the ones used last. Thread-safe; who asks for what is being made waits for it.

    The key names all that an answer hangs on, its moment included: what is out of date is not asked for
    again, and goes.
    """

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._lock = threading.Lock()  # held for moments only, never while an answer is made
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the answer of a key, made if it is not there. A failure is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                held: T = self._kept[key]
                return held
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    meanwhile: T = self._kept[key]
                    return meanwhile
            try:
                made = make()
            except BaseException:
                with self._lock:
                    self._making.pop(key, None)
                raise
            with self._lock:
                self._kept[key] = made
                self._making.pop(key, None)
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
            return made
