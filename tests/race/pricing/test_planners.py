"""Planners of promotions who publish, try and limit at the same time, on DynamoDB Local."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from shared.errors import GuardRailBroken, NotFound
from shared.pricing.model.what_if import Sums
from shared.pricing.store import books
from tests.support.buyers import at_once

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)


def document(points: int) -> dict[str, Any]:
    effect = {"kind": "percent_off", "basis_points": points}
    return {
        "currency": "USD",
        "promotions": [{"promotion_id": "p", "title": "P", "does": [effect]}],
    }


def test_a_draft_that_many_publish_in_two_ways_becomes_one_version() -> None:
    books.put_draft(document(1000), None, NOW, "planner")
    shares = [None, 2500] * 8
    made = at_once([partial(books.publish, 1, NOW, "planner", share) for share in shares])
    assert {one.version for one in made} == {1}
    now = books.activation()
    assert (now.version, now.canary and now.canary.version) in {(1, None), (0, 1)}


def test_a_canary_is_ended_once() -> None:
    books.put_draft(document(1000), None, NOW, "planner")
    books.publish(None, NOW, "planner", 2500)
    acts: list[Any] = [partial(books.promote, NOW, "planner"), books.stop_canary] * 8
    answers = at_once(acts)
    assert sum(not isinstance(one, NotFound) for one in answers) == 1
    assert books.activation().canary is None
    assert books.active_version() in {0, 1}


def test_nothing_is_published_that_the_guard_rails_of_that_moment_forbid() -> None:
    for number in range(10):
        books.put_rails({}, None, NOW, "controller")
        draft = books.put_draft(document(5000 + number), None, NOW, "planner")
        before = books.active_version()
        limit = partial(books.put_rails, {"unit_discount": 4000}, None, NOW, "controller")
        published, rails = at_once([partial(books.publish, draft.revision, NOW, "planner"), limit])
        assert rails.version == 2 * number + 2
        if isinstance(published, GuardRailBroken):
            assert books.active_version() == before
        else:
            assert books.active_version() == published.version


def test_of_two_drafts_only_one_runs_as_the_canary() -> None:
    def start(points: int) -> Any:
        draft = books.put_draft(document(points), None, NOW, "planner")
        return books.publish(draft.revision, NOW, "planner", 100)

    answers = at_once([partial(start, points) for points in range(1, 9)])
    started = [one for one in answers if isinstance(one, books.Published)]
    now = books.activation()
    assert now.canary is not None
    assert {one.version for one in started} == {now.canary.version}
    refused = {one.code for one in answers if one not in started}
    assert refused <= {"conflict", "version_mismatch"}


def test_a_page_of_a_what_if_counts_once() -> None:
    page = books.Trial(1, 7, "now", "next", Sums(orders=1), Sums(orders=1), NOW)
    books.add_trial_page(page, None)
    last = books.Trial(1, 7, "now", None, Sums(orders=2), Sums(orders=2), NOW)
    added = at_once([partial(books.add_trial_page, last, "next")] * 16)
    assert sum(one is not None for one in added) == 1
    stored = books.trial()
    assert stored is not None
    assert (stored.cursor, stored.after.orders) == (None, 3)
