"""The route of batches: steps of several fulfillments in one request."""

import json
from http import HTTPStatus

from functions.orders.fulfillments import WRITE, at_location, shipping, stepping
from functions.orders.requests import Decide, change_order
from shared.errors import Refusal
from shared.orders import offers, store
from shared.orders.contract.batches import BatchAction, BatchAnswer, BatchInput, BatchResult, Step
from shared.orders.contract.fulfillments import ShipInput
from shared.orders.model import serving
from shared.web.api import caller_of, request_of, routes
from shared.web.auth import Caller
from shared.web.idempotency import Request
from shared.web.problem import problem

router = routes()


@router.post(
    "/v1/fulfillments/batch",
    operation_id="runBatch",
    security=WRITE,
    summary="Take a step with up to 20 fulfillments",
    description="The steps are taken one after the other, each by itself: one that is refused "
    "stops no other, and its result has the problem. A repeated request takes no step twice, and "
    "tries again those that were refused.",
)
def run_batch(body: BatchInput) -> BatchAnswer:
    caller, request = caller_of(router), request_of(router)
    return BatchAnswer(
        results=[
            take_step(
                action.fulfillment_id,
                action.action,
                _decision(action),
                caller,
                request_of_action(request, number),
            )
            for number, action in enumerate(body.actions)
        ]
    )


def request_of_action(request: Request, number: int) -> Request:
    """The request of one action: it is answered once, like one that comes alone."""
    return Request.of(request.name, str(number), "POST", request.digest, None)


def take_step(
    name: str, step: Step, decide: Decide, caller: Caller, request: Request
) -> BatchResult:
    """The result of a step of the fulfillment ``name``, at whose location the caller must work."""
    decide = at_location(decide, name, caller)
    try:
        order = change_order(store.order_of_fulfillment(name), decide, caller, request)
    except Refusal as refusal:
        return BatchResult(
            fulfillment_id=name,
            action=step,
            status=int(refusal.status),
            problem=json.loads(problem(refusal)),
        )
    return BatchResult(
        fulfillment_id=name,
        action=step,
        status=int(HTTPStatus.OK),
        fulfillment=next(one for one in order.fulfillments if one.fulfillment_id == name),
    )


def _decision(action: BatchAction) -> Decide:
    name = action.fulfillment_id
    match action.action:
        case "accept":
            return lambda order, now, actor: offers.accept_offer(order, name, None, now, actor)
        case "assign":
            return lambda order, now, actor: serving.assign(order, name, action.to, now, actor)
        case "ship":
            return shipping(name, ShipInput(carrier=action.carrier, tracking=action.tracking))
        case step:
            return stepping(name, step)
