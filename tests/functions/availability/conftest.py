"""A bus that is listened to, and packs that are read for every answer."""

import json
from typing import Any

import pytest

from shared.availability.store import recent
from shared.aws.clients import client


@pytest.fixture
def heard(environment: pytest.MonkeyPatch, fake_tables: None) -> list[dict[str, Any]]:
    """The events that were put on the bus."""
    environment.setenv("NORAIN_EVENT_BUS", "norain-test")
    client("events").create_event_bus(Name="norain-test")
    found: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        found.extend(json.loads(entry["Detail"]) for entry in params["Entries"])

    client("events").meta.events.register("before-parameter-build.events.PutEvents", note)
    return found


@pytest.fixture(autouse=True)
def packs_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests ask right after they have written; tests/tables/test_hot.py is about the memory
    of packs."""
    for cache in (recent.packs_cache, recent.variants_cache, recent.products_cache):
        monkeypatch.setattr(cache, "seconds", 0)
        monkeypatch.setattr(cache, "stale_seconds", 0)
    recent.clear()
