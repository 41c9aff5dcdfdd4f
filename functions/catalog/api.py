"""The routes of the catalog."""

import re
from concurrent.futures import ThreadPoolExecutor
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

SkuPath = Annotated[Sku, Path(description="The SKU of the product.")]

app = api()


@app.put(
    "/v1/products/<sku>",
    operation_id="putProduct",
    security=needs("catalog:write"),
    summary="Create or replace a product",
    description="Replaces all fields of the product. Answers 201 when the product is new, 200 when "
    "it was replaced.",
    responses={
        200: {
            "description": "The product was replaced.",
            "content": {"application/json": {"model": ProductAnswer}},
        },
        201: {
            "description": "The product was created.",
            "content": {"application/json": {"model": ProductAnswer}},
        },
    },
)
def put_product(sku: SkuPath, body: PutProduct) -> Response[ProductAnswer]:
    product = body.named(sku)
    created = store.put(product)
    # After every write, new or not: repeating a request that stopped before this line completes it.
    put_life(sku, datetime.now(UTC))
    return Response(
        status_code=201 if created else 200,
        content_type="application/json",
        body=ProductAnswer.of(product),
    )


@app.get(
    "/v1/products/<sku>",
    operation_id="getProduct",
    security=needs("catalog:read"),
    summary="Read a product",
    description="Returns the product with its price, mass and attributes.",
)
def get_product(sku: SkuPath) -> ProductAnswer:
    product = store.find(sku)
    if product is None:
        raise NotFound(f"there is no product {sku}", sku=sku)
    return ProductAnswer.of(product)


@app.get(
    "/v1/products",
    operation_id="listProducts",
    security=needs("catalog:read"),
    summary="List products by title",
    description="Returns products ordered by title. With `query`, only products whose title begins "
    "with it.",
)
def list_products(
    query: Annotated[
        str,
        Field(max_length=200),
        Query(description="The beginning of the title, in upper or lower case."),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Number of products on a page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the previous page; leave it out for the first page."),
    ] = None,
) -> ProductsAnswer:
    folded_query = store.fold_title(query)
    after = key_of(cursor, rf"(?s){re.escape(folded_query)}.*#{ID}") if cursor else None
    with ThreadPoolExecutor(len(store.LISTINGS)) as pool:
        page = store.page(limit, beginning=query, after=after, each=pool.map)
    return ProductsAnswer(
        products=[ProductAnswer.of(product) for product in page.products],
        next_cursor=cursor_of(page.after) if page.after else None,
    )


handler = serve(app)
