"""The routes of the routing policies."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from shared.errors import invalid
from shared.routing import table
from shared.routing.contract import (
    ActiveAnswer,
    DraftAnswer,
    PoliciesAnswer,
    PolicyAnswer,
    PolicyDocument,
)
from shared.routing.model import DEFAULT_POLICY
from shared.routing.table import Draft, Published
from shared.web.api import api, serve, who
from shared.web.auth import needs
from shared.web.cursor import cursor_of, key_of

IfMatch = Annotated[str | None, Header(alias="If-Match")]

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
    active = table.active_version()
    found = table.page(limit, _version(key_of(cursor)) if cursor else None)
    draft = table.draft()
    return PoliciesAnswer(
        active=active,
        draft=_draft(draft) if draft else None,
        policies=[_policy(entry, active) for entry in found.policies],
        next_cursor=cursor_of(str(found.before)) if found.before is not None else None,
    )


@app.put(
    "/v1/routing/policies/draft",
    security=needs("policy:write"),
    summary="Write the draft",
    description="The whole policy: nothing has a default. The ETag is what PUT and publish take "
    "as If-Match; without it the last writer wins.",
)
def put_draft(body: PolicyDocument, if_match: IfMatch = None) -> Response[DraftAnswer]:
    policy = body.policy(DEFAULT_POLICY.version)
    made = table.put_draft(policy, _revision(if_match), datetime.now(UTC), who(app).client_id)
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
    "draft again answers the version that it has become.",
)
def publish_draft(if_match: IfMatch = None) -> PolicyAnswer:
    made = table.publish(_revision(if_match), datetime.now(UTC), who(app).client_id)
    return _policy(made, table.active_version())


@app.post(
    "/v1/routing/policies/<version>/rollback",
    security=needs("policy:write"),
    summary="Put a published version in force again",
)
def roll_back(version: Annotated[int, Path(ge=0)]) -> ActiveAnswer:
    before = table.roll_back(version, datetime.now(UTC), who(app).client_id)
    return ActiveAnswer(active=version, before=before)


def _revision(if_match: str | None) -> int | None:
    """The revision that If-Match names; None for none, and for ``*``."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal():
        raise invalid("header.If-Match", "not an ETag of the draft")
    return int(text)


def _version(key: str) -> int:
    if not key.isdecimal():
        raise invalid("query.cursor", "not a cursor of this list")
    return int(key)


def _policy(found: Published, active: int) -> PolicyAnswer:
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
