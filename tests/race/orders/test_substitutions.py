"""Substitutes that meet a cancel, an answer or their deadline, on DynamoDB Local."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from shared.errors import Conflict, InvalidRequest, InvalidTransition
from shared.orders import backorders, changing, model, store
from shared.orders.model import Order, owed
from shared.orders.model.substituting import Substitute, agree, refuse, substitute
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.shop import NOW, line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
LATER = NOW + timedelta(minutes=5)


def stored(name: str) -> Order:
    order = store.find(name)
    assert order is not None
    return order


def acted(name: str, key: str, decide: Callable[[Order], Any], now: datetime = LATER) -> Any:
    made = request(f"{key}-{name}")
    return changing.change(name, decide, now, request=made, answer=answer)


def step(name: str, action: Any, key: str = "") -> Any:
    return acted(
        name,
        f"{action}{key}",
        lambda order: model.advance(order, f"{name}.1", action, LATER, "store"),
    )


def accepted(name: str, consent: Any) -> None:
    """Two units of A to collect in Denver, which Denver has accepted."""
    wanted = line("1", "A", 2, "pickup", location_id="denver", substitution=consent)
    buy(name, wanted)
    step(name, "accept")


def substituted(name: str, key: str) -> Any:
    other = Substitute("1", 1, "B", "not_found")
    return acted(name, key, lambda order: substitute(order, f"{name}.1", other, {}, LATER, "store"))


def cancelled(name: str) -> Any:
    return acted(
        name, "cancel", lambda order: model.cancel(order, None, "changed my mind", LATER, "web")
    )


def events(name: str) -> Counter[str]:
    return Counter(entry.event for entry in stored(name).history)


@pytest.mark.parametrize("consent", ["allow", "ask"])
def test_a_substitute_that_meets_a_cancel_leaves_nothing_reserved(consent: str) -> None:
    """Whoever comes first: all units are free again, and all that was paid is due back once."""
    shop.stocked({"A": {"denver": 20}, "B": {"denver": 20}})
    made = 0
    for n in range(6):
        name = f"o-{n}"
        accepted(name, consent)
        meeting = [partial(substituted, name, f"s{m}") for m in range(2)]
        *others, last = at_once([*meeting, partial(cancelled, name)])
        assert isinstance(last, str), last
        assert {type(one) for one in others} <= {str, InvalidTransition, InvalidRequest, Conflict}
        order = stored(name)
        assert (order.state, owed(order)) == ("cancelled", 0)
        assert sum(payment.refund_due for payment in order.payments) == 2000
        made += sum(isinstance(one, str) for one in others)
    # A unit that was not found is taken off the stock.
    assert shop.counts("A", "denver")[:3] == (20 - made, 0, 20 - made)
    assert shop.counts("B", "denver") == (20, 0, 20, 0)
    shop.laws()


def test_a_consent_that_meets_its_deadline_is_given_or_refused_and_never_both() -> None:
    shop.stocked({"A": {"denver": 40, "boulder": 40}, "B": {"denver": 40}})
    for n in range(6):
        name = f"o-{n}"
        accepted(name, "ask")
        substituted(name, "s")
        asked = stored(name).line("1.s1")
        assert asked.consent_by is not None
        end = asked.consent_by
        at_once(
            [
                partial(backorders.act_on_deadlines, name, end),
                partial(acted, name, "yes", lambda order: agree(order, "1.s1", LATER, "web")),
                partial(acted, name, "no", lambda order: refuse(order, "1.s1", LATER, "web")),
                partial(backorders.act_on_deadlines, name, end),
            ]
        )
        order, told = stored(name), events(name)
        other = order.line("1.s1")
        assert other.consent_by is None
        assert told["substitution.agreed"] + told["substitution.refused"] == 1
        agreed = bool(told["substitution.agreed"])
        assert (other.open, other.cancelled) == ((1, 0) if agreed else (0, 1))
        assert order.line("1").cancelled == (1 if agreed else 0)
        assert owed(order) == 2000
    shop.laws()


def test_what_is_handed_over_is_what_the_shopper_agreed_to() -> None:
    """The location does not go on before the answer, whoever asks at the same moment."""
    shop.stocked({"A": {"denver": 40}, "B": {"denver": 40}})
    for n in range(6):
        name = f"o-{n}"
        accepted(name, "ask")
        substituted(name, "s")
        at_once(
            [
                partial(step, name, "ready"),
                partial(acted, name, "yes", lambda order: agree(order, "1.s1", LATER, "web")),
            ]
        )
        if stored(name).fulfillments[0].state != "ready":
            step(name, "ready", "again")
        at_once([partial(step, name, "collect", str(m)) for m in range(3)])
        order = stored(name)
        assert {each.line_id: each.fulfilled for each in order.lines} == {"1": 1, "1.s1": 1}
    assert shop.counts("B", "denver") == (34, 0, 34, 0)
    shop.laws()
