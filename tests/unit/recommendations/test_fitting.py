"""The fit of predictors: the solution of its equations, and what it keeps."""

import pytest

from shared.recommendations.model.fitting import KEPT, Together, kept, predictors, solved


def test_the_solution_of_a_small_system() -> None:
    matrix = [[4.0], [2.0, 5.0], [0.0, 1.0, 3.0]]
    assert solved(matrix, [8.0, 15.0, 11.0]) == pytest.approx([1.0, 2.0, 3.0])


def test_counts_that_fit_no_basket_have_a_solution_too() -> None:
    """Capped rows can count a pair more often than one of its items."""
    assert all(abs(one) < 1e6 for one in solved([[1.0], [5.0, 1.0]], [1.0, 1.0]))


def test_a_pair_is_not_predicted_through_what_everybody_buys() -> None:
    """Bags are in every basket; jam is bought with bread alone."""
    together = Together(
        {"bag": 100.0, "bread": 40.0, "jam": 20.0, "soap": 20.0},
        {
            "bag": {"bread": 40.0, "jam": 20.0, "soap": 20.0},
            "bread": {"bag": 40.0, "jam": 20.0},
            "jam": {"bag": 20.0},
            "soap": {"bag": 20.0},
        },
    )
    together.complete()
    assert together.rows["jam"] == {"bag": 20.0, "bread": 20.0}
    weights = predictors(together, "bread", 1.0)
    assert set(weights) == {"bag", "jam"}
    assert weights["jam"] > weights["bag"]
    assert predictors(together, "unknown", 1.0) == {}


def test_a_pair_that_one_row_has_lost_is_completed() -> None:
    together = Together({"a": 9.0, "b": 9.0}, {"a": {"b": 4.0}, "b": {"a": 1.0}})
    together.complete()
    assert together.rows["b"] == {"a": 4.0}


def test_each_item_keeps_what_it_predicts_most() -> None:
    columns = [(f"sku-{number}", {"milk": number / 100}) for number in range(KEPT + 10)]
    rows = kept([*columns, ("bread", {"milk": -1.0})])
    assert len(rows["milk"]) == KEPT
    assert rows["milk"][0] == (f"sku-{KEPT + 9}", (KEPT + 9) / 100)
