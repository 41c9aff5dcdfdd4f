"""Store credit in the routes of returns and cancels: the code of a new card is shown by the answer
that issues it, and by its repetitions; it is stored nowhere."""

from datetime import datetime

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter

from shared.orders import crediting
from shared.orders.contract.orders import OrderAnswer
from shared.orders.contract.returns import RefundChoice
from shared.orders.model import Order
from shared.orders.model.payments import Refund, StoreCredit
from shared.web.api import caller_of, request_of


def code_of(router: BaseRouter) -> str:
    """The code of the card that the request may issue."""
    key = router.current_event.headers["idempotency-key"]
    return crediting.code_for(request_of(router), caller_of(router).client_id, key)


def new_credit(router: BaseRouter) -> StoreCredit:
    return crediting.new_credit(code_of(router))


def refund_at_once(router: BaseRouter, body: RefundChoice, order: Order, now: datetime) -> Refund:
    """The refund that the shopper agrees to, with a new card where the shopper names none."""
    refund = crediting.agreed(body.refund_to, body.store_credit_card_id, order, now)
    if refund.to == "store_credit" and refund.credit is None:
        return Refund(refund.to, new_credit(router))
    return refund


def with_code(router: BaseRouter, answer: OrderAnswer) -> OrderAnswer:
    """The answer with the code of the card that its request has issued."""
    if not answer.credits:
        return answer
    code = code_of(router)
    card_id = crediting.new_credit(code).card_id
    shown = [
        credit.model_copy(update={"code": code}) if credit.card_id == card_id else credit
        for credit in answer.credits
    ]
    return answer.model_copy(update={"credits": shown})
