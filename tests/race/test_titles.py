"""The list of products on DynamoDB Local, which checks the keys that a page begins after."""

import pytest

from shared.catalog import store
from shared.catalog.model import Product

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]


@pytest.mark.parametrize("beginning", ["", "shirt 0"])
def test_each_shard_goes_on_after_a_title_that_it_does_not_have(beginning: str) -> None:
    for number in range(40):
        store.put(Product(f"s{number}", f"Shirt {number:02} \N{WATCH}", 1000, "USD", 0.5))
    found: list[str] = []
    after = None
    while True:
        page = store.page(3, beginning=beginning, after=after)
        found += [entry.sku for entry in page.products]
        after = page.after
        if after is None:
            break
    assert found == [f"s{number}" for number in range(10 if beginning else 40)]
