"""The problems that each operation of the API document can answer, with their codes.

Most follow from what an operation has: a body, parameters, an id in its path, an Idempotency-Key,
an If-Match header. ``EXPLICIT`` has the codes that only some operations answer. A test sends many
requests to all routes and checks that every answered code is documented.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from shared.errors import Refusal

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
SCHEMAS = "#/components/schemas/"
INTERNAL_ERROR = "internal_error"

CODES: Mapping[str, str] = {
    "malformed_request": "the body is not JSON",
    "idempotency_key_missing": "the header Idempotency-Key is missing",
    "idempotency_key_reused": "the Idempotency-Key or id was used for a different request",
    "invalid_request": "the request does not fit its schema; `errors` has the JSON paths",
    "from_the_future": "an instant is in the future; `now` is the time of the server",
    "unsigned": "the message is not signed by the provider that it names",
    "forbidden": "the token does not reach this channel, location, source or scope",
    "not_found": "the resource does not exist",
    "gone": "the person was erased",
    "conflict": "the stored state does not allow the request; `detail` says why",
    "out_of_stock": "there is not enough stock; `short` has the lines, `alternatives` the options",
    "no_service": "there is stock, but this service level does not deliver from its locations",
    "too_late": "there is stock, but it cannot be handed over or arrive in time",
    "no_capacity": "there is stock, but its locations have no capacity to pick it in time",
    "too_many_parcels": "there is stock, but in more places than one order may have parcels",
    "too_dear": "there is stock, but sending it costs more than the routing policy allows",
    "order_paused": "nobody works on the order before its pauses end; `pauses` has their owners",
    "invalid_transition": "the state does not allow this action; `allowed` has the possible ones",
    "hold_closed": "the hold has expired, was released, or has become an order",
    "carrier_refused": "the carrier refuses, in its own words; or no service carries the parcel",
    "promise_changed": "the option is no longer available; `option` is what is available now",
    "quote_expired": "the quote of the price has expired; ask for a new one",
    "tax_unavailable": "the tax service does not answer; trying again is safe",
    "price_hold_closed": "the price hold has expired, was released, or an order has claimed it; "
    "`state` says which",
    "promotion_exhausted": "a promotion of the quote has reached a limit; `limit` says which",
    "code_exhausted": "the promotion of a code has reached a limit; `limit` says which",
    "needs_contact": "a promotion with a limit for each person needs the customer",
    "card_short": "there is less on the card than the amount; `available` is what can be spent",
    "card_not_usable": "the card cannot be used, whatever the reason",
    "card_spent": "a part of the sold card was spent; only an unused card can be taken back",
    "points_short": "fewer points are available than are to be taken; `available` has the number",
    "what_if_missing": "the guard-rails of the draft need a complete what-if first",
    "guard_rail": "the draft breaks guard-rails; `breaches` has each with its figures",
    "version_mismatch": "the resource has changed since it was read; `version` is the current one",
    "too_many_tries": "too many failed attempts; try again after Retry-After seconds",
    "busy": "too many requests at once; try again after Retry-After seconds",
    "carrier_unavailable": "the carrier's service does not answer; try again, nothing is bought "
    "twice",
    INTERNAL_ERROR: "the server has failed; trying again is safe",
}

NO_SERVICE = ("no_service", "too_late", "no_capacity", "too_many_parcels", "too_dear")
FULFILLMENT = ("forbidden", "conflict", "order_paused", "invalid_transition")
EXPLICIT: Mapping[str, tuple[str, ...]] = {
    "getAvailability": ("forbidden",),
    "promiseCart": ("forbidden",),
    "holdPromise": ("forbidden", "promise_changed", "out_of_stock", *NO_SERVICE),
    "quoteOrder": ("forbidden", "conflict", "hold_closed", "not_found"),
    "runWhatIf": ("forbidden", "not_found"),
    "startWhatIf": ("forbidden", "not_found"),
    "getWhatIf": ("forbidden",),
    "listWhatIfDifferences": ("forbidden", "conflict"),
    "placeOrder": (
        "forbidden",
        "not_found",
        "gone",
        "conflict",
        "hold_closed",
        "from_the_future",
        "quote_expired",
        "promotion_exhausted",
        "code_exhausted",
        "needs_contact",
        "price_hold_closed",
        "card_short",
        "card_not_usable",
        "points_short",
        "too_many_tries",
        "out_of_stock",
        *NO_SERVICE,
    ),
    "makeCodes": ("not_found", "conflict"),
    "holdPrices": (
        "forbidden",
        "gone",
        "conflict",
        "quote_expired",
        "promotion_exhausted",
        "code_exhausted",
        "needs_contact",
        "card_short",
        "card_not_usable",
        "points_short",
        "too_many_tries",
    ),
    "releasePrices": ("price_hold_closed",),
    "listOrders": ("forbidden", "gone"),
    "getOrder": ("forbidden",),
    "getOrderDecision": ("forbidden", "gone"),
    "getOrderHistory": ("forbidden",),
    "cancelOrder": ("forbidden", "conflict", "invalid_transition"),
    "pauseOrder": ("forbidden", "invalid_transition"),
    "releasePause": ("forbidden", "invalid_transition"),
    "payOrder": ("forbidden", "conflict", "invalid_transition"),
    "recordPayment": (
        "forbidden",
        "conflict",
        "invalid_transition",
        "card_short",
        "card_not_usable",
        "too_many_tries",
    ),
    "openReturn": ("forbidden", "conflict"),
    "assignFulfillment": FULFILLMENT,
    "substituteUnits": (*FULFILLMENT, "out_of_stock", *NO_SERVICE),
    "answerSubstitution": ("forbidden", "conflict"),
    "renewCode": ("forbidden", "conflict", "invalid_transition"),
    "recordArrival": FULFILLMENT,
    "runBatch": (),
    "startWave": ("forbidden", "not_found", "conflict"),
    "getPunctuality": ("forbidden",),
    "listKpis": ("forbidden",),
    "listLostDemand": ("forbidden",),
    "getForecast": ("forbidden", "not_found"),
    "getReplenishment": ("forbidden", "not_found"),
    "getWave": ("forbidden", "conflict"),
    "pickWave": ("forbidden", "conflict"),
    "getWavePickList": ("forbidden", "conflict"),
    "recordNote": ("forbidden", "conflict"),
    "getReturn": ("forbidden",),
    "recordReturnScan": ("forbidden", "conflict", "invalid_transition"),
    "receiveReturn": ("forbidden", "conflict", "invalid_transition"),
    "judgeReturn": ("forbidden", "conflict", "invalid_transition"),
    "recordRefurbished": ("forbidden", "conflict", "invalid_transition"),
    "listReturnCandidates": ("forbidden", "gone"),
    "cancelReturn": ("forbidden", "conflict", "invalid_transition"),
    "changeOrder": (
        "forbidden",
        "conflict",
        "invalid_transition",
        "out_of_stock",
        "version_mismatch",
        *NO_SERVICE,
    ),
    "quoteOrderChange": (
        "forbidden",
        "conflict",
        "invalid_transition",
        "out_of_stock",
        "version_mismatch",
        *NO_SERVICE,
    ),
    "eraseOrder": ("forbidden", "conflict"),
    "returnOrder": ("forbidden", "conflict", "invalid_transition"),
    "listFulfillments": ("forbidden",),
    "acceptFulfillment": FULFILLMENT,
    "rejectFulfillment": FULFILLMENT,
    "pickFulfillment": FULFILLMENT,
    "packFulfillment": FULFILLMENT,
    "readyFulfillment": FULFILLMENT,
    "shipFulfillment": FULFILLMENT,
    "collectFulfillment": FULFILLMENT,
    "cancelFulfillment": ("forbidden", "conflict", "invalid_transition"),
    "receiveParcel": FULFILLMENT,
    "buyLabel": (*FULFILLMENT, "carrier_refused", "carrier_unavailable"),
    "buyReturnLabel": (*FULFILLMENT, "gone", "carrier_refused", "carrier_unavailable"),
    "getReturnLabel": ("forbidden", "gone"),
    "requestTracking": ("forbidden", "conflict", "carrier_refused", "carrier_unavailable"),
    "getLabel": ("forbidden", "conflict", "gone"),
    "getPackingSlip": ("forbidden", "conflict"),
    "getPickList": ("forbidden", "not_found"),
    "receiveProviderEvents": ("unsigned", "malformed_request", "busy"),
    "recordParcelEvents": ("forbidden", "from_the_future"),
    "resolveClaim": FULFILLMENT,
    "requestTransfer": ("forbidden", "out_of_stock"),
    "shipTransfer": ("forbidden", "conflict", "order_paused", "invalid_transition"),
    "receiveTransfer": ("forbidden", "invalid_transition"),
    "cancelTransfer": ("forbidden", "invalid_transition"),
    "getStockRules": ("not_found",),
    "listBins": ("forbidden",),
    "putBins": ("forbidden",),
    "openHold": ("forbidden", "out_of_stock"),
    "extendHold": ("forbidden", "hold_closed"),
    "bindHold": ("forbidden", "hold_closed", "conflict"),
    "releaseHold": ("forbidden", "hold_closed"),
    "publishDraft": ("not_found", "conflict", "what_if_missing", "guard_rail"),
    "startCanary": ("not_found", "conflict", "what_if_missing", "guard_rail"),
    "promoteCanary": ("not_found", "conflict"),
    "stopCanary": ("not_found", "conflict"),
    "rollBackPolicy": ("conflict",),
    "listPrices": ("forbidden",),
    "quotePrices": ("forbidden", "gone", "points_short", "tax_unavailable"),
    "putPromotionsDraft": ("guard_rail",),
    "publishPromotions": ("not_found", "conflict", "what_if_missing", "guard_rail"),
    "startPromotionsCanary": ("not_found", "conflict", "what_if_missing", "guard_rail"),
    "promotePromotionsCanary": ("not_found",),
    "stopPromotionsCanary": ("not_found",),
    "runPromotionsWhatIf": ("forbidden", "not_found"),
    "getPromotions": ("not_found",),
    "getPromotionsDraft": ("not_found",),
    "lookUpCard": ("card_not_usable", "too_many_tries"),
    "loadCard": ("invalid_transition",),
    "activateCard": ("invalid_transition",),
    "blockCard": ("invalid_transition",),
    "unblockCard": ("invalid_transition",),
    "replaceCard": ("conflict", "invalid_transition"),
    "adjustCard": ("invalid_transition", "card_short"),
    "transferCard": ("invalid_transition", "card_short"),
    "getWallet": ("gone",),
    "listPointsEntries": ("gone",),
    "changePoints": ("gone", "points_short"),
    "getLoyaltyProgramme": ("not_found",),
    "getLoyaltyProgrammeDraft": ("not_found",),
    "publishLoyaltyProgramme": ("not_found",),
    "getRecommendations": ("forbidden", "gone"),
    "recordRecommendationFeedback": ("forbidden", "gone"),
    "resolveCustomer": ("forbidden", "gone", "conflict", "from_the_future"),
    "judgeReview": ("conflict", "gone"),
    "getCustomer": ("gone",),
    "exportCustomer": ("gone",),
    "eraseCustomer": ("gone",),
    "getCustomerJob": ("forbidden", "gone"),
    "mergeCustomers": ("conflict", "gone"),
    "previewMerge": ("conflict", "gone"),
    "unmergeCustomer": ("conflict", "gone"),
    "recordInteraction": ("forbidden", "gone", "from_the_future"),
    "getTimeline": ("gone",),
    "getCart": ("gone",),
    "putCart": ("forbidden", "gone"),
    "subscribeWebhook": ("forbidden", "conflict"),
}
CREATES = frozenset({"putLocation", "putProduct", "putPostalCodes"})
LISTS = frozenset({"listPositions", "listMovements", "listProfileReads", "listBins"})
"""Operations with an id in the path that answer without the resource: never 404."""
IDEMPOTENT = frozenset(
    {
        "makeCodes",
        "holdPrices",
        "placeOrder",
        "cancelOrder",
        "changePoints",
        "recordRecommendationFeedback",
        "payOrder",
        "pauseOrder",
        "releasePause",
        "recordPayment",
        "openReturn",
        "assignFulfillment",
        "substituteUnits",
        "answerSubstitution",
        "renewCode",
        "recordArrival",
        "runBatch",
        "startWave",
        "pickWave",
        "recordNote",
        "recordReturnScan",
        "receiveReturn",
        "judgeReturn",
        "recordRefurbished",
        "cancelReturn",
        "changeOrder",
        "returnOrder",
        "acceptFulfillment",
        "rejectFulfillment",
        "pickFulfillment",
        "packFulfillment",
        "readyFulfillment",
        "shipFulfillment",
        "collectFulfillment",
        "cancelFulfillment",
        "receiveParcel",
        "buyLabel",
        "buyReturnLabel",
        "resolveClaim",
        "requestTransfer",
        "shipTransfer",
        "receiveTransfer",
        "cancelTransfer",
        "holdPromise",
        "startWhatIf",
        "openHold",
        "resolveCustomer",
        "recordInteraction",
        "exportCustomer",
        "mergeCustomers",
        "unmergeCustomer",
        "subscribeWebhook",
        "issueCard",
        "loadCard",
        "activateCard",
        "blockCard",
        "unblockCard",
        "replaceCard",
        "adjustCard",
        "transferCard",
    }
)
"""Operations that require the header Idempotency-Key."""

GATEWAY: Mapping[int, str] = {
    401: "The token is missing, invalid or expired. The gateway answers.",
    403: "The token lacks the scope of the operation. The gateway answers.",
    429: "Too many requests. The gateway answers; try again later.",
}
"""Answers of the gateway itself: ``{"message": ...}``, not a problem document."""

MESSAGE = {
    "type": "object",
    "title": "GatewayMessage",
    "description": "An answer of the gateway, before a request reaches NoRain.",
    "required": ["message"],
    "properties": {"message": {"type": "string", "description": "What is wrong."}},
}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details. Further members have the data of the problem code, "
    "such as `short` and `alternatives` of `out_of_stock`.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "description": "URN of the problem code."},
        "title": {"type": "string", "description": "Name of the HTTP status."},
        "status": {"type": "integer", "description": "HTTP status."},
        "code": {"type": "string", "description": "Machine-readable problem code."},
        "detail": {"type": "string", "description": "What is wrong, as an English sentence."},
        "errors": {
            "type": "array",
            "description": "Every wrong field of the request.",
            "items": {
                "type": "object",
                "title": "ProblemError",
                "required": ["path", "message"],
                "properties": {
                    "path": {"type": "string", "description": "JSON path of the field."},
                    "message": {"type": "string", "description": "What is wrong with the field."},
                },
            },
        },
    },
}
SHAPES = {
    "Problem": PROBLEM,
    "GatewayMessage": MESSAGE,
    "ProblemOrMessage": {
        "title": "ProblemOrMessage",
        "description": "A problem of NoRain, or a message of the gateway.",
        "anyOf": [{"$ref": f"{SCHEMAS}Problem"}, {"$ref": f"{SCHEMAS}GatewayMessage"}],
    },
}
"""The schemas of all problems, by their names in the document."""


def statuses() -> dict[str, int]:
    """The HTTP status of every problem code, from the tree of refusals."""
    by_code = {INTERNAL_ERROR: int(HTTPStatus.INTERNAL_SERVER_ERROR)}
    kinds = [Refusal]
    while kinds:
        kind = kinds.pop()
        kinds.extend(kind.__subclasses__())
        if kind is not Refusal:
            by_code[kind.code] = int(kind.status)
    return by_code


def codes(path: str, operation: Mapping[str, Any]) -> list[str]:
    """The problem codes of an operation, in the order of ``CODES``."""
    name = operation["operationId"]
    possible = {INTERNAL_ERROR, *EXPLICIT.get(name, ())}
    if operation.get("security"):
        possible.add("busy")
    if "requestBody" in operation:
        possible |= {"malformed_request", "invalid_request"}
    if operation.get("parameters"):
        possible.add("invalid_request")
    if "{" in path and name not in CREATES | LISTS:
        possible.add("not_found")
    if name in IDEMPOTENT:
        possible |= {"idempotency_key_missing", "idempotency_key_reused", "invalid_request"}
        possible.add("malformed_request")  # the digest is made of the body, also of an unused one
    if any(
        parameter["name"].lower() == "if-match" for parameter in operation.get("parameters", ())
    ):
        possible.add("version_mismatch")
    return [code for code in CODES if code in possible]


def by_route(paths: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The problem codes of each route of a document, such as ``POST /v1/orders``."""
    return {
        f"{method.upper()} {path}": codes(path, operation)
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def responses(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    """The responses of an operation other than its answers, by status."""
    by_status: dict[int, list[str]] = {}
    status_of = statuses()
    for code in codes(path, operation):
        by_status.setdefault(status_of[code], []).append(code)
    documented = {str(status): _problem(named) for status, named in sorted(by_status.items())}
    documented["default"] = _problem([])
    for status, text in GATEWAY.items():
        if operation.get("security") or status == HTTPStatus.TOO_MANY_REQUESTS:
            problem = documented.get(str(status))
            documented[str(status)] = (
                _problem_or_message(problem, text)
                if problem
                else {
                    "description": text,
                    "content": {JSON: {"schema": {"$ref": f"{SCHEMAS}GatewayMessage"}}},
                }
            )
    for name in ("500", "503"):
        if name in documented:
            documented[name] = _problem_or_message(documented[name], "")
    return documented


def _problem_or_message(problem: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A status that both NoRain and the gateway answer. Generated clients read one media type of a
    response only, so both media types have the schema of both answers."""
    schema = {"$ref": f"{SCHEMAS}ProblemOrMessage"}
    return {
        "description": f"{text} {problem['description']}".strip(),
        "content": {JSON: {"schema": schema}, PROBLEM_JSON: {"schema": schema}},
    }


def _problem(named: Iterable[str]) -> dict[str, Any]:
    lines = [f"`{code}`: {CODES[code]}." for code in named]
    return {
        "description": " ".join(lines) or "Any other problem.",
        "content": {PROBLEM_JSON: {"schema": {"$ref": f"{SCHEMAS}Problem"}}},
    }
