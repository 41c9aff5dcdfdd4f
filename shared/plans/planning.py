"""Forecasts and orders for shelves, from what is stored of them.

The units that orders want come from the rows of days (store/wanted.py), folded into a State when
they are asked for: so units that came late count, too. Units that are sold over the counter of a
store come from the pack, which keeps faded sales of each shelf (availability/model/sales.py): their
rate is gamma distributed. Both are added up.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from shared.availability.model import sales
from shared.availability.model.pack import Pack
from shared.availability.store.packs import packs
from shared.catalog.model import Product
from shared.catalog.store import products
from shared.errors import NotFound
from shared.locations.model import Location
from shared.locations.store import all_locations
from shared.plans.model.forecast import (
    EVEN,
    WEEK,
    Calendar,
    Forecast,
    State,
    Trend,
    after_day,
    forecast,
    trend_after_day,
    weekday_factors,
)
from shared.plans.model.replenishment import Money, Terms, overage, replenishment
from shared.plans.model.shelves import Basis, Planned, ShelfForecast
from shared.plans.model.wanted import day_of
from shared.plans.store import wanted

WATCHED = timedelta(days=26 * WEEK)
"""How far back the orders of a shelf are read."""
LEAST_WEEKS = 4
"""Weeks before weekdays have factors."""

ByDay = Mapping[date, int]


def shelf_forecast(
    sku: str, location: Location, days: int, pack: Pack | None, now: datetime
) -> ShelfForecast:
    """The forecast of ``days``, today being the first: two Queries."""
    today = day_of(now, location.location_id, {location.location_id: location})
    first, last = today - WATCHED, today - timedelta(days=1)
    everywhere = wanted.wanted(sku, wanted.EVERYWHERE, first, last)
    here = wanted.wanted(sku, location.location_id, first, last) if everywhere else {}
    basis = _basis(here, everywhere, today, _counter(pack, location, now))
    orders = forecast(basis.state, days, basis.calendar, basis.trend)
    together = Forecast(
        by_day=tuple(mean + basis.counter_rate for mean in orders.by_day),
        variance=orders.variance + _counter_variance(basis, days),
    )
    return ShelfForecast(sku, location.location_id, today, together, orders, basis)


def _basis(here: ByDay, everywhere: ByDay, today: date, counter: tuple[float, float]) -> Basis:
    """Shelves are watched since the first order of the SKU anywhere."""
    watched = (today - min(everywhere, default=today)).days
    weekdays = _weekdays(everywhere, today, watched)
    state, trend = State(), Trend()
    for number in range(watched, 0, -1):
        day = today - timedelta(days=number)
        state = after_day(state, here.get(day, 0), weekdays[day.weekday()])
        trend = trend_after_day(trend, everywhere.get(day, 0))
    return Basis(state, trend, Calendar(today.weekday(), weekdays), *counter)


def _weekdays(everywhere: ByDay, today: date, watched: int) -> tuple[float, ...]:
    """The factors of the weekdays of whole weeks, from the SKU at all locations."""
    weeks = watched // WEEK
    if weeks < LEAST_WEEKS:
        return EVEN
    sold = [0.0] * WEEK
    for number in range(1, weeks * WEEK + 1):
        day = today - timedelta(days=number)
        sold[day.weekday()] += everywhere.get(day, 0)
    return weekday_factors(sold)


def _counter(pack: Pack | None, location: Location, now: datetime) -> tuple[float, float]:
    """Units a day over the counter, and the weight of that rate in days; nothing for a warehouse,
    and as long as too little is known."""
    second = int(now.timestamp())
    row = pack.rows.get(location.location_id) if pack else None
    if pack is None or pack.prior is None or row is None or location.type != "store":
        return 0.0, 0.0
    if not pack.prior.is_old_enough(second):
        return 0.0, 0.0
    shape, days = sales.posterior(pack.prior, row.sales, second, stocked=row.available > 0)
    return shape / days, days


def _counter_variance(basis: Basis, days: int) -> float:
    """Of a Poisson variable whose rate is gamma distributed."""
    if not basis.counter_days:
        return 0.0
    return basis.counter_rate * days * (1 + days / basis.counter_days)


def forecast_of(sku: str, location_id: str, days: int, now: datetime) -> ShelfForecast:
    """Raises NotFound for the location or the product."""
    location = all_locations().get(location_id)
    if location is None:
        raise NotFound(f"there is no location {location_id}", location_id=location_id)
    if sku not in products([sku]):
        raise NotFound(f"there is no product {sku}", sku=sku)
    return shelf_forecast(sku, location, days, packs([sku]).get(sku), now)


def replenishments(
    skus: Iterable[str], location_id: str, terms: Terms, holding_share: float, now: datetime
) -> Sequence[Planned]:
    """The orders of a location for these SKUs: two read calls, and two Queries for each SKU.

    Raises NotFound for the location.
    """
    names = list(skus)
    location = all_locations().get(location_id)
    if location is None:
        raise NotFound(f"there is no location {location_id}", location_id=location_id)
    by_sku, by_pack = products(names), packs(names)
    return [
        _planned(sku, location, by_sku.get(sku), by_pack.get(sku), terms, holding_share, now)
        for sku in names
    ]


def _planned(
    sku: str,
    location: Location,
    product: Product | None,
    pack: Pack | None,
    terms: Terms,
    holding_share: float,
    now: datetime,
) -> Planned:
    if product is None or product.margin is None:
        return Planned(sku, unplanned="its margin is not known")
    days, is_last = terms.days, False
    if product.season_ends_at is not None:
        left = (product.season_ends_at - now).days
        is_last = left <= terms.days
        days = max(0, min(days, left))
    if not days:
        return Planned(sku, unplanned="its season is over")
    costs = overage(
        product.price,
        product.margin,
        product.salvage,
        terms.review_days,
        holding_share,
        is_last=is_last,
    )
    money = Money(product.margin, costs)
    row = pack.rows.get(location.location_id) if pack else None
    until = (now + timedelta(days=terms.days)).timestamp()
    expected = sum(units for second, units in row.expected if second <= until) if row else 0
    shelf = shelf_forecast(sku, location, days, pack, now)
    order = replenishment(shelf.wanted, row.available if row else 0, expected, terms, money)
    return Planned(sku, order, money)
