"""Law 10 across versions of the code: what any of them has stored is read, and decided again, for
ever. A record of ``events/<area>/stored`` is never changed; a new format adds one beside it."""

import json
import zlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from shared.availability.store.packs import pack_of_item
from shared.aws.items import from_item
from shared.errors import Gone
from shared.locations.store import location_of_item
from shared.orders import model
from shared.orders.contract.decisions import decision_answer
from shared.orders.model import transfers
from shared.orders.store import order_of_item, past_of_item
from shared.orders.store.transfers import transfer_of_item
from shared.routing.model.decision import Decision
from shared.routing.model.erased import erased_stub, is_erased_stub
from shared.routing.model.explain import explain
from shared.routing.model.route import replay
from shared.routing.store.policies import policy_of_item
from shared.stock.store.rows import hold_of_item, position_of_item, row_of_item
from tests.support.events import EVENTS

READ: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "order": order_of_item,
    "transfer": transfer_of_item,
    "hold": hold_of_item,
    "position": position_of_item,
    "movement": row_of_item,
    "pack": pack_of_item,
    "location": location_of_item,
    "policy": policy_of_item,
}
RECORDS = sorted(EVENTS.glob("*/stored/*.json"))


def names(paths: list[Path]) -> list[str]:
    return [f"{path.parent.parent.name}/{path.name}" for path in paths]


def of(kind: str) -> list[Path]:
    return [path for path in RECORDS if path.name.startswith(f"{kind}.")]


def record(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def plain(value: Any) -> Any:
    match value:
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        case tuple() if hasattr(value, "_asdict"):
            return plain(value._asdict())
        case Mapping():
            return {str(name): plain(entry) for name, entry in value.items()}
        case list() | tuple():
            return [plain(entry) for entry in value]
        case set() | frozenset():
            return sorted(map(plain, value))
        case bytes():
            return value
        case datetime() | date() | time():
            return value.isoformat()
    return value


def differs(was: Any, now: Any, path: str = "$") -> list[str]:
    """Where ``now`` does not say what ``was`` said; it may say more."""
    if isinstance(was, dict) and isinstance(now, dict):
        return [
            found
            for name, value in was.items()
            for found in differs(value, now.get(name, "missing"), f"{path}.{name}")
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        pairs = enumerate(zip(was, now, strict=True))
        return [one for n, (a, b) in pairs for one in differs(a, b, f"{path}[{n}]")]
    if isinstance(now, bytes):
        was = b64decode(was)
    return [] if was == now else [f"{path}: {was} was, {now} is"]


def test_every_format_has_a_record_and_every_record_is_read() -> None:
    kinds = {path.name.partition(".")[0] for path in RECORDS}
    assert kinds == {*READ, "decision", "erased", "past"}


@pytest.mark.parametrize(
    "path", [path for kind in READ for path in of(kind)], ids=lambda path: path.name
)
def test_what_was_stored_is_read_as_it_was(path: Path) -> None:
    kept = record(path)
    value = READ[path.name.partition(".")[0]](from_item(kept["item"]))
    kept["reads_as"].pop("payment", None)  # see the next test
    assert differs(kept["reads_as"], plain(value)) == []


def test_the_one_payment_of_older_orders_is_read_as_captured() -> None:
    """The first orders did not say how much was charged: it is the value of their lines."""
    orders = [order_of_item(from_item(record(path)["item"])) for path in of("order")]
    amounts = [(order.payments[0].status, order.payments[0].captured) for order in orders]
    assert amounts == [("paid", 7000), ("paid", 7000), ("authorized", 0)]


@pytest.mark.parametrize("path", of("decision"), ids=lambda path: path.name)
def test_a_decision_is_taken_again_to_the_same_plan(path: Path) -> None:
    kept = record(path)
    data = b64decode(kept["bytes"])
    assert model.decision_id(data) == kept["id"]
    decision = Decision.from_bytes(data)
    assert decision.plan.to_json() == kept["plan"]
    assert replay(data).plan.to_json() == kept["plan"]
    assert explain(decision).considered
    assert decision_answer(data, costs=True).decision_id == kept["id"]


@pytest.mark.parametrize("path", of("order"), ids=lambda path: path.name)
def test_an_order_of_any_version_lives_on(path: Path) -> None:
    order = order_of_item(from_item(record(path)["item"]))
    model.check(order)
    for kept in order.decisions:
        if isinstance(kept, bytes):
            stored = Decision.from_bytes(kept).plan
            assert replay(kept).plan == stored
            assert decision_answer(kept, order, costs=True).decision_id == model.decision_id(kept)
    assert order.deadline is not None
    change = model.act_on_deadlines(order, order.deadline)
    assert change is not None
    model.check(model.settle(change, order.deadline).order)
    model.check(model.cancel(order, None, "changed my mind", order.deadline, "web").order)


@pytest.mark.parametrize("path", of("past"), ids=lambda path: path.name)
def test_the_past_of_an_order_is_read_as_it_was(path: Path) -> None:
    entries, fulfillments = past_of_item(from_item(record(path)["item"]))
    item = record(path)["item"]
    assert (len(entries), len(fulfillments)) == tuple(
        len(item[name]["L"]) for name in ("history", "fulfillments")
    )
    assert fulfillments
    assert not any(found.is_open for found in fulfillments)


@pytest.mark.parametrize("path", of("transfer"), ids=lambda path: path.name)
def test_a_transfer_of_any_version_lives_on(path: Path) -> None:
    transfer = transfer_of_item(from_item(record(path)["item"]))
    transfers.check(transfer)
    assert transfer.deadline is not None
    transfers.check(transfers.ship(transfer, transfer.deadline, "store").transfer)


@pytest.mark.parametrize("path", of("erased"), ids=lambda path: path.name)
def test_a_decision_whose_shopper_was_erased_says_that_it_cannot_be_taken_again(
    path: Path,
) -> None:
    """Law 10 ends where the person does: what is left is what it came to, and it is not the
    decision. Its id is that of what is stored, as of every other."""
    kept = record(path)
    data = b64decode(kept["bytes"])
    assert model.decision_id(data) == kept["id"]
    assert is_erased_stub(data)
    assert erased_stub(data) == data
    for again in (replay, lambda found: decision_answer(found, costs=True)):
        with pytest.raises(Gone) as refused:
            again(data)
        assert refused.value.data["plan"] == {
            name: kept["left"]["plan"][name] for name in ("units", "unfilled")
        }


@pytest.mark.parametrize("path", of("decision"), ids=lambda path: path.name)
def test_what_is_left_of_a_decision_leads_to_no_place(path: Path) -> None:
    data = b64decode(record(path)["bytes"])
    left = json.loads(zlib.decompress(erased_stub(data)))
    plan = json.loads(zlib.decompress(data))["plan"]
    assert left["plan"] == {name: plan[name] for name in ("units", "unfilled", "terms", "cost")}
    assert not {"destination", "candidates", "problem"} & left.keys()
    assert "km" not in str(left)


def test_the_id_of_a_decision_is_of_the_bytes_that_are_stored() -> None:
    """Other code writes other bytes of the same decision: the answer named an id that no order
    has."""
    data = b64decode(record(of("decision")[0])["bytes"])
    again = json.dumps(json.loads(zlib.decompress(data)), indent=1)
    stored = zlib.compress(again.encode(), level=1)
    assert Decision.from_bytes(stored).to_bytes() != stored
    assert decision_answer(stored, costs=True).decision_id == model.decision_id(stored)
