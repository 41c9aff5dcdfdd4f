"""A local cloud of the tests' own: the stacks as they are, on a free port, in a temporary folder.

It runs beside a demo and leaves no process behind.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from infra.local import cloud as local
from infra.local import deploy, target
from infra.local.cloud import Cloud
from infra.local.target import Target

Found = TypeVar("Found")


class Deployed:
    """What a test may use of the system: one HTTP client per channel, the queues, the tables."""

    def __init__(self, running: Cloud, addresses: Target) -> None:
        self.running = running
        self.target = addresses
        self.sqs = addresses.sqs
        self.dynamodb = addresses.dynamodb
        self._clients: dict[str | None, httpx.Client] = {}

    def as_(self, client: str | None) -> httpx.Client:
        """The HTTP client that acts as ``client``; None comes without a token."""
        if client not in self._clients:
            self._clients[client] = target.channel(self.target, client)
        return self._clients[client]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder: Path = tmp_path_factory.mktemp("cloud")
    try:
        addresses = deploy.up(folder, port=local.free_port())
        running = local.state(folder)
        assert running is not None
        deployed = Deployed(running, addresses)
        yield deployed
        deployed.close()
    finally:
        local.stop(folder)


def eventually(look: Callable[[], Found], seconds: float = 20) -> Found:
    """What ``look`` returns once it is truthy and raises no AssertionError.

    Raises its last AssertionError, or one that says what it last returned.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = look()
            assert found, f"after {seconds} s it is still {found!r}"
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
