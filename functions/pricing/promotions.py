"""The routes of the promotions: drafts, published books, canaries and guard-rails."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from shared.errors import NotFound, invalid
from shared.instants import rfc3339
from shared.pricing import tax_service
from shared.pricing.contract.book import (
    ActiveBookAnswer,
    BookAnswer,
    BookDocument,
    BookDraftAnswer,
    PublishedBookAnswer,
)
from shared.pricing.contract.rails import BookCanaryInput, RailsAnswer, RailsDocument
from shared.pricing.store import books
from shared.web.api import answered_with, caller_of, now_in_milliseconds, routes, stored_answer
from shared.web.auth import needs
from shared.web.preconditions import version_in

WRITE = needs("promotions:write")
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The ETag of the answer that you read.")
]

router = routes()


@router.get(
    "/v1/promotions",
    operation_id="getPromotions",
    security=needs("promotions:read"),
    summary="Read the promotions",
    description="Returns the book in force, or an earlier `version` of it. 404 when no book is in "
    "force for all shoppers.",
    responses=answered_with(HTTPStatus.OK, "The book.", PublishedBookAnswer),
)
def get_promotions(
    version: Annotated[
        int | None, Query(ge=1, le=books.MAX_VERSION, description="An earlier version.")
    ] = None,
) -> Response[Any]:
    now = books.activation()
    wanted = now.version if version is None else version
    if wanted == 0:
        raise NotFound("no book is in force: there are no promotions")
    answer: dict[str, Any] = {"version": wanted, "active": wanted == now.version}
    if now.canary:
        answer["canary"] = {
            "version": now.canary.version,
            "percent": now.canary.share / 100,
            "since": rfc3339(now.canary.at),
            "by": now.canary.by,
        }
    answer["book"] = books.document(wanted)
    return stored_answer(HTTPStatus.OK, json.dumps(answer, ensure_ascii=False))


@router.get(
    "/v1/promotions/draft",
    operation_id="getPromotionsDraft",
    security=needs("promotions:read"),
    summary="Read the draft of the promotions",
    description="Returns the draft of the next book, with its revision in the ETag.",
    responses=answered_with(HTTPStatus.OK, "The draft.", BookDraftAnswer),
)
def get_draft() -> Response[Any]:
    draft = books.draft()
    if draft is None:
        raise NotFound("there is no draft")
    return _draft(draft)


@router.put(
    "/v1/promotions/draft",
    operation_id="putPromotionsDraft",
    security=WRITE,
    summary="Replace the draft of the promotions",
    description="Send the whole book: promotions and tax rates. Send the ETag of the answer as "
    "If-Match when you replace or publish the draft; without it the last writer wins. A promotion "
    "that breaks a guard-rail, whatever is sold, is refused (`guard_rail`).",
    responses=answered_with(HTTPStatus.OK, "The new draft.", BookDraftAnswer),
)
def put_draft(body: BookDocument, if_match: IfMatch = None) -> Response[Any]:
    revision, document = version_in(if_match, "draft"), body.stored()
    for country, taxes in body.taxes.items():
        if taxes.by_service and not tax_service.is_set_up():
            raise invalid(f"$.taxes.{country}.by_service", "no tax service is set up")
    books.check_document(document)
    return _draft(
        books.put_draft(document, revision, now_in_milliseconds(), caller_of(router).actor)
    )


@router.post(
    "/v1/promotions/draft/publish",
    operation_id="publishPromotions",
    security=WRITE,
    summary="Publish the draft of the promotions",
    description="The draft becomes the next version of the book and is in force everywhere within "
    "30 s; quotes that were made before keep their price for 15 minutes. Publishing the same draft "
    "again returns the version that it became. Guard-rails may need a complete what-if of the "
    "draft (`what_if_missing`) whose figures keep within them (`guard_rail`).",
)
def publish(if_match: IfMatch = None) -> BookAnswer:
    return _published(if_match, None)


@router.post(
    "/v1/promotions/draft/canary",
    operation_id="startPromotionsCanary",
    security=WRITE,
    summary="Publish the draft of the promotions for a share of the shoppers",
    description="The draft becomes the next version of the book and prices for a share of the "
    "shoppers; quotes name the version. A shopper is taken by profile or by session, and gets the "
    "same book in every channel; carts without either are priced by the book in force. There is "
    "one canary at a time. Guard-rails apply as for publishing.",
)
def start_canary(body: BookCanaryInput, if_match: IfMatch = None) -> BookAnswer:
    return _published(if_match, round(body.percent * 100))


@router.post(
    "/v1/promotions/canary/promote",
    operation_id="promotePromotionsCanary",
    security=WRITE,
    summary="Put the canary of the promotions in force for all shoppers",
    description="The canary's version prices for all shoppers within 30 s, and the canary ends.",
)
def promote_canary() -> ActiveBookAnswer:
    before = books.promote(now_in_milliseconds(), caller_of(router).actor)
    return ActiveBookAnswer(active=books.active_version(), before=before)


@router.post(
    "/v1/promotions/canary/stop",
    operation_id="stopPromotionsCanary",
    security=WRITE,
    summary="End the canary of the promotions",
    description="The book in force prices for all shoppers again, within 30 s; quotes that were "
    "made before keep their price for 15 minutes. `before` is the version of the canary.",
)
def stop_canary() -> ActiveBookAnswer:
    before = books.stop_canary()
    return ActiveBookAnswer(active=books.active_version(), before=before)


@router.post(
    "/v1/promotions/<version>/rollback",
    operation_id="rollBackPromotions",
    security=WRITE,
    summary="Put a published book in force again",
    description="The version is in force everywhere within 30 s, and a canary ends.",
)
def roll_back(
    version: Annotated[
        int,
        Path(ge=0, le=books.MAX_VERSION, description="The version; 0 has no promotions."),
    ],
) -> ActiveBookAnswer:
    before = books.roll_back(version, datetime.now(UTC), caller_of(router).actor)
    return ActiveBookAnswer(active=version, before=before)


@router.get(
    "/v1/promotions/guard-rails",
    operation_id="getPromotionsGuardRails",
    security=needs("promotions:read"),
    summary="Read the guard-rails of the promotions",
    description="Returns the limits that every book keeps, with their version in the ETag.",
    responses=answered_with(HTTPStatus.OK, "The guard-rails.", RailsAnswer),
)
def get_rails() -> Response[Any]:
    return _rails(books.stored_rails())


@router.put(
    "/v1/promotions/guard-rails",
    operation_id="putPromotionsGuardRails",
    security=WRITE,
    summary="Replace the guard-rails of the promotions",
    description="They apply to drafts that are stored or published from then on; the book in force "
    "stays as it is. Send the ETag of the answer as If-Match; without it the last writer wins.",
    responses=answered_with(HTTPStatus.OK, "The new guard-rails.", RailsAnswer),
)
def put_rails(body: RailsDocument, if_match: IfMatch = None) -> Response[Any]:
    version = version_in(if_match, "guard-rails")
    now, by = now_in_milliseconds(), caller_of(router).actor
    return _rails(books.put_rails(body.stored(), version, now, by))


def _published(if_match: str | None, share: int | None) -> BookAnswer:
    revision = version_in(if_match, "draft")
    made = books.publish(revision, now_in_milliseconds(), caller_of(router).actor, share)
    return BookAnswer(
        version=made.version,
        active=made.version == books.active_version(),
        published_at=made.at,
        published_by=made.by,
        promotions=made.promotions,
    )


def _rails(stored: books.StoredRails) -> Response[Any]:
    answer: dict[str, Any] = {"version": stored.version, "guard_rails": stored.document}
    if stored.at:
        answer |= {"changed_at": rfc3339(stored.at), "changed_by": stored.by}
    return Response(
        HTTPStatus.OK,
        content_type="application/json",
        headers={"ETag": f'"{stored.version}"'},
        body=json.dumps(answer, ensure_ascii=False),
    )


def _draft(draft: books.Draft) -> Response[Any]:
    answer = {
        "revision": draft.revision,
        "changed_at": rfc3339(draft.at),
        "changed_by": draft.by,
        "published_as": draft.published_as,
        "book": draft.document,
    }
    present = {name: value for name, value in answer.items() if value is not None}
    return Response(
        HTTPStatus.OK,
        content_type="application/json",
        headers={"ETag": f'"{draft.revision}"'},
        body=json.dumps(present, ensure_ascii=False),
    )
