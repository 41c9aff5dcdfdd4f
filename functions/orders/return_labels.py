"""The routes of the labels of returns, which functions/carriers answers."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from functions.orders.requests import readable_order
from shared.carriers.model import Label
from shared.errors import Gone, NotFound
from shared.orders import store
from shared.orders.contract.labels import (
    ReturnLabelAnswer,
    ReturnLabelInput,
    return_label_answer,
)
from shared.orders.model import Order, returns
from shared.orders.return_labels import ReturnLabelWish, buy_return_label
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
from shared.web.contract import Id

ReturnPath = Annotated[Id, Path(description="The id of the return.")]

router = routes()


@router.post(
    "/v1/returns/<return_id>/label",
    operation_id="buyReturnLabel",
    security=needs("orders:write"),
    summary="Buy the label of a return",
    description="Buys the cheapest label from the shopper's address to the location that expects "
    "the goods, until the carrier has them. Its tracking number scans the return when the carrier "
    "reports on it. A label is bought once: a later request for the same `number` gets the same "
    "label.",
)
def buy(return_id: ReturnPath, body: ReturnLabelInput) -> ReturnLabelAnswer:
    caller = caller_of(router)

    def check(order: Order) -> None:
        caller.must_see(order.channel)

    def answer(label: Label, reference: str) -> str:
        return return_label_answer(return_id, label, reference).model_dump_json()

    wish = ReturnLabelWish(
        package=body.package.package(),
        number=body.number,
        sender=body.sender.address("$.sender") if body.sender else None,
        carrier=body.carrier,
        service=body.service,
    )
    text = buy_return_label(
        return_id, wish, check, answer, now_in_milliseconds(), caller.actor, request_of(router)
    )
    return ReturnLabelAnswer.model_validate_json(text)


@router.get(
    "/v1/returns/<return_id>/label",
    operation_id="getReturnLabel",
    security=needs("orders:read", "orders:write"),
    summary="Read the document of the label of a return",
    description="Answers the document that the carrier made, for 30 days after the purchase.",
    responses=document_of("The label.", "application/pdf", "image/png", "application/zpl"),
)
def get_label(
    return_id: ReturnPath,
    number: Annotated[
        int, Query(ge=1, le=9, description="Which label, from the `document_url` of a purchase.")
    ] = 1,
) -> Response[Any]:
    order = readable_order(store.order_of_fulfillment(return_id), caller_of(router))
    returns.return_of(order, return_id)
    reference = labels.reference_of(return_id, number)
    purchase = labels.find_purchase(reference)
    if purchase is None or purchase.label is None:
        raise NotFound(f"no label {number} was bought for {return_id}")
    content = labels.document(reference)
    if content is None:
        raise Gone(f"the document of label {number} of {return_id} has expired")
    return document_answer(labels.MEDIA[purchase.label.format], content)
