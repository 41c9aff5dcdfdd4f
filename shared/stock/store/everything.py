"""The names of this package that other areas use."""

from shared.stock.store.effects import commit_effects, effect_parts, shortage
from shared.stock.store.feeds import applied_movements, apply_batch, apply_events, left_out
from shared.stock.store.holds import (
    HOLDS,
    bind_hold,
    check_claim,
    convert_part,
    due_holds,
    expire_hold,
    extend_hold,
    find_hold,
    forget_promise,
    get_hold,
    open_hold,
    release_hold,
)
from shared.stock.store.ledgers import ledger_item, ledger_rows, movements_page, put_ledger_rows
from shared.stock.store.notes import skipped_counts
from shared.stock.store.position_reads import position, positions, positions_of, positions_page
from shared.stock.store.rows import (
    LEDGER_KEPT,
    SHARDS,
    entry_item,
    expected_item,
    facts_of_item,
    hold_of_item,
    position_of_item,
    row_item,
    row_of_item,
    stock_table,
)

__all__ = [
    "HOLDS",
    "LEDGER_KEPT",
    "SHARDS",
    "applied_movements",
    "apply_batch",
    "apply_events",
    "bind_hold",
    "check_claim",
    "commit_effects",
    "convert_part",
    "due_holds",
    "effect_parts",
    "entry_item",
    "expected_item",
    "expire_hold",
    "extend_hold",
    "facts_of_item",
    "find_hold",
    "forget_promise",
    "get_hold",
    "hold_of_item",
    "ledger_item",
    "ledger_rows",
    "left_out",
    "movements_page",
    "open_hold",
    "position",
    "position_of_item",
    "positions",
    "positions_of",
    "positions_page",
    "put_ledger_rows",
    "release_hold",
    "row_item",
    "row_of_item",
    "shortage",
    "skipped_counts",
    "stock_table",
]
