"""The route that finds what can be returned without the number of an order."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.orders.requests import SHOPPER_PAGE, Cursor, next_cursor, page_end
from shared.catalog.contract import CheckedGtin
from shared.errors import invalid
from shared.orders import candidates
from shared.orders.contract.common import Words
from shared.orders.contract.placement import Reference
from shared.orders.contract.return_candidates import ONE_WAY, ReturnCandidates, candidate_answer
from shared.orders.contract.search import By, criteria
from shared.orders.model.returns import Candidate
from shared.orders.store.policy import active_policy
from shared.orders.store.search import RowEnd
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs
from shared.web.contract import Id, Sku

router = routes()


@router.get(
    "/v1/returns/candidates",
    operation_id="listReturnCandidates",
    security=needs("orders:read", "orders:write"),
    summary="Find what can be returned without the number of an order",
    description="Takes the `reference` on the receipt, the `payment_reference` of the card "
    "payment, or a `profile_id` with the `sku` or the `gtin` of the goods. Answers the order lines "
    "with units that can be returned, of the newest order first; `limit` counts the orders of a "
    "page, so that a page may be empty: the list ends where there is no `next_cursor`. The list is "
    "a few seconds behind. Reads by `payment_reference` and `profile_id` are recorded in the audit "
    "of the profiles that are found.",
)
def list_candidates(
    reference: Annotated[
        Reference | None, Query(description="What the channel calls the order.")
    ] = None,
    payment_reference: Annotated[
        Words | None, Query(description="The payment provider's reference of a payment.")
    ] = None,
    profile_id: Annotated[Id | None, Query(description="The shopper's profile.")] = None,
    sku: Annotated[Sku | None, Query(description="The SKU of the goods.")] = None,
    gtin: Annotated[CheckedGtin | None, Query(description="The GTIN of the goods.")] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="Number of orders on a page.")] = 20,
    cursor: Cursor = None,
) -> ReturnCandidates:
    match (reference, payment_reference, profile_id, sku, gtin):
        case (str(), None, None, None, None):
            return _of_reference("reference", reference, limit, cursor)
        case (None, str(), None, None, None):
            return _of_reference("payment", payment_reference, limit, cursor)
        case (None, None, str(), str(), None):
            fits = partial(candidates.with_sku, sku)
            return _of_profile(profile_id, fits, limit, cursor)
        case (None, None, str(), None, str()):
            fits = partial(candidates.with_gtin, gtin)
            return _of_profile(profile_id, fits, limit, cursor)
    raise invalid("query", ONE_WAY)


def _of_reference(by: By, value: str, limit: int, cursor: str | None) -> ReturnCandidates:
    caller = caller_of(router)
    sought = criteria({by: value}, None, None, caller.channels)
    found, after = candidates.of_reference(
        sought,
        caller.sees,
        active_policy().returns,
        limit,
        RowEnd(*sought.row_after(cursor)) if cursor is not None else None,
        now_in_milliseconds(),
        caller.actor,
    )
    return ReturnCandidates(
        candidates=list(map(candidate_answer, found)),
        next_cursor=sought.cursor(after.sort_key, after.name) if after else None,
    )


def _of_profile(
    profile_id: str,
    fits: Callable[[Iterable[Candidate]], candidates.Candidates],
    limit: int,
    cursor: str | None,
) -> ReturnCandidates:
    caller = caller_of(router)
    found, after = candidates.of_profile(
        profile_id,
        fits,
        caller.sees,
        active_policy().returns,
        limit,
        page_end(cursor, SHOPPER_PAGE),
        now_in_milliseconds(),
        caller.actor,
    )
    return ReturnCandidates(
        candidates=list(map(candidate_answer, found)),
        next_cursor=next_cursor(after),
    )
