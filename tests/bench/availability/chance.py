"""Draws that the simulations share."""

import math
import random


def poisson(chance: random.Random, mean: float) -> int:
    """Knuth's way: fine for the means of a day."""
    least, product, count = math.exp(-mean), chance.random(), 0
    while product > least:
        product *= chance.random()
        count += 1
    return count
