"""Interactions and the timeline of a person."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from shared.customers.model.person import (
    Interaction,
)
from shared.web.contract import (
    Answer,
    Channel,
    Id,
    Input,
    Instant,
    InstantInput,
)

LARGEST_DATA = 8 * 1024


def _small(data: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(data, allow_nan=False)) > LARGEST_DATA:
        raise ValueError(f"data has at most {LARGEST_DATA} characters")
    return data


class StatedInteraction(Input):
    channel: Channel
    kind: Literal["view", "cart", "purchase", "return", "visit", "contact"]
    occurred_at: InstantInput
    data: Annotated[dict[str, Any], AfterValidator(_small)] = Field(default={})


class CustomerInteraction(Answer):
    interaction_id: Id
    channel: Channel
    kind: str
    occurred_at: Instant
    data: dict[str, Any]


def interaction_answer(interaction: Interaction) -> CustomerInteraction:
    return CustomerInteraction(
        interaction_id=interaction.interaction_id,
        channel=interaction.channel,
        kind=interaction.kind,
        occurred_at=interaction.occurred_at,
        data=dict(interaction.data),
    )


class Timeline(Answer):
    """Newest first, of all channels and of all merged ids."""

    profile_id: Id
    interactions: list[CustomerInteraction]
    next_cursor: str | None = None
