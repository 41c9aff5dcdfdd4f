"""The routes of profiles: resolve a record, read a profile, its timeline and its cart."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Query

from functions.customers.requests import (
    JSON,
    TIMELINE_KEY,
    Cursor,
    Limit,
    ProfilePath,
    record_reads,
)
from shared.customers import store
from shared.customers.contract.carts import CartContent, CustomerCart, cart_answer
from shared.customers.contract.interactions import (
    CustomerInteraction,
    StatedInteraction,
    Timeline,
    interaction_answer,
)
from shared.customers.contract.profiles import (
    CustomerProfile,
    CustomerProfiles,
    profile_answer,
    whole_answer,
)
from shared.customers.contract.statements import CustomerStatement, ResolvedCustomer
from shared.customers.model import normalize
from shared.customers.model.golden_record import Cart
from shared.customers.model.person import Interaction, Profile
from shared.errors import InvalidRequest
from shared.instants import milliseconds, must_have_passed
from shared.loyalty.wallets import person_tier
from shared.web.api import caller_of, now_in_milliseconds, request_of, routes
from shared.web.auth import needs
from shared.web.contract import Country
from shared.web.cursor import cursor_of, key_of

READ, WRITE = needs("customers:read"), needs("customers:write")

router = routes()


@router.post(
    "/v1/customers/resolve",
    operation_id="resolveCustomer",
    security=WRITE,
    summary="Find or create the profile of a record",
    description="Takes what a source states about a person and links the record to the matching "
    "profile, or creates one (201). A client states records of its own sources only (scopes "
    "`source:<name>`). `verified` and `consents` count only from trusted sources "
    "(`source:<name>:trusted`); otherwise the answer lists them in `not_counted`.",
    responses={
        200: {
            "description": "The record belongs to an existing profile.",
            "content": {"application/json": {"model": ResolvedCustomer}},
        },
        201: {
            "description": "A new profile was created.",
            "content": {"application/json": {"model": ResolvedCustomer}},
        },
    },
)
def resolve(statement: CustomerStatement) -> Response[ResolvedCustomer]:
    request, sources, now = request_of(router), caller_of(router).sources, now_in_milliseconds()
    record = statement.record(statement.occurred_at, now, sources)
    resolved = store.resolve(record, request.name, now, store.new_id(), request.digest)
    answer = ResolvedCustomer(
        profile_id=resolved.profile_id,
        outcome=resolved.outcome,
        bits=resolved.bits,
        reasons=list(resolved.reasons),
        merged=list(resolved.merged) or None,
        not_counted=statement.not_counted(sources) or None,
    )
    created = resolved.outcome in {"created", "review"}
    return Response(201 if created else 200, content_type=JSON, body=answer)


@router.get(
    "/v1/customers",
    operation_id="findCustomers",
    security=READ,
    summary="Find profiles by email address, phone number or loyalty id",
    description="Give exactly one identifier. A phone number without country code needs "
    "`country`. Finds profiles that have verified the identifier, and profiles that were created "
    "with it; an unverified identifier that was stated later does not open a profile. Each read "
    "is recorded in the audit of the profile.",
)
def find_customers(
    email: Annotated[str | None, Query(description="An email address.")] = None,
    phone: Annotated[
        str | None, Query(description="A phone number, with `+` and country code or `country`.")
    ] = None,
    loyalty_id: Annotated[str | None, Query(description="A loyalty number.")] = None,
    country: Annotated[
        Country | None, Query(description="The country of a phone number without country code.")
    ] = None,
) -> CustomerProfiles:
    parameters = {"email": email, "phone": phone, "loyalty_id": loyalty_id}
    given = {name: value for name, value in parameters.items() if value}
    if len(given) != 1:
        raise InvalidRequest("give exactly one of email, phone and loyalty_id")
    ((name, value),) = given.items()
    try:
        identifier = normalize.identifier(name, _with_plus(name, value), country)
        profiles = store.find_by(name, identifier)
    except ValueError as error:
        raise InvalidRequest(
            "the identifier is not valid", [{"path": f"query.{name}", "message": str(error)}]
        ) from None
    ids = [profile.profile_id for profile in profiles]
    record_reads(ids, f"look-up by {name}", caller_of(router))
    return CustomerProfiles(profiles=[profile_answer(profile) for profile in profiles])


@router.get(
    "/v1/customers/<profile_id>",
    operation_id="getCustomer",
    security=READ,
    summary="Read a profile",
    description="Returns identity, consents, household, cart, the newest interactions and the "
    "newest orders. The id of a merged profile returns the surviving profile. Each read is "
    "recorded in the audit of the profile.",
)
def get_customer(profile_id: ProfilePath) -> CustomerProfile:
    profile = store.profile_overview(profile_id)
    record_reads([profile.profile.profile_id], "profile", caller_of(router))
    tier = person_tier(profile.profile, now_in_milliseconds())
    return whole_answer(profile, tier)


@router.post(
    "/v1/customers/<profile_id>/interactions",
    operation_id="recordInteraction",
    status_code=201,
    security=WRITE,
    summary="Record an interaction of a person",
    description="Adds a view, purchase, visit or contact to the timeline of the person.",
)
def record_interaction(
    profile_id: ProfilePath, stated: StatedInteraction
) -> Response[CustomerInteraction]:
    caller_of(router).must_see(stated.channel)
    request, now = request_of(router), now_in_milliseconds()
    must_have_passed({"$.occurred_at": stated.occurred_at}, now)
    interaction = Interaction(
        interaction_id=request.name,
        channel=stated.channel,
        kind=stated.kind,
        occurred_at=milliseconds(stated.occurred_at),
        data=stated.data,
    )
    recorded = store.record_interaction(profile_id, interaction, request, now)
    return Response(201, content_type=JSON, body=interaction_answer(recorded))


@router.get(
    "/v1/customers/<profile_id>/timeline",
    operation_id="getTimeline",
    security=READ,
    summary="Read the timeline of a person",
    description="Returns the interactions of the person in all channels, newest first. Each read "
    "is recorded in the audit of the profile.",
)
def get_timeline(profile_id: ProfilePath, limit: Limit = 50, cursor: Cursor = None) -> Timeline:
    before = key_of(cursor, TIMELINE_KEY) if cursor else None
    profile, interactions, more = store.timeline(profile_id, limit, before)
    record_reads([profile.profile_id], "timeline", caller_of(router))
    return Timeline(
        profile_id=profile.profile_id,
        interactions=[interaction_answer(interaction) for interaction in interactions],
        next_cursor=cursor_of(more) if more else None,
    )


@router.get(
    "/v1/customers/<profile_id>/cart",
    operation_id="getCart",
    security=READ,
    summary="Read the cart that all channels share",
    description="The header ETag has the version of the cart: send it as If-Match when you replace "
    "the cart. Each read is recorded in the audit of the profile.",
)
def get_cart(profile_id: ProfilePath) -> Response[CustomerCart]:
    profile, cart, version = store.cart(profile_id)
    record_reads([profile.profile_id], "cart", caller_of(router))
    return _cart(profile, cart, version)


@router.put(
    "/v1/customers/<profile_id>/cart",
    operation_id="putCart",
    security=WRITE,
    summary="Replace the cart",
    description="With If-Match the request is refused with 412 when the cart has changed since; "
    "without If-Match the last writer wins.",
)
def put_cart(
    profile_id: ProfilePath,
    content: CartContent,
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The ETag of the cart that you read.")
    ] = None,
) -> Response[CustomerCart]:
    if content.channel is not None:
        caller_of(router).must_see(content.channel)
    lines = {line.sku: line.quantity for line in content.lines}
    version = if_match.strip().removeprefix("W/").strip('"') if if_match else None
    now = now_in_milliseconds()
    return _cart(*store.put_cart(profile_id, lines, content.channel, version, now))


def _cart(profile: Profile, cart: Cart, version: str) -> Response[CustomerCart]:
    return Response(
        200,
        content_type=JSON,
        body=cart_answer(profile.profile_id, cart),
        headers={"ETag": f'"{version}"'},
    )


def _with_plus(name: str, value: str) -> str:
    """A '+' that was not percent-encoded arrives as a blank: put it back before a phone number."""
    return f"+{value.strip()}" if name == "phone" and value.startswith(" ") else value
