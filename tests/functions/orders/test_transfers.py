"""Stock on its way from one location to another, through the API, the stream and the sweep."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.orders import api, project_fulfillments, sweep
from shared.availability.model import sales
from shared.availability.model.sales import Sale
from shared.availability.store import packs as availability
from shared.availability.store import projection
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.orders import store
from shared.orders.contract import transfer_events
from shared.orders.model.transfers import GRACE, PATIENCE
from shared.orders.store import transfers
from tests.support import shop
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
NEXT_YEAR = datetime.now(UTC) + timedelta(days=400)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "boulder": 2}, "B": {"denver": 1}})


def call(name: str, body: Body | None = None, path: str | None = None, key: str = "") -> Any:
    headers = {"idempotency-key": key} if key else {}
    return answered(
        api.handler(request(f"orders/{name}", body=body, path=path, headers=headers), None)
    )


def asked(body: Body | None = None, key: str = "") -> Body:
    status, answer = call("request_transfer", body, key=key)
    assert status == 201, answer
    followed()
    return dict(answer)


def done(action: str, transfer: Body, body: Body | None = None, key: str = "") -> Body:
    path = f"/v1/transfers/{transfer['transfer_id']}/{action}"
    status, answer = call(f"{action}_transfer", body, path, key)
    assert status == 200, answer
    followed()
    return dict(answer)


def followed() -> None:
    """What follows from the stream; twice, as it may come."""
    records = [
        {
            "eventID": row["pk"],
            "eventName": "MODIFY",
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": to_item({"pk": row["pk"], "sk": row["sk"]}),
                "NewImage": to_item(row),
                "SequenceNumber": "1",
            },
        }
        for row in shop.items("orders")
        if row["sk"] == "TRANSFER"
    ]
    for _ in range(2):
        assert project_fulfillments.handler({"Records": records}, None) == {"batchItemFailures": []}
    shop.laws()


def expected(sku: str = "A", location_id: str = "boulder") -> list[int]:
    return [entry.quantity for entry in shop.position(sku, location_id).expected if entry.quantity]


def lines(transfer: Body) -> dict[str, tuple[int, int, int, int]]:
    return {
        line["sku"]: (line["open"], line["received"], line["missing"], line["cancelled"])
        for line in transfer["lines"]
    }


def test_units_leave_are_expected_and_arrive() -> None:
    transfer = asked()
    assert (transfer["state"], transfer["allowed"]) == ("requested", ["cancel", "ship"])
    assert shop.counts("A", "denver") == (5, 3, 2, 0)
    assert expected() == [3]
    shipped = done("ship", transfer)
    assert (shipped["state"], lines(shipped)) == ("shipped", {"A": (3, 0, 0, 0)})
    assert shop.counts("A", "denver") == (2, 0, 2, 0)
    assert shop.counts("A", "boulder") == (2, 0, 2, 0)
    assert expected() == [3]
    received = done("receive", transfer, {"lines": None})
    assert (received["state"], lines(received)) == ("received", {"A": (0, 3, 0, 0)})
    assert "deadline" not in received
    assert shop.counts("A", "boulder") == (5, 0, 5, 0)
    assert expected() == []
    status, read = call("get_transfer", path=f"/v1/transfers/{transfer['transfer_id']}")
    assert (status, read) == (200, received)
    found = transfers.find(transfer["transfer_id"])
    told = transfer_events.of_transfer(None, found)
    assert [event["type"] for event in told] == [
        "transfer.requested",
        "transfer.shipped",
        "transfer.received",
    ]


def test_a_long_history_moves_beside_the_transfer_and_is_read_whole(
    environment: pytest.MonkeyPatch,
) -> None:
    """Receipts of 90 lines are 18 KB each: some twenty of them were an item of 400 KB."""
    environment.setattr(transfers, "MOST_IN_TRANSFER", 2_000)
    shop.stocked({"L": {"denver": 40}})
    transfer = asked({"lines": [{"sku": "L", "quantity": 40}]})
    name = transfer["transfer_id"]
    told, before = transfer_events.of_transfer(None, transfers.find(name)), transfers.find(name)
    some = {"lines": [{"sku": "L", "quantity": 1}], "final": False}
    answers = [done("ship", transfer)]
    told += transfer_events.of_transfer(before, before := transfers.find(name))
    for number in range(30):
        answers.append(done("receive", transfer, some, key=f"{number}"))
        told += transfer_events.of_transfer(before, before := transfers.find(name))
    (item,) = (row for row in shop.items("orders") if row["sk"] == "TRANSFER")
    assert len(item["history"]) < 15
    assert item["past"]["parts"] > 1
    assert before.history_length == len(told) == 32
    assert len({event["id"] for event in told}) == 32
    status, read = call("get_transfer", path=f"/v1/transfers/{name}")
    assert (status, len(read["history"])) == (200, 32)
    assert "earlier_events" not in read
    assert [entry["event"] for entry in read["history"]] == [event["type"] for event in told]
    assert all(
        answer.get("earlier_events", 0) + len(answer["history"]) == number
        for number, answer in enumerate(answers, 2)
    )
    assert answers[-1]["earlier_events"] > 0
    assert done("receive", transfer, some, key="29") == answers[-1]
    assert done("receive", transfer, {"lines": None}, key="all")["state"] == "received"
    assert expected("L") == []


def test_a_past_that_is_incomplete_is_an_error_and_no_shorter_history(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(transfers, "MOST_IN_TRANSFER", 100)
    transfer = asked()
    done("ship", transfer)
    for number in range(3):
        some = {"lines": [{"sku": "A", "quantity": 1}], "final": number == 2}
        done("receive", transfer, some, key=f"{number}")
    found = transfers.find(transfer["transfer_id"])
    assert found.past.entries == 1
    dynamodb().delete_item(
        TableName=table_name("orders"),
        Key=to_item({"pk": f"TRANSFER#{found.transfer_id}", "sk": "PAST#000000"}),
    )
    with pytest.raises(LookupError):
        transfers.with_past(found)


def test_a_short_receipt_says_what_is_missing() -> None:
    transfer = asked()
    done("ship", transfer)
    received = done("receive", transfer)
    assert (received["state"], lines(received)) == ("received", {"A": (0, 2, 1, 0)})
    assert received["history"][-1]["detail"] == {
        "received": [{"sku": "A", "quantity": 2}],
        "missing": [{"sku": "A", "quantity": 1}],
    }
    assert shop.counts("A", "boulder") == (4, 0, 4, 0)
    assert expected() == []


def test_what_comes_in_two_deliveries_stays_under_way_in_between() -> None:
    transfer = asked()
    done("ship", transfer)
    some = {"lines": [{"sku": "A", "quantity": 1}], "final": False}
    first = done("receive", transfer, some, key="first")
    assert (first["state"], lines(first)) == ("shipped", {"A": (2, 1, 0, 0)})
    assert expected() == [2]
    assert done("receive", transfer, some, key="first") == first
    last = done("receive", transfer, {"lines": None}, key="last")
    assert (last["state"], lines(last)) == ("received", {"A": (0, 3, 0, 0)})


def test_more_than_is_under_way_does_not_arrive() -> None:
    transfer = asked()
    done("ship", transfer)
    path = f"/v1/transfers/{transfer['transfer_id']}/receive"
    status, problem = call("receive_transfer", {"lines": [{"sku": "A", "quantity": 4}]}, path)
    assert (status, problem["code"]) == (422, "invalid_request")
    assert problem["errors"] == [{"path": "$.lines", "message": "3 units of A are under way"}]


def test_a_cancelled_transfer_gives_its_units_back_and_none_that_has_left_is_cancelled() -> None:
    first = asked()
    cancelled = done("cancel", first)
    assert (cancelled["state"], lines(cancelled)) == ("cancelled", {"A": (0, 0, 0, 3)})
    assert shop.counts("A", "denver") == (5, 0, 5, 0)
    assert expected() == []
    second = asked(key="again")
    done("ship", second, key="ship-2")
    path = f"/v1/transfers/{second['transfer_id']}/cancel"
    status, problem = call("cancel_transfer", path=path, key="cancel-2")
    assert (status, problem["code"]) == (409, "invalid_transition")
    assert (problem["state"], problem["allowed"]) == ("shipped", ["receive"])


def test_what_the_donor_has_not_is_refused_whole() -> None:
    body = {"lines": [{"sku": "A", "quantity": 6}, {"sku": "B", "quantity": 1}]}
    status, problem = call("request_transfer", body)
    assert (status, problem["code"]) == (409, "out_of_stock")
    assert problem["short"] == [
        {"sku": "A", "location_id": "denver", "wanted": 6, "sellable": 5},
    ]
    assert not [row for row in shop.items("orders") if row["sk"] == "TRANSFER"]
    shop.laws()


def test_a_repeated_request_is_one_transfer_even_when_nothing_is_left() -> None:
    everything = {"lines": [{"sku": "A", "quantity": 5}]}
    transfer = asked(everything)
    assert asked(everything) == transfer
    status, problem = call("request_transfer", {"lines": [{"sku": "A", "quantity": 1}]})
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert shop.counts("A", "denver") == (5, 5, 0, 0)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"from_location_id": "nowhere"}, "$.from_location_id"),
        ({"to_location_id": "nowhere"}, "$.to_location_id"),
        ({"to_location_id": "denver"}, "$"),
        ({"lines": []}, "$.lines"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "$.lines[0].quantity"),
    ],
)
def test_bad_input_is_named_by_its_path(body: Body, path: str) -> None:
    status, problem = call("request_transfer", body)
    assert status == 422
    assert [error["path"] for error in problem["errors"]] == [path]


def test_nobody_ships_so_the_units_are_on_sale_again_in_the_end(
    environment: pytest.MonkeyPatch,
) -> None:
    transfer = asked({"expected_at": "2026-11-21T00:00:00Z"})
    moment = datetime.now(UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return moment

    environment.setattr(sweep, "datetime", Clock)
    for _ in range(PATIENCE):
        moment += GRACE + timedelta(minutes=1)
        assert sweep.handler({}, None) == {"acted": 1, "failed": 0}
        assert transfers.find(transfer["transfer_id"]).state == "requested"
    moment += GRACE + timedelta(minutes=1)
    sweep.handler({}, None)
    found = transfers.find(transfer["transfer_id"])
    assert (found.state, found.history[-1].detail) == ("cancelled", {"reason": "never shipped"})
    followed()
    assert shop.counts("A", "denver") == (5, 0, 5, 0)
    moment += GRACE
    assert sweep.handler({}, None) == {"acted": 0, "failed": 0}


def test_due_transfers_behind_a_page_that_fails_have_their_turn(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(sweep, "PAGE", 2)
    for number in range(5):
        body = {"lines": [{"sku": "A", "quantity": 1}], "expected_at": "2026-11-21T00:00:00Z"}
        asked(body, f"t-{number}")
    change = transfers.change
    names = sorted(store.overdue_transfers(datetime.now(UTC) + timedelta(days=400), 2))
    assert len(names) == 5

    def failing(name: str, *more: Any, **named: Any) -> str | None:
        if name != names[-1]:
            raise RuntimeError("unexpected")
        return change(name, *more, **named)

    environment.setattr(transfers, "change", failing)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return NEXT_YEAR

    environment.setattr(sweep, "datetime", Clock)
    assert sweep.handler({}, None) == {"acted": 1, "failed": 4}


def test_transfers_have_their_turn_beside_orders_that_cannot_be_listed(
    environment: pytest.MonkeyPatch,
) -> None:
    transfer = asked({"expected_at": "2026-11-21T00:00:00Z"})

    def failing(*_: Any) -> Iterator[str]:
        yield str(1 // 0)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return NEXT_YEAR

    environment.setattr(store, "overdue_orders", failing)
    environment.setattr(sweep, "datetime", Clock)
    assert sweep.handler({}, None) == {"acted": 1, "failed": 1}
    assert transfers.find(transfer["transfer_id"]).reminders == 1


def test_what_was_given_up_as_missing_is_received_late() -> None:
    transfer = asked()
    done("ship", transfer)
    given_up = done("receive", transfer, {"lines": [{"sku": "A", "quantity": 1}]})
    assert (given_up["state"], given_up["allowed"]) == ("received", ["receive"])
    assert lines(given_up)["A"] == (0, 1, 2, 0)
    assert shop.counts("A", "boulder") == (3, 0, 3, 0)
    path = f"/v1/transfers/{transfer['transfer_id']}/receive"
    for quantity in (0, 3):
        body = {"lines": [{"sku": "A", "quantity": quantity}]}
        status, problem = call("receive_transfer", body, path, f"late-{quantity}")
        assert (status, paths(problem)) == (422, {"$.lines"})
    late = done("receive", transfer, {"lines": [{"sku": "A", "quantity": 1}]}, "late")
    assert lines(late)["A"] == (0, 2, 1, 0)
    assert done("receive", transfer, {"lines": [{"sku": "A", "quantity": 1}]}, "late") == late
    rest = done("receive", transfer, {"lines": None}, "the rest")
    assert (lines(rest)["A"], rest["allowed"]) == ((0, 3, 0, 0), [])
    assert shop.counts("A", "boulder") == (5, 0, 5, 0)
    assert transfers.find(transfer["transfer_id"]).deadline is None
    status, problem = call("receive_transfer", {"lines": None}, path, "once more")
    assert (status, problem["code"]) == (409, "invalid_transition")


def test_a_delivery_of_nothing_is_refused() -> None:
    transfer = asked()
    done("ship", transfer)
    path = f"/v1/transfers/{transfer['transfer_id']}/receive"
    body = {"lines": [{"sku": "A", "quantity": 0}], "final": False}
    status, problem = call("receive_transfer", body, path, "nothing")
    assert (status, paths(problem)) == (422, {"$.lines"})


def test_the_audit_of_stock_knows_what_a_transfer_reserves() -> None:
    transfer = asked()
    assert [units for _, units in store.reserved_by_open()] == [{("A", "denver"): 3}]
    done("ship", transfer)
    assert not any(units for _, units in store.reserved_by_open())


def sold_over_the_counter(at: datetime) -> None:
    """Two weeks in which Boulder sold what it had, and Denver next to nothing."""
    since = int((at - timedelta(days=14)).timestamp())
    second = int(at.timestamp())
    boulder = sales.with_sales(sales.never_sold(since, second), [Sale(30, second - 1_000)])
    pack = availability.packs(["A"])["A"]
    rows = {
        name: row._replace(sales=boulder) if name == "boulder" else row
        for name, row in pack.rows.items()
    }
    shelves = [(row.sales or sales.never_sold(since, second), True) for row in rows.values()]
    prior = sales.prior(since, second, shelves)
    sold = replace(pack, rows=rows, as_of=at, prior=prior)
    availability.replace_slices(availability.stored_slices("A"), sold)


def test_transfers_are_moved_by_who_works_at_their_locations() -> None:
    """No channel opens them, not even `channel:all`: a caller acts where it works."""
    transfer = asked()
    one = f"/v1/transfers/{transfer['transfer_id']}"
    scope = "norain/transfers:read norain/transfers:write norain/channel:all"
    for name, path in {
        "request_transfer": None,
        "ship_transfer": f"{one}/ship",
        "receive_transfer": f"{one}/receive",
        "cancel_transfer": f"{one}/cancel",
    }.items():
        headers = {"idempotency-key": f"other-{name}"}
        made = request(f"orders/{name}", path=path, headers=headers, scope=scope)
        status, problem = answered(api.handler(made, None))
        assert (status, problem["code"]) == (403, "forbidden"), name
    assert call("get_transfer", path=one) == (200, transfer)


@pytest.mark.parametrize(
    "instant", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "1969-12-31T23:00:00Z"]
)
def test_a_transfer_is_expected_in_our_time(instant: str) -> None:
    status, problem = call("request_transfer", {"expected_at": instant})
    assert (status, paths(problem)) == (422, {"$.expected_at"})
    assert call("request_transfer", {"expected_at": "2199-12-31T23:59:59Z"})[0] == 201


@pytest.mark.parametrize(
    ("sku", "path"),
    [
        ("A,a b", "query.sku[1]"),
        ("x" * 65, "query.sku[0]"),
        ("A,,B", "query.sku[1]"),
        (",".join("A" * 21), "query.sku"),
    ],
)
def test_suggestions_are_asked_for_by_skus(sku: str, path: str) -> None:
    made = request("orders/suggest_transfers", query={"sku": sku})
    status, problem = answered(api.handler(made, None))
    assert (status, paths(problem)) == (422, {path})


def test_what_lies_idle_is_suggested_where_it_sells() -> None:
    shop.stocked({"A": {"denver": 60, "boulder": 2, "depot": 900}})
    sold_over_the_counter(datetime.now(UTC))
    status, answer = call("suggest_transfers")
    assert status == 200
    (one,) = answer["suggestions"]
    assert (one["from_location_id"], one["to_location_id"]) == ("denver", "boulder")
    assert 5 <= one["quantity"] <= 58
    assert one["gain"] > one["cost"] > 0
    assert (answer["unjudged"], answer["currency"]) == ([], "USD")
    projection._spread("A", datetime.now(UTC), 4)
    assert call("suggest_transfers") == (200, answer)


def test_of_what_nothing_is_known_nothing_is_suggested_and_it_says_why() -> None:
    query = {"sku": "A,nothing", "days": "7"}
    status, answer = answered(api.handler(request("orders/suggest_transfers", query=query), None))
    assert (status, answer["suggestions"]) == (200, [])
    assert [row["sku"] for row in answer["unjudged"]] == ["A", "nothing"]
    assert all(row["reason"] for row in answer["unjudged"])
