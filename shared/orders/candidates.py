"""Find what can be returned, for a shopper who does not know the number of the order."""

from collections.abc import Callable, Iterable
from datetime import datetime

from shared.catalog import store as catalog
from shared.orders import buyers, searching, store
from shared.orders.contract.search import Criteria
from shared.orders.model.return_terms import ReturnTerms
from shared.orders.model.returns import Candidate, candidates
from shared.orders.store.search import RowEnd

Candidates = tuple[Candidate, ...]
Sees = Callable[[str], bool]
"""channel -> whether the caller sees its orders."""
GTIN_DIGITS = 14


def of_reference(
    sought: Criteria,
    sees: Sees,
    terms: ReturnTerms,
    limit: int,
    after: RowEnd | None,
    now: datetime,
    actor: str,
) -> tuple[Candidates, RowEnd | None]:
    """What can be returned of a page of the orders that a search finds: one Query, and one read of
    the orders. A search by the reference of a payment is a search for a person: the audit of the
    profiles records the read."""
    page = searching.find_orders(sought, limit, now, after)
    seen = [row for row in page.summaries if sees(row.channel)]
    if sought.by == "payment":
        searching.record_person_reads(seen, actor, now)
    orders = store.orders_by_id(row.order_id for row in seen)
    return tuple(each for order in orders for each in candidates(order, terms)), page.after


def of_profile(
    profile_id: str,
    fits: Callable[[Iterable[Candidate]], Candidates],
    sees: Sees,
    terms: ReturnTerms,
    limit: int,
    after: store.PageEnd | None,
    now: datetime,
    actor: str,
) -> tuple[Candidates, store.PageEnd | None]:
    """What ``fits`` of a page of the orders of a profile: one Query for each id that the person has
    had. The audit of the profile records the read.

    Raises Gone when the person was erased.
    """
    names = buyers.read_profile_ids(profile_id, actor, now)
    page = store.orders_of_profiles(names, limit, after)
    seen = [order for order in page.orders if sees(order.channel)]
    possible = [each for order in seen for each in candidates(order, terms)]
    return fits(possible), page.after


def with_sku(sku: str, possible: Iterable[Candidate]) -> Candidates:
    """Those of a SKU."""
    return tuple(each for each in possible if each.line.sku == sku)


def with_gtin(gtin: str, possible: Iterable[Candidate]) -> Candidates:
    """Those whose product has the GTIN: one read of the catalog for 100 SKUs. A GTIN of 8, 12 or 13
    digits is the same as the one of 14 digits with zeros before it."""
    found = tuple(possible)
    products = catalog.products({each.line.sku for each in found})
    wanted = gtin.zfill(GTIN_DIGITS)
    skus = {
        product.sku
        for product in products.values()
        if product.gtin is not None and product.gtin.zfill(GTIN_DIGITS) == wanted
    } | {f"gtin:{wanted}"}
    return tuple(each for each in found if each.line.sku in skus)
