"""The route of quotes. It runs the order router, so the orders Lambda answers it."""

from shared.orders import placing
from shared.orders.contract.decisions import QuoteAnswer, decision_answer
from shared.orders.contract.fulfillments import part_answer
from shared.orders.contract.placement import OrderInput
from shared.pricing.tokens import read_token
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs

router = routes()


@router.post(
    "/v1/routing/quotes",
    operation_id="quoteOrder",
    security=needs("policy:read", "orders:write"),
    summary="Show the routing decision that an order would get now",
    description="Routes the order without reserving or storing anything. Costs are included only "
    "for clients with the scope `policy:read`.",
)
def quote_order(body: OrderInput) -> QuoteAnswer:
    caller, now = caller_of(router), now_in_milliseconds()
    caller.must_see(body.channel)
    quote = read_token(body.quote_token) if body.quote_token is not None else None
    draft = body.order(body.order_id or f"quote-{now.isoformat()}", now, quote)
    decision, order, short = placing.quote(draft, draft.placed_at)
    costs = "policy:read" in caller.scopes
    return QuoteAnswer(
        **dict(decision_answer(decision.to_bytes(), costs=costs)),
        fulfillments=[part_answer(fulfillment) for fulfillment in order.fulfillments],
        short=short,
    )
