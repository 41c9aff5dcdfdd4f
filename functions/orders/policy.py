"""The routes of the order policy."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Query

from shared.errors import invalid
from shared.locations.store import find as find_location
from shared.orders.contract.policy import OrderPolicyAnswer, OrderPolicyInput, policy_answer
from shared.orders.model.policy import OrderPolicy
from shared.orders.store import policy as policies
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs
from shared.web.preconditions import version_in

router = routes()


@router.get(
    "/v1/order-policy",
    operation_id="getOrderPolicy",
    security=needs("policy:read"),
    summary="Read the order policy",
    description="How long each state of an order may last, by location and service level, and what "
    "may be returned: the policy in force, or an earlier `version`. A change is in force "
    "everywhere within 30 s.",
)
def get_policy(
    version: Annotated[
        int | None, Query(ge=0, le=10**8, description="An earlier version of the policy.")
    ] = None,
) -> Response[OrderPolicyAnswer]:
    return _answer(policies.published(version))


@router.put(
    "/v1/order-policy",
    operation_id="putOrderPolicy",
    security=needs("policy:write"),
    summary="Replace the order policy",
    description="Send the whole policy. Of the rules that match, the last one that gives a time "
    "decides it. Send the ETag of the policy that you read as If-Match; without it the last writer "
    "wins. Deadlines that are set already stay.",
)
def put_policy(
    body: OrderPolicyInput,
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The ETag of the policy that you read.")
    ] = None,
) -> Response[OrderPolicyAnswer]:
    caller = caller_of(router)
    for index, rule in enumerate(body.returns.restock):
        if rule.to_location_id is not None and find_location(rule.to_location_id) is None:
            path = f"$.returns.restock[{index}].to_location_id"
            raise invalid(path, "this location does not exist")
    return _answer(
        policies.put_policy(
            body.policy(), version_in(if_match, "order policy"), now_in_milliseconds(), caller.actor
        )
    )


def _answer(policy: OrderPolicy) -> Response[OrderPolicyAnswer]:
    return Response(
        status_code=200,
        content_type="application/json",
        body=policy_answer(policy),
        headers={"ETag": f'"{policy.version}"'},
    )
