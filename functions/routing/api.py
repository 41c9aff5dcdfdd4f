"""The routes of the routing policies."""

from datetime import UTC, datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from shared.errors import invalid
from shared.routing.contract import (
    ActiveAnswer,
    CanaryAnswer,
    CanaryInput,
    DraftAnswer,
    PoliciesAnswer,
    PolicyAnswer,
    PolicyDocument,
)
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.store import policies
from shared.routing.store.policies import Canary, Draft, PublishedPolicy
from shared.web.api import api, serve, who
from shared.web.auth import needs
from shared.web.cursor import cursor_of, key_of

IfMatch = Annotated[str | None, Header(alias="If-Match")]
MOST_VERSION = 10**8 - 1
"""Its key has 8 digits."""

app = api()


@app.get(
    "/v1/routing/policies",
    security=needs("policy:read"),
    summary="The routing policies",
    description="The published versions, the newest first; which of them is in force, and the "
    "draft. The policy in force is read again every 30 s.",
)
def list_policies(
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
    cursor: Annotated[str | None, Query()] = None,
) -> PoliciesAnswer:
    now = policies.activation()
    active = now.version
    found = policies.page(limit, int(key_of(cursor, "[0-9]{1,8}")) if cursor else None)
    draft = policies.draft()
    return PoliciesAnswer(
        active=active,
        canary=_canary(now.canary) if now.canary else None,
        draft=_draft(draft) if draft else None,
        policies=[_policy(entry, active) for entry in found.policies],
        next_cursor=cursor_of(str(found.before)) if found.before is not None else None,
    )


@app.get(
    "/v1/routing/policies/schema",
    security=needs("policy:read"),
    summary="The JSON Schema of a policy",
    description="Draft 2020-12: what a draft has to fit, every key with its unit.",
)
def get_schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PolicyDocument.model_json_schema(),
    }


@app.put(
    "/v1/routing/policies/draft",
    security=needs("policy:write"),
    summary="Write the draft",
    description="The whole policy: nothing has a default. The ETag is what PUT and publish take "
    "as If-Match; without it the last writer wins.",
)
def put_draft(body: PolicyDocument, if_match: IfMatch = None) -> Response[DraftAnswer]:
    policy = body.policy(DEFAULT_POLICY.version)
    made = policies.put_draft(policy, _revision(if_match), datetime.now(UTC), who(app).actor)
    return Response(
        status_code=200,
        content_type="application/json",
        body=_draft(made),
        headers={"ETag": f'"{made.revision}"'},
    )


@app.post(
    "/v1/routing/policies/draft/publish",
    security=needs("policy:write"),
    summary="Put the draft in force",
    description="It becomes the next version, in force everywhere within 30 s. Publishing the same "
    "draft again answers the version that it has become. With guard-rails it needs a what-if, and "
    "is refused (`what_if_missing`, `guard_rail`) with the figures that break them.",
)
def publish_draft(if_match: IfMatch = None) -> PolicyAnswer:
    made = policies.publish(_revision(if_match), datetime.now(UTC), who(app).actor)
    return _policy(made, policies.active_version())


@app.post(
    "/v1/routing/policies/draft/canary",
    security=needs("policy:write"),
    summary="Try the draft on a share of the orders",
    description="It becomes the next version, and routes the orders whose ids fall into the share; "
    "their decisions name it. One canary at a time; guard-rails hold as for publishing.",
)
def start_canary(body: CanaryInput, if_match: IfMatch = None) -> PolicyAnswer:
    share = round(body.percent * 100)
    made = policies.publish(_revision(if_match), datetime.now(UTC), who(app).actor, share)
    return _policy(made, policies.active_version())


@app.post(
    "/v1/routing/policies/canary/promote",
    security=needs("policy:write"),
    summary="Put the canary in force for all orders",
)
def promote_canary() -> ActiveAnswer:
    before = policies.promote(datetime.now(UTC), who(app).actor)
    return ActiveAnswer(active=policies.active_version(), before=before)


@app.post(
    "/v1/routing/policies/canary/stop",
    security=needs("policy:write"),
    summary="Take the canary back",
    description="All orders are routed by the policy in force again; `before` is what was tried.",
)
def stop_canary() -> ActiveAnswer:
    before = policies.stop_canary()
    return ActiveAnswer(active=policies.active_version(), before=before)


@app.post(
    "/v1/routing/policies/<version>/rollback",
    security=needs("policy:write"),
    summary="Put a published version in force again",
    description="For all orders, at once: a canary ends.",
)
def roll_back(version: Annotated[int, Path(ge=0, le=MOST_VERSION)]) -> ActiveAnswer:
    before = policies.roll_back(version, datetime.now(UTC), who(app).actor)
    return ActiveAnswer(active=version, before=before)


def _revision(if_match: str | None) -> int | None:
    """The revision that If-Match names; None for none, and for ``*``."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) <= 8):
        raise invalid("header.If-Match", "not an ETag of the draft")
    return int(text)


def _canary(found: Canary) -> CanaryAnswer:
    return CanaryAnswer(
        version=found.version, percent=found.share / 100, since=found.at, by=found.by
    )


def _policy(found: PublishedPolicy, active: int) -> PolicyAnswer:
    return PolicyAnswer(
        version=found.policy.version,
        active=found.policy.version == active,
        published_at=found.at,
        published_by=found.by,
        policy=PolicyDocument.of(found.policy),
    )


def _draft(found: Draft) -> DraftAnswer:
    return DraftAnswer(
        revision=found.revision,
        changed_at=found.at,
        changed_by=found.by,
        published_as=found.published_as,
        policy=PolicyDocument.of(found.policy),
    )


handler = serve(app)
