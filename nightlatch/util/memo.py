"""Remember what a function gave for an argument, safely for several threads."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")


Value = TypeVar("Value")


class Memo(Generic[Key, Value]):
    """A cache of values by key that lives as long as this object; with `most`, only the newest are
    kept.

    For values that never change while their key is the same. Safe to share between threads: two
    that ask at once may both find a value out, and both get the one that was there first. No lock
    is held meanwhile, so finding out may take long, and may ask again.
    """

    def __init__(self, most: int = 0) -> None:
        self._values: dict[Key, Value] = {}
        self._most = most
        self._lock = Lock()

    def get(self, key: Key, find_out: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._values:
                return self._values[key]
        value = find_out()
        with self._lock:
            value = self._values.setdefault(key, value)
            while 0 < self._most < len(self._values):
                del self._values[next(iter(self._values))]
        return value

    def peek(self, key: Key) -> Value | None:
        """Return what is remembered; None also stands for nothing."""
        with self._lock:
            return self._values.get(key)

    def put(self, values: Mapping[Key, Value]) -> None:
        with self._lock:
            self._values.update(values)

    def take(self, key: Key) -> Value | None:
        """Return what is remembered, and forget it."""
        with self._lock:
            return self._values.pop(key, None)

    def newest_first(self) -> list[tuple[Key, Value]]:
        with self._lock:
            return [*reversed(self._values.items())]

    def forget(self) -> None:
        with self._lock:
            self._values.clear()
