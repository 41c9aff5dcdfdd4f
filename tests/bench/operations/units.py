"""Calls and request units of what writes: holds, orders, their life, customers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from shared.customers import store as customers
from shared.orders import changing, model, placing, store
from shared.orders.contract.orders import order_answer
from shared.orders.model import Order
from shared.stock import store as stock
from shared.stock.model.position import Hold, HoldLine, HoldState
from tests.bench import prices
from tests.bench.operations.deployed import deployed
from tests.bench.report import Row, Table, Tell
from tests.support import shop
from tests.support.people import NOON, record
from tests.support.shop import NOW, line, order, request
from tests.support.tables import make_tables
from tests.support.units import metered

SKUS = tuple(f"S{number:02}" for number in range(20))


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    with deployed() as patch:
        make_tables(patch, prefix="operations")
        tell("a shop")
        shop.stocked({sku: dict.fromkeys(shop.PLACES, 1000) for sku in SKUS})
        _buy("warm", 1)
        rows = [*_holds(), *_orders(), *_customers()]
    yield Table(
        "Calls and request units per operation",
        rows,
        notes=[
            "RU, WU: indexes included (tests/support/units.py); a write in a transaction is",
            "two units for each KB. Locations and the policy are in the process's memory (read",
            "once in 30 s). $: per million operations, DynamoDB alone, list prices of",
            f"{prices.DATE}.",
            "The workers behind the streams (ledger, pick lists, availability) are not in here.",
        ],
    )


def _measured(name: str, act: Callable[[], object]) -> Row:
    with metered() as units:
        act()
    dollars = units.read * prices.READ_UNIT + units.write * prices.WRITE_UNIT
    return {
        "operation": name,
        "read calls": units.reads,
        "write calls": units.writes,
        "items of the transaction": units.items,
        "RU": units.read,
        "WU": units.write,
        "$": 1e6 * dollars,
    }


# Holds


def _hold(name: str, lines: int) -> Hold:
    held = tuple(HoldLine(sku, "denver", 1) for sku in SKUS[:lines])
    end = NOW + timedelta(minutes=15)
    return Hold(name, held, "web", HoldState.OPEN, NOW, end, "digest", "{}")


def _open(lines: int) -> None:
    stock.open_hold(_hold(f"h{lines}", lines))


def _holds() -> Iterator[Row]:
    for lines in (1, 5, 20):
        yield _measured(f"hold {lines} lines", partial(_open, lines))
    held = stock.get_hold("h5")
    later = NOW + timedelta(minutes=30)
    yield _measured("extend a hold", lambda: stock.extend_hold(held, later, NOW))
    latest = later + timedelta(minutes=30)
    yield _measured("bind a hold", lambda: stock.bind_hold(held, "payment", latest, NOW))
    yield _measured(
        "release a hold of 20 lines", lambda: stock.release_hold(stock.get_hold("h20"), NOW)
    )
    yield _measured("one position", lambda: stock.position("S00", "denver"))


# Orders


def _answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def _id(name: str) -> str:
    return store.order_id_of_request(request(name, name))


def _buy(name: str, lines: int, **more: Any) -> str:
    wanted = [line(str(number), sku, 1) for number, sku in enumerate(SKUS[:lines], 1)]
    draft = order(_id(name), *wanted, **more)
    return placing.place(draft, request(name, name), "web", NOW, _answer)


def _change(name: str, key: str, decide: Callable[[Order], model.OrderChange]) -> None:
    changing.change(_id(name), decide, NOW, request=request(key, key), answer=_answer)


def _act(name: str, action: Literal["accept", "pick", "ship"]) -> None:
    _change(
        name, action, lambda found: model.advance(found, f"{_id(name)}.1", action, NOW, "store")
    )


STEPS: tuple[Literal["accept", "pick", "ship"], ...] = ("accept", "pick", "ship")


def _orders() -> Iterator[Row]:
    for lines in (1, 3, 10):
        yield _measured(f"order of {lines} lines", partial(_buy, f"o{lines}", lines))
    yield _measured("the same order again", lambda: _buy("o3", 3))
    stock.open_hold(_hold("held", 3))
    yield _measured("order of 3 lines with a hold", lambda: _buy("oh", 3, hold_id="held"))
    for action in STEPS:
        yield _measured(f"{action}, 3 lines", partial(_act, "o3", action))
    yield _measured(
        "cancel, 10 lines",
        lambda: _change("o10", "cancel", lambda found: model.cancel(found, None, "", NOW, "web")),
    )
    yield _measured("one order", lambda: store.look_up(_id("o3"), None))


# Customers


def _customers() -> Iterator[Row]:
    said: dict[str, Any] = {
        "email": "bob@shop.test",
        "phone": "+14155552671",
        "given_name": "Bob",
        "family_name": "Ray",
    }
    for name, number in (("somebody new", "1"), ("somebody known", "2"), ("the same again", "2")):
        stated = record("web", number, at=NOON, **said)
        yield _measured(
            f"resolve {name}",
            partial(customers.resolve, stated, f"r{number}", NOON, f"p-{number}"),
        )
    yield _measured("a profile", lambda: customers.find("p-1"))
