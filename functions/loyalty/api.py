"""The loyalty Lambda: it answers the routes of the loyalty programme, and those of the wallets of
customers (functions/customers/wallets.py)."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from functions.customers import wallets
from shared.aws.versions import MAX_VERSION, Draft, Published
from shared.errors import NotFound, invalid
from shared.instants import rfc3339
from shared.loyalty.contract.programme import (
    ActiveProgrammeAnswer,
    ProgrammeAnswer,
    ProgrammeDocument,
    ProgrammeDraftAnswer,
)
from shared.loyalty.store.programmes import programmes
from shared.web.api import answered_with, api, caller_of, now_in_milliseconds, serve
from shared.web.auth import needs
from shared.web.preconditions import version_in

READ, WRITE = needs("loyalty:read"), needs("loyalty:write")
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The ETag of the draft that you read.")
]

app = api()
app.include_router(wallets.router)


@app.get(
    "/v1/loyalty/programme",
    operation_id="getLoyaltyProgramme",
    security=READ,
    summary="Read the loyalty programme",
    description="Returns the version in force, or an earlier `version`. 404 when none is in force.",
)
def get_programme(
    version: Annotated[
        int | None, Query(ge=1, le=MAX_VERSION, description="An earlier version.")
    ] = None,
) -> ProgrammeAnswer:
    active = programmes.active_version()
    wanted = active if version is None else version
    if wanted == 0:
        raise NotFound("no loyalty programme is in force")
    return _published(programmes.published(wanted), active)


@app.get(
    "/v1/loyalty/programme/draft",
    operation_id="getLoyaltyProgrammeDraft",
    security=READ,
    summary="Read the draft of the loyalty programme",
    description="Returns the draft of the next version, with its revision in the ETag.",
    responses=answered_with(HTTPStatus.OK, "The draft.", ProgrammeDraftAnswer),
)
def get_draft() -> Response[Any]:
    draft = programmes.draft()
    if draft is None:
        raise NotFound("there is no draft")
    return _draft(draft)


@app.put(
    "/v1/loyalty/programme/draft",
    operation_id="putLoyaltyProgrammeDraft",
    security=WRITE,
    summary="Replace the draft of the loyalty programme",
    description="Send the whole programme. Send the ETag of the answer as If-Match when you "
    "replace or publish the draft; without it the last writer wins.",
    responses=answered_with(HTTPStatus.OK, "The new draft.", ProgrammeDraftAnswer),
)
def put_draft(body: ProgrammeDocument, if_match: IfMatch = None) -> Response[Any]:
    active = programmes.active_version()
    if active and programmes.value(active).currency != body.currency:
        raise invalid("$.currency", "the currency of a programme in force cannot change")
    revision = version_in(if_match, "draft")
    actor = caller_of(app).actor
    return _draft(programmes.put_draft(body.stored(), revision, now_in_milliseconds(), actor))


@app.post(
    "/v1/loyalty/programme/draft/publish",
    operation_id="publishLoyaltyProgramme",
    security=WRITE,
    summary="Publish the draft of the loyalty programme",
    description="The draft becomes the next version and is in force everywhere within 30 s. Points "
    "that are earned already stay; orders of which units were handed over before keep their rate. "
    "Publishing the same draft again returns the version that it became.",
)
def publish(if_match: IfMatch = None) -> ProgrammeAnswer:
    revision, actor = version_in(if_match, "draft"), caller_of(app).actor
    made = programmes.publish(revision, now_in_milliseconds(), actor)
    return _published(made, programmes.active_version())


@app.post(
    "/v1/loyalty/programme/<version>/rollback",
    operation_id="rollBackLoyaltyProgramme",
    security=WRITE,
    summary="Put a published loyalty programme in force again",
    description="The version is in force everywhere within 30 s.",
)
def roll_back(
    version: Annotated[
        int, Path(ge=0, le=MAX_VERSION, description="The version; with 0 nobody earns points.")
    ],
) -> ActiveProgrammeAnswer:
    before = programmes.roll_back(version, datetime.now(UTC), caller_of(app).actor)
    return ActiveProgrammeAnswer(active=version, before=before)


def _published(made: Published, active: int) -> ProgrammeAnswer:
    return ProgrammeAnswer(
        version=made.version,
        active=made.version == active,
        published_at=made.at,
        published_by=made.by,
        programme=ProgrammeDocument.model_validate(dict(made.document)),
    )


def _draft(draft: Draft) -> Response[Any]:
    answer = {
        "revision": draft.revision,
        "changed_at": rfc3339(draft.at),
        "changed_by": draft.by,
        "published_as": draft.published_as,
        "programme": draft.document,
    }
    present = {name: value for name, value in answer.items() if value is not None}
    return Response(
        HTTPStatus.OK,
        content_type="application/json",
        headers={"ETag": f'"{draft.revision}"'},
        body=json.dumps(present, ensure_ascii=False),
    )


handler = serve(app)
