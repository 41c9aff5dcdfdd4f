"""Plans as `norain plan` draws them; the API itself answers."""

import io

import httpx
import pytest
from rich.console import Console

from functions.plans import api
from infra.cli.plan import drawn_forecast, drawn_orders, replenishment, sparkline
from shared.catalog import store as catalog
from shared.catalog.model import Product
from tests.support import shop
from tests.support.requests import answered, request
from tests.support.wanted import ordered


class Gateway(httpx.BaseTransport):
    """The function itself, as the gateway would call it."""

    def handle_request(self, sent: httpx.Request) -> httpx.Response:
        made = request("plans/replenishment", query=dict(sent.url.params))
        answer = api.handler(made, None)
        return httpx.Response(answer["statusCode"], content=answer["body"])


def printed(*parts: object) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    return console.export_text()


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5}, "B": {"denver": 500}, "C": {"denver": 1}})
    catalog.put(Product("C", "The C", 1000, "USD", 0.5))
    ordered("A", 3, range(1, 62))


def test_all_pages_of_a_location_are_one_table() -> None:
    with httpx.Client(transport=Gateway(), base_url="http://api") as http:
        document = replenishment(http, {"location_id": "denver", "limit": 1})
    assert [row["sku"] for row in document["rows"]] == ["A", "B"]
    text = printed(*drawn_orders(document))
    assert "1 of 2 SKUs to order" in text
    assert "1 SKUs cannot be planned" in text
    quantity = document["rows"][0]["quantity"]
    assert any(
        row.split()[:2] == ["A", str(quantity)] for row in text.replace("│", " ").split("\n")
    )


def test_a_forecast_is_a_line_of_bars_and_its_quantiles() -> None:
    made = request("plans/forecast", query={"sku": "A", "location_id": "denver", "days": "14"})
    status, document = answered(api.handler(made, None))
    assert status == 200
    text = printed(*drawn_forecast(document))
    assert "units in 14 days" in text
    assert "95%" in text


def test_bars_are_as_high_as_their_values() -> None:
    assert sparkline([0, 1, 2, 4, 8]) == "▁▂▃▅█"
    assert sparkline([0, 0]) == "▁▁"
