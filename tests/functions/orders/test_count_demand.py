"""The worker of the stream counts what a new order ships."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.orders import project_fulfillments
from shared.aws.items import to_item
from shared.locations import store as locations
from shared.orders import placing
from shared.orders.model import DeliveryPlace
from shared.orders.store import demand
from tests.support import shop
from tests.support.shop import line, order

pytestmark = pytest.mark.usefixtures("fake_tables")

NOW = datetime.now(UTC)


def record(item: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    images = {"NewImage": to_item(item)} | ({"OldImage": to_item(before)} if before else {})
    keys = to_item({"pk": item["pk"], "sk": item["sk"]})
    return {"eventID": "e", "dynamodb": {"SequenceNumber": "1", "Keys": keys, **images}}


def test_a_new_order_is_counted_once_where_its_postal_code_lies() -> None:
    shop.stocked({"A": {"denver": 9}, "B": {"denver": 9}})
    locations.put_postal_codes("US", {"80014": (39.66, -104.84)})
    draft = replace(
        order("o1", line("1", "A", 2), line("2", "B", 1, "pickup", location_id="denver")),
        placed_at=NOW,
        ship_to=DeliveryPlace("80014", "US"),
    )
    placing.place(draft, shop.request("k"), "web", NOW, lambda _: "{}")
    (item,) = (row for row in shop.items("orders") if row["sk"] == "ORDER")
    records = [record(item), record(item), record(item | {"version": 2}, item)]
    locations.locations_cache.clear()  # another function knows nothing yet
    answer = project_fulfillments.handler({"Records": records}, None)
    assert answer == {"batchItemFailures": []}
    sums = demand.sums_of_day(NOW.date(), NOW)
    assert (sums.orders, sums.lines, sums.units) == (1, 1, {"A": 2})
    assert sums.cells == {(40, -105): (2, 2 * 39_660_000, 2 * -104_840_000)}
    (row,) = (row for row in shop.items("orders") if row["pk"].startswith("DEMAND#"))
    assert json.loads(row["shipment"])[1] == {"A": 2}
