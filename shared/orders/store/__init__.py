"""Orders, transfers and their indexes: table ``orders``.

    pk ORDER#<order_id>   sk ORDER                  the order
    pk ORDER#<order_id>   sk CONTACTS               who receives, pays and collects it
    pk ORDER#<order_id>   sk DECISION#<decision_id>#<part>   a routing too long for the order item
    pk ORDER#<order_id>   sk PAST#<part>            history and closed fulfillments of a long order
    pk ORDER#<order_id>   sk ASKED#<name>           names a request that was about the order
    pk ORDER#<order_id>   sk FUL#<fulfillment_id>   a row of a pick list, projected from the order
                             ... #<location_id>     the same for a rival that may accept it
    pk ORDER#<order_id>   sk LABEL#<reference>      the purchase of a carrier's label (labels.py)
    pk WAVE#<wave_id>     sk WAVE                   fulfillments that are picked together (waves.py)
    pk PUNCTUAL#<day>…    sk FUL#…, LATE, SUMS      what counts on a day (punctuality.py)
    pk TRACKING#<hash>    sk PARCEL#<fulfillment_id>, EARLY#<digest>   parcels by tracking number,
                                                    and events before shipment (tracking.py)
    pk IDEM#<name>        sk IDEM                   an answered request, kept for 30 days
    pk SUPPLY#<sku>#<location>   sk <since>#<order_id>#<line_id>#<reference>   a claim on supply of
                                                    a position, the longest waiting line first

    by_profile    profile_key PROFILE#<profile_id>, placed_at            orders of a shopper
    by_location   location_key LOC#<location_id>#<state>, pick_key       pick list of a location
    by_deadline   deadline_key DUE#<shard>, deadline                     orders due
                  deadline_key DUE#TRANSFERS#<shard>, deadline           transfers due

An order changes in one transaction: the document at the version that was read, one part for each
stock position, the hold that becomes the order, the record of the request, and the claims on
supply.
"""

from shared.orders.store import search
from shared.orders.store.claims import waiting_lines
from shared.orders.store.decisions import decision
from shared.orders.store.items import order_of_item, past_of_item, reserved_by_transfer, to_plain
from shared.orders.store.keys import (
    is_return,
    order_id_of_request,
    order_of_fulfillment,
    orders_table,
)
from shared.orders.store.orders import NotWritten, commit, payment_of_hold
from shared.orders.store.pick_lists import PickRow, pick_list, project_pick_rows, unpicked_orders
from shared.orders.store.queries import (
    PageEnd,
    first_decisions_since,
    order_items,
    orders_by_id,
    orders_of_profiles,
    overdue_orders,
    overdue_transfers,
    reserved_by_open,
)
from shared.orders.store.reads import (
    OrderLookup,
    PlacementInputs,
    StoredAnswer,
    find,
    look_up,
    read_placement,
    with_contacts,
    with_past,
)
from shared.orders.store.tracking import (
    drop_early,
    find_tracked,
    keep_early,
    newly_shipped,
    tracking_key,
)

__all__ = [
    "NotWritten",
    "OrderLookup",
    "PageEnd",
    "PickRow",
    "PlacementInputs",
    "StoredAnswer",
    "commit",
    "decision",
    "drop_early",
    "find",
    "find_tracked",
    "first_decisions_since",
    "is_return",
    "keep_early",
    "look_up",
    "newly_shipped",
    "order_id_of_request",
    "order_items",
    "order_of_fulfillment",
    "order_of_item",
    "orders_by_id",
    "orders_of_profiles",
    "orders_table",
    "overdue_orders",
    "overdue_transfers",
    "past_of_item",
    "payment_of_hold",
    "pick_list",
    "project_pick_rows",
    "read_placement",
    "reserved_by_open",
    "reserved_by_transfer",
    "search",
    "to_plain",
    "tracking_key",
    "unpicked_orders",
    "waiting_lines",
    "with_contacts",
    "with_past",
]
