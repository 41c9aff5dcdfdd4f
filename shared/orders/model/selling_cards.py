"""Gift cards that are sold. Pure.

A line that sells a card has one unit, at the price of what is on the card. The card is sold with
the order, can be spent once it was handed over, and is blocked and emptied when it comes back. It
is money that is changed: it takes no discount, earns no points, and no card or points pay for it.
"""

from collections.abc import Iterator, Mapping

from shared.catalog.model import Product
from shared.errors import Conflict, InvalidRequest
from shared.orders.model.order import Line, Order
from shared.orders.model.value import kept_units, owed

Defect = dict[str, str]


def check_card_lines(order: Order, products: Mapping[str, Product]) -> None:
    """Raises InvalidRequest for a new order whose lines and payments do not fit its gift cards."""
    defects = [*_defects(order, products)]
    if defects:
        raise InvalidRequest("the order cannot sell these cards", defects)


def _defects(order: Order, products: Mapping[str, Product]) -> Iterator[Defect]:
    named = [line.card_id for line in order.lines if line.card_id is not None]
    for number, line in enumerate(order.lines):
        path = f"$.lines[{number}]"
        product = products.get(line.sku)
        sells = product is not None and product.gift_card
        if sells and line.card_id is None:
            yield _defect(f"{path}.card_id", f"{line.sku} is a gift card: name the one to sell")
        if line.card_id is None:
            continue
        if not sells:
            yield _defect(f"{path}.card_id", f"{line.sku} is no gift card")
        if line.quantity != 1:
            yield _defect(f"{path}.quantity", "a line sells one card")
        if named.count(line.card_id) > 1:
            yield _defect(f"{path}.card_id", "two lines sell the same card")
        if sells and line.tax:
            yield _defect(f"{path}.tax", "a gift card is not taxed")
    if _pays_cards_with_cards(order):
        yield _defect("$.payments", "cards are not bought with cards")


def _pays_cards_with_cards(order: Order) -> bool:
    of_cards = sum(line.net for line in order.lines if line.card_id is not None)
    by_cards = sum(one.captured for one in order.payments if one.card_id is not None)
    return of_cards > 0 and by_cards > owed(order) - of_cards


def must_pay_goods(order: Order) -> None:
    """Raises Conflict for an order whose cards are paid with cards."""
    if _pays_cards_with_cards(order):
        raise Conflict("cards are not bought with cards: another tender has to pay the rest")


def _defect(path: str, message: str) -> Defect:
    return {"path": path, "message": message}


def must_be_goods(line: Line, action: str) -> None:
    """Raises Conflict for a line that sells a card."""
    if line.card_id is not None:
        raise Conflict(f"line {line.line_id} sells a card: it cannot be {action}")


def is_sold(line: Line | None) -> bool:
    return line is not None and kept_units(line) > 0


def is_handed_over(line: Line | None) -> bool:
    return line is not None and line.fulfilled > 0
