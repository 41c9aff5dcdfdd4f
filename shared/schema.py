"""The key schema of every table, as data for CDK and for the tests.

Keys are strings. A table has a generic ``pk``/``sk``, so that items which are read together are
stored together. The formats of the keys are described in the store of each area.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index; ``include`` names the attributes beside the keys, ``None`` projects
    all."""

    name: str
    pk: str
    sk: str
    include: tuple[str, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One area's table. Items expire at the attribute that ``ttl`` names (epoch seconds)."""

    name: str
    indexes: tuple[Index, ...] = ()
    stream: bool = False
    ttl: Literal["ttl"] | None = None
    personal: bool = False
    """Contains personal data: encrypted with a key of its own."""


CONFIG = Table("config")
CATALOG = Table(
    "catalog",
    indexes=(
        Index("by_title", "listing", "title_key", None),
        Index("by_group", "group_key", "pk", ("sku", "title", "attributes")),
    ),
)
STOCK = Table(
    "stock",
    indexes=(
        Index("by_location", "location_key", "pk"),
        Index("by_deadline", "deadline_key", "deadline"),
    ),
    stream=True,
    ttl="ttl",
)
AVAILABILITY = Table("availability", stream=True)
PRICING = Table("pricing", indexes=(Index("by_deadline", "deadline_key", "deadline"),), ttl="ttl")
CARDS = Table("cards", stream=True, ttl="ttl")
ORDERS = Table(
    "orders",
    indexes=(
        Index("by_profile", "profile_key", "placed_at", None),
        Index("by_location", "location_key", "pick_key", None),
        Index("by_deadline", "deadline_key", "deadline"),
    ),
    stream=True,
    ttl="ttl",
)
SEARCH = Table("search", indexes=(Index("by_term", "term", "sort_key", None),), ttl="ttl")
CUSTOMERS = Table(
    "customers",
    indexes=(
        Index("by_review", "review_key", "opened_at", None),
        Index("by_job", "job_key", "due_at", ("asked_at",)),
    ),
    ttl="ttl",
    personal=True,
)

LOYALTY = Table(
    "loyalty",
    indexes=(Index("by_deadline", "deadline_key", "deadline"),),
    stream=True,
    ttl="ttl",
    personal=True,
)

KPIS = Table("kpis", stream=True, ttl="ttl")
RECOMMENDATIONS = Table("recommendations", ttl="ttl", personal=True)
PLANS = Table("plans", ttl="ttl")

WEBHOOKS = Table("webhooks", ttl="ttl")

TABLES = (
    CONFIG,
    CATALOG,
    PRICING,
    CARDS,
    STOCK,
    AVAILABILITY,
    ORDERS,
    SEARCH,
    CUSTOMERS,
    LOYALTY,
    KPIS,
    RECOMMENDATIONS,
    PLANS,
    WEBHOOKS,
)


def definition(table: Table) -> dict[str, object]:
    """The arguments of ``create_table``, for DynamoDB Local and the fakes of the tests."""
    keys = {"pk", "sk"} | {key for index in table.indexes for key in (index.pk, index.sk)}
    shape: dict[str, object] = {
        "KeySchema": _keys("pk", "sk"),
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": "S"} for key in sorted(keys)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if table.indexes:
        shape["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index.name,
                "KeySchema": _keys(index.pk, index.sk),
                "Projection": _projection(index),
            }
            for index in table.indexes
        ]
    if table.stream:
        shape["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
    return shape


def _keys(pk: str, sk: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": pk, "KeyType": "HASH"},
        {"AttributeName": sk, "KeyType": "RANGE"},
    ]


def _projection(index: Index) -> dict[str, object]:
    if index.include is None:
        return {"ProjectionType": "ALL"}
    if not index.include:
        return {"ProjectionType": "KEYS_ONLY"}
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.include)}
