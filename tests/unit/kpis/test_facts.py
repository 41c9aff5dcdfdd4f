"""Where each figure of an order counts, and the KPIs that are computed from their sums."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

from shared.kpis.model.costs import Rates, ServingCost
from shared.kpis.model.facts import SENT, Surroundings, facts
from shared.kpis.model.figures import FIGURES, NOWHERE, ORDER, Cell, Facts, Figures, summed
from shared.kpis.model.kpis import KPIS, Value, value_of
from shared.orders.model import (
    Line,
    Order,
    Returned,
    advance,
    cancel,
    follow_parcel,
    resolve_claim,
    take_back,
)
from shared.orders.model.quoted import Discount, OrderQuote
from tests.support.places import place
from tests.unit.orders.orders import NOW, line, order, parcel, placed

PLACES = {name: place(name) for name in ("S1", "S2")}
RATES = Rates(payment_share=150, payment_fixed=25, return_unit=90)
LATE = datetime(2026, 11, 21, 5, tzinfo=UTC)
PLACED = HANDED = date(2026, 11, 20)


def around(order: Order) -> Surroundings:
    sent = [part.fulfillment_id for part in order.fulfillments if part.state in SENT]
    return Surroundings(PLACES, {"A": 600}, dict.fromkeys(sent, ServingCost(200, 450)), RATES)


def total(found: Facts) -> Figures:
    return summed(found.values())


def handed_over(*lines: Line, units: int) -> Order:
    """A paid order of which S1 ships all units, late in the evening of Denver's 20th."""
    stored = placed(order(*lines), parcel("S1", l1=units)).order
    for action in ("accept", "ship"):
        stored = advance(stored, "o1.1", action, LATE, "x").order
    return stored


def test_each_figure_stands_in_its_cell() -> None:
    stored = handed_over(line("1", "A", 3, discounts=(Discount("sale", 100),)), units=3)
    assert facts(stored, around(stored)) == {
        Cell(PLACED, NOWHERE, ORDER): {"orders": 1},
        Cell(PLACED, NOWHERE, "A"): {
            "ordered_units": 3,
            "list_value": 3000,
            "discounts": 100,
            "cancelled_units": 0,
            "first_plan_units": 3,
            "served_units": 3,
        },
        Cell(HANDED, "S1", "A"): {
            "sold_units": 3,
            "sales": 2900,
            "cards_sold": 0,
            "tax": 0,
            "funding": 0,
            "goods_cost": 1800,
            "costed_units": 3,
        },
        Cell(HANDED, "S1", ORDER): {
            "parcels": 1,
            "shipped_orders": 1,
            "handling_cost": 200,
            "carrier_cost": 450,
            "shipping": 0,
            "tax": 0,
            "repriced": 0,
            "payment_cost": 25 + 2900 * 150 // 10_000,
            "due_units": 3,
            "kept_units": 0,
        },
    }


def test_units_of_a_line_that_was_cut_come_back_for_what_they_cost() -> None:
    """Of 3 units for 10.00 one is cancelled, and the others come back one after the other."""
    thirds = line("1", "A", 3, discounts=(Discount("sale", 2000),))
    stored = placed(order(thirds), parcel("S1", l1=3)).order
    stored = cancel(stored, {"1": 1}, "", NOW, "x").order
    for action in ("accept", "ship"):
        stored = advance(stored, "o1.1", action, LATE, "x").order
    assert total(facts(stored, around(stored)))["sales"] == 667
    refunds = []
    for _ in range(2):
        back = [Returned("1", 1, "sellable", "")]
        stored = take_back(stored, "S2", back, LATE, "x").order
        refunds.append(total(facts(stored, around(stored)))["refunds"])
    assert refunds == [333, 667]
    back_at = Cell(HANDED, "S2", "A")
    assert facts(stored, around(stored))[back_at]["goods_back"] == 1200


def test_credits_that_no_entry_explains_are_counted_on_the_last_day() -> None:
    """As of an order whose history an erasure has emptied."""
    stored = handed_over(line("1", "A", 3), units=3)
    stored = take_back(stored, "S2", [Returned("1", 2, "damaged", "")], LATE, "x").order
    bare = replace(stored, history=())
    assert total(facts(bare, around(bare)))["refunds"] == 2000
    assert facts(bare, around(bare))[Cell(PLACED, NOWHERE, "A")]["returned_units"] == 2


def test_vendors_pay_their_share_of_a_discount() -> None:
    stored = handed_over(line("1", "A", 3, discounts=(Discount("sale", 100),)), units=3)
    quote = OrderQuote(NOW, 1, 1, "", funding=(("sale", "ACME", 5000), ("other", "ACME", 9000)))
    assert total(facts(replace(stored, quote=quote), around(stored)))["funding"] == 50


def test_a_gift_card_is_no_sale_and_costs_nothing() -> None:
    stored = handed_over(line("1", "A", 1, card_id="card-1"), units=1)
    found = total(facts(stored, around(stored)))
    assert (found["sales"], found["cards_sold"], found["goods_cost"]) == (0, 1000, 0)


def test_what_a_lost_parcel_cost_is_known() -> None:
    stored = handed_over(line("1", "A", 3), units=3)
    lost = follow_parcel(stored, "o1.1", "lost", LATE, LATE, "carrier")
    assert lost is not None
    stored = resolve_claim(lost.order, "o1.1", "refund", LATE, "x").order
    found = total(facts(stored, around(stored)))
    assert (found["lost_cost"], found["sales"], found["carrier_cost"]) == (1800, 0, 450)


def test_kpis_are_quotients_of_sums() -> None:
    sums = Counter(
        {"sales": 1000, "refunds": 100, "goods_cost": 400, "handling_cost": 50, "parcels": 6}
        | {"shipped_orders": 4, "sold_units": 10}
    )
    assert value_of(KPIS["net_sales"], sums) == Value(900, None, 900.0)
    assert value_of(KPIS["contribution"], sums) == Value(450, None, 450.0)
    assert value_of(KPIS["margin"], sums) == Value(450, 900, 0.5)
    assert value_of(KPIS["split"], sums) == Value(6, 4, 0.5)
    assert value_of(KPIS["promise_kept"], sums) == Value(0, 0, None)


def test_every_figure_of_a_kpi_exists() -> None:
    for kpi in KPIS.values():
        assert kpi.numerator.keys() | (kpi.denominator or {}).keys() <= set(FIGURES)
