"""Requests and answers of interactions and the timeline."""

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
        raise ValueError(f"data can have at most {LARGEST_DATA} characters of JSON")
    return data


class StatedInteraction(Input):
    """An interaction of a person with a channel."""

    channel: Channel
    """The channel where it happened."""
    kind: Literal["view", "cart", "purchase", "return", "visit", "contact"]
    """Kind of interaction."""
    occurred_at: InstantInput
    """When it happened."""
    data: Annotated[dict[str, Any], AfterValidator(_small)] = Field(default={})
    """Free data of the channel, up to 8 KB of JSON."""


class CustomerInteraction(Answer):
    """An interaction in the timeline."""

    interaction_id: Id
    """The id of the interaction."""
    channel: Channel
    """The channel where it happened."""
    kind: str
    """Kind of interaction."""
    occurred_at: Instant
    """When it happened."""
    data: dict[str, Any]
    """Free data of the channel."""


def interaction_answer(interaction: Interaction) -> CustomerInteraction:
    return CustomerInteraction(
        interaction_id=interaction.interaction_id,
        channel=interaction.channel,
        kind=interaction.kind,
        occurred_at=interaction.occurred_at,
        data=dict(interaction.data),
    )


class Timeline(Answer):
    """A page of the timeline: the interactions in all channels and of all merged profiles."""

    profile_id: Id
    """The id of the customer's profile."""
    interactions: list[CustomerInteraction]
    """The interactions of this page, newest first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""
