"""Folds changes of positions into packs, table ``availability``.

``project_all`` reads the packs of many SKUs in one call per 100, and writes them in one call per
25. A SKU whose pack is written by another at that moment, or needs more items, is left to
``project``, which reads it again until its changes are in.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.availability.model.pack import (
    PackChange,
    Slice,
    fold_changes,
    slice_of,
    slices_needed,
    with_confidence,
)
from shared.availability.store import packs
from shared.availability.store.packs import (
    READS,
    WRITES,
    item_of_slice,
    life_in_catalog,
    pack_key,
    put_life,
    put_request,
    slice_count,
    slice_of_item,
    spread_from,
    stored_slices,
)
from shared.aws import dynamodb as tables
from shared.aws.expression import Update
from shared.aws.settings import table_name
from shared.aws.statement import (
    STATEMENTS,
    Statement,
    execute,
    insert_statement,
    update_statement,
)
from shared.catalog import store as catalog
from shared.catalog.model import ORDINARY, Life
from shared.errors import Busy

Item = Mapping[str, Any]
Confidence = Mapping[str, int]
"""The confidence of a SKU at each location, in thousandths."""
ParallelMap = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

NO_CONFIDENCE: Confidence = {}
MOST_REMEMBERED = 10_000
_slice_counts: dict[str, int] = {}
"""The number of items of each pack that lies in several, as this process has last seen it. It saves
reading PACK#0 first; it is compared with every item that is read."""


@dataclass(frozen=True, slots=True)
class _Write:
    """``item`` is the slice ``after`` the ``changes``, to be put in the place of ``before``."""

    changes: Sequence[PackChange]
    before: Slice | None
    after: Slice
    item: Item

    @property
    def too_large(self) -> bool:
        return len(self.item["pack"]) > packs.MOST_BYTES and self.after.of < packs.MOST_SLICES


def project(sku: str, changes: Sequence[PackChange], confidence: Confidence | None = None) -> bool:
    """Folds ``changes`` into the pack of ``sku``, together with the ``confidence`` at its
    locations; False when nothing was new.

    One strongly consistent read of the items of these locations, and one write of each changed
    item. When another writer comes in between, the item is read again, so that neither change is
    lost. An item that would become too large is spread first. The catalog is asked for the life of
    the product only for the first pack of a SKU.

    Raises Busy when others come in between WRITES times.
    """
    remaining, changed, new = list(changes), False, False
    for _ in tables.attempts(WRITES):
        slices, of = _slices(sku, remaining)
        life = None if slices else life_in_catalog(sku)
        writes = _fold(sku, remaining, slices, of, life, confidence)
        remaining = []
        for write in writes:
            if not write.too_large and _put(write):
                changed, new = True, new or write.before is None
                continue
            if write.too_large:
                pack = write.after.pack
                needed = slices_needed(pack, 2 * of, packs.MOST_BYTES, packs.MOST_SLICES)
                _spread(sku, pack.as_of, needed, pack.life)
            remaining += write.changes
        if not remaining:
            if new:  # the product may have changed since the catalog was read
                put_life(sku, max(change.at for change in changes))
            return changed
    raise Busy(f"too many writers on the availability of {sku}")


def project_all(
    changes: Mapping[str, Sequence[PackChange]],
    confidences: Mapping[str, Confidence],
    each: ParallelMap = map,
) -> dict[str, bool | Exception]:
    """Folds the changes of each SKU into its pack, as ``project`` does; by SKU whether anything was
    new, or the error that prevented it. An error at one SKU does not affect the others.

    ``each`` is a map function, for example that of a thread pool.
    """
    results: dict[str, bool | Exception] = {}
    stored = _stored_slices(changes)
    lives = _lives(sku for sku, (slices, _) in stored.items() if not slices)
    writes: list[_Write] = []
    for sku, (slices, of) in stored.items():
        folded = _fold(
            sku, changes[sku], slices, of, lives.get(sku), confidences.get(sku, NO_CONFIDENCE)
        )
        if not any(write.too_large for write in folded):
            results[sku] = bool(folded)
            writes += folded
    refused = _write_together(writes, each)
    alone = [sku for sku in changes if sku not in results or sku in refused]

    def project_alone(sku: str) -> bool | Exception:
        try:
            return project(sku, changes[sku], confidences.get(sku, NO_CONFIDENCE))
        except Exception as error:
            return error

    results |= zip(alone, each(project_alone, alone), strict=True)
    _check_lives({sku: lives[sku] for sku in lives if sku not in alone}, changes, results)
    return results


def _lives(skus: Iterable[str]) -> dict[str, Life]:
    """The lives of products as they are stored now: one call per 100."""
    names = list(skus)
    products = catalog.products(names, consistent=True) if names else {}
    return {sku: products[sku].life if sku in products else ORDINARY for sku in names}


def _check_lives(
    lives: Mapping[str, Life],
    changes: Mapping[str, Sequence[PackChange]],
    results: dict[str, bool | Exception],
) -> None:
    """Copies the life of each product into its new pack if it has changed since it was read: the
    writer of the product may have found no pack. Errors are put in ``results``."""
    for sku, life in _lives(lives).items():
        if life != lives[sku]:
            try:
                put_life(sku, max(change.at for change in changes[sku]))
            except Exception as error:
                results[sku] = error


def _fold(
    sku: str,
    changes: Iterable[PackChange],
    slices: Mapping[int, Slice],
    of: int,
    life: Life | None,
    confidence: Confidence | None,
) -> list[_Write]:
    """The writes that bring ``changes`` into the ``slices`` of a pack of ``of`` items. ``life`` is
    that of the product of a SKU without a pack."""
    by_slice: dict[int, list[PackChange]] = defaultdict(list)
    for change in changes:
        by_slice[slice_of(change.location_id, of)].append(change)
    writes = []
    for number, rows in by_slice.items():
        before = slices.get(number)
        pack = fold_changes(sku, before.pack if before else None, rows)
        if pack is None:
            continue
        if before is None and life is not None:
            pack = replace(pack, life=life)
        if confidence is not None:
            pack = with_confidence(pack, confidence)
        after = Slice(pack, number, of)
        writes.append(_Write(rows, before, after, item_of_slice(after, after.next_version)))
    return writes


def _put(write: _Write) -> bool:
    return tables.write("put_item", **put_request(write.item, write.before)) is None


def _write_together(writes: Sequence[_Write], each: ParallelMap) -> set[str]:
    """Writes slices, 25 in one call; returns the SKUs of those that were not written."""
    calls = [writes[start : start + STATEMENTS] for start in range(0, len(writes), STATEMENTS)]
    outcomes = each(lambda call: execute([_statement(write) for write in call]), calls)
    return {
        write.after.pack.sku
        for call, successes in zip(calls, outcomes, strict=True)
        for write, success in zip(call, successes, strict=True)
        if not success
    }


def _statement(write: _Write) -> Statement:
    """The statement that writes what a put would. The number of slices and the life of the product
    are in the stored item."""
    item, update = write.item, Update()
    names = item.keys() - {"pk", "sk"}
    for name in sorted(names):
        if item[name] is not None:
            update.set(name, item[name])
        elif write.before is not None:
            update.remove(name)
    table, key = table_name("availability"), (item["pk"], item["sk"])
    if write.before is None:
        return insert_statement(update, table, *key)
    # Holds while nobody has written the item since it was read, as in ``put_request``.
    update.require("version = {}", write.before.pack.version)
    return update_statement(update, table, *key)


def _stored_slices(
    changes: Mapping[str, Sequence[PackChange]],
) -> dict[str, tuple[dict[int, Slice], int]]:
    """By SKU the stored slices of the locations that change and the number of all slices, as
    ``_slices``. SKUs are left out whose number of slices this process does not know."""
    counts = {sku: _slice_counts.get(sku, 1) for sku in changes}
    keys = {
        sku: [pack_key(sku, number) for number in _numbers(rows, counts[sku])]
        for sku, rows in changes.items()
    }
    items = tables.get_many((key for some in keys.values() for key in some), consistent=True)
    stored: dict[str, tuple[dict[int, Slice], int]] = {}
    for sku, some in keys.items():
        read = [items[key] for key in some if key in items]
        slices = _complete_slices(read, len(some), counts[sku])
        if slices is not None:
            stored[sku] = slices, counts[sku]
    return stored


def _slices(sku: str, changes: Iterable[PackChange]) -> tuple[dict[int, Slice], int]:
    """The slices of the locations that change as they are stored now, by number, and how many
    slices there are: one call when this process knows how many. A SKU without a pack has none, of
    one.

    Raises Busy as ``packs``.
    """
    rows, of = list(changes), _slice_counts.get(sku, 1)
    for _ in range(READS):
        keys = [pack_key(sku, number) for number in _numbers(rows, of)]
        if len(keys) == 1:
            item = tables.get(keys[0].table, keys[0].pk, keys[0].sk, consistent=True)
            items = [item] if item else []
        else:
            items = list(tables.get_many(keys, consistent=True).values())
        slices = _complete_slices(items, len(keys), of)
        if slices is not None:
            return slices, of
        of = max(map(slice_count, items), default=1)
        _remember_slice_count(sku, of)
    raise Busy(f"the pack of {sku} is being spread over more items")


def _numbers(changes: Iterable[PackChange], of: int) -> list[int]:
    return sorted({slice_of(change.location_id, of) for change in changes})


def _complete_slices(items: Sequence[Item], wanted: int, of: int) -> dict[int, Slice] | None:
    """The slices in ``items`` by number; None when some of the ``wanted`` ones are missing, or the
    pack does not lie in ``of`` items."""
    counts = {slice_count(item) for item in items}
    # True when these items have the locations; a SKU without a pack has no items.
    if (counts == {of} and len(items) == wanted) or (not counts and of == 1):
        return {part.number: part for part in map(slice_of_item, items)}
    return None


def _remember_slice_count(sku: str, of: int) -> None:
    if len(_slice_counts) > MOST_REMEMBERED:
        _slice_counts.clear()
    _slice_counts[sku] = of


def _spread(sku: str, as_of: datetime, of: int, life: Life = ORDINARY) -> None:
    """Spreads the pack over ``of`` items, unless it is spread already or another writer comes in
    between."""
    before = stored_slices(sku)
    if len(before) < of and spread_from(before, sku, as_of, of, life):
        _remember_slice_count(sku, of)
