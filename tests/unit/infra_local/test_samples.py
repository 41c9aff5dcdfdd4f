"""The samples that the READMEs' commands send are valid; tests/e2e/test_readme.py sends them."""

from datetime import UTC, datetime
from pathlib import Path

from infra.cli import customer_files, stock_files
from shared.orders.contract.placement import OrderInput
from shared.routing.contract import PolicyDocument

SAMPLES = Path("events/samples")
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_every_row_of_stock_is_an_event() -> None:
    read = stock_files.read((SAMPLES / "stock.csv").read_bytes(), "file:stock.csv", NOW, NOW)
    assert read.bad == []
    assert {event["type"] for event in read.events} == {
        "stock.counted",
        "stock.moved",
        "stock.expected",
    }


def test_every_row_of_the_crm_is_an_event() -> None:
    read = customer_files.read((SAMPLES / "crm.csv").read_bytes(), "file:crm.csv", NOW, NOW)
    assert read.bad == []
    assert len(read.events) == 4


def test_the_order_fits_its_contract() -> None:
    order = OrderInput.model_validate_json((SAMPLES / "order.json").read_text())
    assert [line.quantity for line in order.lines] == [2, 1]


def test_the_policy_fits_its_contract_and_has_guard_rails() -> None:
    policy = PolicyDocument.model_validate_json((SAMPLES / "policy.json").read_text())
    assert policy.guard_rails is not None
