"""The orders to come of each shelf, table ``config``.

    pk PULL#<sku>   sk PULL   {pulls: {location: [units per day, saving]}, at}   0.5 read units
    pk PULL         sk RUN    {after}: where a run that had no time left goes on

Written by functions/routing/learn_demand.py, read with the packs in one call.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import Item, to_item
from shared.aws.settings import table_name
from shared.instants import rfc3339
from shared.routing.model.decision import Pull, Pulls

RATE_DIGITS = 4


def pull_key(sku: str) -> Key:
    return Key(table_name("config"), f"PULL#{sku}", "PULL")


def pulls_of_item(item: Mapping[str, Any]) -> Pulls:
    by_location = {place: Pull(*pull) for place, pull in json.loads(item["pulls"]).items()}
    return Pulls(datetime.fromisoformat(item["at"]), by_location)


def put(found: Mapping[str, Mapping[str, Pull]], now: datetime) -> None:
    """``found`` is by SKU and location."""
    tables.put_many(
        table_name("config"),
        [
            to_item(
                {"pk": f"PULL#{sku}", "sk": "PULL", "pulls": _packed(pulls), "at": rfc3339(now)}
            )
            for sku, pulls in found.items()
        ],
    )


def _packed(pulls: Mapping[str, Pull]) -> str:
    rounded = {place: (round(rate, RATE_DIGITS), saving) for place, (rate, saving) in pulls.items()}
    return json.dumps({place: pull for place, pull in sorted(rounded.items()) if pull[0]})


def stopped_at() -> Item | None:
    found = tables.get(table_name("config"), "PULL", "RUN", consistent=True)
    return json.loads(found["after"]) if found else None


def stop_at(after: Item | None) -> None:
    """``None`` when the run is through."""
    item = {"pk": "PULL", "sk": "RUN", "after": json.dumps(after)}
    tables.put_many(table_name("config"), [to_item(item)])
