"""Taxes by country and class of products. Discounts lower what is taxed.

The tax of a rate is computed once, on the sum of what has the rate, and shared by largest remainder
over its lines, so that the lines add up to what the receipt says.
"""

from collections.abc import Sequence

from shared.pricing.model.book import Taxes
from shared.pricing.model.money import shares, tax_on, tax_within
from shared.pricing.model.quote import LineTax


def taxes_of(rows: Sequence[tuple[str, int]], taxes: Taxes) -> list[LineTax]:
    """The taxes of ``rows``: (class of products, net amount) each."""
    compute = tax_within if taxes.included else tax_on
    rates = [taxes.rate(tax_class) for tax_class, _ in rows]
    nets = [net for _, net in rows]
    amounts = [0] * len(rows)
    for rate in set(rates):
        weights = [net if other == rate else 0 for net, other in zip(nets, rates, strict=True)]
        parts = shares(compute(sum(weights), rate), weights)
        amounts = [amount + part for amount, part in zip(amounts, parts, strict=True)]
    return [LineTax(rate, amount) for rate, amount in zip(rates, amounts, strict=True)]
