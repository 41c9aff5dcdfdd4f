"""The order in which bins are walked past."""

import random

from shared.stock.model.bins import bin_order


def test_numbers_in_the_names_of_bins_count_as_numbers() -> None:
    names = ["A-10", "A-2", "B-1", "A-2-11", "A-2-3", "2-A", "10-A", "a-3", None]
    random.Random(1).shuffle(names)
    walk = sorted(names, key=bin_order)
    assert walk == ["2-A", "10-A", "A-2", "A-2-3", "A-2-11", "a-3", "A-10", "B-1", None]


def test_bins_of_every_form_have_an_order() -> None:
    """Names of different forms compare piece by piece, numbers with numbers."""
    rng = random.Random(2)
    names = ["".join(rng.choices("AB09-_ .:/", k=rng.randint(1, 8))) for _ in range(500)]
    walk = sorted(names, key=bin_order)
    assert sorted(walk, key=bin_order) == walk
    assert bin_order("A-03") != bin_order("A-3")
