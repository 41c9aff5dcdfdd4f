"""Whose order it is."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from shared.aws.dynamodb import Part
from shared.customers.contract.statements import CustomerIdentity
from shared.customers.model.person import Interaction
from shared.customers.store import (
    find,
    new_id,
    not_erased_condition,
    profile_exists,
    record_interaction,
    record_reads,
    resolve,
)
from shared.errors import Forbidden, Gone, NotFound, invalid
from shared.orders.contract.orders import KnownCustomer
from shared.orders.model import Buyer, Order
from shared.orders.store import order_id_of_request
from shared.web.auth import Caller
from shared.web.idempotency import Request


def find_buyer(
    customer: KnownCustomer | CustomerIdentity | None,
    request: Request,
    now: datetime,
    caller: Caller,
) -> tuple[Buyer, list[Part]]:
    """The profile as it is called now, nobody for a guest; and on what condition an order is
    theirs: that the person is not erased before it is stored. So an erasure finds every order, and
    none comes behind it.

    A person whom the channel describes is resolved under the request's own name, so that the same
    request always means the same person; who was erased before the request came begins anew.

    Raises InvalidRequest for a profile that does not exist, Gone for one that was erased, or of
    which the request came before that; Forbidden when the source is none of the caller's, or when
    it names a profile and may not read any: nobody puts an order on the timeline of somebody whom
    it does not know.
    """
    if customer is None:
        return Buyer(), []
    if isinstance(customer, KnownCustomer):
        if "customers:read" not in caller.scopes:
            raise Forbidden(
                "naming a profile takes the scope customers:read",
                errors=[{"path": "$.customer.profile_id", "message": "not for this caller"}],
            )
        found = profile_exists(customer.profile_id)
        if found is None:
            raise invalid("$.customer.profile_id", "there is no such profile")
        return Buyer(found, found), [not_erased_condition(found)]
    record = customer.record(now, now, caller.sources, "$.customer")
    resolved = resolve(
        record,
        f"order:{request.name}",
        now,
        f"p-{order_id_of_request(request).lower()}",
        request.digest,
    )
    return (
        Buyer(resolved.profile_id, resolved.home, resolved.record_key),
        [not_erased_condition(resolved.profile_id)],
    )


def profile_ids_of(profile_id: str) -> frozenset[str]:
    """Every id that the person has had: orders keep the one they were placed under.

    Raises Gone when the person was erased.
    """
    try:
        return find(profile_id).member_ids
    except NotFound:
        return frozenset({profile_id})


def read_profile_ids(profile_id: str, actor: str, at: datetime) -> frozenset[str]:
    """``names`` for ``actor``, who reads the orders: noted beside all other reads of the profile,
    and of nobody who is not there.

    Raises Gone when the person was erased.
    """
    try:
        person = find(profile_id)
    except NotFound:
        return frozenset({profile_id})
    record_reads([person.profile_id], actor, "orders", at, new_id())
    return person.member_ids


def _names_left(profile_id: str) -> frozenset[str]:
    """None of somebody who was erased."""
    try:
        return profile_ids_of(profile_id)
    except Gone:
        return frozenset()


def check_exchange(order: Order, taken: Order | None) -> None:
    """Raises InvalidRequest unless ``taken`` is another order of whoever placed ``order``; a guest
    is known by the channel alone."""
    path = "$.exchange_order_id"
    if taken is None:
        raise invalid(path, "there is no such order")
    if taken.order_id == order.order_id:
        raise invalid(path, "an order is not exchanged for itself")
    mine, theirs = order.buyer.profile_id, taken.buyer.profile_id
    if mine is None or theirs is None:
        same = mine is theirs and order.channel == taken.channel
    else:
        same = theirs == mine or theirs in _names_left(mine)
    if not same:
        raise invalid(path, "it is not an order of the same buyer")


def record_in_timeline(order: Order, before: Order | None = None) -> None:
    """The order, and what came back of it since ``before``, in its buyer's timeline: once however
    often it is told. Who has been erased since has none."""
    buyer = order.buyer
    if buyer.profile_id is None:
        return
    bought = [] if before is not None else [_purchase(order)]
    came_back = _returns(order, before)
    with suppress(Gone, NotFound):
        for interaction in (*bought, *came_back):
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
                "amount": sum(line.unit_price * line.quantity for line in order.lines),
                "currency": order.lines[0].currency,
            },
            "lines": [{"sku": line.sku, "quantity": line.quantity} for line in order.lines],
        },
        record_key=order.buyer.record_key,
    )


def _returns(order: Order, before: Order | None) -> Iterator[Interaction]:
    """What came back since ``before``."""
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
                    {"sku": order.line(back["line_id"]).sku, "quantity": back["quantity"]}
                    for back in entry.detail["lines"]
                ],
            },
            record_key=order.buyer.record_key,
        )
