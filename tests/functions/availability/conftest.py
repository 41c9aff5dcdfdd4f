"""A bus that is listened to."""

import json
from typing import Any

import pytest

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
