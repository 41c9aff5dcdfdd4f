"""Orders, transfers and their indexes: table ``orders``.

    pk ORDER#<order_id>   sk ORDER                  the order
    pk ORDER#<order_id>   sk DECISION#<decision_id>#<part>   a routing too long for the order item
    pk ORDER#<order_id>   sk PAST#<part>            history and closed fulfillments of a long order
    pk ORDER#<order_id>   sk ASKED#<name>           a request about the order was answered
    pk ORDER#<order_id>   sk FUL#<fulfillment_id>   a row of a pick list, projected from the order
                             ... #<location_id>     the same, for a rival that may accept it
    pk IDEM#<name>        sk IDEM                   a request that was answered, kept for 30 days
    pk SUPPLY#<sku>#<location>   sk <since>#<order_id>#<line_id>#<reference>   the backordered lines
                                                    that wait for supply of a position, in order

    by_profile    profile_key PROFILE#<profile_id>, placed_at            orders of a shopper
    by_location   location_key LOC#<location_id>#<state>, pick_key       pick list of a location
    by_deadline   deadline_key DUE#<shard>, deadline                     orders and transfers due

An order changes in one transaction: the document at the version that was read, one part for each
stock position, the hold that becomes the order, the record of the request, and the claims on
supply. All of them are written or none is.
"""

from shared.orders.store.claims import waiting
from shared.orders.store.decisions import decision
from shared.orders.store.items import order_of_item, past_of_item, plain, units_reserved
from shared.orders.store.keys import id_of, order_of, orders_table
from shared.orders.store.orders import NotWritten, commit
from shared.orders.store.pick_lists import PickRow, picks, project, unpicked
from shared.orders.store.queries import PageEnd, decided_since, due, of_ids, of_profiles, open_units
from shared.orders.store.reads import (
    OrderLookup,
    PlacementInputs,
    StoredAnswer,
    find,
    gather,
    look,
    whole,
)

__all__ = [
    "NotWritten",
    "OrderLookup",
    "PageEnd",
    "PickRow",
    "PlacementInputs",
    "StoredAnswer",
    "commit",
    "decided_since",
    "decision",
    "due",
    "find",
    "gather",
    "id_of",
    "look",
    "of_ids",
    "of_profiles",
    "open_units",
    "order_of",
    "order_of_item",
    "orders_table",
    "past_of_item",
    "picks",
    "plain",
    "project",
    "units_reserved",
    "unpicked",
    "waiting",
    "whole",
]
