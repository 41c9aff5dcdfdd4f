"""The audit: CPU, units and calls per position, and what 10,000,000 positions a day cost."""

import contextlib
import io
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from functions.stock import audit as function
from shared.aws import dynamodb as tables_
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.orders.store import reserved_by_open
from shared.stock import store
from shared.stock.model import audit as model
from shared.stock.model.ledger import LedgerEntry, LedgerRow
from shared.stock.store import audit as audit_store
from tests.bench import prices
from tests.bench.availability.shelves import empty_tables
from tests.bench.report import Row, Table, Tell
from tests.support import shop
from tests.support.buyers import buy
from tests.support.shop import line
from tests.support.units import metered

NOW = datetime.now(UTC).replace(microsecond=0)
LOCATIONS = 25
POSITIONS_A_DAY = 10_000_000
ROWS_A_DAY = 50_000_000
"""Of feeds, each of which changes its position: the worst case."""
OPEN_ORDERS = 250_000
DAY = 86_400
RUN_SECONDS = 840


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    positions, rows = (100, 250) if quick else (500, 250)
    logging.disable(logging.WARNING)
    try:
        yield from _tables(positions, rows, 20 if quick else 100, tell)
    finally:
        logging.disable(logging.NOTSET)


def _tables(positions: int, rows: int, orders: int, tell: Tell) -> Iterator[Table]:
    with empty_tables(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(function, "REST", 0)
        patch.setattr(function, "SEGMENTS", 1)
        patch.setattr(function, "in_full", lambda *_: False)
        tell(f"{positions} ledgers of {rows} rows")
        _fill(positions, 0, rows)
        patch.setattr(function, "in_full", lambda *_: True)
        found = [_audited("the whole ledger of 250 rows", positions)]
        patch.setattr(function, "in_full", lambda *_: False)
        patch.setattr(model, "MOST_ROWS_BEHIND", 1)
        _audited("", positions)  # makes the checkpoints
        patch.undo()
        patch.setattr(function, "REST", 0)
        patch.setattr(function, "SEGMENTS", 1)
        patch.setattr(function, "in_full", lambda *_: False)
        found.append(_audited("not written since its checkpoint", positions))
        tell("5 rows more")
        _fill(positions, rows, rows + 5)
        found.append(_audited("5 rows behind its checkpoint", positions))
        tell("12 rows more")
        _fill(positions, rows + 5, rows + 17)
        found.append(_audited("17 rows: the checkpoint moves", positions))
        yield Table(
            "Audit: per position",
            found,
            (
                f"{positions} positions at {LOCATIONS} locations, by the scheduled handler with",
                "one segment, on DynamoDB Local. CPU: of the handler. RU, WU: as DynamoDB Local",
                "tells them. Before checkpoints every audit read whole ledgers: 70 ms, 33 units.",
            ),
        )
        tell("open orders")
        promised = _promised(orders)
    yield Table("Audit: the promised units, read once per run", [promised])
    yield _day(found, promised)


def _fill(positions: int, start: int, end: int) -> None:
    """Ledgers with the rows behind version ``start`` through ``end``, and their positions."""
    items, places = [], []
    for number in range(positions):
        sku, at = f"sku-{number // LOCATIONS:04}", f"store-{number % LOCATIONS:04}"
        items += [
            to_item(store.row_item(sku, at, _row(version, end)))
            for version in range(start + 1, end + 1)
        ]
        last = _row(end, end)
        places.append(
            to_item(
                {
                    "pk": f"SKU#{sku}",
                    "sk": f"LOC#{at}",
                    "sku": sku,
                    "location_id": at,
                    "location_key": f"LOC#{at}",
                    "on_hand": last.on_hand,
                    "reserved": 0,
                    "available": last.on_hand,
                    "version": end,
                    "feed_version": end,
                    "updated_at": rfc3339(last.recorded_at),
                    "moved_at": rfc3339(last.recorded_at),
                    "counted": {
                        "at": rfc3339(NOW),
                        "sequence": 7,
                        "source": "wms",
                        "id": f"count-{number}",
                    },
                    "seq:pos": [1, 2, 3, 4, 5],
                    "last": [store.entry_item(entry) for entry in last.entries],
                }
            )
        )
    tables_.put_many(store.stock_table(), items)
    tables_.put_many(store.stock_table(), places)


def _row(version: int, end: int) -> LedgerRow:
    """Of a movement of one unit, an hour after the one before; the last one an hour ago."""
    at = NOW - timedelta(hours=1 + end - version)
    entry = LedgerEntry(
        f"pos-1-2026-11-28-{version}", "pos", "stock.moved", "retail_selling", at, 1, "receipt-1"
    )
    return LedgerRow(
        version, version, version, version, 1, 0, at, at, (entry,), at - timedelta(hours=1)
    )


def _audited(name: str, positions: int) -> Row:
    """A round of the handler that counts units, and where it may be repeated one that is timed."""
    with contextlib.redirect_stdout(io.StringIO()), metered() as units:
        busy = time.process_time()
        answer = function.handler({}, Context())
        busy = time.process_time() - busy
    if answer["positions"] != positions or answer["drifts"]:
        raise RuntimeError(f"{answer['positions']} positions, drifts {answer['drifts'][:3]}")
    return {
        "position": name,
        "CPU ms": busy / positions * 1000,
        "RU": units.read / positions,
        "WU": units.write / positions,
        "calls": (units.reads + units.writes) / positions,
    }


def _promised(orders: int) -> Row:
    shop.stocked({"C": {"denver": 10 * orders}})
    for number in range(orders):
        buy(f"o-{number}", line("1", "C", 2))
    with metered() as units:
        busy = time.process_time()
        promised = audit_store.promised_units(reserved_by_open)
        busy = time.process_time() - busy
    if promised["C", "denver"] != 2 * orders:
        raise RuntimeError(str(promised))
    return {
        "open orders": orders,
        "CPU ms an order": busy / orders * 1000,
        "RU an order": units.read / orders,
    }


def _day(found: list[Row], promised: Row) -> Table:
    full, _, few, moves = found
    rows_each = ROWS_A_DAY / POSITIONS_A_DAY
    share_full = 1 / model.FULL_ROUNDS
    share_moves = (1 - share_full) * rows_each / model.MOST_ROWS_BEHIND
    share_few = 1 - share_full - share_moves

    def mean(figure: str) -> float:
        return sum(
            share * float(row[figure] or 0)
            for share, row in ((share_full, full), (share_few, few), (share_moves, moves))
        )

    def sums(cpu: float, read: float, write: float) -> Row:
        return {
            "CPU s": cpu,
            "RU": read,
            "WU": write,
            "$ Lambda": prices.compute(cpu),
            "$ DynamoDB": read * prices.READ_UNIT + write * prices.WRITE_UNIT,
        }

    cpu = POSITIONS_A_DAY * mean("CPU ms") / 1000
    order_cpu = OPEN_ORDERS * float(promised["CPU ms an order"] or 0) / 1000
    order_read = OPEN_ORDERS * float(promised["RU an order"] or 0)
    runs = cpu / max(1.0, RUN_SECONDS - order_cpu)
    before = POSITIONS_A_DAY * 0.070
    parts: list[tuple[str, Row]] = [
        ("positions", sums(cpu, POSITIONS_A_DAY * mean("RU"), POSITIONS_A_DAY * mean("WU"))),
        (f"holds and orders, {runs:.0f} runs", sums(runs * order_cpu, runs * order_read, 0)),
    ]
    total = {figure: sum(float(row[figure] or 0) for _, row in parts) for figure in parts[0][1]}
    rows: list[Row] = [{"what": what, **row} for what, row in (*parts, ("sum", total))]
    rows.append({"what": "before", **sums(before, 33.0 * POSITIONS_A_DAY, 0)})
    hours = total["CPU s"] / function.WORKERS / 3600
    return Table(
        f"Audit: {POSITIONS_A_DAY:,} positions a day (goal: continuously)",
        rows,
        (
            f"Each position is written {rows_each:g} times a day, and 1 in {model.FULL_ROUNDS} is",
            f"read in full; {OPEN_ORDERS:,} orders are open. {function.WORKERS} workers take",
            f"{hours:.1f} h for a round, and {total['CPU s'] / DAY:.2f} of one are busy all day.",
            "before: computed from 70 ms and 33 units a position.",
        ),
    )
