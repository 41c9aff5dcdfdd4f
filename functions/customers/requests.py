"""What the routes of customers share: parameters, and the audit of who reads a profile."""

from collections.abc import Iterable
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from shared.customers import store
from shared.customers.store import Act
from shared.web.api import now_in_milliseconds
from shared.web.auth import Caller
from shared.web.contract import ID, Id

JSON = "application/json"
TIMELINE_KEY = rf"AT#[0-9TZ:.-]{{24}}#{ID}"
"""The decoded cursor of a timeline or of an audit: the sort key of its last row."""

Limit = Annotated[int, Query(ge=1, le=100, description="Number of entries on a page.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the previous page; leave it out for the first page."),
]
ProfilePath = Annotated[
    Id, Path(description="The id of the profile, or of one that was merged into it.")
]


def record_reads(profile_ids: Iterable[str], what: str, caller: Caller) -> None:
    """Writes to the audit of each profile that ``caller`` has read it."""
    store.record_reads(list(profile_ids), caller.actor, what, now_in_milliseconds(), store.new_id())


def act_of(caller: Caller, reason: str) -> Act:
    return Act(actor=caller.actor, at=now_in_milliseconds(), reason=reason)
