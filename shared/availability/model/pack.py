"""A pack: the units that every location has of a SKU, so that one read answers. Pure.

A pack is a fold over the changes of the SKU's positions: for each location the newest version wins,
so that any order and any repetition of the changes gives the same pack.

A pack that is too large for one item lies in slices: 2, 4, 8 ... of them, each with the rows of its
own locations (``slice_of``). A slice is a pack itself, so that a change folds into its slice alone;
``merge_slices`` and ``merge_columns`` put slices together again.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import repeat
from typing import Any, NamedTuple, TypeVar

from shared.availability.model import sales
from shared.availability.model.sales import Prior, Sale, Sales
from shared.catalog.model import ORDINARY, Life

V = TypeVar("V")
ExpectedUnits = tuple[int, int]
"""(epoch second, units): when units are expected, and how many."""


class PackRow(NamedTuple):
    """``available`` units at a location, as of the position's ``version``; ``expected`` supply by
    date; ``sales`` over the counter, once there were any. ``reserved`` units and ``counters`` are
    what floors depend on. ``awaited`` is a digest of the supplies with promised units, 0 without.
    ``confidence`` is the probability in thousandths that a pick finds the units (confidence.py),
    None before the first pick.

    A pack has a row for each of hundreds of locations, and is read and written with every change: a
    tuple is made in a quarter of the time of a dataclass.
    """

    available: int
    version: int
    expected: tuple[ExpectedUnits, ...] = ()
    sales: Sales | None = None
    reserved: int = 0
    counters: tuple[tuple[str, int], ...] = ()
    awaited: int = 0
    confidence: int | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """All locations of one SKU. It is at most the stream's lag old; a reservation never uses it.

    ``as_of`` is the instant of its newest change. ``version`` rises with its writes, and no two
    writes of a SKU have the same: it counts them while the pack is one item. ``prior`` describes
    the sales over the counter at all locations together, once there are any. ``life`` is that of
    its product.
    """

    sku: str
    rows: dict[str, PackRow]
    as_of: datetime
    version: int = 0
    prior: Prior | None = None
    life: Life = ORDINARY

    def rate(self, location_id: str, at: datetime) -> float | None:
        """Units per day sold over the counter at the location; None while too little is known."""
        row, second = self.rows.get(location_id), int(at.timestamp())
        if self.prior is None or row is None or not self.prior.is_old_enough(second):
            return None
        return sales.rate(self.prior, row.sales, second, stocked=row.available > 0)


@dataclass(frozen=True, slots=True)
class Slice:
    """The ``number``-th of the ``of`` items that a pack lies in; ``pack`` has its locations."""

    pack: Pack
    number: int = 0
    of: int = 1

    @property
    def next_version(self) -> int:
        """Each slice has versions of its own, so that no two writes of a SKU have the same
        version."""
        return self.pack.version + self.of


@dataclass(frozen=True, slots=True)
class PackChange:
    """A position as of its ``version``, changed at ``at``; ``row`` is None when it was deleted.
    ``sold`` are the sales over the counter in this change."""

    location_id: str
    version: int
    row: PackRow | None
    at: datetime
    sold: tuple[Sale, ...] = ()


def fold_changes(sku: str, pack: Pack | None, changes: Iterable[PackChange]) -> Pack | None:
    """``pack`` after ``changes``; None when all of them are known, so that nothing is written.

    A change that is not newer than the location's row changes nothing. A deleted position leaves no
    trace, so its changes must not come after its deletion. Sales are learnt once from each change,
    but not from a change that comes after a newer one of its position.
    """
    rows = dict(pack.rows) if pack else {}
    as_of = pack.as_of if pack else None
    since = pack.prior.since if pack and pack.prior else None
    changed = False
    for change in changes:
        before = rows.get(change.location_id)
        if change.row is None:
            if before is None or before.version > change.version:
                continue
            del rows[change.location_id]
        elif before is None or before.version < change.version:
            starts = [sale.second for sale in change.sold]
            since = min(starts if since is None else [since, *starts], default=None)
            rows[change.location_id] = _with_learnt(before, change, since)
        else:
            continue
        changed = True
        as_of = change.at if as_of is None else max(as_of, change.at)
    if not changed or as_of is None:
        return None
    return _next(sku, pack, rows, as_of, since)


def _next(
    sku: str, pack: Pack | None, rows: dict[str, PackRow], as_of: datetime, since: int | None
) -> Pack:
    """``pack`` with other ``rows``; its other values stay."""
    prior = _prior(since, rows, as_of)
    if pack is None:
        return Pack(sku, rows, as_of, prior=prior)
    return replace(pack, rows=rows, as_of=as_of, prior=prior)


def _with_learnt(before: PackRow | None, change: PackChange, since: int | None) -> PackRow:
    """The row of ``change`` with the sales and the confidence that were learnt at its location."""
    assert change.row is not None
    confidence = before.confidence if before else None
    return change.row._replace(sales=_sales(before, change, since), confidence=confidence)


def with_confidence(pack: Pack, confidence: Mapping[str, int]) -> Pack:
    """``pack`` with the confidence at its locations; the same object when it has it already."""
    known = [row.confidence for row in pack.rows.values()]
    if known == list(map(confidence.get, pack.rows)):
        return pack
    rows = {
        place: row._replace(confidence=confidence.get(place)) for place, row in pack.rows.items()
    }
    return replace(pack, rows=rows)


def _sales(before: PackRow | None, change: PackChange, since: int | None) -> Sales | None:
    second = int(change.at.timestamp())
    shelf = before.sales if before else None
    if before is not None and shelf is not None:
        stocked = change.row is not None and change.row.available > 0
        if stocked == (before.available > 0) and second - shelf.second < sales.DAY_SECONDS:
            # Keep the second: sales that are rounded with every write would get lost.
            return sales.with_sales(shelf, change.sold)
        shelf = sales.faded_to(shelf, second, stocked=before.available > 0)
    elif change.sold and since is not None:
        shelf = sales.never_sold(since, second)
    return sales.with_sales(shelf, change.sold) if shelf else None


def _prior(since: int | None, rows: Mapping[str, PackRow], at: datetime) -> Prior | None:
    if since is None:
        return None
    second = int(at.timestamp())

    def shelves() -> Iterator[tuple[Sales, bool]]:
        for row in rows.values():
            stocked = row.available > 0
            if row.sales is not None:
                yield sales.faded_to(row.sales, second, stocked=stocked), stocked
            elif stocked:
                yield sales.never_sold(since, second), stocked

    return sales.prior(since, second, shelves())


def rebuilt_pack(sku: str, pack: Pack | None, truth: Iterable[PackChange]) -> Pack | None:
    """The pack that ``truth`` gives, one change for each existing position, all read after
    ``pack``; None when ``pack`` equals it already.

    A location without a position is removed. Sales that were learnt are kept; sales in changes that
    never reached the pack are lost.
    """
    rows_before = pack.rows if pack else {}
    since = pack.prior.since if pack and pack.prior else None
    rows: dict[str, PackRow] = {}
    as_of = pack.as_of if pack else None
    for change in truth:
        row, before = change.row, rows_before.get(change.location_id)
        if row is None:
            continue
        as_of = change.at if as_of is None else max(as_of, change.at)
        if before is not None and before._replace(sales=None, confidence=None) == row:
            rows[change.location_id] = before
        else:
            rows[change.location_id] = _with_learnt(before, change, since)
    if rows == rows_before or as_of is None:
        return None
    return _next(sku, pack, rows, as_of, since)


def slice_of(location_id: str, of: int) -> int:
    """The number of the location's slice, when there are ``of`` slices."""
    return zlib.crc32(location_id.encode()) % of


def split_pack(pack: Pack, of: int) -> list[Slice]:
    """``pack`` in ``of`` slices that have the same rows together. The version of each slice is
    later than any that the pack has had."""
    if of == 1:
        return [Slice(pack)]
    rows: list[dict[str, PackRow]] = [{} for _ in range(of)]
    for location, row in pack.rows.items():
        rows[slice_of(location, of)][location] = row
    since = pack.prior.since if pack.prior else None
    later = (pack.version // of + 1) * of
    return [
        Slice(
            replace(pack, rows=some, version=later + number, prior=_prior(since, some, pack.as_of)),
            number,
            of,
        )
        for number, some in enumerate(rows)
    ]


def slices_needed(pack: Pack, of: int, most_bytes: int, most: int) -> int:
    """The number of slices that ``pack`` needs so that none is larger than ``most_bytes``: at least
    ``of``, at most ``most``."""
    while of < most and any(
        len(encode(part.pack.rows, part.pack.prior)) > most_bytes for part in split_pack(pack, of)
    ):
        of *= 2
    return of


def merge_slices(slices: Sequence[Pack]) -> Pack:
    """The pack that lies in ``slices``.

    The prior over all locations is computed from the rows: stored, it would have to be written with
    a change of any slice. The slices' own priors only show when sales began. The life of the
    product is the same in all slices, and is taken from the first.
    """
    if len(slices) == 1:
        return slices[0]
    rows: dict[str, PackRow] = {}
    for part in slices:
        rows.update(part.rows)
    as_of = max(part.as_of for part in slices)
    since = min((part.prior.since for part in slices if part.prior), default=None)
    version = max(part.version for part in slices)
    prior = _prior(since, rows, as_of)
    return Pack(slices[0].sku, rows, as_of, version, prior, slices[0].life)


def with_slice(pack: Pack, part: Slice) -> Pack:
    """``pack`` with ``part`` in its place, however many slices there are now. Its prior is not
    changed. Only the first slice changes the life of the product, so that a change of life causes
    one event, not one for each slice."""
    rows = {
        place: row for place, row in pack.rows.items() if slice_of(place, part.of) != part.number
    }
    as_of, version = part.pack.as_of, part.pack.version
    life = pack.life if part.number else part.pack.life
    return replace(pack, rows={**rows, **part.pack.rows}, as_of=as_of, version=version, life=life)


@dataclass(frozen=True, slots=True)
class Columns:
    """A pack as it is stored: the locations in the order of their ids, and the values of each.

    The keys of ``expected``, ``reserved`` and ``counters`` are indexes of locations; most locations
    have none. ``confidence`` is empty when it is known of no location. ``as_of`` is a text, RFC
    3339 with milliseconds.
    """

    as_of: str
    locations: list[str]
    available: list[int]
    versions: list[int]
    expected: dict[str, list[list[int]]]
    reserved: dict[str, int] = field(default_factory=dict)
    counters: dict[str, dict[str, int]] = field(default_factory=dict)
    confidence: list[int | None] = field(default_factory=list)
    life: Life = ORDINARY


def to_columns(rows: Mapping[str, PackRow], as_of: str) -> Columns:
    """The rows as columns."""
    order = sorted(rows)
    row = _transposed(rows, order)
    return Columns(
        as_of,
        order,
        list(row.available),
        list(row.versions),
        {place: [list(each) for each in supply] for place, supply in _sparse(row.expected)},
        dict(_sparse(row.reserved)),
        {place: dict(units) for place, units in _sparse(row.counters)},
        _dense(row.confidence),
    )


class _RowColumns(NamedTuple):
    """The values of rows, attribute by attribute, in the order of PackRow."""

    available: Sequence[int]
    versions: Sequence[int]
    expected: Sequence[tuple[ExpectedUnits, ...]]
    sales: Sequence[Sales | None]
    reserved: Sequence[int]
    counters: Sequence[tuple[tuple[str, int], ...]]
    awaited: Sequence[int]
    confidence: Sequence[int | None]


def _transposed(rows: Mapping[str, PackRow], order: Sequence[str]) -> _RowColumns:
    if not order:
        return _RowColumns(*((),) * len(_RowColumns._fields))
    return _RowColumns(*zip(*map(rows.__getitem__, order), strict=True))


def _sparse(column: Sequence[V]) -> Iterable[tuple[str, V]]:
    """The values of a column that are not empty, each with its index as a text."""
    if not any(column):
        return ()
    return ((str(place), value) for place, value in enumerate(column) if value)


def _dense(column: Sequence[int | None]) -> list[int | None]:
    """The column; empty when it has no value."""
    return [] if column.count(None) == len(column) else list(column)


def merge_columns(slices: Sequence[Columns]) -> Columns:
    """The columns of the pack that lies in ``slices``."""
    if len(slices) == 1:
        return slices[0]
    columns: list[tuple[str, int, int, int | None]] = []
    expected: dict[str, list[list[int]]] = {}
    reserved: dict[str, int] = {}
    counters: dict[str, dict[str, int]] = {}
    for part in slices:
        confidences = part.confidence or [None] * len(part.locations)
        columns += zip(part.locations, part.available, part.versions, confidences, strict=True)
        name = part.locations.__getitem__
        expected |= {name(int(place)): units for place, units in part.expected.items()}
        reserved |= {name(int(place)): units for place, units in part.reserved.items()}
        counters |= {name(int(place)): units for place, units in part.counters.items()}
    columns.sort(key=lambda row: row[0])
    at = {row[0]: str(place) for place, row in enumerate(columns)}
    confidences = [row[3] for row in columns]
    return Columns(
        max(part.as_of for part in slices),
        [row[0] for row in columns],
        [row[1] for row in columns],
        [row[2] for row in columns],
        {at[location]: units for location, units in expected.items()},
        {at[location]: units for location, units in reserved.items()},
        {at[location]: units for location, units in counters.items()},
        confidences if any(known is not None for known in confidences) else [],
        slices[0].life,
    )


def encode(rows: Mapping[str, PackRow], prior: Prior | None = None) -> bytes:
    """The columns as compact JSON, deflated; sales have columns of their own, ``s`` and ``p``."""
    order = sorted(rows)
    row = _transposed(rows, order)
    columns: dict[str, object] = {
        "l": order,
        "a": row.available,
        "v": row.versions,
        "e": dict(_sparse(row.expected)),
        "r": dict(_sparse(row.reserved)),
        "c": {place: dict(units) for place, units in _sparse(row.counters)},
    }
    if confidence := _dense(row.confidence):
        columns["q"] = confidence
    if any(row.awaited):
        columns["w"] = dict(_sparse(row.awaited))
    if prior is not None:
        columns["p"] = [
            prior.since,
            prior.second,
            round(prior.sold, 2),
            round(prior.days, 2),
            prior.shelves,
            round(prior.weight, 2),
        ]
        columns["s"] = _sales_columns(row.sales, prior.second)
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode())


SalesColumns = tuple[list[int] | None, list[int], list[int], list[int]]
"""The indexes of the locations that have sales (None: all), units and days in hundredths, and the
ages in seconds. Equal kinds of values side by side take a third less than row by row."""


def _sales_columns(shelves: Sequence[Sales | None], second: int) -> SalesColumns:
    learnt = [(place, shelf) for place, shelf in enumerate(shelves) if shelf is not None]
    return (
        None if len(learnt) == len(shelves) else [place for place, _ in learnt],
        [round(shelf.sold * 100) for _, shelf in learnt],
        [round(shelf.days * 100) for _, shelf in learnt],
        [second - shelf.second for _, shelf in learnt],
    )


def _shelves(columns: Any, second: int) -> dict[int, Sales]:
    """The sales by index of the location. Packs of older releases, written row by row, are still
    read."""
    if isinstance(columns, dict):
        return {int(place): Sales(*known) for place, known in columns.items()}
    places, *values = columns
    shelves = (
        Sales(sold / 100, days / 100, second - age) for sold, days, age in zip(*values, strict=True)
    )
    return dict(zip(places, shelves, strict=True) if places is not None else enumerate(shelves))


def unpack(packed: bytes, as_of: str, life: Life = ORDINARY) -> Columns:
    columns = json.loads(zlib.decompress(packed))
    return Columns(
        as_of,
        columns["l"],
        columns["a"],
        columns["v"],
        columns["e"],
        columns.get("r", {}),
        columns.get("c", {}),
        columns.get("q", []),
        life,
    )


def decode(packed: bytes) -> tuple[dict[str, PackRow], Prior | None]:
    columns = json.loads(zlib.decompress(packed))
    locations: list[str] = columns["l"]
    prior = Prior(*columns["p"]) if "p" in columns else None
    shelves = _shelves(columns["s"], prior.second) if prior else {}
    counters = {
        place: tuple(sorted(units.items())) for place, units in columns.get("c", {}).items()
    }
    supplies = {
        place: tuple((second, units) for second, units in supply)
        for place, supply in columns["e"].items()
    }
    values = zip(
        columns["a"],
        columns["v"],
        _spread(supplies, (), len(locations)),
        [shelves.get(place) for place in range(len(locations))] if shelves else repeat(None),
        _spread(columns.get("r", {}), 0, len(locations)),
        _spread(counters, (), len(locations)),
        _spread(columns.get("w", {}), 0, len(locations)),
        columns.get("q") or repeat(None),
        strict=False,  # columns without a value are endless
    )
    # As PackRow._make, at half its price.
    rows = map(tuple.__new__, repeat(PackRow), values)
    return dict(zip(locations, rows, strict=True)), prior


def _spread(values: Mapping[str, Any], missing: Any, length: int) -> Iterable[Any]:
    """The column of ``values`` by index, with ``missing`` where there is none."""
    if not values:
        return repeat(missing)
    column = [missing] * length
    for place, value in values.items():
        column[int(place)] = value
    return column
