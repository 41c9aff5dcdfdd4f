"""Parts of the simulated cloud, on simpy's event loop: buckets, queues with workers, environments.

Each counts what came in and what became of it, so that ``arrived == done + refused + waiting``
holds at any time.
"""

import random
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import simpy

Process = Generator[simpy.Event, Any, None]
T = TypeVar("T")


class Bucket:
    """Tokens that come back at ``rate`` a second, at most ``burst`` of them: a throttle of the
    gateway, or the request units of a partition."""

    def __init__(self, env: simpy.Environment, rate: float, burst: float | None = None) -> None:
        self._env, self.rate = env, rate
        self._most = rate if burst is None else burst
        self._tokens, self._at = self._most, env.now

    def _refill(self) -> None:
        now = self._env.now
        self._tokens = min(self._most, self._tokens + (now - self._at) * self.rate)
        self._at = now

    def take(self, tokens: float) -> bool:
        """Whether there were any tokens: the last request may take more than there are, as
        DynamoDB counts a request after it was done."""
        self._refill()
        if self._tokens <= 0:
            return False
        self._tokens -= tokens
        return True

    def wait(self, tokens: float) -> float:
        """Takes the tokens and returns the seconds until the debt before them is paid back: a
        client that repeats what was throttled."""
        self._refill()
        waits = max(0.0, -self._tokens / self.rate)
        self._tokens -= tokens
        return waits


@dataclass(slots=True)
class Counts:
    arrived: int = 0
    done: int = 0
    refused: int = 0


@dataclass(slots=True)
class Lambda:
    """The environments of one function: as many as ``most`` at work, ``rate`` new ones a second.
    Environments that have worked stay warm, as an hour is shorter than Lambda keeps them."""

    env: simpy.Environment
    most: float
    rate: float
    cold_seconds: float
    warm: int = 0
    busy: int = 0
    most_busy: int = 0
    colds: int = 0
    seconds: float = 0.0
    _new: Bucket = field(init=False)

    def __post_init__(self) -> None:
        self._new = Bucket(self.env, self.rate, self.rate * 10)

    def start(self) -> float | None:
        """Seconds until the environment begins: 0 when a warm one is idle; None when throttled."""
        if self.warm > 0:
            self.warm -= 1
            delay = 0.0
        elif self.busy < self.most and self._new.take(1):
            self.colds += 1
            delay = self.cold_seconds
        else:
            return None
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        return delay

    def end(self, seconds: float) -> None:
        self.busy -= 1
        self.warm += 1
        self.seconds += seconds


class Queue(Generic[T]):
    """``workers`` take up to ``batch`` of what waits, and work as long as ``serve`` says, which is
    called when they begin. ``finished`` gets the batch and when each of it came in."""

    def __init__(
        self,
        env: simpy.Environment,
        workers: int,
        batch: int,
        serve: Callable[[Sequence[T]], float],
        finished: Callable[[Sequence[tuple[float, T]]], None] = lambda _: None,
        looks_every: float = 0.0,
    ) -> None:
        self._env, self._batch, self._serve, self._finished = env, batch, serve, finished
        self._looks_every = looks_every
        self._waiting: deque[tuple[float, T]] = deque()
        self._idle: deque[simpy.Event] = deque()
        self.counts = Counts()
        self.working = 0
        self.waited = 0.0
        self.busy_seconds = 0.0
        self.batches = 0
        for _ in range(workers):
            env.process(self._work())

    @property
    def waiting(self) -> int:
        """Also those that a worker has taken and not finished."""
        return len(self._waiting) + self.working

    def put(self, what: T) -> None:
        self.counts.arrived += 1
        self._waiting.append((self._env.now, what))
        if self._idle:
            self._idle.popleft().succeed()

    def _work(self) -> Process:
        while True:
            while not self._waiting:
                idle = self._env.event()
                self._idle.append(idle)
                yield idle
                if self._looks_every:
                    # The queue is looked at from time to time: half an interval on average.
                    yield self._env.timeout(self._looks_every / 2)
            took = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            self.working += len(took)
            self.waited += sum(self._env.now - at for at, _ in took)
            seconds = self._serve([what for _, what in took])
            self.busy_seconds += seconds
            self.batches += 1
            yield self._env.timeout(seconds)
            self.working -= len(took)
            self.counts.done += len(took)
            self._finished(took)


def arrivals(
    env: simpy.Environment,
    dice: random.Random,
    rate_at: Callable[[float], float],
    most_rate: float,
    arrive: Callable[[], None],
) -> Process:
    """A Poisson process whose rate changes with time, by thinning: Lewis and Shedler, Simulation of
    nonhomogeneous Poisson processes by thinning, Naval Research Logistics Quarterly 26, 1979."""
    while True:
        yield env.timeout(dice.expovariate(most_rate))
        if dice.random() * most_rate <= rate_at(env.now):
            arrive()
