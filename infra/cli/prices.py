"""`norain prices export`: products, book and test vectors for an offline till, as JSON lines."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from infra.cli.options import ClientName
from infra.cli.output import show
from infra.local.steps import Steps
from infra.local.target import answer, channel, load
from shared.catalog.contract import PutProduct
from shared.catalog.model import Product
from shared.pricing.exporting import export_lines

PAGE = 200

prices = typer.Typer(no_args_is_help=True)


@prices.callback()
def _group() -> None:
    """Prices for offline tills.

    \b
    norain prices export prices.jsonl
    """


@prices.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the file to write (JSON lines)")],
    vectors: Annotated[int, typer.Option(help="number of test vectors")] = 1000,
    seed: Annotated[int, typer.Option(help="another seed has other vectors")] = 0,
    client: ClientName = "ops",
) -> None:
    """Write all products with their price rows, the promotions in force, and test vectors.

    A vector is a cart with its quote: a till in another language proves with them that it agrees.

    \b
    norain prices export prices.jsonl --vectors 5000
    """
    counts: dict[str, int] = {}
    with Steps() as steps, channel(load(), client) as http, steps.step("read prices") as step:
        products = list(_products(http))
        version, document = _book(http)
        step.note(f"{len(products)} products, book {version}")
        now = datetime.now(UTC).replace(microsecond=0)
        with file.open("w", encoding="utf-8") as out:
            for line in export_lines(products, version, document, now, vectors, seed):
                counts[line["kind"]] = counts.get(line["kind"], 0) + 1
                out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    show(
        {"file": str(file), "book": version, **counts},
        f"{file}: {len(products)} products, book {version}, {counts.get('vector', 0)} vectors",
    )


def _products(http: httpx.Client) -> Iterator[Product]:
    """All products, page by page."""
    cursor: str | None = None
    while True:
        query: dict[str, Any] = {"limit": PAGE, **({"cursor": cursor} if cursor else {})}
        page = answer(http.get("/v1/products", params=query))
        for row in page["products"]:
            sku = row.pop("sku")
            yield PutProduct.model_validate(row).named(sku)
        cursor = page.get("next_cursor")
        if cursor is None:
            return


def _book(http: httpx.Client) -> tuple[int, dict[str, Any] | None]:
    """The version of the book in force with its document; 0 and None without a book."""
    response = http.get("/v1/promotions")
    if response.status_code == HTTPStatus.NOT_FOUND:
        return 0, None
    found = answer(response)
    return found["version"], found["book"]
