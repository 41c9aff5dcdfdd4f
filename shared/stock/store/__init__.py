"""Positions, holds, the ledger and the marks of applied messages: table ``stock``.

    pk SKU#<sku>        sk LOC#<location>                 a position
    pk SKU#<sku>        sk MOVE#<location>#<version>      the ledger: one row per write of it
    pk BINS#<location>  sk BIN#<sku>                      where the units of a position lie
    pk HOLD#<hold_id>   sk HOLD                           a hold
    pk EVENT#<source>#<digest of the id>   sk EVENT       a movement without sequence was applied
    pk SKIPPED#…        sk <as_of>#<sequence>#…           counts that changed nothing, packed
    pk SKIPPED          sk NEWEST                         the newest of these (notes.py)

    by_location  location_key, pk          every position of a location
    by_deadline  deadline_key, deadline    the open holds by their expiry

A hot position is spread over slots (store/slots.py); reads here return the total.

Every write of a position raises its ``version`` and describes itself in ``last``, so that the
stream (old image, new image, ``last``) is enough for the ledger and for availability.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.stock.store.everything import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Loads everything when one of its names is first used: whoever needs only the rules of channel
    stock (rules.py), as the availability answers do, starts 50 ms faster without it."""
    if name.startswith("__") or find_spec(f"{__name__}.{name}"):
        # An import statement looks for an attribute before it looks for a module.
        raise AttributeError(f"module {__name__} has no attribute {name}")
    value = getattr(import_module(f"{__name__}.everything"), name)
    globals()[name] = value
    return value
