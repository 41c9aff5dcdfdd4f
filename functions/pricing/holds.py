"""The routes of price holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.cards.paying import found_card, may_pay_with_cards
from shared.cards.model.card import amount_to_pay
from shared.errors import invalid
from shared.orders import price_holds
from shared.orders.contract.price_holds import HeldCardInput, PriceHoldAnswer, PriceHoldInput
from shared.orders.price_holds import HeldCard
from shared.pricing.model.price_hold import HeldAmount
from shared.pricing.model.quote import Quote
from shared.pricing.tokens import read_token
from shared.web.api import (
    answered_with,
    caller_of,
    now_in_milliseconds,
    request_of,
    routes,
    stored_answer,
)
from shared.web.auth import Caller, needs
from shared.web.contract import Id

router = routes()


@router.post(
    "/v1/prices/hold",
    operation_id="holdPrices",
    status_code=201,
    security=needs("orders:write"),
    summary="Keep what an order will use while it is being paid",
    description="Keeps the uses of codes and limited promotions, amounts of cards, and points that "
    "the quote takes, for at most 4 hours: nobody is charged for what somebody else gets "
    "meanwhile. The order claims the hold with `price_hold_id`; else it is released at the "
    "deadline.",
    responses=answered_with(HTTPStatus.CREATED, "The hold.", PriceHoldAnswer),
)
def hold_prices(body: PriceHoldInput) -> Response[Any]:
    caller, request, now = caller_of(router), request_of(router), now_in_milliseconds()
    quote = read_token(body.quote_token)
    text = price_holds.open_hold(
        quote,
        now + timedelta(seconds=body.expires_in_seconds),
        lambda: _cards(body.cards, quote, caller, now),
        request,
        now,
        lambda hold: PriceHoldAnswer.of(hold, quote).model_dump_json(),
    )
    return stored_answer(HTTPStatus.CREATED, text)


@router.delete(
    "/v1/prices/hold/<hold_id>",
    operation_id="releasePrices",
    status_code=204,
    security=needs("orders:write"),
    summary="Release a price hold",
    description="Gives back what the hold keeps. Harmless for a hold that has been released, or "
    "whose deadline has passed.",
)
def release_prices(
    hold_id: Annotated[Id, Path(description="The id of the price hold.")],
) -> Response[Any]:
    price_holds.release(hold_id, now_in_milliseconds())
    return Response(HTTPStatus.NO_CONTENT)


def _cards(
    wanted: Sequence[HeldCardInput], quote: Quote, caller: Caller, now: datetime
) -> list[HeldCard]:
    """What the cards pay of the quote, one after the other. Raises Forbidden, CardNotUsable,
    CardShort, TooManyTries, InvalidRequest."""
    if wanted:
        may_pay_with_cards(caller, ["$.cards"])
    remaining = quote.total
    cards: list[HeldCard] = []
    for number, one in enumerate(wanted):
        path = f"$.cards[{number}]"
        if one.amount is not None and one.amount.currency != quote.currency:
            raise invalid(f"{path}.amount.currency", f"the quote is in {quote.currency}")
        card = found_card(one, quote.currency, caller, now, f"{path}.code")
        if any(other.held.card_id == card.card_id for other in cards):
            raise invalid(path, "a card pays once: add its amounts up")
        stated = None if one.amount is None else one.amount.amount
        amount = amount_to_pay(card, stated, remaining, f"{path}.amount")
        remaining -= amount
        cards.append(HeldCard(HeldAmount(card.card_id, card.suffix, amount), card.pin_hash))
    return cards
