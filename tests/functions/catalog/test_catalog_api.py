"""The routes of the catalog, from the gateway's event to its answer and the table."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.catalog.api import handler
from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs as availability
from shared.availability.store import projection
from shared.catalog import store
from shared.catalog.model import ORDINARY, Life
from tests.support.requests import answered, paths, request

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, tzinfo=UTC)


def call(name: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    return answered(handler(request(f"catalog/{name}", **changes), None))


def test_a_product_is_created_replaced_and_read() -> None:
    status, created = call("put_product")
    assert status == 201
    assert created == {
        "sku": "milk-1",
        "title": "Whole Milk 1 GA",
        "price": {"amount": 349, "currency": "USD"},
        "kg": 3.79,
        "margin": {"amount": 87, "currency": "USD"},
        "salvage": {"amount": 0, "currency": "USD"},
        "gtin": "5901234123457",
        "season_ends_at": "2026-12-24T18:00:00.000Z",
        "attributes": {"department": "dairy"},
        "discontinued": False,
        "gift_card": False,
    }
    assert call("get_product") == (200, created)
    assert call("put_product", body={"margin": None})[0] == 200
    stored = store.find("milk-1")
    assert stored is not None
    assert stored.margin is None


def test_the_life_of_a_product_reaches_its_pack_before_the_answer() -> None:
    projection.project("milk-1", [PackChange("denver", 1, PackRow(7, 1), AT)])
    begins = {"available_from": "2027-01-01T01:00:00+01:00"}
    status, created = call("put_product", body=begins)
    assert (status, created["available_from"]) == (201, "2027-01-01T00:00:00.000Z")
    assert call("get_product") == (200, created)
    pack = availability.packs(["milk-1"])["milk-1"]
    assert (pack.life, pack.rows) == (
        Life(datetime(2027, 1, 1, tzinfo=UTC)),
        {"denver": PackRow(7, 1)},
    )
    assert pack.as_of > AT
    assert call("put_product", body={"discontinued": True})[1]["discontinued"] is True
    assert availability.packs(["milk-1"])["milk-1"].life == Life(discontinued=True)
    call("put_product")
    assert availability.packs(["milk-1"])["milk-1"].life == ORDINARY


ROW = {
    "amount": 299,
    "channels": ["pos", "web"],
    "groups": ["staff"],
    "min_quantity": 2,
    "starts_on": "2026-11-27",
    "ends_on": "2026-11-29",
    "time_zone": "America/Denver",
}


def test_price_rows_are_stored_as_instants_and_answered_as_the_days_that_were_sent() -> None:
    rows = [ROW, {"amount": 0, "min_quantity": 1}]
    status, created = call("put_product", body={"prices": rows})
    assert (status, created["prices"]) == (201, rows)
    assert call("get_product") == (200, created)
    assert call("put_product", body=created | {"sku": None}) == (200, created)
    stored = store.find("milk-1")
    assert stored is not None
    assert stored.prices[0].ends_at == datetime(2026, 11, 30, 7, tzinfo=UTC)
    assert "prices" not in call("put_product", body={"prices": []})[1]


def test_a_product_that_is_not_there_is_not_found() -> None:
    status, body = call("get_product")
    assert (status, body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("$.title", {"title": "  "}),
        ("$.price.amount", {"price": {"amount": 3.49, "currency": "USD"}}),
        ("$.price.amount", {"price": {"amount": -1, "currency": "USD"}}),
        ("$.price.currency", {"price": {"amount": 1, "currency": "usd"}}),
        ("$.margin", {"margin": {"amount": 1, "currency": "EUR"}}),
        ("$.kg", {"kg": -0.1}),
        ("$.gtin", {"gtin": "5901234123456"}),
        ("$.season_ends_at", {"season_ends_at": "2026-12-24T18:00:00"}),
        ("$.available_from", {"available_from": "2026-12-24"}),
        ("$.available_from", {"available_from": "2200-01-01T00:00:00Z"}),
        ("$.discontinued", {"discontinued": "yes"}),
        ("$.discontinued", {"discontinued": 1}),
        ("$.attributes.colour", {"attributes": {"colour": 7}}),
        ("$.colour", {"colour": "red"}),
        ("$.prices[0].amount", {"prices": [{"amount": 2.5}]}),
        ("$.prices[1]", {"prices": [{"amount": 2}, {"amount": 2, "ends_on": "2026-11-29"}]}),
        ("$.prices[0].time_zone", {"prices": [ROW | {"time_zone": "Denver"}]}),
        ("$.prices[0].ends_on", {"prices": [ROW | {"ends_on": "2026-11-29T00:00:00Z"}]}),
        ("$.prices", {"prices": [ROW, ROW]}),
        ("$.prices", {"prices": [{"amount": 1}] * 101}),
        ("$.prices", {"prices": [{"amount": 1, "groups": [f"g{n}" for n in range(1001)]}]}),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(path: str, fields: dict[str, Any]) -> None:
    status, body = call("put_product", body=fields)
    assert (status, body["code"]) == (422, "invalid_request")
    assert paths(body) == {path}
    assert store.find("milk-1") is None


def test_products_are_listed_by_how_their_title_begins() -> None:
    for sku, title in {"a": "Whole milk A", "b": "WHOLE MILK B", "c": "Bread"}.items():
        call("put_product", path=f"/v1/products/{sku}", body={"title": title})
    status, first = call("list_products", query={"query": "whole m", "limit": "1"})
    assert (status, [entry["sku"] for entry in first["products"]]) == (200, ["a"])
    _, second = call("list_products", query={"query": "whole m", "cursor": first["next_cursor"]})
    assert [entry["sku"] for entry in second["products"]] == ["b"]
    assert "next_cursor" not in second


def test_a_cursor_goes_on_in_its_own_list_only() -> None:
    """Amazon's DynamoDB refuses a start key that does not fit the condition; moto does not."""
    for sku in ("a", "b"):
        call("put_product", path=f"/v1/products/{sku}", body={"title": f"Whole milk {sku}"})
    _, first = call("list_products", query={"query": "whole m", "limit": "1"})
    query = {"query": "bread", "cursor": first["next_cursor"]}
    status, body = call("list_products", query=query)
    assert (status, paths(body)) == (422, {"query.cursor"})


def test_titles_of_any_length_are_listed() -> None:
    """The key of the list has 1,024 bytes at most; a title has 400 characters of up to 4 each."""
    title = "\N{GRINNING FACE}" * 400
    assert call("put_product", path="/v1/products/a", body={"title": title})[0] == 201
    assert len(store.fold_title(title).encode()) <= 900
    _, found = call("list_products", query={"query": title[:200]})
    assert [entry["title"] for entry in found["products"]] == [title]


@pytest.mark.parametrize("name", ["margin", "salvage"])
def test_money_is_a_whole_number_of_minor_units(name: str) -> None:
    for amount in (True, "5", 10**12 + 1, -(10**12) - 1):
        body = {name: {"amount": amount, "currency": "USD"}}
        status, found = call("put_product", body=body)
        assert (status, paths(found)) == (422, {f"$.{name}.amount"})


def test_a_mass_too_small_to_be_stored_is_none() -> None:
    assert call("put_product", body={"kg": 1e-300})[0] == 201
    assert call("get_product")[1]["kg"] == 0


def test_a_cursor_of_nothing_is_refused() -> None:
    status, body = call("list_products", query={"cursor": "%%%"})
    assert status == 422
    assert paths(body) == {"query.cursor"}
