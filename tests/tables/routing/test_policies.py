"""Policies from draft to force, and back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.aws.dynamodb import transact
from shared.errors import NotFound, VersionMismatch
from shared.routing.model.policy import DEFAULT_POLICY, Policy
from shared.routing.store import policies
from shared.routing.store.policies import publishing

pytestmark = pytest.mark.usefixtures("fake_tables")

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def policy(split: int) -> Policy:
    return replace(DEFAULT_POLICY, split=split)


def publish(split: int) -> int:
    policies.put_draft(policy(split), None, NOW, "planner")
    return policies.publish(None, NOW, "planner").policy.version


def test_without_any_policy_the_default_is_in_force() -> None:
    assert policies.active_policy() == DEFAULT_POLICY
    assert policies.page(10) == policies.PolicyPage([policies.DEFAULT], None)
    assert policies.draft() is None


def test_a_draft_is_not_in_force_until_it_is_published() -> None:
    policies.put_draft(policy(120), None, NOW, "planner")
    assert policies.active_policy() == DEFAULT_POLICY
    made = policies.publish(None, NOW, "planner")
    assert made == policies.PublishedPolicy(replace(policy(120), version=1), NOW, "planner")
    assert policies.published_policy(1) == made
    assert policies.active_policy() == made.policy


def test_the_same_draft_becomes_one_version_however_often_it_is_published() -> None:
    policies.put_draft(policy(120), None, NOW, "planner")
    first = policies.publish(1, NOW, "planner")
    assert policies.publish(1, datetime.now(UTC), "another") == first
    assert [entry.policy.version for entry in policies.page(10).policies] == [1, 0]
    changed = policies.put_draft(policy(130), None, NOW, "planner")
    assert (changed.revision, changed.published_as) == (2, None)
    assert policies.publish(2, NOW, "planner").policy == replace(policy(130), version=2)


def test_publishing_again_after_a_roll_back_does_not_put_it_in_force() -> None:
    publish(120)
    policies.roll_back(0, NOW, "planner")
    policies.publish(None, NOW, "planner")
    assert policies.active_version() == 0


def test_a_draft_that_someone_else_has_changed_is_neither_written_nor_published() -> None:
    seen = policies.put_draft(policy(120), 0, NOW, "planner")
    policies.put_draft(policy(130), seen.revision, NOW, "another")
    for act in (
        lambda: policies.put_draft(policy(140), seen.revision, NOW, "planner"),
        lambda: policies.publish(seen.revision, NOW, "planner"),
    ):
        with pytest.raises(VersionMismatch) as refusal:
            act()
        assert refusal.value.data == {"version": 2}
    left = policies.draft()
    assert left is not None
    assert left.policy == policy(130)
    assert policies.active_version() == 0


def test_a_new_draft_with_revision_0_is_refused_when_there_is_one() -> None:
    policies.put_draft(policy(120), 0, NOW, "planner")
    with pytest.raises(VersionMismatch):
        policies.put_draft(policy(130), 0, NOW, "planner")


def test_rolling_back_puts_an_older_version_in_force_and_keeps_the_newer() -> None:
    assert publish(120) == 1
    assert publish(130) == 2
    assert policies.roll_back(1, NOW, "planner") == 2
    assert policies.active_policy().split == 120
    assert policies.roll_back(0, NOW, "planner") == 1
    assert policies.active_policy() == DEFAULT_POLICY
    assert policies.published_policy(2).policy.split == 130
    assert publish(140) == 3


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        policies.publish(None, NOW, "planner")
    with pytest.raises(NotFound):
        policies.roll_back(7, NOW, "planner")


def test_policies_are_listed_the_newest_first_page_by_page() -> None:
    for split in (110, 120, 130):
        publish(split)
    seen, before = [], None
    while True:
        page = policies.page(1, before)
        seen += [entry.policy.version for entry in page.policies]
        before = page.before
        if before is None:
            break
    assert seen == [3, 2, 1, 0]


def test_a_publication_that_loses_the_race_for_its_version_is_not_written() -> None:
    draft = policies.put_draft(policy(120), None, NOW, "planner")
    made = policies.PublishedPolicy(replace(policy(120), version=1), NOW, "planner")
    parts = publishing.publication(draft, made)
    assert transact(parts) == []
    (draft_refused, version_refused) = transact(parts)
    assert (draft_refused.index, version_refused.index) == (0, 1)
