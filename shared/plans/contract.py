"""What the API answers about plans."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from shared.plans.model.shelves import Planned, ShelfForecast
from shared.plans.model.wanted import Cell
from shared.web.contract import Answer

QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.98)


class LostRow(Answer):
    """Units of a SKU that shoppers wanted at a location on a day, and that nobody could sell."""

    day: date
    """The day, in the zone of the location."""
    location_id: str
    """The location of the pickup, or the nearest to the address that ships; `-` where the address
    is not known."""
    sku: str
    """The SKU."""
    units: int
    """Units that were missing, once for each person and day."""
    persons: int
    """Number of persons, or sessions."""


class LostDemandAnswer(Answer):
    """Lost demand by day, location and SKU."""

    rows: list[LostRow]
    """By day, location and SKU."""
    units: int
    """Of all rows."""


def lost_answer(cells: Mapping[Cell, tuple[int, int]]) -> LostDemandAnswer:
    rows = [
        LostRow(
            day=cell.day,
            location_id=cell.location_id,
            sku=cell.sku,
            units=units,
            persons=persons,
        )
        for cell, (units, persons) in cells.items()
    ]
    return LostDemandAnswer(rows=rows, units=sum(row.units for row in rows))


class ForecastDay(Answer):
    """The units of a day."""

    day: date
    """The day, in the zone of the location."""
    mean: float
    """Units to be wanted."""


class Quantile(Answer):
    """Units that suffice with a probability."""

    share: float
    """The probability."""
    units: int
    """The fewest units that suffice for all days with this probability."""


class ForecastBasis(Answer):
    """What a forecast was made from."""

    days: float
    """Days that the orders of the SKU have been watched."""
    level: float
    """Units that orders want on an ordinary day: a mean that fades."""
    chance: float
    """Days with an order, of one ordinary day."""
    size: float
    """Units of a day with an order. The forecast takes the mean of `level` and
    `chance` x `size`."""
    spread: float
    """The variance of the units of an ordinary day."""
    trend: float
    """The factor of the trend of the SKU over all locations."""
    weekdays: list[float]
    """The factors of the weekdays, Monday first."""
    counter_rate: float
    """Units a day over the counter."""
    counter_days: float
    """The weight of that rate, in days of watching."""


class ForecastAnswer(Answer):
    """Units that shoppers will want of a SKU at a location."""

    sku: str
    """The SKU."""
    location_id: str
    """The location."""
    by_day: list[ForecastDay]
    """Today is the first."""
    mean: float
    """Units of all days."""
    variance: float
    """The variance of the units of all days."""
    quantiles: list[Quantile]
    """Of the units of all days."""
    basis: ForecastBasis
    """What it was made from."""


def forecast_answer(shelf: ShelfForecast) -> ForecastAnswer:
    state, distribution = shelf.basis.state, shelf.wanted.distribution()
    return ForecastAnswer(
        sku=shelf.sku,
        location_id=shelf.location_id,
        by_day=[
            ForecastDay(day=shelf.first + timedelta(days=number), mean=round(mean, 4))
            for number, mean in enumerate(shelf.wanted.by_day)
        ],
        mean=round(shelf.wanted.mean, 4),
        variance=round(shelf.wanted.variance, 4),
        quantiles=[Quantile(share=share, units=distribution.level(share)) for share in QUANTILES],
        basis=ForecastBasis(
            days=round(state.days, 2),
            level=round(state.level, 6),
            chance=round(state.chance, 6),
            size=round(state.size, 6),
            spread=round(state.spread, 6),
            trend=round(shelf.basis.trend.factor, 4),
            weekdays=[round(factor, 4) for factor in shelf.basis.calendar.weekdays],
            counter_rate=round(shelf.basis.counter_rate, 6),
            counter_days=round(shelf.basis.counter_days, 2),
        ),
    )


class ReplenishmentRow(Answer):
    """The order of a SKU, and every term that it comes from."""

    sku: str
    """The SKU."""
    quantity: int
    """Units to order: whole packs, and at least the minimum."""
    packs: int
    """Packs to order."""
    reason: str | None = None
    """Why the quantity is not the missing units: `packs`, `minimum` or `below minimum`."""
    days: int
    """Lead time and review: the days that the units must last for."""
    mean: float
    """Units to be wanted within these days."""
    variance: float
    """Their variance."""
    margin: float
    """What a unit earns that is sold, in minor units."""
    overage: float
    """What a unit costs that is too many, in minor units."""
    ratio: float
    """margin / (margin + overage): the probability with which the level suffices."""
    level: int
    """The stock up to which a unit more pays."""
    available: int
    """Units on the shelf."""
    expected: int
    """Units that arrive within these days."""
    missing: int
    """Units below the level."""
    gain: float
    """What the order earns, in minor units."""
    service: float
    """The probability that the units suffice with the order."""


class UnplannedSku(Answer):
    """A SKU that cannot be planned."""

    sku: str
    """The SKU."""
    reason: str
    """Why."""


class ReplenishmentAnswer(Answer):
    """What to order for a location."""

    location_id: str
    """The location."""
    rows: list[ReplenishmentRow]
    """By SKU, also those of which nothing is to be ordered."""
    unplanned: list[UnplannedSku]
    """SKUs of the page that cannot be planned."""
    next_cursor: str | None = None
    """Pass it as `cursor` to get the next page; absent on the last one."""


def replenishment_answer(
    location_id: str, planned: Iterable[Planned], cursor: str | None
) -> ReplenishmentAnswer:
    rows, unplanned = [], []
    for one in planned:
        if one.order is None or one.money is None:
            unplanned.append(UnplannedSku(sku=one.sku, reason=one.unplanned))
            continue
        order = one.order
        rows.append(
            ReplenishmentRow(
                sku=one.sku,
                quantity=order.quantity,
                packs=order.packs,
                reason=order.reason or None,
                days=order.days,
                mean=round(order.mean, 4),
                variance=round(order.variance, 4),
                margin=one.money.margin,
                overage=round(one.money.overage, 4),
                ratio=round(order.ratio, 6),
                level=order.level,
                available=order.available,
                expected=order.expected,
                missing=order.missing,
                gain=round(order.gain, 2),
                service=round(order.service, 6),
            )
        )
    return ReplenishmentAnswer(
        location_id=location_id, rows=rows, unplanned=unplanned, next_cursor=cursor
    )
