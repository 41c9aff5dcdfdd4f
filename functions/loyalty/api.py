"""The routes of the loyalty programme, and of the points and tiers of customers."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from functions.customers.requests import Cursor, Limit, ProfilePath, record_reads
from shared.aws.versions import MAX_VERSION, Draft, Published
from shared.errors import NotFound, invalid
from shared.instants import rfc3339
from shared.loyalty import wallets
from shared.loyalty.contract.programme import (
    ActiveProgrammeAnswer,
    ProgrammeAnswer,
    ProgrammeDocument,
    ProgrammeDraftAnswer,
)
from shared.loyalty.contract.wallets import (
    PointsEntries,
    PointsInput,
    WalletAnswer,
    entry_answer,
    wallet_answer,
)
from shared.loyalty.store.programmes import programmes
from shared.loyalty.wallets import Wallet
from shared.web.api import answered_with, api, caller_of, now_in_milliseconds, request_of, serve
from shared.web.auth import needs
from shared.web.contract import ID
from shared.web.cursor import cursor_of, key_of
from shared.web.preconditions import version_in

READ, WRITE = needs("loyalty:read"), needs("loyalty:write")
ENTRY_KEY = rf"{ID} [0-9]{{1,12}}"
"""The decoded cursor of the ledger: home profile and version of the last row."""
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The ETag of the draft that you read.")
]

app = api()


@app.get(
    "/v1/customers/<profile_id>/wallet",
    operation_id="getWallet",
    security=READ,
    summary="Read the wallet of a customer",
    description="Returns points and tier of the person over all channels. After a merge there is "
    "one balance over all profiles of the person. Each read is recorded in the audit of the "
    "profile.",
)
def get_wallet(profile_id: ProfilePath) -> WalletAnswer:
    now = now_in_milliseconds()
    wallet = wallets.wallet(profile_id, now)
    record_reads([wallet.profile_id], "wallet", caller_of(app))
    return _answer(wallet, now)


@app.get(
    "/v1/customers/<profile_id>/points/entries",
    operation_id="listPointsEntries",
    security=READ,
    summary="Read the ledger of a customer's points",
    description="Returns every change of the points: one account after the other when profiles "
    "were merged, each the newest first. Each read is recorded in the audit of the profile.",
)
def list_entries(
    profile_id: ProfilePath, limit: Limit = 50, cursor: Cursor = None
) -> PointsEntries:
    home, _, version = key_of(cursor, ENTRY_KEY).partition(" ") if cursor else ("", "", "")
    after = (home, int(version)) if home else None
    profile, rows, following = wallets.entries(profile_id, limit, after)
    record_reads([profile.profile_id], "points", caller_of(app))
    return PointsEntries(
        profile_id=profile.profile_id,
        entries=[
            entry_answer(row.home, row.version, row.at, entry)
            for row in rows
            for entry in reversed(row.entries)
        ],
        next_cursor=cursor_of("{} {}".format(*following)) if following else None,
    )


@app.post(
    "/v1/customers/<profile_id>/points",
    operation_id="adjustPoints",
    security=WRITE,
    summary="Give or take points by hand",
    description="Gives points, which expire like points that are earned now, or takes available "
    "ones. 409 `points_short` when fewer are available.",
)
def adjust_points(profile_id: ProfilePath, body: PointsInput) -> WalletAnswer:
    now = now_in_milliseconds()
    request = request_of(app)
    wallet = wallets.adjust(profile_id, body.delta, body.reason, request, now)
    record_reads([wallet.profile_id], "wallet", caller_of(app))
    return _answer(wallet, now)


def _answer(wallet: Wallet, now: datetime) -> WalletAnswer:
    return wallet_answer(
        wallet.profile_id, wallet.programme, wallet.accounts, wallet.standings.values(), now
    )


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
