"""What suggestions are made from: rows of a person and of a cart, in one call, and rows that all
requests share, which a process keeps for a moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.aws import dynamodb as tables
from shared.aws.cache import CachedByKey
from shared.catalog import store as catalog
from shared.catalog.model import GROUP
from shared.recommendations.model.counters import Again, Newcomers, Place, Popular
from shared.recommendations.model.ranking import Kin, Suggested, together
from shared.recommendations.store import rows
from shared.recommendations.store.packing import unpack_fitted

MOST_ROWS = 10
"""Rows that one request reads of a person and a cart."""
MOST_HOMES = 4
"""Home profiles of a person whose purchases are read: the first ones."""
MOST_RANKED = 50
SHARED_SECONDS = 60
KIN_SECONDS = 600
DEPARTMENT = "department"
MOST_KIN = 50_000


@dataclass(frozen=True, slots=True)
class Read:
    """``again``: what the person buys over all homes. ``fitted``: what suits each home.
    ``partners``: by SKU of the cart what it goes with, the best first."""

    again: Again
    fitted: Sequence[Suggested]
    partners: Mapping[str, Suggested]


def read(homes: Iterable[str], cart: Sequence[str]) -> Read:
    """At most MOST_ROWS rows in one call: first those of the homes, then those of the items that
    came last into the cart. None without homes and cart."""
    again_keys = {home: rows.again_key(home) for home in list(homes)[:MOST_HOMES]}
    room = MOST_ROWS - len(again_keys)
    partner_keys = {sku: rows.partners_key(sku) for sku in cart[-room:]}
    found = tables.get_many([*again_keys.values(), *partner_keys.values()])
    of_homes = [found.get(key) for key in again_keys.values()]
    return Read(
        together(map(rows.again_of, of_homes)),
        [unpack_fitted(row["fitted"]) for row in of_homes if row and "fitted" in row],
        {sku: _ranked(found.get(key)) for sku, key in partner_keys.items()},
    )


def _ranked(row: rows.Row) -> Suggested:
    """The partners by their scores, the best first."""
    return () if row is None else rows.partners_of(row).ranked()[:MOST_RANKED]


def popular(*places: Place) -> list[list[str]]:
    """What is bought most at each of the places, the most first; SHARED_SECONDS old at most."""
    names = ["#".join(place) for place in places]
    kept = popular_cache.get(names).by_key
    return [list(kept[name].items) if name in kept else [] for name in names]


def newcomers() -> list[str]:
    """Items with few baskets, the newest first; SHARED_SECONDS old at most."""
    found = newcomers_cache.get([NEW]).by_key
    return list(found[NEW].items) if NEW in found else []


def kin(skus: Iterable[str]) -> Mapping[str, Kin]:
    """Departments and groups of the products that exist, KIN_SECONDS old at most."""
    return kin_cache.get(skus).by_key


def _read_popular(names: Sequence[str]) -> dict[str, Popular]:
    keys = {name: rows.popular_key(_place(name)) for name in names}
    found = tables.get_many(keys.values())
    return {name: rows.popular_of(found[key]) for name, key in keys.items() if key in found}


def _place(name: str) -> Place:
    location, _, department = name.partition("#")
    return location, department


NEW = "new"


def _read_newcomers(names: Sequence[str]) -> dict[str, Newcomers]:
    key = rows.newcomers_key()
    found = tables.get(key.table, key.pk, key.sk)
    return {name: rows.newcomers_of(found) for name in names} if found else {}


def _read_kin(skus: Sequence[str]) -> dict[str, Kin]:
    return {
        sku: Kin(product.attributes.get(DEPARTMENT, ""), product.attributes.get(GROUP, ""))
        for sku, product in catalog.products(skus).items()
    }


popular_cache = CachedByKey(
    _read_popular, seconds=SHARED_SECONDS, stale_seconds=5 * SHARED_SECONDS, most=500
)
newcomers_cache = CachedByKey(
    _read_newcomers, seconds=SHARED_SECONDS, stale_seconds=5 * SHARED_SECONDS, most=1
)
kin_cache = CachedByKey(
    _read_kin, seconds=KIN_SECONDS, stale_seconds=2 * KIN_SECONDS, most=MOST_KIN
)


def clear() -> None:
    """Makes the next requests read everything again."""
    for cache in (popular_cache, newcomers_cache, kin_cache):
        cache.clear()
