"""The recommendations Lambda: suggestions for a person and a cart, and what came of them."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.customers import store as customers
from shared.customers.model.person import Profile
from shared.errors import Forbidden, NotFound, invalid
from shared.recommendations.contract.recommendations import (
    FeedbackAnswer,
    FeedbackInput,
    KindName,
    RecommendationAnswer,
    RecommendationsAnswer,
)
from shared.recommendations.model.consent import personalises
from shared.recommendations.store import feedback
from shared.recommendations.suggesting import MOST_CART, MOST_LIMIT, Asked, suggest
from shared.web.api import api, caller_of, now_in_milliseconds, request_of, serve
from shared.web.auth import needs
from shared.web.contract import Channel, Id, LocationId, Sku

READ = needs("recommendations:read")

app = api()


@app.get(
    "/v1/recommendations",
    operation_id="getRecommendations",
    security=READ,
    summary="Suggest products to a shopper",
    description="Returns products that the channel can sell now, at the location if there is one, "
    "each with the reason: `again` what the person buys, `with` what goes with the cart, `new` "
    "what the person has never bought, `alternatives` to a product that is out of stock. Without a "
    "profile, or without its consent `personalisation`, only the cart and what is popular are "
    "used. A profile takes the scope `customers:read`. At most three products of a department are "
    "among ten, one product of an item group, and one place in ten is for a product with few "
    "sales.",
)
def get_recommendations(
    *,
    kind: Annotated[KindName, Query(description="What is asked for.")],
    channel: Annotated[Channel, Query(description="The selling channel.")],
    sku: Annotated[
        list[Sku] | None,
        Query(
            description="The cart, in the order in which it was filled, 1 to 50; or the product "
            "that alternatives are asked for."
        ),
    ] = None,
    profile_id: Annotated[
        Id | None,
        Query(description="The id of the shopper's profile, or of one that was merged into it."),
    ] = None,
    location_id: Annotated[
        LocationId | None, Query(description="The location where the shopper buys.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LIMIT, description="Most products to return.")] = 10,
) -> RecommendationsAnswer:
    caller_of(app).must_see(channel)
    profile = _profile(profile_id, "query.profile_id") if profile_id is not None else None
    cart = tuple(dict.fromkeys(sku or ()))
    if len(cart) > MOST_CART:
        raise invalid("query.sku", f"at most {MOST_CART} different SKUs")
    asked = Asked(kind, cart, channel, location_id, limit)
    found = suggest(asked, profile, now_in_milliseconds())
    return RecommendationsAnswer(
        kind=kind,
        personal=found.personal,
        items=[RecommendationAnswer.of(one) for one in found.items],
    )


@app.post(
    "/v1/recommendations/feedback",
    operation_id="recordRecommendationFeedback",
    security=READ,
    summary="Report what a shopper saw and took of suggestions",
    description="Counts them for the channel and the day, and for the person with the consent "
    "`personalisation`. Needs an Idempotency-Key: a repeated report is counted once.",
)
def record_feedback(body: FeedbackInput) -> FeedbackAnswer:
    caller_of(app).must_see(body.channel)
    shown, taken = set(body.shown), set(body.taken)
    for place, sku in enumerate(body.taken):
        if sku not in shown:
            raise invalid(f"$.taken[{place}]", "it is not among those that were shown")
    profile = _profile(body.profile_id, "$.profile_id") if body.profile_id is not None else None
    home = profile.profile_id if profile is not None and personalises(profile) else None
    feedback.record(
        request_of(app),
        body.channel,
        body.kind,
        home,
        len(shown),
        len(taken),
        now_in_milliseconds(),
    )
    return FeedbackAnswer(shown=len(shown), taken=len(taken))


def _profile(profile_id: str, path: str) -> Profile:
    """Raises Forbidden, Gone, InvalidRequest for a profile that does not exist."""
    if "customers:read" not in caller_of(app).scopes:
        raise Forbidden(
            "facts of the shopper take the scope customers:read",
            errors=[{"path": path, "message": "not for this caller"}],
        )
    try:
        return customers.find(profile_id)
    except NotFound:
        raise invalid(path, "there is no such profile") from None


handler = serve(app)
