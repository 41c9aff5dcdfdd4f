"""Pick lists by location: one row for each fulfillment, projected from the orders."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.availability.store.unpicked import count_part as unpicked_count_part
from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.errors import Busy
from shared.instants import rfc3339
from shared.orders.model import OPEN, UNPICKED, Fulfillment, FulfillmentState, Order, Pause
from shared.orders.store.items import fulfillment_of_row, pause_of_row, to_plain
from shared.orders.store.keys import order_of_fulfillment, orders_table
from shared.orders.store.queries import PageEnd
from shared.web.idempotency import KEPT_SECONDS


@dataclass(frozen=True, slots=True)
class PickRow:
    """A fulfillment as of ``order_version`` of its order. ``pauses`` are those of the order,
    without their reasons, which may be about the buyer. ``rests``: it waits for other units."""

    order_id: str
    order_version: int
    channel: str
    fulfillment: Fulfillment
    pauses: tuple[Pause, ...] = ()
    rests: bool = False


@dataclass(frozen=True, slots=True)
class PickRowPage:
    picks: list[PickRow]
    after: PageEnd | None


def pick_list(
    location_id: str,
    states: Sequence[FulfillmentState] = OPEN,
    limit: int = 50,
    after: PageEnd | None = None,
) -> PickRowPage:
    """Fulfillments of a location, state by state, the most urgent of each state first."""
    rows: list[PickRow] = []
    more: dict[str, Any] = {}
    if after is not None:
        names = [str(name) for name in states]
        states = states[names.index(after.group) :] if after.group in names else ()
        more["ExclusiveStartKey"] = {
            **tables.key(
                f"ORDER#{order_of_fulfillment(after.id.partition('#')[0])}", f"FUL#{after.id}"
            ),
            "location_key": {"S": f"LOC#{location_id}#{after.group}"},
            "pick_key": {"S": after.key},
        }
    for state in states:
        page = tables.query_page(
            orders_table(),
            "location_key = :location",
            to_item({":location": f"LOC#{location_id}#{state}"}),
            limit + 1 - len(rows),
            IndexName="by_location",
            **more,
        )
        more = {}
        rows += [_pick(item) for item in page.items]
        if len(rows) > limit:
            last = rows[limit - 1].fulfillment
            rival = "" if last.location_id == location_id else f"#{location_id}"
            at = PageEnd(last.state, _pick_key(last), last.fulfillment_id + rival)
            return PickRowPage(rows[:limit], at)
    return PickRowPage(rows, None)


def unpicked_orders(
    location_ids: Iterable[str], states: Sequence[FulfillmentState]
) -> Iterator[str]:
    """Ids of the orders with fulfillments in ``states``, each once, location by location."""
    seen: set[str] = set()
    for location_id in location_ids:
        after: PageEnd | None = None
        while True:
            page = pick_list(location_id, states, 100, after)
            for pick in page.picks:
                if pick.order_id not in seen:
                    seen.add(pick.order_id)
                    yield pick.order_id
            after = page.after
            if after is None:
                break


def project_pick_rows(order: Order, before: Order | None) -> int:
    """Write the rows of the fulfillments that have changed since ``before``; the number written.

    A repeated or late call changes nothing, because a row is only replaced by a newer version.
    """
    parts_before = {part.fulfillment_id: part for part in before.fulfillments} if before else {}
    written = 0
    for part in order.fulfillments:
        part_before = parts_before.get(part.fulfillment_id)
        same_pauses = not part.is_open or _pauses(order) == (_pauses(before) if before else ())
        rested = part_before is not None and before is not None and before.rests(part_before)
        if part_before == part and same_pauses and rested == order.rests(part):
            continue
        written += _put_own_row(order, part)
        for rival in sorted({*part.rivals, *(part_before.rivals if part_before else ())}):
            location_id = rival if rival in part.rivals else None
            sk = f"FUL#{part.fulfillment_id}#{rival}"
            written += _put_rival_row(order, part, sk, location_id)
    return written


def _put_own_row(order: Order, part: Fulfillment) -> bool:
    """Write the row of the fulfillment at its own location, and the difference that it makes to the
    number of unpicked units there, in one transaction. False when the stored row is newer.

    Raises Busy when others write the row at the same time.
    """
    sk = f"FUL#{part.fulfillment_id}"
    for _ in tables.attempts():
        stored = tables.get(orders_table(), f"ORDER#{order.order_id}", sk, consistent=True)
        if stored and stored["order_version"] >= order.version:
            return False
        change = Counter({part.location_id: _unpicked(part)})
        if stored:
            stored_part = fulfillment_of_row(stored["fulfillment"])
            change.subtract({stored_part.location_id: _unpicked(stored_part)})
        counts = [unpicked_count_part(place, units) for place, units in change.items() if units]
        row: dict[str, Any] = {
            "TableName": orders_table(),
            "Item": to_item(_pick_row(order, part, sk, part.location_id)),
            # Holds while nobody has written the row since it was read.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if stored:
            row["ConditionExpression"] = "order_version = :read"
            row["ExpressionAttributeValues"] = to_item({":read": stored["order_version"]})
        if counts:
            refused = bool(tables.transact([{"Put": row}, *counts]))
        else:
            refused = tables.write("put_item", **row) is not None
        if not refused:
            return True
    raise Busy(f"too many writers on {part.fulfillment_id}")


def _pauses(order: Order) -> tuple[Pause, ...]:
    if not order.is_paused:
        return ()
    return tuple(replace(pause, reason="") for pause in order.pauses)


def _unpicked(part: Fulfillment) -> int:
    return sum(held.quantity for held in part.lines) if part.state in UNPICKED else 0


def _put_rival_row(order: Order, part: Fulfillment, sk: str, location_id: str | None) -> bool:
    """Write the row of a rival. Without ``location_id`` the row leaves the pick list and expires by
    TTL."""
    refused = tables.write(
        "put_item",
        TableName=orders_table(),
        Item=to_item(_pick_row(order, part, sk, location_id)),
        # Holds when there is no row yet, or one of an older version of the order.
        ConditionExpression="attribute_not_exists(pk) OR order_version < :version",
        ExpressionAttributeValues={":version": {"N": str(order.version)}},
    )
    return refused is None


def _pick_row(order: Order, part: Fulfillment, sk: str, location_id: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "pk": f"ORDER#{order.order_id}",
        "sk": sk,
        "order_id": order.order_id,
        "order_version": order.version,
        "channel": order.channel,
        "fulfillment": to_plain(part),
        "pauses": to_plain(_pauses(order)) or None if part.is_open else None,
        "rests": order.rests(part) or None,
    }
    if location_id is None:
        row["ttl"] = int(part.offered_at.timestamp()) + KEPT_SECONDS
    else:
        row["location_key"] = f"LOC#{location_id}#{part.state}"
        row["pick_key"] = _pick_key(part)
    return row


def _pick_key(part: Fulfillment) -> str:
    return f"{rfc3339(part.deadline or part.offered_at)}#{part.fulfillment_id}"


def _pick(item: Mapping[str, Any]) -> PickRow:
    return PickRow(
        order_id=item["order_id"],
        order_version=item["order_version"],
        channel=item["channel"],
        fulfillment=fulfillment_of_row(item["fulfillment"]),
        pauses=tuple(pause_of_row(row) for row in item.get("pauses", ())),
        rests=item.get("rests", False),
    )
