"""Portions are disjoint, complete, and each lies in the shards that it names."""

from collections import Counter

import pytest

from shared.orders.store import keys
from shared.stock.store import SHARDS
from shared.web.portions import WHOLE, WORKERS, Portion, checksum

NAMES = [f"order-{number}" for number in range(5000)]
PORTIONS = [Portion(number, WORKERS) for number in range(WORKERS)]


def test_every_name_is_in_exactly_one_portion_and_portions_are_of_about_one_size() -> None:
    owners = Counter[Portion]()
    for name in NAMES:
        (owner,) = [portion for portion in PORTIONS if portion.has(name)]
        owners[owner] += 1
    assert len(owners) == WORKERS
    assert max(owners.values()) < 2 * len(NAMES) / WORKERS


@pytest.mark.parametrize("shards", [SHARDS, keys.SHARDS])
def test_a_portion_names_the_shards_of_its_rows(shards: int) -> None:
    assert WORKERS % shards == 0
    for name in NAMES[:500]:
        (owner,) = [portion for portion in PORTIONS if portion.has(name)]
        assert checksum(name) % shards in owner.shards(shards)
    assert sorted(WHOLE.shards(shards)) == list(range(shards))


def test_each_shard_is_read_by_as_many_portions() -> None:
    readers = Counter(shard for portion in PORTIONS for shard in portion.shards(SHARDS))
    assert readers == dict.fromkeys(range(SHARDS), WORKERS // SHARDS)
