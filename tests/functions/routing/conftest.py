import pytest

from tests.functions.routing.past import place
from tests.support import shop


@pytest.fixture
def placed(fake_tables: None) -> None:
    """Four orders."""
    shop.stocked({"A": {"denver": 9, "depot": 9}, "B": {"boulder": 9, "depot": 9}})
    for number in range(4):
        place(f"o{number}")
