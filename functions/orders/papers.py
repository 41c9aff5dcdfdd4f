"""The routes of labels, packing slips and pick lists, which functions/carriers answers."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.orders.requests import FulfillmentPath, WavePath, readable_order
from shared.carriers.model import Label
from shared.catalog.store import titles
from shared.errors import Gone, NotFound
from shared.locations import store as locations
from shared.locations.model import Location
from shared.orders import papers, store, waves
from shared.orders.contract.labels import LabelAnswer, LabelInput, label_answer
from shared.orders.labels import LabelWish, buy_label
from shared.orders.model import UNPICKED, Fulfillment, FulfillmentState, Order
from shared.orders.store import labels
from shared.web.api import (
    caller_of,
    document_answer,
    document_of,
    now_in_milliseconds,
    request_of,
    routes,
)
from shared.web.auth import needs
from shared.web.contract import LocationId

READ = needs("fulfillments:read")
WRITE = needs("fulfillments:write")
PDF = "application/pdf"
NumberQuery = Annotated[
    int, Query(ge=1, le=9999, description="Which label, from the `document_url` of a purchase.")
]

router = routes()


@router.post(
    "/v1/fulfillments/<fulfillment_id>/label",
    operation_id="buyLabel",
    security=WRITE,
    summary="Buy a carrier's label",
    description="Buys the cheapest label that arrives by the promised date, else the fastest, and "
    "stores carrier and tracking number in the fulfillment. A label is bought once: a later "
    "request for the same `number` gets the same label.",
)
def buy(fulfillment_id: FulfillmentPath, body: LabelInput) -> LabelAnswer:
    caller = caller_of(router)

    def check(order: Order) -> None:
        caller.must_see(order.channel)
        caller.must_work_at(order.fulfillment(fulfillment_id).location_id)

    def answer(label: Label, reference: str) -> str:
        return label_answer(fulfillment_id, label, reference).model_dump_json()

    wish = LabelWish(
        package=body.package.package(),
        number=body.number,
        recipient=body.recipient.address("$.recipient") if body.recipient else None,
        carrier=body.carrier,
        service=body.service,
    )
    text = buy_label(
        fulfillment_id,
        wish,
        check,
        answer,
        now_in_milliseconds(),
        caller.actor,
        request_of(router),
    )
    return LabelAnswer.model_validate_json(text)


@router.get(
    "/v1/fulfillments/<fulfillment_id>/label",
    operation_id="getLabel",
    security=READ,
    summary="Read the document of a label",
    description="Answers the document that the carrier made, for 30 days after the purchase.",
    responses=document_of("The label.", PDF, "image/png", "application/zpl"),
)
def get_label(fulfillment_id: FulfillmentPath, number: NumberQuery = 1) -> Response[Any]:
    _own_part(fulfillment_id)
    reference = labels.reference_of(fulfillment_id, number)
    purchase = labels.find_purchase(reference)
    if purchase is None or purchase.label is None:
        raise NotFound(f"no label {number} was bought for {fulfillment_id}")
    content = labels.document(reference)
    if content is None:
        raise Gone(f"the document of label {number} of {fulfillment_id} has expired")
    return document_answer(labels.MEDIA[purchase.label.format], content)


@router.get(
    "/v1/fulfillments/<fulfillment_id>/packing-slip",
    operation_id="getPackingSlip",
    security=READ,
    summary="Print a packing slip",
    description="What is in the parcel, without prices, in the language of the location.",
    responses=document_of("The packing slip.", PDF),
)
def packing_slip(fulfillment_id: FulfillmentPath) -> Response[Any]:
    order, part = _own_part(fulfillment_id)
    skus = {held.sku for held in part.lines}
    location, recipient = _location(part.location_id), order.contacts.ship_to
    content = papers.packing_slip(order, part, location, recipient, titles(skus))
    return document_answer(PDF, content)


@router.get(
    "/v1/fulfillments/pick-list",
    operation_id="getPickList",
    security=READ,
    summary="Print the pick list of a location",
    description="The fulfillments of a location that wait to be picked (or those in `state`), most "
    "urgent first, each with its barcode, in the language of the location.",
    responses=document_of("The pick list.", PDF),
)
def pick_list(
    location_id: Annotated[LocationId, Query(description="The location that picks.")],
    state: Annotated[
        FulfillmentState | None,
        Query(description="Only fulfillments in this state; default: those not picked yet."),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=papers.MOST_ROWS, description="Number of fulfillments on the list.")
    ] = 50,
) -> Response[Any]:
    caller = caller_of(router)
    caller.must_work_at(location_id)
    location = _location(location_id)
    states = UNPICKED if state is None else (state,)
    picks = [
        pick
        for pick in store.pick_list(location_id, states, limit).picks
        if caller.sees(pick.channel)
    ]
    skus = {held.sku for pick in picks for held in pick.fulfillment.lines}
    return document_answer(PDF, papers.pick_list(location, picks, titles(skus)))


@router.get(
    "/v1/waves/<wave_id>/pick-list",
    operation_id="getWavePickList",
    security=READ,
    summary="Print the walk of a wave",
    description="What is taken from each bin, in the order of the walk, and the tote that it goes "
    "into; then the totes with the barcodes of their fulfillments. What is picked already is left "
    "out. In the language of the location, where the caller must work.",
    responses=document_of("The pick list of the wave.", PDF),
)
def wave_pick_list(wave_id: WavePath) -> Response[Any]:
    caller, wave = caller_of(router), waves.find(wave_id)
    caller.must_work_at(wave.location_id)
    location = _location(wave.location_id)
    totes = waves.totes(wave, caller.sees)
    stops = waves.stops(wave, totes)
    content = papers.wave_list(location, wave, totes, stops, titles(stop.sku for stop in stops))
    return document_answer(PDF, content)


def _own_part(fulfillment_id: str) -> tuple[Order, Fulfillment]:
    """Raises NotFound; Forbidden unless the caller works at the location and sees the channel."""
    caller = caller_of(router)
    order = readable_order(store.order_of_fulfillment(fulfillment_id), caller)
    part = store.with_past(order).fulfillment(fulfillment_id)
    caller.must_work_at(part.location_id)
    return order, part


def _location(location_id: str) -> Location:
    location = locations.find(location_id)
    if location is None:
        raise NotFound(f"there is no location {location_id}", location_id=location_id)
    return location
