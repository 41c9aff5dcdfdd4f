"""Orders on their way, counted for the KPIs, and the sums compared with the orders."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import partial
from typing import Any

from functions.kpis import count_orders
from shared.kpis.model.figures import Figures, summed
from shared.kpis.reading import groups
from shared.kpis.store.counts import marks_of
from shared.orders import changing, model, placing, store
from shared.orders.contract.orders import order_answer
from shared.orders.model import Line, Order
from tests.support import shop
from tests.support.clauses import equals

NOW = shop.NOW
FIRST, LAST = date(2026, 11, 19), date(2026, 11, 22)


def placed(name: str, *lines: Line, channel: str = "web") -> None:
    placing.place(shop.order(name, *lines), shop.request(name, name), channel, NOW, _answer)


def _answer(order: Order) -> str:
    return order_answer(order).model_dump_json()


def changed(name: str, decide: Any) -> None:
    changing.change(name, decide, NOW)


def handed_over(name: str) -> None:
    stored = store.find(name)
    assert stored is not None
    for part in stored.fulfillments:
        for action in ("accept", "ship"):
            changed(
                name,
                partial(
                    model.advance,
                    fulfillment_id=part.fulfillment_id,
                    action=action,
                    now=NOW,
                    actor="x",
                ),
            )


def messages(names: Iterable[str]) -> dict[str, Any]:
    """A batch of the queue: an event of each order."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "body": json.dumps({"detail": {"data": {"order_id": name}}}),
            }
            for number, name in enumerate(names)
        ]
    }


def count(*names: str) -> None:
    assert count_orders.handler(messages(names), None) == {"batchItemFailures": []}


def totals(by: Any = "channel") -> Figures:
    return summed(groups(FIRST, LAST, by).values())


def sums_are_those_of_the_marks() -> None:
    """The law of the KPIs: the sums, over all locations and by location, are what the marks of all
    orders say."""
    marks = marks_of([order.order_id for order in shop.all_orders()])
    said = summed(row for mark in marks.values() for row in mark.facts.values())
    for by in ("day", "channel", "location"):
        found = totals(by)
        for name in said.keys() | found.keys():
            equals(f"sums by {by}", name, found[name], {"marks": said[name]})


def plain(figures: Figures, *names: str) -> dict[str, int]:
    return {name: Counter(figures)[name] for name in names}
