"""A version that is counted between two reads of another worker is subtracted by it."""

from collections import Counter
from typing import Any

import pytest

from shared.aws import dynamodb
from shared.recommendations.model.baskets import Basket
from shared.recommendations.store import counting
from shared.recommendations.store.counting import Counted
from tests.support.shop import NOW
from tests.support.tastes import baskets, versions

pytestmark = pytest.mark.usefixtures("fake_tables")


def test_a_version_that_is_counted_after_the_mark_was_read_is_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Basket(NOW.date(), (("milk", ""), ("tea", "")), "bob", "denver")
    first = Counted("o-1", 1, made)
    second = versions(first, "milk")
    read = dynamodb.get_many
    others = iter([first])

    def overtaken(*keys: Any, **more: Any) -> Any:
        found = read(*keys, **more)
        if (other := next(others, None)) is not None:
            counting.count([other], NOW)
        return found

    monkeypatch.setattr(dynamodb, "get_many", overtaken)
    # The first read of the second version finds no mark; then the first version is counted.
    counting._count([second], NOW, counting.NOTHING)
    assert Counter({sku: baskets(sku) for sku in ("milk", "tea")}) == Counter(milk=1, tea=0)
