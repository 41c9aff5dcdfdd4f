"""Bins: set for many SKUs at once, shown with the position, and untouched by what moves units."""

from typing import Any

import pytest

from functions.stock.api import handler
from shared.stock import store
from tests.support import shop
from tests.support.requests import answered, paths, request
from tests.support.stock_laws import assert_laws
from tests.support.units import metered

Body = dict[str, Any]
SCOPE = "norain/fulfillments:write"


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5}, "B": {"denver": 1}})


def put(rows: dict[str, str | None], expected: int = 200, **more: Any) -> Body:
    body = {"bins": [{"sku": sku, "bin": name} for sku, name in rows.items()]}
    status, answer = answered(handler(request("locations/put_bins", body=body, **more), None))
    assert status == expected, answer
    return answer


def listed(expected: int = 200, **more: Any) -> Body:
    status, answer = answered(handler(request("locations/list_bins", **more), None))
    assert status == expected, answer
    return answer


def shown(sku: str) -> Body:
    made = request("stock/get_position", path=f"/v1/stock/{sku}/denver", scope="norain/stock:read")
    status, answer = answered(handler(made, None))
    assert status == 200, answer
    return answer


def test_a_position_shows_its_bin_until_the_bin_is_removed() -> None:
    assert "bin" not in shown("A")
    assert put({"A": "A-03-12", "B": "B-1"}) == {"location_id": "denver", "set": 2, "removed": 0}
    assert shown("A")["bin"] == "A-03-12"
    assert put({"A": "A-04", "B": None}) == {"location_id": "denver", "set": 1, "removed": 1}
    assert shown("A")["bin"] == "A-04"
    assert "bin" not in shown("B")
    assert listed()["bins"] == [{"sku": "A", "bin": "A-04"}]


def test_a_bin_is_no_part_of_the_position() -> None:
    """It changes neither the version, which rises with every movement, nor the laws, and stays
    when the units change."""
    before = shown("A")
    put({"A": "A-03-12"})
    assert shown("A") == before | {"bin": "A-03-12"}
    shop.stocked({"A": {"denver": 3}})
    after = shown("A")
    assert (after["on_hand"], after["bin"]) == (8, "A-03-12")
    assert_laws()


def test_a_sku_has_its_bin_before_its_first_units_arrive() -> None:
    put({"NEW": "C-1"})
    assert store.position("NEW", "denver") is None
    shop.stocked({"NEW": {"denver": 1}})
    assert shown("NEW")["bin"] == "C-1"


def test_500_bins_are_20_calls_and_the_pages_have_them_all() -> None:
    names: dict[str, str | None] = {f"S-{number}": f"A-{number}" for number in range(500)}
    with metered() as units:
        put(names)
    assert units.writes == 20
    rows, cursor = [], None
    while True:
        query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = listed(query=query)
        rows += page["bins"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert {row["sku"]: row["bin"] for row in rows} == names
    assert [row["sku"] for row in rows] == sorted(names)


def test_bad_rows_are_named_and_nothing_is_set() -> None:
    rows = [{"sku": "A", "bin": "1"}, {"sku": "B", "bin": "2"}, {"sku": "A", "bin": None}]
    status, answer = answered(handler(request("locations/put_bins", body={"bins": rows}), None))
    assert (status, paths(answer)) == (422, {"$.bins[0].sku", "$.bins[2].sku"})
    assert paths(put({"A": ""}, expected=422)) == {"$.bins[0].bin"}
    assert listed()["bins"] == []


def test_whoever_neither_writes_stock_nor_works_there_sets_no_bin() -> None:
    assert put({"A": "1"}, expected=403, scope=SCOPE)["code"] == "forbidden"
    put({"A": "1"}, scope="norain/stock:write")
    assert listed(expected=403, scope="norain/fulfillments:read")["code"] == "forbidden"


def test_a_location_that_does_not_exist_has_no_bins() -> None:
    path = "/v1/locations/nowhere/bins"
    assert put({"A": "1"}, expected=404, path=path)["location_id"] == "nowhere"
