"""`norain prices export`, against the handlers of the API."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from functions.catalog.api import handler as catalog_api
from functions.pricing.api import handler as pricing_api
from infra.cli import prices
from infra.cli.main import app
from shared.catalog import store as catalog
from shared.catalog.model import PriceRow, Product
from tests.support.requests import request

pytestmark = pytest.mark.usefixtures("fake_tables")


def answer(asked: httpx.Request) -> httpx.Response:
    if asked.url.path == "/v1/products":
        query = {**dict(asked.url.params), "limit": "2"}
        made = catalog_api(request("catalog/list_products", query=query), None)
    else:
        made = pricing_api(request("pricing/get_promotions"), None)
    return httpx.Response(int(made["statusCode"]), text=made["body"])


def exported(environment: pytest.MonkeyPatch, file: Path) -> list[dict[str, Any]]:
    environment.setattr(prices, "load", lambda: None)
    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api")
    environment.setattr(prices, "channel", lambda *_: client)
    asked = ["--json", "prices", "export", str(file), "--vectors", "20"]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_products_of_all_pages_the_book_and_vectors_are_written(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = PriceRow(299, groups=("staff",), min_quantity=3)
    for number in range(5):
        sku, attributes = f"s{number}", {"department": "dairy"}
        catalog.put(Product(sku, "Milk", 349, "USD", 1.0, attributes=attributes, prices=(row,)))
    lines = exported(environment, tmp_path / "without.jsonl")
    assert [line["kind"] for line in lines] == ["header", *["product"] * 5, *["vector"] * 20]
    assert lines[0]["book"] == 0
    pricing_api(request("pricing/put_promotions_draft"), None)
    pricing_api(request("pricing/publish_promotions"), None)
    lines = exported(environment, tmp_path / "with.jsonl")
    kinds = ["header", "book", *["product"] * 5, *["vector"] * 20]
    assert [line["kind"] for line in lines] == kinds
    assert lines[1]["document"]["promotions"][0]["promotion_id"] == "dairy-10"
    assert lines[2]["prices"] == [{"amount": 299, "groups": ["staff"], "min_quantity": 3}]
    assert any(line["quote"]["discounts"] for line in lines if line["kind"] == "vector")
