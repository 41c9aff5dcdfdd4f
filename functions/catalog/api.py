"""The routes of the catalog."""

import re
from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from shared.availability.store.packs import put_life
from shared.catalog import store
from shared.catalog.contract import ProductAnswer, ProductsAnswer, PutProduct
from shared.errors import NotFound
from shared.web.api import api, serve
from shared.web.auth import needs
from shared.web.contract import ID, Sku
from shared.web.cursor import cursor_of, key_of

app = api()


@app.put(
    "/v1/products/<sku>",
    security=needs("catalog:write"),
    summary="Create or replace a product",
    description="Answers 201 when the product is new, 200 when it replaces what was there.",
)
def put_product(sku: Annotated[Sku, Path()], body: PutProduct) -> Response[ProductAnswer]:
    product = body.named(sku)
    created = store.put(product)
    # Behind every write: one that was cut off here is mended by its repetition.
    put_life(sku, datetime.now(UTC))
    return Response(
        status_code=201 if created else 200,
        content_type="application/json",
        body=ProductAnswer.of(product),
    )


@app.get("/v1/products/<sku>", security=needs("catalog:read"), summary="Read a product")
def get_product(sku: Annotated[Sku, Path()]) -> ProductAnswer:
    product = store.find(sku)
    if product is None:
        raise NotFound(f"there is no product {sku}", sku=sku)
    return ProductAnswer.of(product)


@app.get(
    "/v1/products",
    security=needs("catalog:read"),
    summary="List products by title",
    description="In the order of the titles. `query` is how the title begins, in upper or lower "
    "case.",
)
def list_products(
    query: Annotated[str, Field(max_length=200), Query()] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> ProductsAnswer:
    beginning = store.fold_title(query)
    after = key_of(cursor, rf"(?s){re.escape(beginning)}.*#{ID}") if cursor else None
    found = store.page(limit, beginning=query, after=after)
    return ProductsAnswer(
        products=[ProductAnswer.of(product) for product in found.products],
        next_cursor=cursor_of(found.after) if found.after else None,
    )


handler = serve(app)
