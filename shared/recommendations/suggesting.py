"""Suggest products to a person and a cart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log

from shared.availability.reply import sellable_among
from shared.availability.store import recent
from shared.catalog.model import Product
from shared.customers.model.person import Profile
from shared.errors import invalid
from shared.loyalty.wallets import homes_of
from shared.recommendations.model.consent import personalises
from shared.recommendations.model.counters import EVERYWHERE
from shared.recommendations.model.ranking import (
    Candidate,
    Choice,
    Kind,
    Reason,
    bought_before,
    chosen,
    goes_with,
    popular,
    suits,
)
from shared.recommendations.store import reading

MOST_LIMIT = 20
MOST_CART = 50
SPARE = 2
"""Candidates for each place of the answer: some are not sellable, or too like others."""
FILLING = 10
"""Candidates of what is popular."""
SIMILAR = 40
"""Products of a department that are compared."""
NEWEST = 5
NEAR_PRICE = 2.0
"""A similar product costs at most so many times as much, or so many times less."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``channel`` sells, at ``location_id`` if the shopper buys there. ``cart`` has SKUs in the
    order in which they came into it; of alternatives the SKU that is to be replaced."""

    kind: Kind
    cart: Sequence[str]
    channel: str
    location_id: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Suggestions:
    """``personal``: whether purchases of the person were used."""

    items: Sequence[Candidate]
    personal: bool


def suggest(asked: Asked, profile: Profile | None, now: datetime) -> Suggestions:
    """One call for the rows of the person and the cart, one for those of popularity when they are
    not in memory, and those of the availability of the candidates.

    Raises InvalidRequest for a kind without what it needs.
    """
    homes = list(homes_of(profile)) if profile is not None and personalises(profile) else []
    if asked.kind == "alternatives":
        return Suggestions(_shown(asked, [_alternatives(asked)], frozenset(asked.cart), now), False)
    if asked.kind == "with" and not asked.cart:
        raise invalid("query.sku", "what goes with a cart takes its SKUs")
    found = reading.read(homes, asked.cart if asked.kind == "with" else ())
    lists = [_own(asked.kind, asked.cart, found), popular(_popular_here(asked))]
    if asked.kind == "new":
        lists[1] = popular(_popular_here(asked), without=found.again)
    return Suggestions(
        _shown(asked, lists, frozenset(asked.cart), now), bool(found.again.items or found.fitted)
    )


def _own(kind: Kind, cart: Sequence[str], found: reading.Read) -> list[Candidate]:
    match kind:
        case "again":
            return bought_before(found.again)
        case "new":
            return suits(found.fitted, found.again)
        case _:
            return goes_with(cart, found.partners, found.again)


def _popular_here(asked: Asked) -> list[str]:
    """First what is bought at the location, then what is bought everywhere."""
    places = [(EVERYWHERE, "")]
    if asked.location_id is not None:
        places.insert(0, (asked.location_id, ""))
    return list(dict.fromkeys(sku for row in reading.popular(*places) for sku in row))


def _alternatives(asked: Asked) -> list[Candidate]:
    """Variants of the product, then products of its department at a similar price, the most bought
    first."""
    if len(asked.cart) != 1:
        raise invalid("query.sku", "alternatives are of one SKU")
    (sku,) = asked.cart
    variants = [
        Candidate(one.sku, 1.0, Reason("variant", sku=sku))
        for one in recent.variants([sku]).get(sku, ())
    ]
    product = recent.products([sku]).get(sku)
    department = product.attributes.get(reading.DEPARTMENT, "") if product else ""
    if product is None or not department:
        return variants
    (names,) = reading.popular((EVERYWHERE, department))
    others = recent.products(names[:SIMILAR])
    similar = [
        Candidate(name, _closeness(product, others[name]), Reason("similar", sku=sku))
        for name in names
        if name in others and name != sku and _closeness(product, others[name]) > 0
    ]
    return [*variants, *sorted(similar, key=lambda one: -one.score)]


def _closeness(product: Product, other: Product) -> float:
    """1 for the same price, 0 beyond NEAR_PRICE."""
    if product.currency != other.currency or not product.price or not other.price:
        return 0.0
    return max(0.0, 1 - abs(log(other.price / product.price)) / log(NEAR_PRICE))


def _shown(
    asked: Asked, lists: Sequence[Sequence[Candidate]], without: frozenset[str], now: datetime
) -> list[Candidate]:
    """The candidates that are sellable for the channel at the location, chosen from."""
    first, *others = lists
    fresh = _newcomers(lists) if asked.kind != "alternatives" else []
    most = SPARE * asked.limit + len(without)
    cut = [first[:most], *(each[:FILLING] for each in others)]
    names = dict.fromkeys(one.sku for each in (*cut, fresh) for one in each)
    named = [name for name in names if name not in without]
    if not named:
        return []
    places = [asked.location_id] if asked.location_id is not None else []
    sellable = sellable_among(named, asked.channel, places, now)
    kept = [_among(each, sellable) for each in cut]
    kin = reading.kin([*sellable, *without])
    groups = {kin[sku].group for sku in without if sku in kin} - {""}
    choice = Choice(asked.limit, kin, without, groups if asked.kind != "alternatives" else set())
    return chosen(choice, kept, _among(fresh, sellable))


def _newcomers(lists: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    named = {one.sku for each in lists for one in each}
    return [
        Candidate(sku, 0.0, Reason("new_here")) for sku in reading.newcomers() if sku not in named
    ][:NEWEST]


def _among(candidates: Iterable[Candidate], skus: frozenset[str]) -> list[Candidate]:
    return [one for one in candidates if one.sku in skus]
