"""Values that a process reads from AWS and reuses for some seconds."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from shared.aws.clients import dynamodb, single_attempts
from shared.errors import Busy

V = TypeVar("V")
DUE_SHARE = 0.8, 1.0
"""A value is read again after this share of its seconds."""
RETRY_SHARE = 0.125, 0.25
"""A refused read is repeated after this share of the time for which the old value may be used."""


class Cached(Generic[V]):
    """The answer of ``read``, at most ``seconds`` old.

    An answer belongs to the client that read it: when the process gets another DynamoDB client,
    the value is read again.
    """

    def __init__(self, read: Callable[[], V], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._client: Any = None
        self._until = 0.0
        self._value: V

    def get(self) -> V:
        if self._client is not dynamodb() or self._until < time.monotonic():
            # The age counts from before the read: a slow read must not make the value older.
            client, until = dynamodb(), time.monotonic() + self._seconds
            self._value = self._read()
            self._client, self._until = client, until
        return self._value

    def clear(self) -> None:
        """Makes the next ``get`` read again, because this process has just written the value."""
        self._client = None


@dataclass(frozen=True, slots=True)
class Values(Generic[V]):
    """``by_key`` has no entry for a key without a value. ``since`` is the monotonic instant before
    the oldest of them was read; None when all of them were read for this request."""

    by_key: dict[str, V]
    since: float | None = None

    def age(self) -> float:
        """How many seconds old the values are; 0 when they were read for this request."""
        return 0.0 if self.since is None else time.monotonic() - self.since


@dataclass(slots=True)
class _Entry(Generic[V]):
    """``began`` is the monotonic instant before the read, ``due`` when to read again."""

    value: V | None
    size: int
    began: float
    due: float


class CachedByKey(Generic[V]):
    """The values that ``read`` has for keys, so that a process asks for each key at most about once
    in ``seconds``, however often it is asked for.

    A value is at most ``seconds`` old. Only when AWS has refused the last read (Busy), older values
    are given, up to ``stale_seconds``; older ones never. The next attempt follows after a part of
    the remaining time, so that among many processes the one with the oldest value asks most often.
    Random shares keep processes that started together from asking together.

    The sum of ``size`` over the values that are kept is at most ``most``: the oldest go first. A
    key without a value counts 1. One thread reads at a time, and the others use what it has read.
    As with Cached, an answer belongs to the client that read it.
    """

    def __init__(
        self,
        read: Callable[[Sequence[str]], Mapping[str, V]],
        *,
        seconds: float,
        stale_seconds: float,
        most: int,
        size: Callable[[V], int] = lambda _: 1,
    ) -> None:
        self.seconds, self.stale_seconds = seconds, stale_seconds
        self._read, self._most, self._size = read, most, size
        self._client: Any = None
        self._entries: dict[str, _Entry[V]] = {}
        self._total = 0
        self._lock = Lock()

    def get(self, keys: Iterable[str]) -> Values[V]:
        """The values of ``keys``.

        Raises Busy when AWS refuses the read and no value is young enough.
        """
        wanted = list(dict.fromkeys(keys))
        with self._lock:
            if self._client is not dynamodb():
                self._clear()
                self._client = dynamodb()
            now = time.monotonic()
            kept = {key: self._entries[key] for key in wanted if self._is_current(key, now)}
            due = [key for key in wanted if key not in kept]
            fresh = self._refresh(due, now) if due else {}
            if fresh is None:
                kept, fresh = {key: self._entries[key] for key in wanted}, {}
        since = min((entry.began for entry in kept.values()), default=None)
        values = {key: entry.value for key, entry in kept.items()} | fresh
        return Values({key: found for key in wanted if (found := values[key]) is not None}, since)

    def clear(self) -> None:
        """Makes the next ``get`` read again."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._entries.clear()
        self._total = 0

    def _is_current(self, key: str, now: float) -> bool:
        entry = self._entries.get(key)
        return entry is not None and now <= entry.due

    def _refresh(self, due: Sequence[str], began: float) -> dict[str, V | None] | None:
        """Reads the values of ``due``; None when AWS refuses and the kept values are to be used."""
        replaceable = all(self._is_usable(key, began) for key in due)
        try:
            with single_attempts(replaceable):
                found = self._read(due)
        except Busy:
            now = time.monotonic()
            if not all(self._is_usable(key, now) for key in due):
                raise
            for key in due:
                entry = self._entries[key]
                remaining = entry.began + self.stale_seconds - now
                entry.due = now + remaining * random.uniform(*RETRY_SHARE)
            return None
        values = {key: found.get(key) for key in due}
        for key, value in values.items():
            self._keep(key, value, began)
        return values

    def _is_usable(self, key: str, now: float) -> bool:
        entry = self._entries.get(key)
        return entry is not None and now - entry.began <= self.stale_seconds

    def _keep(self, key: str, value: V | None, began: float) -> None:
        self._drop(key)
        size = 1 if value is None else self._size(value)
        due = began + self.seconds * random.uniform(*DUE_SHARE)
        self._entries[key] = _Entry(value, size, began, due)
        self._total += size
        while self._total > self._most:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self._total -= entry.size
