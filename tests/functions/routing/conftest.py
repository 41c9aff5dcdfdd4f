import pytest

from tests.support import shop
from tests.support.past_orders import place


@pytest.fixture
def placed(fake_tables: None) -> None:
    """Four orders."""
    shop.stocked({"A": {"denver": 9, "depot": 9}, "B": {"boulder": 9, "depot": 9}})
    for number in range(4):
        place(f"o{number}")
