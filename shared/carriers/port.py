"""What NoRain asks of carriers: ``rate``, ``label`` and ``track``, of the provider that the stack
configures; and who sent a message of tracking events.

A label is bought once: note the rate that is to be bought, then buy it, and after a fault look the
purchase up (``bought``) before a second one (shared/orders/labels.py does).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from shared.aws.settings import setting
from shared.carriers import asking, easypost, paper, shippo
from shared.carriers.contract import easypost as easypost_json
from shared.carriers.contract import shippo as shippo_json
from shared.carriers.model import Consignment, Label, Provider, Rate, TrackingEvent, local
from shared.documents import loads
from shared.errors import MalformedRequest, NotFound, Unsigned, invalid


def provider() -> Provider:
    """The configured provider."""
    return cast("Provider", setting("carrier"))


def rate(consignment: Consignment) -> tuple[Rate, ...]:
    """What each service costs. Raises CarrierRefused, CarrierUnavailable."""
    match provider():
        case "easypost":
            return easypost.rate(consignment)
        case "shippo":
            return shippo.rate(consignment)
        case "local":
            return local.rates(consignment)


def label(rate_id: str, consignment: Consignment) -> Label:
    """Buy the label of a rate. Raises CarrierRefused; CarrierUnavailable, after which the label may
    have been bought."""
    match provider():
        case "easypost":
            return easypost.label(rate_id)
        case "shippo":
            return shippo.label(rate_id, consignment.reference)
        case "local":
            return _local_label(rate_id, consignment)


def bought(rate_id: str, consignment: Consignment) -> Label | None:
    """The label of a rate whose purchase has been tried; None when it was not bought. Raises
    CarrierUnavailable."""
    match provider():
        case "easypost":
            return easypost.bought(rate_id)
        case "shippo":
            return shippo.bought(rate_id)
        case "local":
            return _local_label(rate_id, consignment)


def track(carrier: str, tracking: str) -> tuple[TrackingEvent, ...]:
    """What the carrier did with a parcel, the oldest event first. The local carrier tells nothing
    by itself."""
    match provider():
        case "easypost":
            return easypost.track(carrier, tracking)
        case "shippo":
            return shippo.track(carrier, tracking)
        case "local":
            return ()


def document_of(made: Label) -> bytes:
    """The file of a label. Raises CarrierUnavailable."""
    return made.document if isinstance(made.document, bytes) else asking.download(made.document)


def events_of(
    sender: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> tuple[TrackingEvent, ...]:
    """The tracking events in a message of a provider's webhook.

    Raises NotFound for another provider than the configured one, Unsigned, InvalidRequest.
    """
    if sender != provider() or sender == "local":
        raise NotFound("no such provider of carriers is configured")
    secret = asking.keys().webhook_secret
    signed = (
        easypost_json.is_signed(secret, headers, body)
        if sender == "easypost"
        else shippo_json.is_signed(secret, headers, query, body)
    )
    if not secret or not signed:
        raise Unsigned(f"the message is not signed by {sender}")
    try:
        message = loads(body.decode())
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise MalformedRequest("the body is not JSON", [{"path": "$", "message": "not an object"}])
    return _read(sender, message)


def _read(sender: str, message: Mapping[str, Any]) -> tuple[TrackingEvent, ...]:
    read = easypost_json.events_of if sender == "easypost" else shippo_json.events_of
    try:
        return read(message)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise invalid("$", f"this is no event of {sender}") from error


def _local_label(rate_id: str, consignment: Consignment) -> Label:
    made = local.label(rate_id, consignment)
    return replace(made, document=paper.label(made, consignment))
