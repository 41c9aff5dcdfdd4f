"""What people buy, as the worker of orders counts it."""

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from functions.recommendations import follow_orders
from shared.aws import dynamodb as tables
from shared.customers import store as customers
from shared.customers.model.person import Consent, ConsentStatus
from shared.recommendations.model.baskets import Basket
from shared.recommendations.store import counting, rows
from shared.recommendations.store.counting import Counted
from tests.support.people import record
from tests.support.shop import NOW


def profile(name: str, consent: ConsentStatus | None = "granted") -> str:
    """A profile of this id that wants suggestions, or does not."""
    email = f"{name}@shop.test"
    stated = (Consent("email", "personalisation", email, consent, NOW),) if consent else ()
    person = record("web", name, email=email, verified=("email",), consents=stated)
    return customers.resolve(person, f"resolve-{name}", NOW, name, name).profile_id


def bought(
    *skus: str,
    name: str,
    home: str | None = None,
    location_id: str | None = None,
    day: date | None = None,
    departments: dict[str, str] | None = None,
    version: int = 1,
    now: datetime = NOW,
) -> int:
    known = departments or {}
    made = Basket(
        day or NOW.date(), tuple((sku, known.get(sku, "")) for sku in skus), home, location_id
    )
    return counting.count([Counted(name, version, made)], now)


def row(key: tables.Key) -> dict[str, Any] | None:
    return tables.get(key.table, key.pk, key.sk, consistent=True)


def again(home: str) -> dict[str, int]:
    """What the home buys: in how many orders by SKU."""
    return {sku: one.times for sku, one in rows.again_of(row(rows.again_key(home))).items.items()}


def partners(sku: str) -> dict[str, int]:
    """The weights of the baskets that the SKU shares with others."""
    found = rows.partners_of(row(rows.partners_key(sku)))
    return {other: one.together for other, one in found.items.items()}


def baskets(sku: str) -> int:
    return rows.partners_of(row(rows.partners_key(sku))).baskets


def told(*order_ids: str) -> None:
    """Events of the orders, in one batch."""
    messages = [
        {
            "messageId": f"m-{number}",
            "body": json.dumps({"detail": {"data": {"order_id": order_id}}}),
        }
        for number, order_id in enumerate(order_ids)
    ]
    answered = follow_orders.handler({"Records": messages}, None)
    assert answered == {"batchItemFailures": []}


def versions(made: Counted, *skus: str) -> Counted:
    """The next version of the order, with these SKUs."""
    basket = replace(made.basket, skus=tuple((sku, "") for sku in skus))
    return replace(made, version=made.version + 1, basket=basket)
