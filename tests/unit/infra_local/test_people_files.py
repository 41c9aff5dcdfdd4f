"""What becomes of a file of customers on its way to the feed queue."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.cli.customer_files import read
from shared.customers.contract.statements import observed
from shared.web.auth import Sources

TRUSTED = Sources.of(["all:trusted"])
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AS_OF = datetime(2026, 11, 20, 8, tzinfo=UTC)
BOB: dict[str, Any] = {
    "source": "crm",
    "source_id": "c-1",
    "occurred_at": "2026-11-01T00:00:00Z",
    "identifiers": {"email": "bob@shop.test"},
}
FLAT = (
    "source,source_id,occurred_at,email,phone,given_name,line1,postal_code,country\n"
    "crm,c-1,2026-11-01T00:00:00Z,bob@shop.test,415 555 2671,Bob,1 Main St,94105,US\n"
    "crm,c-2,,ann@shop.test,,Ann,,,\n"
    "crm,c-3,,nobody,,,,,\n"
)


def events(content: str) -> list[Any]:
    found = read(content.encode(), "file:crm", AS_OF, NOW)
    assert found.bad == []
    return found.events


def test_flat_rows_become_statements_and_a_bad_one_is_named_without_its_value() -> None:
    found = read(FLAT.encode(), "file:crm", AS_OF, NOW)
    bob, ann = (observed(event, NOW, TRUSTED).record for event in found.events)
    assert (bob.text("phone"), bob.address.postal_code) == ("+14155552671", "94105")
    assert ann.occurred_at == AS_OF
    ((line, reason),) = [(bad.line, bad.reason) for bad in found.bad]
    assert line == 4
    assert "$.data.identifiers.email" in reason
    assert "nobody" not in reason


@pytest.mark.parametrize(
    "content", [json.dumps([BOB]), json.dumps(BOB) + "\n", "\n" + json.dumps(BOB)]
)
def test_statements_as_json_are_taken_as_they_are(content: str) -> None:
    (event,) = events(content)
    assert event["data"] == BOB
    assert event["type"] == "customer.observed"


def test_the_same_row_is_the_same_event() -> None:
    one, other = events(json.dumps([BOB, BOB]))
    assert one == other
    assert events(json.dumps([one])) == [one]


@pytest.mark.parametrize("content", [b"[1, ", b"\xff\xfe", b"a,b\n1,2\n", b"{"])
def test_what_is_no_file_of_customers_is_said(content: bytes) -> None:
    (bad,) = read(content, "file:crm", AS_OF, NOW).bad
    assert "CSV" in bad.reason


def test_unknown_columns_are_refused() -> None:
    row = json.dumps([{**BOB, "shoe_size": 43}])
    (bad,) = read(row.encode(), "file:crm", AS_OF, NOW).bad
    assert "$.data.shoe_size" in bad.reason
