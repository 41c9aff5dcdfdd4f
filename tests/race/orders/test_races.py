"""Many buyers, associates and retries at once, on DynamoDB Local."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.errors import Busy, InvalidTransition, OutOfStock
from shared.orders import backorders, changing, model, placing, promising, store
from shared.orders.contract.promises import PromiseHeld, PromiseHoldInput
from shared.orders.model import Order, transfers
from shared.orders.model.transfers import Transfer, TransferChange, TransferLine
from shared.orders.store import transfers as transfers_store
from shared.stock import store as stock
from shared.stock.model.events import Announced
from shared.stock.model.events import Moved as Came
from shared.stock.model.position import HoldLine
from shared.web.idempotency import Request
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.holds import hold
from tests.support.shop import NOW, line, order, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
LATER = NOW + timedelta(minutes=5)


def stored(name: str) -> Order:
    found = store.find(name)
    assert found is not None
    return found


def act(order_id: str, action: Any, key: str, number: int = 1) -> str | None:
    return changing.change(
        order_id,
        lambda found: model.advance(found, f"{order_id}.{number}", action, LATER, key),
        LATER,
        request=request(key),
        answer=answer,
    )


def cancel(order_id: str, key: str) -> str | None:
    return changing.change(
        order_id,
        lambda found: model.cancel(found, None, "changed my mind", LATER, key),
        LATER,
        request=request(key),
        answer=answer,
    )


def reject(order_id: str, at: datetime) -> str | None:
    rows = [model.Rejection("1", 1, "no_capacity")]
    return changing.change(
        order_id,
        lambda found: model.reject(found, f"{order_id}.1", rows, {}, now=at, actor="store"),
        at,
        request=request(f"reject-{order_id}"),
        answer=answer,
    )


def kinds(outcomes: Sequence[Any]) -> Counter[type]:
    return Counter(type(outcome) for outcome in outcomes)


def test_the_last_unit_goes_to_exactly_one_of_50_buyers() -> None:
    """Both succeed in magento/inventory#2722 and saleor#543."""
    shop.stocked({"A": {"denver": 1}})
    outcomes = at_once([partial(buy, f"o-{n}") for n in range(50)])
    assert kinds(outcomes) == {str: 1, OutOfStock: 49}
    assert shop.counts("A", "denver") == (1, 1, 0, 0)
    assert len(shop.all_orders()) == 1
    shop.laws()


def test_the_units_to_be_picked_are_counted_once_by_many_workers() -> None:
    shop.stocked({"A": {"denver": 100}})
    images = []
    for n in range(8):
        buy(f"o-{n}")
        images.append(stored(f"o-{n}"))
        act(f"o-{n}", "accept", f"a-{n}")
        if n % 2:
            act(f"o-{n}", "pick", f"p-{n}")
        images.append(stored(f"o-{n}"))
    assert kinds(
        at_once([partial(store.project_pick_rows, image, None) for image in images * 3])
    ) == {int: 48}
    units = tables.get(table_name("availability"), "UNPICKED", "LOC#denver", consistent=True)
    assert units is not None
    assert units["units"] == 4


def test_a_few_units_over_four_locations_are_all_sold_and_not_one_more() -> None:
    """Valid carts fail in medusa#14987: the sum is confirmed, one location reserved."""
    shop.stocked({"A": {"denver": 1, "boulder": 1, "omaha": 2, "depot": 1}})
    outcomes = at_once([partial(buy, f"o-{n}") for n in range(50)])
    assert kinds(outcomes) == {str: 5, OutOfStock: 45}
    shop.laws()


def test_two_lines_of_one_sku_are_one_demand_in_every_race() -> None:
    """medusa#16502: each line is checked alone, and both pass."""
    shop.stocked({"A": {"denver": 5}})
    both = (line("1", "A", 1), line("2", "A", 1))
    outcomes = at_once([partial(buy, f"o-{n}", *both) for n in range(32)])
    assert kinds(outcomes) == {str: 2, OutOfStock: 30}
    assert shop.counts("A", "denver") == (5, 4, 1, 0)
    shop.laws()


def test_orders_with_opposite_lines_do_not_block_each_other() -> None:
    shop.stocked({"A": {"denver": 32}, "B": {"denver": 32}})
    there, back = (line("1", "A", 1), line("2", "B", 1)), (line("1", "B", 1), line("2", "A", 1))
    outcomes = at_once([partial(buy, f"o-{n}", *(back if n % 2 else there)) for n in range(32)])
    assert kinds(outcomes) == {str: 32}
    assert shop.counts("A", "denver") == shop.counts("B", "denver") == (32, 32, 0, 0)
    shop.laws()


def test_one_key_from_32_threads_is_one_order_with_equal_answers() -> None:
    shop.stocked({"A": {"denver": 1}})
    name = store.order_id_of_request(request("same", None))

    def once() -> str:
        return placing.place(order(name), request("same", None), "web", NOW, answer)

    outcomes = at_once([once] * 32)
    assert kinds(outcomes) == {str: 32}
    assert len(set(outcomes)) == 1
    assert len(shop.all_orders()) == 1
    shop.laws()


def test_one_key_and_an_own_id_from_32_threads_is_one_order_with_equal_answers() -> None:
    shop.stocked({"A": {"denver": 1}})
    outcomes = at_once([partial(buy, "web-1")] * 32)
    assert kinds(outcomes) == {str: 32}
    assert len(set(outcomes)) == 1
    shop.laws()


def test_a_cancel_and_a_shipment_do_not_both_succeed() -> None:
    shop.stocked({"A": {"denver": 20}})
    for n in range(10):
        name = f"o-{n}"
        buy(name)
        act(name, "accept", f"accept-{n}")
        shipped, cancelled = at_once(
            [partial(act, name, "ship", f"ship-{n}"), partial(cancel, name, f"cancel-{n}")]
        )
        assert isinstance(shipped, InvalidTransition) != isinstance(cancelled, InvalidTransition)
    states = Counter(found.state for found in shop.all_orders())
    assert states.total() == 10
    assert shop.counts("A", "denver")[:2] == (20 - states["fulfilled"], 0)
    shop.laws()


def test_one_offer_is_accepted_once() -> None:
    shop.stocked({"A": {"denver": 1}})
    buy("o-1")
    outcomes = at_once([partial(act, "o-1", "accept", f"associate-{n}") for n in range(10)])
    assert kinds(outcomes) == {str: 1, InvalidTransition: 9}
    (found,) = shop.all_orders()
    assert found.version == 2


def test_a_repeated_action_from_10_threads_takes_effect_once() -> None:
    shop.stocked({"A": {"denver": 3}})
    buy("o-1", line("1", "A", 2))
    act("o-1", "accept", "accept")
    outcomes = at_once([partial(act, "o-1", "ship", "ship")] * 10)
    assert kinds(outcomes) == {str: 10}
    assert len(set(outcomes)) == 1
    assert shop.counts("A", "denver") == (1, 0, 1, 0)
    shop.laws()


def test_a_rejection_and_the_sweep_of_the_deadline_release_the_units_once() -> None:
    shop.stocked({"A": {"denver": 2, "boulder": 2}})
    late = NOW + timedelta(hours=1)
    for n in range(6):
        name = f"o-{n}"
        buy(name, line("1", "A", 1))

        at_once(
            [
                partial(reject, name, late),
                partial(changing.change, name, partial(model.act_on_deadlines, now=late), late),
            ]
        )
        found = store.find(name)
        assert found is not None
        first, then = (f.state for f in found.fulfillments)
        assert (first in {"rejected", "expired"}, then) == (True, "offered")
        shop.laws()
        cancel(name, f"cancel-{name}")


def test_a_hold_becomes_one_order() -> None:
    """saleor#14733, vendure#3065: paid, and then out of stock."""
    shop.stocked({"A": {"denver": 3}})
    hold(HoldLine("A", "denver", 2))
    outcomes = at_once(
        [partial(buy, f"o-{n}", line("1", "A", 2), hold_id="h-1") for n in range(10)]
    )
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert shop.counts("A", "denver") == (3, 2, 1, 0)
    shop.laws()


def test_a_transfer_is_shipped_or_cancelled_and_received_once() -> None:
    shop.stocked({"A": {"denver": 5, "boulder": 1}})
    lines = (TransferLine("A", 4, 4),)
    draft = Transfer("t1", "denver", "boulder", lines, NOW, LATER)
    asked = transfers.request(draft, NOW, "web")
    same = [partial(transfers_store.request_once, asked, NOW, request("t"), repr) for _ in range(8)]
    assert len({*at_once(same)}) == 1
    shop.laws()

    def move(decide: Callable[[Transfer], TransferChange], key: str) -> Callable[[], Any]:
        return partial(
            transfers_store.change, "t1", decide, LATER, request=request(key), answer=str
        )

    ended = at_once(
        [
            *(move(lambda t: transfers.ship(t, LATER, "x"), f"ship{n}") for n in range(4)),
            *(move(lambda t: transfers.cancel(t, "", LATER, "x"), f"cancel{n}") for n in range(4)),
        ]
    )
    assert sum(isinstance(result, str) for result in ended) == 1
    shop.laws()
    if transfers_store.find("t1").state == "cancelled":
        assert shop.counts("A", "denver") == (5, 0, 5, 0)
        return
    came = at_once(
        [move(lambda t: transfers.receive(t, None, LATER, "x"), f"r{n}") for n in range(8)]
    )
    assert sum(isinstance(result, str) for result in came) == 1
    assert shop.counts("A", "denver") == (1, 0, 1, 0)
    assert shop.counts("A", "boulder") == (5, 0, 5, 0)
    shop.laws()


def test_each_promise_that_is_held_becomes_its_plan_and_no_unit_is_promised_twice() -> None:
    """16 shoppers hold and order, 16 others buy without, of 8 units at two locations."""
    shop.stocked({"A": {"denver": 5, "omaha": 3}})
    option = {"method": "ship", "service_level": "standard"}

    def keep(number: int) -> PromiseHeld:
        asked = Request.of("web-client", f"hold-{number}", "POST", "/hold", number)
        text = promising.hold(cart(option), asked, NOW)
        made = PromiseHeld.model_validate_json(text)
        buy(f"held-{number}", hold_id=made.hold_id)
        return made

    acts: list[Callable[[], Any]] = [partial(keep, number) for number in range(16)]
    acts += [partial(buy, f"o-{number}") for number in range(16)]
    outcomes = at_once(acts)
    assert kinds(outcomes).keys() == {PromiseHeld, str, OutOfStock}
    orders = {found.order_id: found for found in shop.all_orders()}
    assert len(orders) == 8
    for number, made in enumerate(outcomes[:16]):
        if isinstance(made, PromiseHeld):
            (part,) = made.parts
            (found,) = orders[f"held-{number}"].fulfillments
            assert (found.location_id, found.deliver_by) == (
                part.location_id,
                part.promise.deliver_by,
            )
        else:
            assert isinstance(made, OutOfStock)
            assert f"held-{number}" not in orders
    shop.laws()


def cart(option: dict[str, Any]) -> PromiseHoldInput:
    return PromiseHoldInput.model_validate(
        {
            "channel": "web",
            "lines": [{"sku": "A", "quantity": 1}],
            "ship_to": asdict(shop.SHIP_TO),
            "option": option,
            "as_of": NOW,
            "expires_in_seconds": 600,
        }
    )


def announced(quantity: int, number: int = 0, days: int = 9) -> None:
    time = NOW + timedelta(seconds=number)
    due = NOW + timedelta(days=days)
    event = Announced("erp", f"PO-{number}", None, "A", "depot", time, quantity, due, "PO-1")
    stock.apply_events([event], stock.position("A", "depot"), (), time)
    shop.project("A")


def preorder(name: str, units: int = 1) -> str:
    return buy(name, line("1", "A", units, backorder=True))


def test_of_a_supply_of_10_exactly_10_units_are_promised_to_48_preorders() -> None:
    shop.stocked({"A": {}})
    announced(10)
    outcomes = at_once([partial(preorder, f"o-{n}") for n in range(48)])
    assert kinds(outcomes) == {str: 48}
    assert shop.position("A", "depot").due == {"PO-1": 10}
    dated = [found for found in shop.all_orders() if found.lines[0].expected_at]
    assert len(dated) == 10
    shop.laws()


def test_a_supply_that_comes_while_others_buy_and_cancel_goes_to_who_waited() -> None:
    """16 wait for 12 units; these come in four receipts, while the first cancel and others buy, and
    three reviews give them at once."""
    shop.stocked({"A": {}})
    announced(12)
    for n in range(12):
        preorder(f"w-{n:02}")

    def receipt(number: int) -> int:
        at = NOW + timedelta(minutes=1 + number)
        moved = Came("erp", f"r-{number}", None, "A", "depot", 3, "receiving", at, "PO-1")
        return stock.apply_events([moved], stock.position("A", "depot"), (), at)

    acts: list[Callable[[], Any]] = [partial(receipt, n) for n in range(4)]
    acts += [partial(cancel, f"w-{n:02}", f"c-{n}") for n in range(4)]
    acts += [partial(buy, f"o-{n}") for n in range(8)]
    acts += [partial(preorder, f"l-{n}") for n in range(8)]
    acts += [partial(backorders.review_supplies, "A", "depot", LATER)] * 8
    outcomes = at_once(acts)
    assert kinds(outcomes).keys() <= {str, int, OutOfStock}
    shop.laws()
    for _ in range(2):
        backorders.review_supplies("A", "depot", LATER)
    shop.laws()
    found = {made.order_id: made for made in shop.all_orders()}
    for n in range(12):
        stands = found[f"w-{n:02}"].state
        assert stands == ("cancelled" if n < 4 else "placed"), n
    there = shop.position("A", "depot")
    assert (there.on_hand, there.landed, there.due) == (12, {}, {})


def test_buyers_at_once_shrink_a_transfer_by_what_they_bought_and_no_more() -> None:
    shop.stocked({"A": {"denver": 5}})
    lines = (TransferLine("A", 5, 5),)
    draft = Transfer("t", "denver", "omaha", lines, NOW, NOW + timedelta(days=2))
    asked = transfers.request(draft, NOW, "planner")
    transfers_store.request_once(asked, NOW, request("t"), lambda _: "{}")
    transfers_store.index_unshipped(transfers_store.find("t"))
    shop.project("A")
    ships = partial(transfers_store.change, "t", lambda found: transfers.ship(found, NOW, "x"), NOW)
    outcomes = at_once([*(partial(buy, f"o-{n}") for n in range(8)), ships])
    sold = sum(len(one.fulfillments) for one in shop.all_orders())
    left = transfers_store.find("t").lines[0]
    assert (left.cancelled, left.open) == (sold, 5 - sold)
    assert kinds(outcomes).keys() <= {str, OutOfStock, InvalidTransition, Busy}
    shop.laws()
