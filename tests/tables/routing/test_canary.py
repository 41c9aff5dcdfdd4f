"""Guard-rails and canaries, from the draft to all orders."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.aws.dynamodb import transact
from shared.errors import Conflict, GuardRailBroken, NotFound, NotTried
from shared.routing.model.drafts import Trial
from shared.routing.model.policy import DEFAULT_POLICY, GuardRails
from shared.routing.model.whatif import Totals
from shared.routing.store import policies
from shared.routing.store.policies import publishing

pytestmark = pytest.mark.usefixtures("fake_tables")

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
RAILS = GuardRails(days=14, orders=100, paid_increase=0.05, load=0.9)
HALF = Totals(orders=60, parcels=60, paid=6000, load=Counter(A=40, B=20))
ORDERS = [f"order-{number}" for number in range(400)]


def drafted(split: int, rails: GuardRails | None = None) -> int:
    policy = replace(DEFAULT_POLICY, split=split, guard_rails=rails)
    return policies.put_draft(policy, None, NOW, "planner").revision


def tried(
    revision: int,
    days: int = 14,
    cursor: str | None = None,
    following: str | None = None,
    after: Totals = HALF,
    at: datetime = NOW,
) -> Trial | None:
    return policies.add_trial_page(
        revision, days, cursor, following, before=HALF, after=after, at=at
    )


def publish(share: int | None = None) -> int:
    return policies.publish(None, NOW, "planner", share).policy.version


def routed() -> Counter[int]:
    return Counter(policies.active_policy(order_id).version for order_id in ORDERS)


def test_a_draft_with_guard_rails_is_published_after_a_what_if_that_they_allow() -> None:
    revision = drafted(120, RAILS)
    with pytest.raises(NotTried) as missing:
        publish()
    assert missing.value.data["found"] is None
    assert missing.value.data["guard_rails"]["days"] == 14
    tried(revision, following="2")
    with pytest.raises(NotTried) as half:
        publish()
    assert half.value.data["found"]["orders"] == 60
    assert half.value.data["found"]["through"] is False
    whole = tried(revision, cursor="2")
    assert whole is not None
    assert (whole.before.orders, whole.cursor) == (120, None)
    assert publish() == 1
    assert policies.active_policy().split == 120


def test_what_a_guard_rail_forbids_is_not_published_and_it_is_said_why() -> None:
    revision = drafted(120, RAILS)
    dearer = replace(HALF, paid=6600, load=Counter(A=58, B=2))
    tried(revision, following="2", after=dearer)
    tried(revision, cursor="2", after=dearer)
    for share in (None, 500):
        with pytest.raises(GuardRailBroken) as refused:
            publish(share)
        broken = {row["guard_rail"]: row for row in refused.value.data["breaches"]}
        assert (broken["paid_increase"]["measured"], broken["paid_increase"]["limit"]) == (
            0.1,
            0.05,
        )
        assert broken["load"]["location_id"] == "A"
        assert "costs paid rise by 10.00 %" in refused.value.detail
    assert policies.active_version() == 0
    assert [entry.policy.version for entry in policies.page(10).policies] == [0]


@pytest.mark.parametrize(
    ("days", "pages", "age"),
    [(13, 2, timedelta()), (14, 1, timedelta()), (14, 2, timedelta(days=1, seconds=1))],
)
def test_a_what_if_too_short_too_small_or_too_old_does_not_count(
    days: int, pages: int, age: timedelta
) -> None:
    revision = drafted(120, RAILS)
    if pages == 1:
        tried(revision, days, at=NOW - age)
    else:
        tried(revision, days, following="2", at=NOW - age)
        tried(revision, days, cursor="2", at=NOW - age)
    with pytest.raises(NotTried):
        publish()


def test_a_what_if_of_another_revision_does_not_count() -> None:
    revision = drafted(120, RAILS)
    tried(revision, following="2")
    tried(revision, cursor="2")
    drafted(130, RAILS)
    with pytest.raises(NotTried):
        publish()


def test_a_page_that_comes_twice_or_of_an_older_what_if_is_not_counted() -> None:
    revision = drafted(120, RAILS)
    tried(revision, following="2")
    assert tried(revision, cursor="2", following="3") is not None
    assert tried(revision, cursor="2", following="3") is None
    assert tried(revision, days=7, cursor="3") is None
    found = policies.trial()
    assert found is not None
    assert (found.before.orders, found.cursor) == (120, "3")
    tried(revision, following="2")
    assert tried(revision, cursor="3") is None


def test_a_canary_routes_its_share_of_the_orders_until_it_is_promoted() -> None:
    drafted(120)
    assert publish() == 1
    drafted(130)
    assert publish(2500) == 2
    assert policies.activation().version == 1
    shares = routed()
    assert set(shares) == {1, 2}
    assert shares[2] / len(ORDERS) == pytest.approx(0.25, abs=0.07)
    assert routed() == shares
    assert policies.active_policy().version == 1
    assert policies.promote(NOW, "planner") == 1
    assert set(routed()) == {2}
    assert policies.activation() == policies.Activation(2)


def test_a_canary_of_the_policy_that_comes_along_can_be_stopped() -> None:
    drafted(120)
    publish(5000)
    assert set(routed()) == {0, 1}
    canary = policies.activation().canary
    assert canary == policies.Canary(1, 5000, NOW, "planner")
    assert policies.stop_canary() == 1
    assert set(routed()) == {0}
    for act in (policies.stop_canary, lambda: policies.promote(NOW, "planner")):
        with pytest.raises(NotFound):
            act()


def test_while_a_canary_runs_nothing_else_is_published() -> None:
    drafted(120)
    publish(100)
    drafted(130)
    for share in (None, 200):
        with pytest.raises(Conflict) as refused:
            publish(share)
        assert refused.value.data == {"canary": 1}
    policies.stop_canary()
    assert publish() == 2


def test_rolling_back_ends_a_canary() -> None:
    drafted(120)
    publish(9000)
    policies.roll_back(0, NOW, "planner")
    assert policies.activation() == policies.Activation(0)
    assert set(routed()) == {0}


def test_a_canary_that_loses_the_race_to_another_is_not_written() -> None:
    drafted(120)
    draft = policies.draft()
    assert draft is not None
    publish(100)
    made = policies.PublishedPolicy(replace(draft.policy, version=9), NOW, "another")
    refused = transact(publishing.publication(draft, made, 200))
    assert {0, publishing.ACTIVATION_PART} <= {row.index for row in refused}
    assert policies.activation().version == 0
