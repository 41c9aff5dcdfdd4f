"""Many planners at once, on DynamoDB Local."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from shared.errors import Conflict, NotFound
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.model.whatif import Totals
from shared.routing.store import policies
from tests.support.buyers import at_once

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
PAGE = Totals(orders=10, parcels=12, paid=1000, load=Counter(A=14))


def drafted(split: int) -> int:
    return policies.put_draft(replace(DEFAULT_POLICY, split=split), None, NOW, "planner").revision


def test_of_32_canaries_of_one_draft_one_runs() -> None:
    drafted(120)
    results = at_once([partial(policies.publish, None, NOW, f"p{n}", 500) for n in range(32)])
    versions = {row.policy.version for row in results if isinstance(row, policies.PublishedPolicy)}
    assert versions == {1}
    # Who comes between the draft and its canary is told that one runs, and nothing else.
    assert {type(row) for row in results} <= {policies.PublishedPolicy, Conflict}
    canary = policies.activation().canary
    assert canary is not None
    assert (canary.version, canary.share) == (1, 500)


def test_a_canary_is_promoted_or_stopped_but_not_both() -> None:
    drafted(120)
    policies.publish(None, NOW, "planner", 500)
    acts: list[Callable[[], int]] = [
        partial(policies.promote, NOW, "planner"),
        policies.stop_canary,
    ]
    results = at_once([acts[n % 2] for n in range(32)])
    done = [row for row in results if not isinstance(row, NotFound)]
    assert len(done) == 1
    now = policies.activation()
    assert now.canary is None
    assert now.version == (1 if done == [0] else 0)


def test_a_page_that_32_ask_for_at_once_is_counted_once() -> None:
    revision = drafted(120)
    page = partial(policies.add_trial_page, revision, 7, before=PAGE, after=PAGE, at=NOW)
    page(None, "2")
    results = at_once([partial(page, "2", "3") for _ in range(32)])
    assert sum(row is not None for row in results) == 1
    found = policies.trial()
    assert found is not None
    assert (found.before.orders, found.cursor) == (20, "3")
