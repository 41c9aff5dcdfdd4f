"""Ask Shippo."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from shared.carriers.asking import ProviderAnswer, ask, keys
from shared.carriers.contract import shippo
from shared.carriers.model import Consignment, Label, Rate, TrackingEvent
from shared.errors import CarrierRefused, CarrierUnavailable


def rate(consignment: Consignment) -> tuple[Rate, ...]:
    shipment = _answered(_ask("POST", "shipments/", shippo.shipment_request(consignment)))
    rates = shippo.rates_of(shipment)
    if not rates and shipment.get("messages"):
        raise CarrierRefused(shippo.messages_of(shipment), carrier="shippo")
    return rates


def label(rate_id: str, reference: str) -> Label:
    """Buy the label of a rate. Look it up with ``bought`` before a second purchase."""
    body = shippo.transaction_request(rate_id, reference)
    return _label(_answered(_ask("POST", "transactions/", body, repeatable=False)), rate_id)


def bought(rate_id: str) -> Label | None:
    """The label that was bought of the rate; None when there is none.

    Raises CarrierUnavailable while a purchase of it is under way.
    """
    rows = _answered(_ask("GET", f"transactions/?{urlencode({'rate': rate_id})}")).get("results")
    for row in rows or ():
        if row.get("status") == shippo.BOUGHT or row.get("status") in shippo.UNDER_WAY:
            return _label(row, rate_id)
    return None


def track(carrier: str, tracking: str) -> tuple[TrackingEvent, ...]:
    path = f"tracks/{quote(carrier.lower(), safe='')}/{quote(tracking, safe='')}"
    return shippo.events_of_track(_answered(_ask("GET", path)))


def _label(transaction: Mapping[str, Any], rate_id: str) -> Label:
    if transaction.get("status") in shippo.UNDER_WAY:
        raise CarrierUnavailable("the label is not made yet; try again")
    rate = _answered(_ask("GET", f"rates/{quote(rate_id, safe='')}"))
    made = shippo.label_of(transaction, rate)
    if made is None:
        raise CarrierRefused(shippo.messages_of(transaction), carrier="shippo")
    return made


def _ask(
    method: str, path: str, body: Mapping[str, Any] | None = None, *, repeatable: bool = True
) -> ProviderAnswer:
    url = f"https://{shippo.HOST}/{path}"
    return ask(method, url, f"ShippoToken {keys().api_key}", body, repeatable=repeatable)


def _answered(answer: ProviderAnswer) -> Mapping[str, Any]:
    """The body of an answer. Raises CarrierRefused with Shippo's words."""
    if not answer.ok:
        raise CarrierRefused(shippo.messages_of(answer.body), carrier="shippo")
    return answer.body
