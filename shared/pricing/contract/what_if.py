"""What-ifs of the promotions: requests and answers. Amounts are in minor units of the draft's
currency, percentages in hundredths of a percent."""

from collections.abc import Mapping
from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Field, Strict

from shared.pricing.model.rails import Breach
from shared.pricing.model.what_if import UNKNOWN, Gain, Outcome, Sums
from shared.web.contract import Answer, Count, Currency, Id, Input, Instant

MOST_DIFFERENCES = 50


class BookWhatIfInput(Input):
    """Which past orders to price by the draft."""

    days: Annotated[int, Strict(), Ge(1), Le(366)]
    """Orders placed in the last so many days."""
    against: Literal["now", "then"] = "now"
    """What the draft is compared with: the book that is in force `now`, or what was paid `then`."""
    cursor: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """`next_cursor` of the previous page; leave it out for the first page."""


class BookTotals(Answer):
    """Sums over orders."""

    orders: Count
    """Number of orders."""
    units: Count
    """Number of units."""
    list_total: int
    """All lines at their base prices."""
    discounts: int
    """What is taken off the lines."""
    sales: int
    """The lines after discounts."""
    shipping: int
    """Shipping after discounts."""
    funded: int
    """What vendors pay of the discounts."""
    margin: int
    """Margin of the units whose product has one, with what vendors pay."""
    units_with_margin: Count
    """Units whose product has a margin."""


class PromotionEffect(Answer):
    """What a promotion takes off the orders."""

    promotion_id: Id
    """The promotion."""
    amount: int
    """What it takes off, shipping included."""
    orders: Count
    """Orders that it makes cheaper."""
    units: Count
    """Units of lines that it makes cheaper."""
    funded: int
    """What its vendor pays."""
    unit_discount: int
    """Largest part of its list price that a unit with it loses, in hundredths of a percent."""
    unit_margin: int | None = None
    """Least margin of such a unit as a part of its price, in hundredths of a percent; absent when
    no product has a margin."""


class GainAnswer(Answer):
    """What some shoppers pay less under the draft."""

    name: str
    """The tier (`none`: none was named) or the channel."""
    orders: Count
    """Their orders."""
    amount: int
    """What they pay less; below 0 they pay more."""


class PricedDifference(Answer):
    """An order that has another price under the draft."""

    order_id: Id
    """The id of the order."""
    before: int
    """What its lines and shipping cost before."""
    after: int
    """What they cost under the draft."""


class BrokenRail(Answer):
    """A guard-rail that the sums break."""

    guard_rail: str
    """The limit."""
    promotion_id: Id | None = None
    """The promotion; absent when it is the book as a whole."""
    path: str
    """JSON path of the promotion in the draft."""
    limit: int | None = None
    """The limit, in hundredths of a percent."""
    measured: int | None = None
    """What was measured, in the same unit."""
    sentence: str
    """What is wrong, as an English sentence."""

    @classmethod
    def of(cls, breach: Breach) -> "BrokenRail":
        return cls(**breach.to_json())


class BookTrial(Answer):
    """All pages of this what-if so far: what the guard-rails are checked against."""

    through: bool
    """Whether all pages were requested."""
    days: int
    """Days that the what-if looks back."""
    at: Instant
    """When its last page was made."""
    before: BookTotals
    """Sums of all pages before."""
    after: BookTotals
    """Sums of all pages under the draft."""
    broken: list[BrokenRail]
    """Guard-rails that the sums break."""


class BookWhatIfAnswer(Answer):
    """One page of a what-if."""

    draft_revision: int
    """The revision of the draft that is tried."""
    compared_with: int | None = None
    """Version of the book that it is compared with; absent when with what was paid."""
    currency: Currency
    """Currency of all amounts."""
    before: BookTotals
    """Sums of this page before."""
    after: BookTotals
    """Sums of this page under the draft."""
    cheaper: Count
    """Orders that cost less under the draft."""
    dearer: Count
    """Orders that cost more."""
    incomplete: Count
    """Orders of which not every combination of promotions was considered."""
    skipped: Count
    """Orders that were placed without a quote or in another currency; they are in no sum."""
    promotions: list[PromotionEffect]
    """What each promotion of the draft takes off."""
    replaced: list[PromotionEffect]
    """What each promotion took off before."""
    tiers: list[GainAnswer]
    """Who gains, by tier."""
    channels: list[GainAnswer]
    """Who gains, by channel."""
    differences: list[PricedDifference]
    """At most 50 orders with another price, those with the largest change first."""
    unknown: list[str]
    """What the what-if cannot know."""
    trial: BookTrial | None = None
    """Absent when another what-if has begun meanwhile, or this page was added before."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


def totals_answer(sums: Sums) -> BookTotals:
    return BookTotals(**{name: getattr(sums, name) for name in BookTotals.model_fields})


def effects_answer(sums: Sums) -> list[PromotionEffect]:
    return [
        PromotionEffect(
            promotion_id=named,
            amount=effect.amount,
            orders=effect.orders,
            units=effect.units,
            funded=effect.funded,
            unit_discount=effect.unit_discount,
            unit_margin=effect.unit_margin,
        )
        for named, effect in sorted(sums.promotions.items())
    ]


def gains_answer(rows: Mapping[str, Gain]) -> list[GainAnswer]:
    return [
        GainAnswer(name=name, orders=row.orders, amount=row.amount)
        for name, row in sorted(rows.items())
    ]


def what_if_answer(
    outcome: Outcome,
    *,
    revision: int,
    compared_with: int | None,
    currency: str,
    skipped: int,
    trial: BookTrial | None,
    next_cursor: str | None,
) -> BookWhatIfAnswer:
    return BookWhatIfAnswer(
        draft_revision=revision,
        compared_with=compared_with,
        currency=currency,
        before=totals_answer(outcome.before),
        after=totals_answer(outcome.after),
        cheaper=outcome.cheaper,
        dearer=outcome.dearer,
        incomplete=outcome.incomplete,
        skipped=skipped,
        promotions=effects_answer(outcome.after),
        replaced=effects_answer(outcome.before),
        tiers=gains_answer(outcome.tiers),
        channels=gains_answer(outcome.channels),
        differences=[
            PricedDifference(order_id=row.order_id, before=row.before, after=row.after)
            for row in outcome.differences[:MOST_DIFFERENCES]
        ],
        unknown=list(UNKNOWN),
        trial=trial,
        next_cursor=next_cursor,
    )
