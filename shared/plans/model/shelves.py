"""What is planned for a shelf, with everything that it was planned from. Pure."""

from dataclasses import dataclass
from datetime import date

from shared.plans.model.forecast import Calendar, Forecast, State, Trend
from shared.plans.model.replenishment import Money, Replenishment


@dataclass(frozen=True, slots=True)
class Basis:
    """What a forecast was made from: the state of the shelf and the trend of the SKU by its orders,
    and units a day over the counter with the weight of that rate in days."""

    state: State
    trend: Trend
    calendar: Calendar
    counter_rate: float = 0.0
    counter_days: float = 0.0


@dataclass(frozen=True, slots=True)
class ShelfForecast:
    """``wanted`` is what ``orders`` and the counter want together, from the day ``first`` on."""

    sku: str
    location_id: str
    first: date
    wanted: Forecast
    orders: Forecast
    basis: Basis


@dataclass(frozen=True, slots=True)
class Planned:
    """The order of one SKU, and the money that it was decided by; or why there is none."""

    sku: str
    order: Replenishment | None = None
    money: Money | None = None
    unplanned: str = ""
