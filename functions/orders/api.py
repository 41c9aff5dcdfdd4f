"""The orders Lambda: it answers the routes of orders, fulfillments and transfers, and those routes
of routing, availability and pricing that run the order router or read orders."""

from functions.availability import promises
from functions.orders import (
    batches,
    erasure,
    fulfillments,
    orders,
    policy,
    punctuality,
    return_candidates,
    returns,
    transfers,
    waves,
)
from functions.pricing import what_if as promotions_what_if
from functions.routing import quotes, what_if
from shared.web.api import api, serve

app = api()
for resource in (
    orders,
    return_candidates,
    returns,
    batches,
    waves,
    erasure,
    fulfillments,
    punctuality,
    transfers,
    policy,
    promotions_what_if,
    quotes,
    what_if,
    promises,
):
    app.include_router(resource.router)

handler = serve(app)
