"""Carriers, locations and agents at once about one parcel, on DynamoDB Local."""

import time
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.aws import s3
from shared.carriers import port
from shared.carriers.model import CarrierStatus, Consignment, Label, TrackingEvent
from shared.errors import Busy, InvalidTransition
from shared.orders import changing, model, parcels, store
from shared.orders.labels import LabelWish, buy_label
from shared.orders.model import Order
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.carriers import CONSIGNMENT, RECIPIENT
from tests.support.shop import NOW, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
LATER = NOW + timedelta(days=2)


def stored(name: str) -> Order:
    found = store.find(name)
    assert found is not None
    return found


def act(name: str, action: Any, **more: Any) -> str | None:
    return changing.change(
        name,
        lambda found: model.advance(found, f"{name}.1", action, NOW, "store", **more),
        NOW,
        request=request(f"{action}-{name}"),
        answer=answer,
    )


def accepted(name: str) -> None:
    buy(name)
    act(name, "accept")


def shipped(name: str) -> None:
    accepted(name)
    ship(name)


def ship(name: str) -> None:
    """Ship, then do what the worker of the stream does."""
    act(name, "ship", carrier="UPS", tracking=f"1Z-{name}")
    parcels.hear_early(stored(name), None, LATER)


def hear(name: str, status: CarrierStatus, hours: int = 0) -> parcels.Heard:
    at = NOW + timedelta(hours=hours)
    event = TrackingEvent(f"{name}-{status}-{hours}", f"1Z-{name}", "UPS", status, at)
    return parcels.hear(event, LATER)


def resolve(name: str, resolution: Any, agent: str) -> str | None:
    return changing.change(
        name,
        lambda found: model.resolve_claim(found, f"{name}.1", resolution, LATER, agent),
        LATER,
        request=request(f"{agent}-{name}"),
        answer=answer,
    )


def events(name: str) -> Counter[str]:
    return Counter(entry.event for entry in stored(name).history)


def test_an_event_that_meets_our_own_shipment_is_never_lost() -> None:
    """The event comes before, while, or after the parcel is shipped."""
    shop.stocked({"A": {"denver": 20}})
    heard: Counter[Any] = Counter()
    for n in range(12):
        name = f"o-{n}"
        accepted(name)
        if n < 3:
            heard[hear(name, "delivered")] += 1
            ship(name)
        else:
            _, outcome = at_once([partial(ship, name), partial(hear, name, "delivered")])
            heard[outcome] += 1
        (part,) = stored(name).fulfillments
        assert part.state == "delivered", f"{name}: {part.state}, {heard}"
        assert events(name)["fulfillment.delivered"] == 1
    assert heard["kept"] >= 3
    assert [row for row in shop.items("orders") if row["sk"].startswith("EARLY#")] == []
    shop.laws()


def test_losses_and_a_delivery_at_once_leave_a_delivered_parcel() -> None:
    shop.stocked({"A": {"denver": 20}})
    for n in range(8):
        name = f"o-{n}"
        shipped(name)
        at_once(
            [
                partial(hear, name, "lost", 2),
                partial(hear, name, "delivered", 1),
                partial(hear, name, "lost", 2),
                partial(hear, name, "in_transit", 0),
            ]
        )
        (part,) = stored(name).fulfillments
        assert (part.state, stored(name).deadline) == ("delivered", None)
        told = events(name)
        assert told["fulfillment.delivered"] == 1
        assert told["fulfillment.lost"] == told["claim.open"] == told["claim.withdrawn"] <= 1
    shop.laws()


def test_a_claim_is_resolved_by_one_of_two_agents() -> None:
    """The other one is told, and the shopper does not get both the parcel and the money."""
    shop.stocked({"A": {"denver": 20}})
    won: Counter[str] = Counter()
    for n in range(8):
        name = f"o-{n}"
        shipped(name)
        hear(name, "lost")
        outcomes = at_once(
            [partial(resolve, name, "resend", "ann"), partial(resolve, name, "refund", "bob")]
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidTransition)]
        assert len(refused) == 1, outcomes
        first, *again = stored(name).fulfillments
        assert refused[0].data["state"] == first.state
        assert bool(again) == (first.state == "resent")
        due = sum(row.detail["amount"] for row in stored(name).history if row.event == "refund.due")
        assert due == (1000 if first.state == "refunded" else 0)
        won[first.state] += 1
    assert won.total() == 8
    shop.laws()


def test_a_delivery_and_a_resolution_at_once_are_one_of_the_two() -> None:
    shop.stocked({"A": {"denver": 20}})
    for n in range(8):
        name = f"o-{n}"
        shipped(name)
        hear(name, "lost")
        at_once([partial(resolve, name, "refund", "ann"), partial(hear, name, "delivered")])
        found = stored(name)
        state = found.fulfillments[0].state
        (line,) = found.lines
        assert (line.fulfilled, line.cancelled) == ((1, 0) if state == "delivered" else (0, 1))
        assert state in {"delivered", "refunded"}
    shop.laws()


def test_one_label_is_bought_by_six_clerks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a key of its own; those who come while it is bought are told to try again."""
    shop.stocked({"A": {"denver": 20}})
    documents: dict[str, bytes] = {}
    monkeypatch.setattr(s3, "put", lambda _, key, body, **__: documents.update({key: body}))
    bought: list[str] = []
    sell = port.label

    def slowly(rate_id: str, consignment: Consignment) -> Label:
        bought.append(consignment.reference)
        time.sleep(0.05)
        return sell(rate_id, consignment)

    monkeypatch.setattr(port, "label", slowly)
    wish = LabelWish(CONSIGNMENT.package, recipient=RECIPIENT)

    def buy_one(name: str, clerk: int) -> str:
        return buy_label(
            f"{name}.1",
            wish,
            lambda _: None,
            lambda label, _: label.tracking,
            LATER,
            f"clerk {clerk}",
            request(f"label-{name}-{clerk}"),
        )

    for n in range(3):
        name = f"o-{n}"
        accepted(name)
        answers = at_once([partial(buy_one, name, clerk) for clerk in range(6)])
        told = {answer for answer in answers if isinstance(answer, str)}
        (part,) = stored(name).fulfillments
        assert told == {part.tracking}
        assert {type(answer) for answer in answers} <= {str, Busy}
    assert sorted(bought) == ["o-0.1.1", "o-1.1.1", "o-2.1.1"]
    assert sorted(documents) == ["o-0/o-0.1.1", "o-1/o-1.1.1", "o-2/o-2.1.1"]
