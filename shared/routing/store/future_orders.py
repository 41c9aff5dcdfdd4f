"""The future orders of each shelf, table ``config``.

    pk PULL#<sku>   sk PULL   {pulls: {location: [units per day, saving]}, at}   0.5 read units

Written by functions/routing/learn_demand.py; read together with the packs in one call.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.instants import rfc3339
from shared.routing.model.decision import FutureOrders, SkuFutureOrders

RATE_DIGITS = 4


def future_orders_key(sku: str) -> Key:
    return Key(table_name("config"), f"PULL#{sku}", "PULL")


def future_orders_of_item(item: Mapping[str, Any]) -> SkuFutureOrders:
    by_location = {place: FutureOrders(*pull) for place, pull in json.loads(item["pulls"]).items()}
    return SkuFutureOrders(datetime.fromisoformat(item["at"]), by_location)


def put(by_sku: Mapping[str, Mapping[str, FutureOrders]], now: datetime) -> None:
    """Store future orders, given by SKU and location."""
    tables.put_many(
        table_name("config"),
        [
            to_item(
                {"pk": f"PULL#{sku}", "sk": "PULL", "pulls": _packed(pulls), "at": rfc3339(now)}
            )
            for sku, pulls in by_sku.items()
        ],
    )


def _packed(pulls: Mapping[str, FutureOrders]) -> str:
    rounded = {place: (round(rate, RATE_DIGITS), saving) for place, (rate, saving) in pulls.items()}
    return json.dumps({place: pull for place, pull in sorted(rounded.items()) if pull[0]})
