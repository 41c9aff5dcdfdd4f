"""The sample events of events/."""

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parent.parent.parent / "events"


def event(name: str) -> dict[str, Any]:
    """The sample event ``events/<name>.json``."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded
