"""The nightly fit: the model that it leaves, and what suits a home by it."""

import pytest

from functions.recommendations import fit
from shared.recommendations.model.baskets import Basket
from shared.recommendations.store import counting, models, rows
from shared.recommendations.store.counting import Counted
from shared.recommendations.store.packing import unpack_fitted
from tests.support import tastes
from tests.support.requests import Context
from tests.support.shop import NOW

pytestmark = pytest.mark.usefixtures("fake_tables")


class Late(Context):
    def get_remaining_time_in_millis(self) -> int:
        return 1_000


class Early(Context):
    def get_remaining_time_in_millis(self) -> int:
        return 800_000


@pytest.fixture(autouse=True)
def few_segments(fake_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "SEGMENTS", 3)
    models.clear()


def sold(times: int) -> None:
    """Bags in every basket, bread with jam, milk with soap."""
    orders = []
    for number in range(times):
        skus = ("bag", "bread", "jam") if number % 2 else ("bag", "milk", "soap")
        made = Basket(NOW.date(), tuple((sku, "") for sku in skus), f"home-{number}")
        orders.append(Counted(f"o-{number}", 1, made))
    counting.count(orders, NOW)


def test_what_suits_a_home_is_kept_when_it_buys() -> None:
    sold(120)
    assert fit.handler({}, Early()) == {"homes": 120, "items": 5}
    models.clear()
    made = Basket(NOW.date(), (("bread", ""),), "eve")
    counting.count([Counted("late", 1, made)], NOW, models.model())
    row = tastes.row(rows.again_key("eve"))
    assert row is not None
    suiting = unpack_fitted(row["fitted"])
    assert suiting[0][0] == "jam"
    assert "bread" not in dict(suiting)


def test_a_small_sample_fits_nothing() -> None:
    sold(20)
    done = fit.handler({}, Early())
    assert done == {"homes": 20, "items": 0}
    assert models.model() == {}


def test_a_fit_that_takes_too_long_leaves_the_last_one() -> None:
    sold(120)
    fit.handler({}, Early())
    models.clear()
    before = models.model()
    assert fit.handler({}, Late())["items"] == 0
    models.clear()
    assert models.model() == before


def test_a_model_in_several_parts_is_read_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "PART", 50)
    made = {f"sku-{number}": [("tea", 0.5), ("cup", 0.001)] for number in range(40)}
    models.save_model(made, NOW)
    assert models.model() == made
