"""A loyalty programme, profiles that take part in it, and orders that earn points."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.customers import store as customers
from shared.customers.store import Act
from shared.loyalty.model.account import Account
from shared.loyalty.store.accounts import read_accounts
from shared.loyalty.store.programmes import programmes
from shared.orders.model import Buyer, Order
from tests.support import shop
from tests.support.people import record
from tests.support.requests import request as sample
from tests.support.shop import NOW, line

PROGRAMME: dict[str, Any] = {
    "currency": "USD",
    "time_zone": "America/Denver",
    "starts_on": "2026-11-01",
    "earn_rate": 100,
    "point_value": 10_000,
    "burn_share": 5_000,
    "return_window_days": 30,
    "expiry_months": 12,
    "tier_period": "rolling",
    "tiers": [
        {"name": "silver", "threshold": 5_000, "multiplier": 12_500},
        {"name": "gold", "threshold": 20_000, "multiplier": 15_000},
    ],
}
WINDOW = timedelta(days=31)


def publish(**changes: Any) -> None:
    programmes.put_draft({**PROGRAMME, **changes}, None, NOW, "planner")
    programmes.publish(None, NOW, "planner")


def profile(name: str) -> str:
    """A profile of this id."""
    person = record("web", name, email=f"{name}@shop.test", verified=("email",))
    return customers.resolve(person, f"resolve-{name}", NOW, name, name).profile_id


def merge(one: str, other: str) -> str:
    act = Act("agent", NOW, "the same person")
    return customers.merge(one, other, act, shop.request(f"merge-{one}-{other}")).profile_id


def unmerge(profile_id: str, source_id: str) -> None:
    act = Act("agent", NOW, "not the same person")
    request = shop.request(f"unmerge-{profile_id}-{source_id}")
    customers.unmerge(profile_id, ("web", source_id), customers.new_id(), act, request)


def bought(
    order_id: str,
    home: str | None,
    version: int,
    *,
    units: int = 3,
    handed_over: int = 0,
    credited: int = 0,
    at: datetime = NOW,
) -> Order:
    """An order of ``units`` for 10.00 each, of which some were handed over and some credited."""
    bought = replace(line("1", "A", units), fulfilled=handed_over, credited=credited)
    placed = shop.order(order_id, bought, buyer=Buyer(home, home) if home else Buyer())
    return replace(placed, version=version, placed_at=at)


def account(home: str) -> Account:
    return read_accounts([home])[home]


def item(home: str, sk: str = "POINTS") -> dict[str, Any] | None:
    return tables.get(table_name("loyalty"), f"WALLET#{home}", sk, consistent=True)


def written(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, number: str = "1"
) -> dict[str, Any]:
    """The record of a stream."""
    images = {"OldImage": old, "NewImage": new}
    typed = {name: to_item(image) for name, image in images.items() if image is not None}
    some = new or old or {}
    keys = to_item({"pk": some["pk"], "sk": some["sk"]})
    return {"eventID": number, "dynamodb": {"Keys": keys, "SequenceNumber": number, **typed}}


def rows(home: str) -> list[str]:
    """The sort keys of everything that is stored for a home."""
    found = tables.query(
        table_name("loyalty"), "pk = :pk", to_item({":pk": f"WALLET#{home}"}), ConsistentRead=True
    )
    return [row["sk"] for row in found]


def call(name: str, profile_id: str, **more: Any) -> dict[str, Any]:
    """The sample request of loyalty for another profile."""
    made = sample(f"loyalty/{name}", **more)
    http = made["requestContext"]["http"]
    made["rawPath"] = http["path"] = http["path"].replace("p-5b2b3c0a8f11", profile_id)
    return made
