"""The routes of the routing policies."""

from datetime import UTC, datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from shared.routing.contract import (
    ActiveAnswer,
    CanaryAnswer,
    CanaryInput,
    DraftAnswer,
    PoliciesAnswer,
    PolicyAnswer,
    PolicyDocument,
)
from shared.routing.model.drafts import Draft
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.store import policies
from shared.routing.store.policies import Canary, PublishedPolicy
from shared.web.api import api, caller_of, serve
from shared.web.auth import needs
from shared.web.cursor import cursor_of, key_of
from shared.web.preconditions import version_in

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The ETag of the draft that you read.")
]
MOST_VERSION = 10**8 - 1
"""The key of a version has 8 digits."""

app = api()


@app.get(
    "/v1/routing/policies",
    operation_id="listPolicies",
    security=needs("policy:read"),
    summary="List the routing policies",
    description="Returns the published versions, newest first, the version in force, the canary "
    "and the draft. The order router reads the policy in force every 30 s.",
)
def list_policies(
    limit: Annotated[int, Query(ge=1, le=50, description="Number of versions on a page.")] = 10,
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the previous page; leave it out for the first page."),
    ] = None,
) -> PoliciesAnswer:
    activation = policies.activation()
    active = activation.version
    page = policies.page(limit, int(key_of(cursor, "[0-9]{1,8}")) if cursor else None)
    draft = policies.draft()
    return PoliciesAnswer(
        active=active,
        canary=_canary(activation.canary) if activation.canary else None,
        draft=_draft(draft) if draft else None,
        policies=[_policy(entry, active) for entry in page.policies],
        next_cursor=cursor_of(str(page.before)) if page.before is not None else None,
    )


@app.get(
    "/v1/routing/policies/schema",
    operation_id="getPolicySchema",
    security=needs("policy:read"),
    summary="Read the JSON Schema of a policy",
    description="JSON Schema Draft 2020-12 of a draft, with the unit of every key.",
)
def get_schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PolicyDocument.model_json_schema(),
    }


@app.put(
    "/v1/routing/policies/draft",
    operation_id="putDraft",
    security=needs("policy:write"),
    summary="Replace the draft policy",
    description="Send the whole policy: weights have no defaults. Send the ETag of the answer as "
    "If-Match when you replace or publish the draft; without it the last writer wins.",
)
def put_draft(body: PolicyDocument, if_match: IfMatch = None) -> Response[DraftAnswer]:
    policy = body.policy(DEFAULT_POLICY.version)
    draft = policies.put_draft(
        policy, version_in(if_match, "draft"), datetime.now(UTC), caller_of(app).actor
    )
    return Response(
        status_code=200,
        content_type="application/json",
        body=_draft(draft),
        headers={"ETag": f'"{draft.revision}"'},
    )


@app.post(
    "/v1/routing/policies/draft/publish",
    operation_id="publishDraft",
    security=needs("policy:write"),
    summary="Publish the draft policy",
    description="The draft becomes the next version and is in force everywhere within 30 s. "
    "Publishing the same draft again returns the version that it became. A draft with guard-rails "
    "needs a complete what-if (`what_if_missing`) whose figures keep within them (`guard_rail`).",
)
def publish_draft(if_match: IfMatch = None) -> PolicyAnswer:
    policy = policies.publish(
        version_in(if_match, "draft"), datetime.now(UTC), caller_of(app).actor
    )
    return _policy(policy, policies.active_version())


@app.post(
    "/v1/routing/policies/draft/canary",
    operation_id="startCanary",
    security=needs("policy:write"),
    summary="Publish the draft for a share of the orders",
    description="The draft becomes the next version and routes a share of the orders, chosen by "
    "order id; their decisions name the version. There is one canary at a time. Guard-rails apply "
    "as for publishing.",
)
def start_canary(body: CanaryInput, if_match: IfMatch = None) -> PolicyAnswer:
    share = round(body.percent * 100)
    policy = policies.publish(
        version_in(if_match, "draft"), datetime.now(UTC), caller_of(app).actor, share
    )
    return _policy(policy, policies.active_version())


@app.post(
    "/v1/routing/policies/canary/promote",
    operation_id="promoteCanary",
    security=needs("policy:write"),
    summary="Put the canary in force for all orders",
    description="The canary's version routes all orders within 30 s, and the canary ends.",
)
def promote_canary() -> ActiveAnswer:
    before = policies.promote(datetime.now(UTC), caller_of(app).actor)
    return ActiveAnswer(active=policies.active_version(), before=before)


@app.post(
    "/v1/routing/policies/canary/stop",
    operation_id="stopCanary",
    security=needs("policy:write"),
    summary="End the canary",
    description="The policy in force routes all orders again. `before` is the version of the "
    "canary.",
)
def stop_canary() -> ActiveAnswer:
    before = policies.stop_canary()
    return ActiveAnswer(active=policies.active_version(), before=before)


@app.post(
    "/v1/routing/policies/<version>/rollback",
    operation_id="rollBackPolicy",
    security=needs("policy:write"),
    summary="Put a published version in force again",
    description="The version routes all orders within 30 s, and a canary ends.",
)
def roll_back(
    version: Annotated[
        int, Path(ge=0, le=MOST_VERSION, description="The version of the policy; 0 is built in.")
    ],
) -> ActiveAnswer:
    before = policies.roll_back(version, datetime.now(UTC), caller_of(app).actor)
    return ActiveAnswer(active=version, before=before)


def _canary(canary: Canary) -> CanaryAnswer:
    return CanaryAnswer(
        version=canary.version, percent=canary.share / 100, since=canary.at, by=canary.by
    )


def _policy(published: PublishedPolicy, active: int) -> PolicyAnswer:
    return PolicyAnswer(
        version=published.policy.version,
        active=published.policy.version == active,
        published_at=published.at,
        published_by=published.by,
        policy=PolicyDocument.of(published.policy),
    )


def _draft(draft: Draft) -> DraftAnswer:
    return DraftAnswer(
        revision=draft.revision,
        changed_at=draft.at,
        changed_by=draft.by,
        published_as=draft.published_as,
        policy=PolicyDocument.of(draft.policy),
    )


handler = serve(app)
