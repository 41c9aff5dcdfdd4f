"""Counts orders: reads their marks and rows, folds, and writes all of it in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.errors import Busy
from shared.recommendations.model.baskets import Basket, Change, skus_of
from shared.recommendations.model.counters import Counters, Place, places_of
from shared.recommendations.model.fitting import Predicted, new_to
from shared.recommendations.model.ranking import Suggested
from shared.recommendations.store import rows

SPARE = 2
"""Parts of a transaction that are left free."""
MOST_PARTS = tables.WRITE_PARTS - SPARE
NOTHING: Predicted = {}


@dataclass(frozen=True, slots=True)
class Counted:
    """What an order's ``version`` says."""

    order_id: str
    version: int
    basket: Basket


def count(orders: Iterable[Counted], now: datetime, suiting: Predicted = NOTHING) -> int:
    """Counts the orders that are newer than their marks, as many as fit in one transaction.
    Returns how many. Harmless when it is repeated. With each home that it writes it keeps what
    suits the home by the model ``suiting``.

    Raises Busy.
    """
    newest: dict[str, Counted] = {}
    for order in orders:
        known = newest.get(order.order_id)
        if known is None or known.version < order.version:
            newest[order.order_id] = order
    changes = _changes(list(newest.values()))
    return sum(
        _count([newest[change.order_id] for change in group], now, suiting)
        for group in _groups(changes)
    )


def _changes(orders: Sequence[Counted]) -> list[Change]:
    marks = tables.get_many([rows.mark_key(one.order_id) for one in orders], consistent=True)
    found = []
    for order in orders:
        mark = rows.mark_of(marks.get(rows.mark_key(order.order_id)))
        if mark.version < order.version:
            found.append(
                Change(order.order_id, order.version, mark.basket, order.basket, mark.version)
            )
    return found


def _groups(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """The changes in groups that one transaction can write."""
    group: list[Change] = []
    keys: set[Key] = set()
    for change in changes:
        own = _keys([change])
        if group and len(keys | own) + len(group) + 1 > MOST_PARTS:
            yield group
            group, keys = [], set()
        group.append(change)
        keys |= own
    if group:
        yield group


def _count(orders: Sequence[Counted], now: datetime, suiting: Predicted) -> int:
    for _ in tables.attempts():
        changes = _changes(orders)
        groups = list(_groups(changes))
        if len(groups) > 1:
            # A mark that was written meanwhile has made them larger.
            return sum(_count([one], now, suiting) for one in orders)
        if not changes or not tables.transact(_parts(changes, now, suiting)):
            return len(changes)
    raise Busy("too many writers count at once")


def _keys(changes: Iterable[Change]) -> set[Key]:
    """The rows that the changes touch, without the marks and the newcomers."""
    homes, skus, places = _touched(changes)
    return {
        *map(rows.again_key, homes),
        *map(rows.partners_key, skus),
        *map(rows.popular_key, places),
    }


def _touched(changes: Iterable[Change]) -> tuple[list[str], list[str], list[Place]]:
    changing = [change for change in changes if not change.is_empty]
    baskets = [
        basket
        for change in changing
        for basket in (change.before, change.after)
        if basket is not None
    ]
    homes = dict.fromkeys(basket.home for basket in baskets if basket.home is not None)
    places = {place: None for basket in baskets for place in places_of(basket)}
    return list(homes), list(skus_of(changing)), list(places)


def _parts(changes: Sequence[Change], now: datetime, suiting: Predicted) -> list[Part]:
    marks = [rows.mark_part(one, now) for one in changes]
    homes, skus, places = _touched(changes)
    if not homes and not skus:
        return marks
    keys = [*_keys(changes), rows.newcomers_key()]
    found = tables.get_many(keys, consistent=True)
    before = {home: found.get(rows.again_key(home)) for home in homes}
    counters = Counters(
        {home: rows.again_of(row) for home, row in before.items()},
        {sku: rows.partners_of(found.get(rows.partners_key(sku))) for sku in skus},
        {place: rows.popular_of(found.get(rows.popular_key(place))) for place in places},
        rows.newcomers_of(found.get(rows.newcomers_key())),
    )
    changing = [change for change in changes if not change.is_empty]
    counters.fold(changing, now.astimezone(UTC).date())
    suits = {
        home: new_to(again.items, suiting) if suiting else None
        for home, again in counters.again.items()
    }
    return [*marks, *_row_parts(counters, before, suits, found, now)]


def _row_parts(
    counters: Counters,
    before: Mapping[str, rows.Row],
    suits: Mapping[str, Suggested | None],
    found: Mapping[Key, dict[str, Any]],
    now: datetime,
) -> Iterator[Part]:
    """A row that is empty and was not stored is not written; nor is that of an erased person."""
    for home, again in counters.again.items():
        if (again.items or before[home] is not None) and not rows.is_closed(before[home]):
            yield rows.again_part(home, again, suits[home], before[home], now)
    for sku, partners in counters.partners.items():
        yield rows.partners_part(sku, partners, found.get(rows.partners_key(sku)), now)
    for place, popular in counters.popular.items():
        yield rows.popular_part(place, popular, found.get(rows.popular_key(place)), now)
    if counters.newcomers_changed:
        row = found.get(rows.newcomers_key())
        yield rows.newcomers_part(counters.newcomers, row, now)
