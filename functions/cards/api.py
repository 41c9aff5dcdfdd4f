"""The routes of gift cards and store credit."""

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from functions.cards.failures import measure
from shared.cards import changing, issuing, store
from shared.cards.contract.cards import (
    AdjustCard,
    BlockCard,
    CardAnswer,
    CardEntriesAnswer,
    CardEntryAnswer,
    CardId,
    IssueCard,
    IssuedCardAnswer,
    LoadCard,
    LookUpCard,
    NoDetails,
    ReplaceCard,
    ReplacedCardAnswer,
    TransferCard,
    UsableCardAnswer,
)
from shared.cards.looking_up import usable
from shared.cards.model import card as model
from shared.cards.model.card import Card, Cause, EntryKind
from shared.cards.store import entries, hashing, tries
from shared.errors import CardNotUsable
from shared.web.api import (
    answered_with,
    api,
    caller_of,
    now_in_milliseconds,
    request_of,
    serve,
    stored_answer,
)
from shared.web.auth import needs
from shared.web.cursor import cursor_of, key_of
from shared.web.idempotency import Request

CardPath = Annotated[CardId, Path(description="The id of the card.")]
READS, WRITES = "cards:read", "cards:write"

app = api()


@app.post(
    "/v1/cards",
    operation_id="issueCard",
    status_code=201,
    security=needs(WRITES),
    summary="Issue a gift card or store credit",
    description="The answer shows the code; nothing else ever does. The code is not stored.",
    responses=answered_with(HTTPStatus.CREATED, "The new card.", IssuedCardAnswer),
)
def issue_card(body: IssueCard) -> Response[Any]:
    request, now = request_of(app), now_in_milliseconds()
    code = hashing.new_code(request.name, request.digest)
    card = issuing.new_card(
        code,
        body.kind,
        body.amount.currency,
        body.amount.amount,
        now,
        state=body.state,
        expires_at=body.expires_at(),
        pin=body.pin,
    )
    card_id = issuing.issue(card, _cause(request, "cards.issue"), request, now)
    return _shown(HTTPStatus.CREATED, {"card_id": card_id, "code": code})


@app.post(
    "/v1/cards/lookup",
    operation_id="lookUpCard",
    security=needs(READS),
    summary="Look up a card by its code",
    description="Returns what can be spent. Whatever is wrong with the card or its PIN, the "
    "problem is `card_not_usable`; callers with the scope `cards:write` also get the `reason`. "
    "Failures are limited by `subject` and by client; 10 wrong PINs in a row block the card. A "
    "code with a wrong check character is refused at once and counts for nobody.",
)
def look_up_card(body: LookUpCard) -> UsableCardAnswer:
    caller = caller_of(app)
    try:
        card = usable(
            body.code, body.pin, body.subject, caller.client_id, None, now_in_milliseconds()
        ).card
    except CardNotUsable as refusal:
        measure(refusal)
        raise (refusal.with_reason() if WRITES in caller.scopes else refusal) from None
    return UsableCardAnswer(
        card_id=card.card_id,
        kind=card.kind,
        currency=card.currency,
        balance=card.balance,
        available=card.available,
        suffix=card.suffix,
        expires_at=card.expires_at,
    )


@app.get(
    "/v1/cards/<card_id>",
    operation_id="getCard",
    security=needs(WRITES),
    summary="Read a card",
    description="Returns the card by its id. For staff: the look-up, which takes the code and the "
    "PIN, shows shoppers their balance.",
)
def get_card(card_id: CardPath) -> CardAnswer:
    return CardAnswer.of(store.find(card_id), now_in_milliseconds())


@app.get(
    "/v1/cards/<card_id>/entries",
    operation_id="listCardEntries",
    security=needs(WRITES),
    summary="List the changes of a card",
    description="Returns the ledger, newest first: every change with the balance that resulted. An "
    "entry appears here some seconds after the change and is kept for ever.",
)
def list_entries(
    card_id: CardPath,
    limit: Annotated[int, Query(ge=1, le=100, description="Number of entries on a page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the previous page; leave it out for the first page."),
    ] = None,
) -> CardEntriesAnswer:
    before = int(key_of(cursor, "[0-9]{1,9}")) if cursor is not None else None
    store.find(card_id)
    found, next_before = entries.page(card_id, limit, before)
    return CardEntriesAnswer(
        card_id=card_id,
        entries=[CardEntryAnswer.of(entry) for entry in found],
        next_cursor=cursor_of(str(next_before)) if next_before is not None else None,
    )


@app.post(
    "/v1/cards/<card_id>/load",
    operation_id="loadCard",
    security=needs(WRITES),
    summary="Put money on a card",
    description="Amounts are not converted: the currency is that of the card. A blocked, replaced "
    "or expired card takes none.",
    responses=answered_with(HTTPStatus.OK, "The card.", CardAnswer),
)
def load_card(card_id: CardPath, body: LoadCard) -> Response[Any]:
    now = now_in_milliseconds()
    money = body.amount

    def loaded(card: Card) -> Card:
        return model.load(card, money.amount, money.currency, now)

    return _change(card_id, loaded, "loaded", "cards.load", now)


@app.post(
    "/v1/cards/<card_id>/activate",
    operation_id="activateCard",
    security=needs(WRITES),
    summary="Activate an inactive card",
    description="The card pays from now on.",
    responses=answered_with(HTTPStatus.OK, "The card.", CardAnswer),
)
def activate_card(card_id: CardPath, body: NoDetails | None = None) -> Response[Any]:
    now = now_in_milliseconds()

    def activated(card: Card) -> Card:
        return model.activate(card, now)

    return _change(card_id, activated, "activated", "cards.activate", now)


@app.post(
    "/v1/cards/<card_id>/block",
    operation_id="blockCard",
    security=needs(WRITES),
    summary="Block a card",
    description="The card pays nothing until it is unblocked. What is held for an order that is "
    "being paid stays held.",
    responses=answered_with(HTTPStatus.OK, "The card.", CardAnswer),
)
def block_card(card_id: CardPath, body: BlockCard) -> Response[Any]:
    now = now_in_milliseconds()

    def blocked(card: Card) -> Card:
        return model.block(card, body.reason, now)

    return _change(card_id, blocked, "blocked", "cards.block", now, body.reason)


@app.post(
    "/v1/cards/<card_id>/unblock",
    operation_id="unblockCard",
    security=needs(WRITES),
    summary="Unblock a card",
    description="The card is again what it was before the block, and its wrong PINs are forgotten. "
    "A sold card that came back stays blocked.",
    responses=answered_with(HTTPStatus.OK, "The card.", CardAnswer),
)
def unblock_card(card_id: CardPath, body: NoDetails | None = None) -> Response[Any]:
    now = now_in_milliseconds()

    def unblocked(card: Card) -> Card:
        return model.unblock(card, now)

    answer = _change(card_id, unblocked, "unblocked", "cards.unblock", now)
    tries.forget_pins(card_id)
    return answer


@app.post(
    "/v1/cards/<card_id>/replace",
    operation_id="replaceCard",
    status_code=201,
    security=needs(WRITES),
    summary="Replace a card by a new one",
    description="Ends the card and moves its balance to a new code, in one write. The answer shows "
    "the code; nothing else ever does. Refused while an order that is being paid holds a part of "
    "the balance.",
    responses=answered_with(HTTPStatus.CREATED, "Both cards.", ReplacedCardAnswer),
)
def replace_card(card_id: CardPath, body: ReplaceCard) -> Response[Any]:
    request, now = request_of(app), now_in_milliseconds()
    code = hashing.new_code(request.name, request.digest)
    new = issuing.new_card(
        code, "gift_card", "", 0, now, expires_at=body.expires_at(), pin=body.pin
    )
    cause = _cause(request, "cards.replace")
    replaced, new_id = issuing.replace_card(card_id, new, cause, request, now)
    return _shown(HTTPStatus.CREATED, {"replaced": replaced, "card_id": new_id, "code": code})


@app.post(
    "/v1/cards/<card_id>/adjust",
    operation_id="adjustCard",
    security=needs(WRITES),
    summary="Correct the balance of a card",
    description="Adds or takes an amount. Never below what is held for orders that are being paid.",
    responses=answered_with(HTTPStatus.OK, "The card.", CardAnswer),
)
def adjust_card(card_id: CardPath, body: AdjustCard) -> Response[Any]:
    now = now_in_milliseconds()

    def adjusted(card: Card) -> Card:
        return model.adjust(card, body.delta.amount, body.delta.currency)

    return _change(card_id, adjusted, "adjusted", "cards.adjust", now, body.reason)


@app.post(
    "/v1/cards/<card_id>/transfer",
    operation_id="transferCard",
    security=needs(WRITES),
    summary="Move money to another card",
    description="Both cards change in one write. Both are active and have the same currency.",
    responses=answered_with(HTTPStatus.OK, "The card that gave.", CardAnswer),
)
def transfer_card(card_id: CardPath, body: TransferCard) -> Response[Any]:
    request, now = request_of(app), now_in_milliseconds()
    text = changing.transfer(
        card_id,
        body.to_card_id,
        body.amount.amount,
        body.amount.currency,
        _cause(request, "cards.transfer"),
        request,
        _answer(now),
        now,
    )
    return stored_answer(HTTPStatus.OK, text)


def _change(
    card_id: str,
    decide: Callable[[Card], Card],
    kind: EntryKind,
    type_: str,
    now: datetime,
    reason: str | None = None,
) -> Response[Any]:
    request = request_of(app)
    cause = _cause(request, type_)
    text = changing.change(card_id, decide, kind, cause, request, _answer(now), now, reason)
    return stored_answer(HTTPStatus.OK, text)


def _answer(now: datetime) -> Callable[[Card], str]:
    return lambda card: CardAnswer.of(card, now).model_dump_json()


def _cause(request: Request, type_: str) -> Cause:
    """The cause of a change by a request. Its id is a hash: the code of a new card follows from the
    request's name, which is stored nowhere."""
    return Cause(hashing.request_hash_of(request.name), type_, actor=caller_of(app).actor)


def _shown(status: HTTPStatus, answer: dict[str, str]) -> Response[Any]:
    return stored_answer(status, json.dumps(answer, separators=(",", ":")))


handler = serve(app)
