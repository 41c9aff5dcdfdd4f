"""A value that a process reads from AWS and reuses for some seconds."""

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from shared.aws.clients import dynamodb

V = TypeVar("V")


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
