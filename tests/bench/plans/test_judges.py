"""The judges of forecasts, by hand."""

from functools import partial

import pytest

from tests.bench.plans import season
from tests.bench.plans.judge import Cover, Verdict, scale


def test_errors_are_scaled_from_the_first_sale_on() -> None:
    assert scale([0, 0, 2, 0, 4]) == (4 + 16) / 2
    assert scale([0, 0, 2]) == 0.0


def test_a_forecast_is_judged_by_its_days_and_by_its_total() -> None:
    verdict = Verdict()
    verdict.add([1, 1], [3, 1], [2, 0, 4])
    assert verdict.rmsse == pytest.approx((2 / 10) ** 0.5)
    assert (verdict.wape, verdict.bias) == (0.5, -0.5)


def test_a_forecast_without_a_scale_does_not_count() -> None:
    verdict = Verdict()
    verdict.add([1, 1], [3, 1], [0, 0, 4])
    assert verdict.errors == []


def test_levels_are_judged_by_covers_and_by_units() -> None:
    cover = Cover()
    cover.add(level=2, wanted=3)
    cover.add(level=4, wanted=1)
    assert (cover.reached, cover.fill_rate, cover.mean_level) == (0.5, 0.75, 3.0)


def _always(level: int, shelf: season.Shelf) -> int:
    return level


def test_every_policy_meets_the_same_shoppers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(season, "SKUS", 5)
    monkeypatch.setattr(season, "WEEKS", 10)
    runs = [season.season(3, partial(_always, level)) for level in (0, 50)]
    empty, full = (sum(shelf.wanted for shelf in shelves) for shelves in runs)
    assert empty == full > 0
    assert sum(shelf.sold for shelf in runs[1]) > sum(shelf.sold for shelf in runs[0])
