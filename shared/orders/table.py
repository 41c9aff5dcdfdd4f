"""Orders, table ``orders``.

    pk ORDER#<order_id>   sk ORDER                  the order: all that is true of it
    pk ORDER#<order_id>   sk DECISION#<decision_id>#<part>   a routing too long for the order itself
    pk ORDER#<order_id>   sk PAST#<part>            history and closed fulfillments of a long order
    pk ORDER#<order_id>   sk ASKED#<name>           that a request about it was answered
    pk ORDER#<order_id>   sk FUL#<fulfillment_id>   a row of a pick list, projected from the order
                             ... #<location_id>     the same, of a rival that may accept it
    pk IDEM#<name>        sk IDEM                   a request that was answered, kept for 30 days
    pk SUPPLY#<sku>#<location>   sk <since>#<order_id>#<line_id>#<reference>   who waits for units
                                                    of the supplies of a position, in their order

    by_profile    profile_key PROFILE#<profile_id>, placed_at            a shopper's orders
    by_location   location_key LOC#<location_id>#<state>, pick_key       the pick list of a location
    by_deadline   deadline_key DUE#<shard>, deadline                     what somebody has to act on

An order changes in one transaction: the document at the version that was read, one part for each
stock position, the hold that becomes the order, the request's record, and what it waits for. All
or nothing.
"""

import base64
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from shared.availability.model import Pack
from shared.availability.table import pack_key, packs_of
from shared.availability.unpicked_table import part as unpicked_part
from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.catalog.model import Product
from shared.catalog.table import product_key, product_of_item
from shared.errors import Busy, HoldClosed, TooMuchAtOnce
from shared.instants import rfc3339
from shared.orders.erased import as_kept
from shared.orders.model import (
    NO_PAST,
    OPEN,
    UNPICKED,
    Buyer,
    Change,
    Claim,
    Entry,
    Fulfillment,
    Held,
    Line,
    Order,
    Past,
    Payment,
    Place,
    State,
    check,
    decision_id,
    outgrown,
    units_held,
)
from shared.orders.supplies import Waiting
from shared.routing.model import Pulls
from shared.routing.pull_table import pull_key, pulls_of_item
from shared.stock import table as stock
from shared.stock.model import Cause, Hold, summed
from shared.stock.rules import Facts
from shared.web.idempotency import KEPT_SECONDS, Request

TRANSFERS_DUE = "DUE#TRANSFERS"
"""The partition of by_deadline that has the transfers."""
SHARDS = 4
"""Partitions of by_deadline: each takes 1,000 changes of orders a second."""
REASONS: Mapping[str, str] = {
    "fulfillment.shipped": "shipping",
    "fulfillment.collected": "retail_selling",
    "fulfillment.rejected": "stock_taking",
    "return.received": "returned",
}
"""GS1 CBV words for the ledger; reserving and releasing is ``reserved``."""


def orders() -> str:
    return table_name("orders")


def order_key(order_id: str) -> Key:
    return Key(orders(), f"ORDER#{order_id}", "ORDER")


def record_key(request: Request) -> Key:
    return Key(orders(), f"IDEM#{request.name}", "IDEM")


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that has taken effect: what it was, and the JSON it was given."""

    digest: str
    answer: str


def id_of(request: Request) -> str:
    """The id of the order that ``request`` places when it names none: 16 letters and digits."""
    return base64.b32encode(bytes.fromhex(request.name)[:10]).decode()


@dataclass(frozen=True, slots=True)
class Found:
    """The order as it stands, and the answer to the request, if it has been carried out."""

    order: Order | None
    answered: Answered | None


def find(order_id: str) -> Order | None:
    """The order as it stands now (strongly consistent)."""
    item = tables.get(orders(), f"ORDER#{order_id}", "ORDER", consistent=True)
    return order_of_item(item) if item else None


def look(order_id: str, request: Request | None = None) -> Found:
    """The order and the request's record as they stand now (strongly consistent): one call."""
    wanted = _names(order_id, request)
    return _found(tables.get_many(wanted, consistent=True), order_id, request)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a placement looks at, read in one call, and one more when the pack of a SKU lies in more
    than one item; it may be stale, the transaction is not."""

    found: Found
    packs: dict[str, Pack]
    products: dict[str, Product]
    pulls: dict[str, Pulls]
    hold: Hold | None


def gather(
    skus: Iterable[str],
    order_id: str | None = None,
    request: Request | None = None,
    hold_id: str | None = None,
) -> Gathered:
    wanted = list(dict.fromkeys(skus))
    names = _names(order_id, request) if order_id is not None else []
    hold_key = Key(stock.stock(), f"HOLD#{hold_id}", "HOLD")
    keys = [*names, *map(pack_key, wanted), *map(product_key, wanted), *map(pull_key, wanted)]
    items = tables.get_many([*keys, hold_key] if hold_id is not None else keys)
    hold = items.get(hold_key)
    return Gathered(
        found=_found(items, order_id, request),
        packs=packs_of(items[pack_key(sku)] for sku in wanted if pack_key(sku) in items),
        products={
            sku: product_of_item(items[product_key(sku)])
            for sku in wanted
            if product_key(sku) in items
        },
        pulls={
            sku: pulls_of_item(items[pull_key(sku)]) for sku in wanted if pull_key(sku) in items
        },
        hold=stock.hold_of_item(hold) if hold else None,
    )


def _names(order_id: str, request: Request | None) -> list[Key]:
    """Where the order lies, and each place where the request may have left its name."""
    if request is None:
        return [order_key(order_id)]
    return [order_key(order_id), order_key(id_of(request)), record_key(request)]


def _found(
    items: Mapping[Key, dict[str, Any]], order_id: str | None, request: Request | None
) -> Found:
    document = items.get(order_key(order_id)) if order_id is not None else None
    return Found(
        order=order_of_item(document) if document else None,
        answered=_answered(items, request) if request else None,
    )


def _answered(items: Mapping[Key, dict[str, Any]], request: Request) -> Answered | None:
    if record := items.get(record_key(request)):
        return Answered(record["digest"], record["answer"])
    placed = items.get(order_key(id_of(request)))
    if placed and placed["request"]["name"] == request.name:
        return first_answer(placed)
    return None


def first_answer(item: Mapping[str, Any]) -> Answered:
    """How the request that placed the order was answered: kept in the order itself."""
    return Answered(item["request"]["digest"], item["answer"])


@dataclass(frozen=True, slots=True)
class Lost:
    """Why nothing was written. ``changed``: the order is not as it was read. ``answered``: the
    request has been carried out by somebody else. ``learnt``: by (location_id,
    sku) the positions that refused, as they are."""

    changed: bool = False
    answered: Answered | None = None
    learnt: Mapping[tuple[str, str], Facts] = field(default_factory=dict)


def commit(
    change: Change,
    now: datetime,
    *,
    request: Request | None = None,
    answer: str = "",
    hold: Hold | None = None,
    before: Order | None = None,
    beside: Sequence[Part] = (),
) -> Lost | None:
    """Writes the change as one transaction; None when it was written, else why it was not.

    A new order carries its request and answer itself. A record of the request is written too when
    its name does not follow from the order's id: for an id of the channel's own, for every action.
    What the order waits for, and did not ``before`` (or the other way round), is written down too,
    and what is ``beside`` it; a refusal of that is a Lost that says nothing.

    Raises LawBroken (and writes nothing) for an order that does not conserve its units,
    HoldClosed, TooMuchAtOnce when it would touch more than a transaction can.
    """
    change = replace(change, order=as_kept(change.order))
    order = change.order
    check(order)
    new = order.version == 0
    aside: list[Part] = []
    if before is not None and _size(order) > MOST_IN_ORDER:
        shorter, gone = outgrown(before, order)
        if gone.history or gone.fulfillments:
            aside = [_past_part(gone)]
            change = replace(change, order=shorter)
    parts: list[Part] = [_new(change, request, answer) if new else _changed(change)]
    hold_at = record_at = None
    if hold is not None:
        hold_at = len(parts)
        parts.append(stock.convert_part(hold, order.order_id, now, order.payment.reference))
    if request is not None and not (new and order.order_id == id_of(request)):
        record_at = len(parts)
        parts.append(record_part(request, order.order_id, answer, now))
        if not new:
            parts.append(_asked_part(request, order.order_id, now))
    parts += _claim_parts(before, order)
    parts += _decision_parts(order)
    parts += [*aside, *beside]
    effects = summed(change.effects)
    if len(parts) + len(effects) > tables.WRITE_PARTS:
        raise TooMuchAtOnce(
            f"the order touches {len(effects)} stock positions, more than can change at once",
            [{"path": "$.lines", "message": "place fewer lines in one order"}],
        )
    done = stock.carry_out(effects, _cause(change), now, parts)
    if done.written:
        return None
    refused = dict(done.refused)
    if record_at in refused and (record := refused[record_at]):
        return Lost(answered=Answered(record["digest"], record["answer"]))
    if 0 in refused:
        document = refused[0]
        mine = new and document and request and document["request"]["name"] == request.name
        return Lost(changed=True, answered=first_answer(document) if document and mine else None)
    if hold is not None and hold_at in refused:
        item = refused[hold_at]
        if item is None:
            raise HoldClosed(hold.hold_id, "gone")
        stock.check_claim(stock.hold_of_item(item), now, order.payment.reference)
    return Lost(
        learnt={
            (effect.location_id, effect.sku): stock.facts_of_item(item)
            for effect, item in done.short
        }
    )


def _cause(change: Change) -> Cause:
    order = change.order
    return Cause(
        source="norain/orders",
        id=f"{order.order_id}@{order.version + 1}",
        type=change.cause,
        reason=REASONS.get(change.cause, "reserved"),
        reference=order.order_id,
    )


def _new(change: Change, request: Request | None, answer: str) -> Part:
    order = change.order
    item = {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "order_id": order.order_id,
        "channel": order.channel,
        "placed_at": rfc3339(order.placed_at),
        "service_level": order.service_level,
        "buyer": plain(asdict(order.buyer)),
        "profile_key": f"PROFILE#{order.buyer.profile_id}" if order.buyer.profile_id else None,
        "ship_to": plain(asdict(order.ship_to)) if order.ship_to else None,
        "hold_id": order.hold_id,
        "request": {"name": request.name, "digest": request.digest} if request else None,
        "answer": answer,
        **_moving(order),
    }
    return {
        "Put": {
            "TableName": orders(),
            "Item": to_item(item),
            # Holds when no order has this id.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _changed(change: Change) -> Part:
    order = change.order
    moving = _moving(order)
    gone = [name for name, value in moving.items() if value is None]
    values = to_item({f":{name}": value for name, value in moving.items() if value is not None})
    names = {f"#{name}": name for name in moving}
    update = "SET " + ", ".join(f"#{name} = :{name}" for name in moving if name not in gone)
    if gone:
        update += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    return {
        "Update": {
            "TableName": orders(),
            "Key": tables.key(f"ORDER#{order.order_id}", "ORDER"),
            "UpdateExpression": update,
            # Holds while nobody has changed the order since it was read.
            "ConditionExpression": "#version = :read",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {**values, ":read": {"N": str(order.version)}},
        }
    }


def _moving(order: Order) -> dict[str, Any]:
    """The attributes that change with an order; None is to be taken away."""
    due = order.deadline
    return {
        "version": order.version + 1,
        "state": order.state,
        "payment": plain(asdict(order.payment)),
        "lines": [plain(asdict(line)) for line in order.lines],
        "fulfillments": [plain(asdict(found)) for found in order.fulfillments],
        "history": [plain(asdict(entry)) for entry in order.history],
        "decisions": _kept(order),
        "past": asdict(order.past) if order.past.parts else None,
        "deadline_key": f"DUE#{shard(order.order_id)}" if due else None,
        "deadline": rfc3339(due) if due else None,
    }


INLINE = 4096
"""Bytes of decisions that are kept in the order: every change writes them again."""
MOST_IN_ORDER = 48_000
"""Bytes, about, of history and fulfillments with which the closed ones move beside the order: it is
written whole with every change, and an item has at most 400 KB."""
PIECE = 350_000
"""Bytes of one item of a decision that lies beside its order."""


def _size(order: Order) -> int:
    """Of what grows with everything that happens, in bytes, about."""
    rows: list[Fulfillment | Entry] = [*order.fulfillments, *order.history]
    return sum(len(repr(plain(asdict(row)))) for row in rows)


def _past_part(gone: Order) -> Part:
    """``gone`` is what ``outgrown`` has taken from the order; the same part is never written twice,
    as the order's version guards it."""
    item = {
        "pk": f"ORDER#{gone.order_id}",
        "sk": f"PAST#{gone.past.parts:06d}",
        "fulfillments": [plain(asdict(found)) for found in gone.fulfillments],
        "history": [plain(asdict(entry)) for entry in gone.history],
    }
    return {"Put": {"TableName": orders(), "Item": to_item(item)}}


def whole(order: Order) -> Order:
    """With all that lies beside it: one Query more for a long order. Only to be told, not stored.

    Raises LookupError when a part of it is not there.
    """
    if not order.past.parts:
        return order
    rows = list(
        tables.query(
            orders(),
            "pk = :pk AND sk BETWEEN :first AND :last",
            to_item(
                {
                    ":pk": f"ORDER#{order.order_id}",
                    ":first": "PAST#000000",
                    ":last": f"PAST#{order.past.parts - 1:06d}",
                }
            ),
            ConsistentRead=True,
        )
    )
    parts = [past_of_item(row) for row in rows]
    history = [entry for entries, _ in parts for entry in entries]
    fulfillments = [found for _, closed in parts for found in closed]
    if (len(history), len(fulfillments)) != (order.past.entries, order.past.fulfillments):
        raise LookupError(f"the past of order {order.order_id} is not whole")
    made = sorted(
        (*fulfillments, *order.fulfillments),
        key=lambda found: int(found.fulfillment_id.rpartition(".")[2]),
    )
    return replace(
        order, fulfillments=tuple(made), history=(*history, *order.history), past=NO_PAST
    )


def past_of_item(item: Mapping[str, Any]) -> tuple[list[Entry], list[Fulfillment]]:
    """What of an order one part of its past has."""
    return (
        [_entry(entry) for entry in item["history"]],
        [_fulfillment(found) for found in item["fulfillments"]],
    )


def _kept(order: Order) -> list[bytes | str]:
    """The decisions as the document has them: the first few bytes, and of the rest their ids."""
    found: list[bytes | str] = []
    left = INLINE
    for decision in order.decisions:
        if isinstance(decision, bytes) and len(decision) <= left:
            left -= len(decision)
            found.append(decision)
        else:
            found.append(decision_id(decision))
    return found


def _decision_parts(order: Order) -> list[Part]:
    """The decisions that are to lie beside the order. Their id is made of what is in them: written
    again, they are the same."""
    parts: list[Part] = []
    for decision, kept in zip(order.decisions, _kept(order), strict=True):
        if isinstance(decision, str) or isinstance(kept, bytes):
            continue
        for number, start in enumerate(range(0, len(decision), PIECE)):
            item = {
                "pk": f"ORDER#{order.order_id}",
                "sk": f"DECISION#{kept}#{number:02d}",
                "decision": decision[start : start + PIECE],
            }
            parts.append({"Put": {"TableName": orders(), "Item": to_item(item)}})
    return parts


def decision(order_id: str, kept: bytes | str) -> bytes:
    """The bytes of one of the order's decisions: one Query when it lies beside the order.

    Raises LookupError when it is not there.
    """
    if isinstance(kept, bytes):
        return kept
    rows = tables.query(
        orders(),
        "pk = :pk AND begins_with(sk, :decision)",
        to_item({":pk": f"ORDER#{order_id}", ":decision": f"DECISION#{kept}#"}),
    )
    found = b"".join(row["decision"] for row in rows)
    if decision_id(found) != kept:
        raise LookupError(f"decision {kept} of order {order_id} is not whole")
    return found


def record_part(request: Request, order_id: str, answer: str, now: datetime) -> Part:
    item = {
        "pk": f"IDEM#{request.name}",
        "sk": "IDEM",
        "order_id": order_id,
        "digest": request.digest,
        "answer": answer,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {
        "Put": {
            "TableName": orders(),
            "Item": to_item(item),
            # Holds when the request has not been carried out.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _asked_part(request: Request, order_id: str, now: datetime) -> Part:
    """That ``request`` was about the order: its answer may tell of the buyer, and is found by it
    when that person is erased."""
    item = {
        "pk": f"ORDER#{order_id}",
        "sk": f"ASKED#{request.name}",
        "request": request.name,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {"Put": {"TableName": orders(), "Item": to_item(item)}}


def shard(order_id: str) -> int:
    return zlib.crc32(order_id.encode()) % SHARDS


# Who waits for supply


def waiting(sku: str, location_id: str) -> list[Waiting]:
    """The claims on the supplies of a position, by those who have waited longest (strongly
    consistent)."""
    rows = tables.query(
        orders(), "pk = :pk", to_item({":pk": f"SUPPLY#{sku}#{location_id}"}), ConsistentRead=True
    )
    found = []
    for row in rows:
        since, order_id, line_id, reference = row["sk"].split("#", 3)
        claim = Claim(
            location_id, reference, row["quantity"], datetime.fromisoformat(row["expected_at"])
        )
        found.append(Waiting(datetime.fromisoformat(since), order_id, line_id, claim))
    return found


def _claim_parts(before: Order | None, order: Order) -> list[Part]:
    old, new = _claims(before), _claims(order)
    parts: list[Part] = []
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key):
            continue
        where = {"TableName": orders(), "Key": tables.key(*key)}
        if (claim := new.get(key)) is None:
            parts.append({"Delete": where})
            continue
        values = {":quantity": claim.quantity, ":expected_at": rfc3339(claim.expected_at)}
        parts.append(
            {
                "Update": {
                    **where,
                    "UpdateExpression": "SET quantity = :quantity, expected_at = :expected_at",
                    "ExpressionAttributeValues": to_item(values),
                }
            }
        )
    return parts


def _claims(order: Order | None) -> dict[tuple[str, str], Claim]:
    return {
        (
            f"SUPPLY#{line.sku}#{claim.location_id}",
            f"{rfc3339(line.since)}#{order.order_id}#{line.line_id}#{claim.reference}",
        ): claim
        for line in (order.lines if order else ())
        if order is not None and line.since is not None
        for claim in line.claims
    }


# What is due, and whose


def due(now: datetime, page: int) -> Iterator[str]:
    """Ids of orders whose deadline has passed, the longest overdue of each shard first, read
    ``page`` by page. Each time another shard is the first, so that none always waits for others."""
    for number in random.sample(range(SHARDS), SHARDS):
        rows = tables.query(
            orders(),
            "deadline_key = :key AND deadline <= :now",
            to_item({":key": f"DUE#{number}", ":now": rfc3339(now)}),
            IndexName="by_deadline",
            Limit=page,
        )
        for row in rows:
            yield row["pk"].removeprefix("ORDER#")


def open_units(
    named: Iterable[str] = (),
) -> Iterator[tuple[str | None, Counter[tuple[str, str]]]]:
    """What each open order holds now, by (SKU, location), and the hold that it has taken over; and
    what each transfer does that is not shipped yet.

    An order that holds anything has a deadline, and stands in that index; but an index may be
    behind, and only says where to look: what is held is read from the orders (strongly
    consistent). ``named`` are ids of orders and transfers to be looked at beside it.
    """
    ids = frozenset(named)
    keys = {Key(orders(), f"ORDER#{name}", "ORDER") for name in ids}
    for number in range(SHARDS):
        keys |= _waiting_for(f"DUE#{number}")
    left = iter(sorted(keys))
    while some := list(islice(left, tables.READ_KEYS)):
        found = tables.get_many(some, consistent=True, only=("hold_id", "fulfillments"))
        for item in found.values():
            parts = (_fulfillment(row) for row in item["fulfillments"])
            yield item.get("hold_id"), units_held(parts)
    keys = {Key(orders(), f"TRANSFER#{name}", "TRANSFER") for name in ids}
    left = iter(sorted(keys | _waiting_for(TRANSFERS_DUE)))
    while some := list(islice(left, tables.READ_KEYS)):
        for item in tables.get_many(some, consistent=True).values():
            yield None, units_reserved(item)


def _waiting_for(deadline_key: str) -> set[Key]:
    rows = tables.query(
        orders(),
        "deadline_key = :key",
        to_item({":key": deadline_key}),
        IndexName="by_deadline",
    )
    return {Key(orders(), row["pk"], row["sk"]) for row in rows}


def units_reserved(item: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """Units that are reserved for a transfer until it is shipped, by (SKU, location)."""
    if item["state"] != "requested":
        return Counter()
    return Counter({(row["sku"], item["from_location_id"]): row["open"] for row in item["lines"]})


@dataclass(frozen=True, slots=True)
class At:
    """Where a page ended: the index's sort key, the id of the last row, and in a list of several
    states which one it was."""

    group: str
    key: str
    id: str


@dataclass(frozen=True, slots=True)
class OrderPage:
    orders: list[Order]
    after: At | None


def of_profiles(profile_ids: Iterable[str], limit: int, after: At | None = None) -> OrderPage:
    """The orders placed under any of these ids of one person, the newest first (eventually
    consistent, like every index)."""
    found: list[Order] = []
    for profile_id in sorted(profile_ids):
        rows = _placed_before(profile_id, limit + 1, after)
        found += islice(rows, limit + 1)
    found.sort(key=_newness, reverse=True)
    last = found[limit - 1] if len(found) > limit else None
    return OrderPage(
        found[:limit],
        At("profile", rfc3339(last.placed_at), last.order_id) if last else None,
    )


def _placed_before(profile_id: str, page: int, after: At | None) -> Iterator[Order]:
    condition = "profile_key = :profile"
    values = {":profile": f"PROFILE#{profile_id}"}
    if after is not None:
        condition += " AND placed_at <= :at"
        values[":at"] = after.key
    more: dict[str, Any] = {"IndexName": "by_profile", "ScanIndexForward": False, "Limit": page}
    for item in tables.query(orders(), condition, to_item(values), **more):
        order = order_of_item(item)
        if after is None or _newness(order) < (after.key, after.id):
            yield order


def _newness(order: Order) -> tuple[str, str]:
    return rfc3339(order.placed_at), order.order_id


@dataclass(frozen=True, slots=True)
class Pick:
    """A row of a pick list: a fulfillment, as of ``order_version`` of its order."""

    order_id: str
    order_version: int
    channel: str
    fulfillment: Fulfillment


@dataclass(frozen=True, slots=True)
class PickPage:
    picks: list[Pick]
    after: At | None


def picks(
    location_id: str,
    states: Sequence[State] = OPEN,
    limit: int = 50,
    after: At | None = None,
) -> PickPage:
    """Fulfillments of a location, state by state, in each the most urgent first."""
    found: list[Pick] = []
    more: dict[str, Any] = {}
    if after is not None:
        names = [str(name) for name in states]
        states = states[names.index(after.group) :] if after.group in names else ()
        more["ExclusiveStartKey"] = {
            **tables.key(f"ORDER#{order_of(after.id.partition('#')[0])}", f"FUL#{after.id}"),
            "location_key": {"S": f"LOC#{location_id}#{after.group}"},
            "pick_key": {"S": after.key},
        }
    for state in states:
        page = tables.query_page(
            orders(),
            "location_key = :location",
            to_item({":location": f"LOC#{location_id}#{state}"}),
            limit + 1 - len(found),
            IndexName="by_location",
            **more,
        )
        more = {}
        found += [_pick(item) for item in page.items]
        if len(found) > limit:
            last = found[limit - 1].fulfillment
            rival = "" if last.location_id == location_id else f"#{location_id}"
            at = At(last.state, _pick_key(last), last.fulfillment_id + rival)
            return PickPage(found[:limit], at)
    return PickPage(found, None)


def unpicked(location_ids: Iterable[str], states: Sequence[State]) -> Iterator[str]:
    """The orders with fulfillments in ``states``, each once, location by location."""
    seen: set[str] = set()
    for location_id in location_ids:
        after: At | None = None
        while True:
            page = picks(location_id, states, 100, after)
            for pick in page.picks:
                if pick.order_id not in seen:
                    seen.add(pick.order_id)
                    yield pick.order_id
            after = page.after
            if after is None:
                break


def order_of(fulfillment_id: str) -> str:
    """The id of the order that a fulfillment is part of."""
    return fulfillment_id.rpartition(".")[0]


def of_ids(order_ids: Iterable[str]) -> list[Order]:
    """The orders that exist among ``order_ids``, in their order: one call per 100."""
    keys = [order_key(order_id) for order_id in dict.fromkeys(order_ids)]
    items = tables.get_many(keys)
    return [order_of_item(items[key]) for key in keys if key in items]


def decided_since(
    since: datetime, limit: int, after: tuple[str, str] | None = None
) -> tuple[list[tuple[str, bytes]], tuple[str, str] | None]:
    """How the orders placed since then were first routed, by id, in no order of note; and where
    to go on. ``limit`` bounds the items that are looked at: a scan, which costs what it
    reads."""
    page = tables.scan_page(
        orders(),
        limit,
        tables.key(*after) if after else None,
        FilterExpression="sk = :order AND placed_at >= :since",
        ProjectionExpression="pk, decisions",
        ExpressionAttributeValues=to_item({":order": "ORDER", ":since": rfc3339(since)}),
    )
    found = [
        (name, decision(name, item["decisions"][0]))
        for item in page.items
        if item["decisions"] and (name := item["pk"].removeprefix("ORDER#"))
    ]
    if page.last is None:
        return found, None
    return found, (page.last["pk"]["S"], page.last["sk"]["S"])


# The rows of the pick lists


def project(order: Order, before: Order | None) -> int:
    """Writes the rows of the fulfillments that are not as they were ``before``; how many.

    Repeated or late, it changes nothing: a row only gets newer.
    """
    known = {found.fulfillment_id: found for found in before.fulfillments} if before else {}
    written = 0
    for found in order.fulfillments:
        past = known.get(found.fulfillment_id)
        if past == found:
            continue
        written += _put_counted(order, found)
        for rival in sorted({*found.rivals, *(past.rivals if past else ())}):
            asked = rival if rival in found.rivals else None
            written += _put_pick(order, found, f"FUL#{found.fulfillment_id}#{rival}", asked)
    return written


def _put_counted(order: Order, found: Fulfillment) -> bool:
    """Puts the fulfillment's own row, and counts what that changes of the units that wait to be
    picked, in one transaction: from what the row says to what it will say.

    Raises Busy when others write the row at the same time.
    """
    sk = f"FUL#{found.fulfillment_id}"
    for attempt in range(tables.ATTEMPTS):
        stored = tables.get(orders(), f"ORDER#{order.order_id}", sk, consistent=True)
        if stored and stored["order_version"] >= order.version:
            return False
        change = Counter({found.location_id: _unpicked(found)})
        if stored:
            past = _fulfillment(stored["fulfillment"])
            change.subtract({past.location_id: _unpicked(past)})
        counts = [unpicked_part(place, units) for place, units in change.items() if units]
        row: dict[str, Any] = {
            "TableName": orders(),
            "Item": to_item(_pick_row(order, found, sk, found.location_id)),
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
        tables.pause(attempt)
    raise Busy(f"too many writers on {found.fulfillment_id}")


def _unpicked(found: Fulfillment) -> int:
    return sum(held.quantity for held in found.lines) if found.state in UNPICKED else 0


def _put_pick(order: Order, found: Fulfillment, sk: str, location_id: str | None) -> bool:
    """Without ``location_id`` nobody is asked by this row any more: it is in no list, and goes."""
    refused = tables.write(
        "put_item",
        TableName=orders(),
        Item=to_item(_pick_row(order, found, sk, location_id)),
        # Holds when there is no row yet, or one of an older version of the order.
        ConditionExpression="attribute_not_exists(pk) OR order_version < :version",
        ExpressionAttributeValues={":version": {"N": str(order.version)}},
    )
    return refused is None


def _pick_row(order: Order, found: Fulfillment, sk: str, location_id: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "pk": f"ORDER#{order.order_id}",
        "sk": sk,
        "order_id": order.order_id,
        "order_version": order.version,
        "channel": order.channel,
        "fulfillment": plain(asdict(found)),
    }
    if location_id is None:
        row["ttl"] = int(found.offered_at.timestamp()) + KEPT_SECONDS
    else:
        row["location_key"] = f"LOC#{location_id}#{found.state}"
        row["pick_key"] = _pick_key(found)
    return row


def _pick_key(found: Fulfillment) -> str:
    return f"{rfc3339(found.deadline or found.offered_at)}#{found.fulfillment_id}"


def _pick(item: Mapping[str, Any]) -> Pick:
    return Pick(
        order_id=item["order_id"],
        order_version=item["order_version"],
        channel=item["channel"],
        fulfillment=_fulfillment(item["fulfillment"]),
    )


# Items


def order_of_item(item: Mapping[str, Any]) -> Order:
    """An order from the plain values of its item: of a read, or an image of the stream."""
    ship_to = item.get("ship_to")
    return Order(
        order_id=item["order_id"],
        channel=item["channel"],
        placed_at=datetime.fromisoformat(item["placed_at"]),
        payment=_payment(item["payment"]),
        lines=tuple(_line(row) for row in item["lines"]),
        service_level=item["service_level"],
        buyer=Buyer(**item["buyer"]),
        ship_to=Place(**ship_to) if ship_to else None,
        hold_id=item.get("hold_id"),
        fulfillments=tuple(_fulfillment(row) for row in item["fulfillments"]),
        history=tuple(_entry(row) for row in item["history"]),
        decisions=tuple(item["decisions"]),
        version=item["version"],
        past=Past(**item["past"]) if item.get("past") else NO_PAST,
    )


def _payment(row: Mapping[str, Any]) -> Payment:
    return Payment(**{**row, **_instants(row, "deadline")})


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        **{
            **row,
            "excluded": tuple(row["excluded"]),
            "expired": tuple(row.get("expired", ())),
            "claims": tuple(
                Claim(**{**claim, **_instants(claim, "expected_at")})
                for claim in row.get("claims", ())
            ),
            **_instants(row, "expected_at", "since", "deadline"),
        }
    )


def _fulfillment(row: Mapping[str, Any]) -> Fulfillment:
    return Fulfillment(
        **{
            **row,
            "lines": tuple(
                Held(**{**held, "counters": tuple(held.get("counters", ()))})
                for held in row["lines"]
            ),
            "rivals": tuple(row.get("rivals", ())),
            **_instants(row, "offered_at", "ready_by", "deliver_by", "deadline"),
        }
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(**{**row, **_instants(row, "at")})


def _instants(row: Mapping[str, Any], *names: str) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(row[name]) for name in names if row.get(name)}


def plain(value: Any) -> Any:
    """What ``asdict`` gives, as an item holds it: instants as texts, without what is None."""
    match value:
        case datetime():
            return rfc3339(value)
        case dict():
            return {name: plain(entry) for name, entry in value.items() if entry is not None}
        case list() | tuple():
            return [plain(entry) for entry in value]
    return value
