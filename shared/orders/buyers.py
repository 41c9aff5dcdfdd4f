"""Find the buyer of an order, and record purchases and returns in the buyer's timeline."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from shared.aws.dynamodb import Part
from shared.customers.contract.statements import CustomerIdentity
from shared.customers.model.person import Interaction, Profile
from shared.customers.store import (
    find,
    new_id,
    not_erased_condition,
    record_interaction,
    record_reads,
    resolve,
)
from shared.errors import Forbidden, Gone, NeedsContact, NotFound, invalid
from shared.loyalty import wallets
from shared.orders.contract.placement import KnownCustomer
from shared.orders.model import Buyer, Order
from shared.orders.model.erased import is_erased
from shared.orders.model.return_terms import ReturnTerms
from shared.orders.searching import contact_keys
from shared.orders.store import order_id_of_request
from shared.pricing.model.price_hold import PriceHold
from shared.pricing.model.uses import Use
from shared.pricing.store.uses import unchanged_part, uses_by
from shared.web.auth import Caller
from shared.web.idempotency import Request

NOBODY = Buyer()


@dataclass(frozen=True, slots=True)
class FoundBuyer:
    """The buyer of a new order under the current profile id (an empty Buyer for a guest).

    ``conditions`` are those for storing the order: that the person has not been erased. So an
    erasure finds every order, and no order is stored after it. ``contact_keys`` are those of the
    person (searching.contact_keys). ``quoted`` is the person that the quote of the order is for.
    """

    buyer: Buyer = NOBODY
    conditions: Sequence[Part] = ()
    contact_keys: tuple[str, ...] = ()
    quoted: Profile | None = None


def find_buyer(
    customer: KnownCustomer | CustomerIdentity | None,
    request: Request,
    now: datetime,
    caller: Caller,
    quoted_for: str | None = None,
) -> FoundBuyer:
    """The buyer; ``quoted_for`` is the profile id of the quote.

    A person whom the channel describes is resolved under the name of the request, so that a
    repeated request means the same person. A person who was erased before the request gets a new
    profile.

    Raises InvalidRequest for a profile that does not exist; Gone for a profile that was erased,
    before or after the request; Forbidden when the source is not one of the caller's, or when the
    caller names a profile and may not read profiles: it could write to the timeline of a stranger.
    InvalidRequest for a quote that is for somebody else.
    """
    found = _found(customer, request, now, caller)
    if quoted_for is None:
        return found
    quoted = find(quoted_for)
    if quoted.profile_id != found.buyer.profile_id:
        raise invalid("$.customer", "the quote is for another person")
    return replace(found, quoted=quoted)


def _found(
    customer: KnownCustomer | CustomerIdentity | None,
    request: Request,
    now: datetime,
    caller: Caller,
) -> FoundBuyer:
    if customer is None:
        return FoundBuyer()
    if isinstance(customer, KnownCustomer):
        if "customers:read" not in caller.scopes:
            raise Forbidden(
                "naming a profile takes the scope customers:read",
                errors=[{"path": "$.customer.profile_id", "message": "not for this caller"}],
            )
        try:
            person = find(customer.profile_id)
        except NotFound:
            raise invalid("$.customer.profile_id", "there is no such profile") from None
        profile_id = person.profile_id
        contacts = contact_keys(
            contact for held in person.records for contact in held.record.identifiers.items()
        )
        buyer = Buyer(profile_id, profile_id)
        return FoundBuyer(buyer, [not_erased_condition(profile_id)], contacts)
    record = customer.record(now, now, caller.sources, "$.customer")
    resolved = resolve(
        record,
        f"order:{request.name}",
        now,
        f"p-{order_id_of_request(request).lower()}",
        request.digest,
    )
    return FoundBuyer(
        Buyer(resolved.profile_id, resolved.home, resolved.record_key),
        [not_erased_condition(resolved.profile_id)],
        contact_keys(record.identifiers.items()),
    )


def uses_elsewhere(
    order: Order, price_hold: PriceHold | None = None
) -> tuple[dict[str, int], list[Part]]:
    """For the promotions of the order that each person may use only so often: how often other home
    profiles of the buyer have used them, and the conditions that this is still so. No call without
    such a promotion, or with a price hold, which has counted the uses.

    Raises NeedsContact for a buyer whom nobody knows.
    """
    if order.quote is None or price_hold is not None:
        return {}, []
    buyer = order.buyer
    home = buyer.home or buyer.profile_id
    return uses_of_person(order.quote.uses, home, buyer.profile_id)


def uses_of_person(
    uses: Sequence[Use], home: str | None, profile_id: str | None
) -> tuple[dict[str, int], list[Part]]:
    """As ``uses_elsewhere``, for uses by the home profile of a person."""
    limited = {use.promotion_id for use in uses if use.limits.per_person is not None}
    if not limited:
        return {}, []
    if home is None or profile_id is None:
        named = ", ".join(sorted(limited))
        raise NeedsContact(
            f"the promotion {named} has a limit for each person: name the customer",
            promotions=sorted(limited),
        )
    others = profile_ids_of(profile_id) - {home}
    counted = uses_by(others, limited)
    by_promotion: Counter[str] = Counter()
    for (_, promotion_id), number in counted.items():
        by_promotion[promotion_id] += number
    checks = [unchanged_part(home, named, number) for (home, named), number in counted.items()]
    return dict(by_promotion), checks


def return_terms(order: Order, terms: ReturnTerms, now: datetime) -> ReturnTerms:
    """The terms with the window of the buyer's tier, where that is longer: no call unless the
    loyalty programme has such a tier."""
    if order.buyer.profile_id is None or is_erased(order):
        return terms
    window = wallets.return_window(order.buyer.profile_id, now)
    return terms if window is None else replace(terms, window=max(terms.window, window))


def profile_ids_of(profile_id: str) -> frozenset[str]:
    """Every profile id that the person has had: an order keeps the one it was placed under.

    Raises Gone when the person was erased.
    """
    try:
        return find(profile_id).member_ids
    except NotFound:
        return frozenset({profile_id})


def read_profile_ids(profile_id: str, actor: str, at: datetime) -> frozenset[str]:
    """``profile_ids_of`` for ``actor``, who reads the orders: the read of an existing profile is
    recorded in its audit trail.

    Raises Gone when the person was erased.
    """
    try:
        person = find(profile_id)
    except NotFound:
        return frozenset({profile_id})
    record_reads([person.profile_id], actor, "orders", at, new_id())
    return person.member_ids


def _profile_ids_unless_erased(profile_id: str) -> frozenset[str]:
    """Empty when the person was erased."""
    try:
        return profile_ids_of(profile_id)
    except Gone:
        return frozenset()


def check_exchange(order: Order, taken: Order | None) -> None:
    """Raises InvalidRequest unless ``taken`` is another order of the buyer of ``order``. Guests are
    compared by channel only."""
    path = "$.exchange_order_id"
    if taken is None:
        raise invalid(path, "there is no such order")
    if taken.order_id == order.order_id:
        raise invalid(path, "an order is not exchanged for itself")
    buyer_id, taken_by = order.buyer.profile_id, taken.buyer.profile_id
    if buyer_id is None or taken_by is None:
        same = buyer_id is taken_by and order.channel == taken.channel
    else:
        same = taken_by == buyer_id or taken_by in _profile_ids_unless_erased(buyer_id)
    if not same:
        raise invalid(path, "it is not an order of the same buyer")


def record_in_timeline(order: Order, before: Order | None = None) -> None:
    """Record the purchase of a new order, or the returns since ``before``, in the buyer's timeline.
    A repeated call records nothing twice; the timeline of an erased person gets nothing."""
    buyer = order.buyer
    if buyer.profile_id is None:
        return
    bought = [] if before is not None else [_purchase(order)]
    returns = _returns(order, before)
    with suppress(Gone, NotFound):
        for interaction in (*bought, *returns):
            record_interaction(buyer.home or buyer.profile_id, interaction)


def _purchase(order: Order) -> Interaction:
    return Interaction(
        interaction_id=order.order_id,
        channel=order.channel,
        kind="purchase",
        occurred_at=order.placed_at,
        data={
            "order_id": order.order_id,
            "total": {
                "amount": sum(line.net for line in order.lines),
                "currency": order.lines[0].currency,
            },
            "lines": [{"sku": line.sku, "quantity": line.quantity} for line in order.lines],
        },
        record_key=order.buyer.record_key,
    )


def _returns(order: Order, before: Order | None) -> Iterator[Interaction]:
    """The returns since ``before``."""
    for number, entry in order.since(before):
        if entry.event != "return.received":
            continue
        yield Interaction(
            interaction_id=f"{order.order_id}-{number}",
            channel=order.channel,
            kind="return",
            occurred_at=entry.at,
            data={
                "order_id": order.order_id,
                "location_id": entry.detail["location_id"],
                "lines": [
                    {"sku": order.line(line["line_id"]).sku, "quantity": line["quantity"]}
                    for line in entry.detail["lines"]
                ],
            },
            record_key=order.buyer.record_key,
        )
