"""The route of what differs between channels: everything else has one price."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.catalog import store as catalog
from shared.errors import invalid
from shared.pricing.contract.differences import (
    PriceDifferencesAnswer,
    ProductDifference,
    PromotionDifference,
)
from shared.pricing.contract.quotes import MOST_LINES
from shared.pricing.store import books
from shared.web.api import routes
from shared.web.auth import needs
from shared.web.contract import Sku

router = routes()


@router.get(
    "/v1/prices/differences",
    operation_id="listPriceDifferences",
    security=needs("promotions:read"),
    summary="List what has another price in another channel",
    description="Returns the promotions of the book in force that name channels, or ask what can "
    "be sold, which depends on the channel; and of the given SKUs those whose price rows name "
    "channels. Whatever is not listed costs the same everywhere.",
)
def list_differences(
    sku: Annotated[list[Sku] | None, Query(description="SKUs to look at, at most 100.")] = None,
) -> PriceDifferencesAnswer:
    skus = sku or []
    if len(skus) > MOST_LINES:
        raise invalid("query.sku", f"at most {MOST_LINES} SKUs")
    book = books.in_force.get()
    products = catalog.products(skus) if skus else {}
    return PriceDifferencesAnswer(
        book=book.version,
        promotions=[
            PromotionDifference.of(promotion)
            for promotion in book.promotions
            if promotion.channels or promotion.asks_sellable()
        ],
        products=[
            ProductDifference(sku=name, channels=channels)
            for name in sorted(products)
            if (channels := sorted({one for row in products[name].prices for one in row.channels}))
        ],
    )
