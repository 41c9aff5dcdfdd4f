"""One product whose life is put again and again while its pack is made, changes and grows."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs, projection
from shared.catalog import store as catalog
from shared.catalog.model import Life, Product
from tests.support.projecting import WAYS, Fold

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

AT = datetime(2026, 11, 21, tzinfo=UTC)
WRITERS = 3


@pytest.mark.parametrize("fold", WAYS)
def test_the_pack_ends_up_with_what_the_catalog_says_and_with_all_locations(
    fold: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "MOST_BYTES", 100)
    monkeypatch.setattr(projection, "_slice_counts", {})

    def put(number: int) -> None:
        chance = random.Random(number)
        for _ in range(15):
            begins = chance.choice([None, AT, AT + timedelta(days=1)])
            life = Life(begins, discontinued=chance.random() < 0.5)
            catalog.put(Product("A", "A", 100, "USD", 1.0, life=life))
            packs.put_life("A", AT)

    def change(number: int) -> None:
        for place in range(20):
            fold("A", [PackChange(f"{number}-{place:03}", 1, PackRow(place, 1), AT)], {})

    with ThreadPoolExecutor(2 * WRITERS) as pool:
        done = [pool.submit(act, number) for number in range(WRITERS) for act in (put, change)]
        for one in done:
            one.result()
    product = catalog.find("A")
    assert product is not None
    parts = packs.stored_slices("A")
    assert len(parts) > 1
    assert {part.pack.life for part in parts} == {product.life}
    places = {place for part in parts for place in part.pack.rows}
    assert places == {f"{number}-{place:03}" for number in range(WRITERS) for place in range(20)}
