"""Orders of many days, counted as what they want."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.orders.model import Order
from shared.plans.counting import count_wanted
from tests.support import shop
from tests.support.shop import line


def ordered(sku: str, units: int, days: range, place: str = "denver") -> None:
    """An order of so many units, to collect at a location, as many days ago."""
    now = datetime.now(UTC).replace(hour=20)
    draft = shop.order("o", replace(line("1", sku, units), method="pickup", location_id=place))

    def placed(ago: int) -> Order:
        name = f"{sku}-{place}-{ago}"
        return replace(draft, order_id=name, placed_at=now - timedelta(days=ago), version=1)

    count_wanted([placed(ago) for ago in days], now)
