"""Buy the label of a return, once for each reference, as those of parcels are (labels.py): from the
shopper's address to the location that expects the goods."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from shared.addresses import Address
from shared.carriers.model import Consignment, Label, Package, choose
from shared.errors import Conflict, Gone, NotFound
from shared.locations import store as locations
from shared.orders import changing, store
from shared.orders.labels import buy_once, sender_of
from shared.orders.model import Order, OrderChange, Return, returns
from shared.orders.model.erased import is_erased
from shared.orders.placing import replayed
from shared.orders.store import labels
from shared.web.idempotency import Request


@dataclass(frozen=True, slots=True)
class ReturnLabelWish:
    """``number`` counts the labels of a return: 2 buys another one when the first is void.
    ``sender`` None stands for the delivery address of the order, else for the billing address."""

    package: Package
    number: int = 1
    sender: Address | None = None
    carrier: str | None = None
    service: str | None = None


def buy_return_label(
    return_id: str,
    wish: ReturnLabelWish,
    check: Callable[[Order], None],
    answer: Callable[[Label, str], str],
    now: datetime,
    actor: str,
    request: Request,
) -> str:
    """Buy the label of a return and return the answer; a replay gets the first one. ``check``
    refuses who may not.

    Raises what ``check`` raises; NotFound, InvalidTransition, Conflict, KeyReused, CarrierRefused,
    CarrierUnavailable and Busy; Gone when the person of the order was erased.
    """
    order_id = store.order_of_fulfillment(return_id)
    lookup = store.look_up(order_id, request)
    if lookup.answered is not None:
        return replayed(lookup.answered, request)
    if lookup.order is None:
        raise NotFound(f"there is no return {return_id}", return_id=return_id)
    check(lookup.order)
    each = _labelable(lookup.order, return_id)
    reference = labels.reference_of(return_id, wish.number)
    purchase = labels.find_purchase(reference)
    if purchase is not None and purchase.label is not None:
        bought = purchase.label
    else:
        consignment = _consignment(lookup.order, each, wish, reference)
        chosen = partial(choose, leaves=now, carrier=wish.carrier, service=wish.service)
        bought = buy_once(purchase, consignment, chosen, now)

    def decide(order: Order) -> OrderChange:
        check(order)
        _check_person(order)
        return returns.labelled(order, return_id, bought.carrier, bought.tracking, now, actor)

    try:
        text = changing.change(
            order_id, decide, now, request=request, answer=lambda _: answer(bought, reference)
        )
    except Gone:  # the person was erased while the label was bought
        labels.delete_purchase(reference)
        raise
    return text or ""


def _labelable(order: Order, return_id: str) -> Return:
    each = returns.return_of(order, return_id)
    returns.check_step(each, "label")
    _check_person(order)
    return each


def _check_person(order: Order) -> None:
    """Raises Gone for an order whose person was erased: a label has an address."""
    if is_erased(order):
        raise Gone(f"the person of order {order.order_id} was erased: no label is made")


def _consignment(order: Order, each: Return, wish: ReturnLabelWish, reference: str) -> Consignment:
    if each.location_id is None:
        raise Conflict(f"{each.return_id} names no location: authorize a return with location_id")
    location = locations.find(each.location_id)
    if location is None:
        raise NotFound(f"there is no location {each.location_id}", location_id=each.location_id)
    sender = wish.sender or order.contacts.ship_to or order.contacts.bill_to
    if sender is None:
        raise Conflict(
            f"order {order.order_id} has no whole address: send it as `sender`",
            errors=[{"path": "$.sender", "message": "the order has none"}],
        )
    return Consignment(reference, sender, sender_of(location), wish.package)
