"""Positions, holds, the ledger and the marks of applied messages: table ``stock``.

    pk SKU#<sku>        sk LOC#<location>                 a position
    pk SKU#<sku>        sk MOVE#<location>#<version>      the ledger: one row per write of it
    pk HOLD#<hold_id>   sk HOLD                           a hold
    pk EVENT#<source>#<digest of the id>   sk EVENT       a movement without sequence was applied
    pk SKIPPED#<bucket>   sk <as_of>#<sequence>#<digest>  counts that changed nothing, packed

    by_location  location_key, pk          every position of a location
    by_deadline  deadline_key, deadline    the open holds by their expiry

A hot position is spread over slots (store/slots.py); reads here return the total.

Every write of a position raises its ``version`` and describes itself in ``last``, so that the
stream (old image, new image, ``last``) is enough for the ledger and for availability.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

NAMES = {
    "effects": (
        "commit_effects",
        "effect_parts",
        "shortage",
    ),
    "feeds": (
        "applied_movements",
        "apply_batch",
        "apply_events",
        "left_out",
    ),
    "holds": (
        "HOLDS",
        "bind_hold",
        "check_claim",
        "convert_part",
        "due_holds",
        "expire_hold",
        "extend_hold",
        "find_hold",
        "forget_promise",
        "get_hold",
        "open_hold",
        "release_hold",
    ),
    "ledgers": (
        "ledger_item",
        "ledger_rows",
        "movements_page",
        "put_ledger_rows",
    ),
    "notes": ("skipped_counts",),
    "position_reads": (
        "position",
        "positions",
        "positions_of",
        "positions_page",
    ),
    "rows": (
        "LEDGER_KEPT",
        "SHARDS",
        "entry_item",
        "expected_item",
        "facts_of_item",
        "hold_of_item",
        "position_of_item",
        "row_item",
        "row_of_item",
        "stock_table",
    ),
}
"""The names that each module of this package gives."""
MODULES = {name: module for module, names in NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Loads a module when one of its names is first used: whoever needs only the rules of channel
    stock (rules.py), as the availability answers do, starts 50 ms faster without the others."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    value = getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
    globals()[name] = value
    return value
