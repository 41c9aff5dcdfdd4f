"""The fit of predictors: the solution of its equations, and what it keeps."""

import pytest

from shared.recommendations.model.fitting import (
    KEPT,
    OfHomes,
    fitted,
    kept,
    most_common,
    new_to,
    predictors,
    solved,
)


def test_the_solution_of_a_small_system() -> None:
    matrix = [[4.0], [2.0, 5.0], [0.0, 1.0, 3.0]]
    assert solved(matrix, [8.0, 15.0, 11.0]) == pytest.approx([1.0, 2.0, 3.0])


def test_pairs_are_counted_over_homes() -> None:
    homes = [("bread", "jam"), ("bread", "jam", "milk"), ("milk",), (), ("soap",)]
    found = OfHomes(homes, {"bread", "jam", "milk"})
    assert found.alone == {"bread": 2, "jam": 2, "milk": 2}
    assert found.together("bread", ["jam", "milk"]) == [2, 1]


def test_a_pair_is_not_predicted_through_what_everybody_buys() -> None:
    """Bags are in every basket; jam is bought with bread alone."""
    homes = [("bag", "bread", "jam")] * 20 + [("bag", "bread")] * 20 + [("bag", "soap")] * 60
    found = OfHomes(homes, {"bag", "bread", "jam", "soap"})
    weights = predictors(found, "jam", 1.0)
    assert set(weights) == {"bag", "bread"}
    assert weights["bread"] > 5 * abs(weights["bag"])
    assert predictors(OfHomes([("bag",)], {"bag"}), "bag", 1.0) == {}


def test_each_item_keeps_what_it_predicts_most() -> None:
    columns = [(f"sku-{number}", {"milk": number / 100}) for number in range(KEPT + 10)]
    rows = kept([*columns, ("bread", {"milk": -1.0})])
    assert len(rows["milk"]) == KEPT
    assert rows["milk"][0] == (f"sku-{KEPT + 9}", (KEPT + 9) / 100)


def test_what_is_new_to_a_home_follows_from_what_it_buys() -> None:
    homes = [("bread", "jam", "tea")] * 20 + [("milk", "soap")] * 30 + [("bread",)] * 5
    items = most_common(homes, 4)
    assert items == {"bread", "soap", "milk", "tea"}
    predicted = kept(fitted(OfHomes(homes, items | {"jam"}), 1.0))
    assert {sku for sku, _ in new_to(["bread"], predicted)} == {"jam", "tea"}
    assert new_to(["bread", "jam", "tea"], predicted) == []
    assert new_to(["unknown"], predicted) == []
