"""Ask EasyPost."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from shared.carriers.asking import ProviderAnswer, ask, keys
from shared.carriers.contract import easypost
from shared.carriers.model import Consignment, Label, Rate, TrackingEvent
from shared.errors import CarrierRefused, CarrierUnavailable

ALREADY_BOUGHT = "SHIPMENT.POSTAGE.EXISTS"


def rate(consignment: Consignment) -> tuple[Rate, ...]:
    shipment = _answered(_ask("POST", "shipments", easypost.shipment_request(consignment)))
    rates = easypost.rates_of(shipment)
    if not rates and (reason := easypost.messages_of(shipment)):
        raise CarrierRefused(reason, carrier="easypost")
    return rates


def label(rate_id: str) -> Label:
    """Buy the label of a rate; a second purchase gets the first label."""
    shipment_id, _, rate_name = rate_id.partition("/")
    path = f"shipments/{quote(shipment_id)}/buy"
    answer = _ask("POST", path, {"rate": {"id": rate_name}}, repeatable=False)
    error = answer.body.get("error")
    if isinstance(error, Mapping) and error.get("code") == ALREADY_BOUGHT:
        made = bought(rate_id)
    else:
        made = easypost.label_of(_answered(answer))
    if made is None:
        raise CarrierUnavailable("the label is not made yet; try again")
    return made


def bought(rate_id: str) -> Label | None:
    """The label of the shipment of the rate; None while none was bought."""
    return easypost.label_of(
        _answered(_ask("GET", f"shipments/{quote(rate_id.partition('/')[0])}"))
    )


def track(carrier: str, tracking: str) -> tuple[TrackingEvent, ...]:
    asked = urlencode({"tracking_code": tracking, "carrier": carrier})
    found = _answered(_ask("GET", f"trackers?{asked}")).get("trackers") or ()
    return tuple(event for one in found[:1] for event in easypost.events_of_tracker(one))


def _ask(
    method: str, path: str, body: Mapping[str, Any] | None = None, *, repeatable: bool = True
) -> ProviderAnswer:
    user = base64.b64encode(f"{keys().api_key}:".encode()).decode()
    url = f"https://{easypost.HOST}/v2/{path}"
    return ask(method, url, f"Basic {user}", body, repeatable=repeatable)


def _answered(answer: ProviderAnswer) -> Mapping[str, Any]:
    """The body of an answer. Raises CarrierRefused with EasyPost's words."""
    if not answer.ok:
        raise CarrierRefused(easypost.refusal_of(answer.body), carrier="easypost")
    return answer.body
