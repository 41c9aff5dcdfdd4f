"""Positions, holds, the ledger and the marks of applied messages: table ``stock``.

    pk SKU#<sku>        sk LOC#<location>                 a position
    pk SKU#<sku>        sk MOVE#<location>#<version>      the ledger: what each write of it did
    pk HOLD#<hold_id>   sk HOLD                           a hold
    pk EVENT#<source>#<digest of the id>   sk EVENT       a movement without sequence was applied

    by_location  location_key, pk          every position of a location
    by_deadline  deadline_key, deadline    the open holds by their expiry

Every write of a position raises its ``version`` and leaves in ``last`` what it was, so that the
stream (old image, new image, ``last``) tells the ledger and availability everything.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.stock.model import (
    Cause,
    Effect,
    Expected,
    Hold,
    HoldLine,
    HoldState,
    Position,
    Seen,
    Stamp,
    summed,
)
from shared.web.contract import rfc3339

SEEN = "seq:"
"""``seq:<source>``: the sequences of that source's movements, see model.Seen."""


def stock() -> str:
    return table_name("stock")


# Positions


def position(sku: str, location_id: str, *, consistent: bool = True) -> Position | None:
    found = tables.get(stock(), f"SKU#{sku}", f"LOC#{location_id}", consistent=consistent)
    return position_of_item(found) if found else None


def positions(sku: str) -> Iterator[Position]:
    """Every position of ``sku``, by location: one Query of its item collection."""
    for item in tables.query(
        stock(),
        "pk = :pk AND begins_with(sk, :loc)",
        to_item({":pk": f"SKU#{sku}", ":loc": "LOC#"}),
    ):
        yield position_of_item(item)


def positions_of(
    places: Iterable[tuple[str, str]], *, consistent: bool = False
) -> dict[tuple[str, str], Position]:
    """The positions that exist among ``places`` (sku, location_id): one call per 100."""
    keys = [Key(stock(), f"SKU#{sku}", f"LOC#{location_id}") for sku, location_id in places]
    found = map(position_of_item, tables.get_many(keys, consistent=consistent).values())
    return {(row.sku, row.location_id): row for row in found}


def effect_parts(
    effects: Iterable[Effect], cause: Cause, at: datetime
) -> tuple[list[Effect], list[Part]]:
    """The parts of a transaction that do ``effects``, and beside each the effect that it is.

    Effects on one position are summed first; the order is that of (sku, location_id), the same
    for everybody. ``at`` is the instant of the act by our own clock.
    """
    whole = summed(effects)
    return whole, [_effect_part(effect, cause, at) for effect in whole]


def short_of(effect: Effect, refused: Mapping[str, Any] | None) -> dict[str, Any]:
    """One line of OutOfStock, from the ``effect`` and the item that ``refused`` it (or None)."""
    available = refused["available"] if refused else 0
    return {
        "sku": effect.sku,
        "location_id": effect.location_id,
        "wanted": effect.reserved - effect.on_hand,
        "sellable": max(0, available - (effect.floor or 0)),
    }


def _effect_part(effect: Effect, cause: Cause, at: datetime) -> Part:
    entry = {
        "id": cause.id,
        "source": cause.source,
        "type": cause.type,
        "reason": cause.reason,
        "reference": cause.reference,
        "occurred_at": rfc3339(at),
        "delta": effect.on_hand,
        "own": True,
    }
    values: dict[str, Any] = {
        ":sku": effect.sku,
        ":location_id": effect.location_id,
        ":location_key": f"LOC#{effect.location_id}",
        ":on_hand": effect.on_hand,
        ":reserved": effect.reserved,
        ":available": effect.on_hand - effect.reserved,
        ":damaged": effect.damaged,
        ":at": rfc3339(at),
        ":last": [_present(entry)],
        ":zero": 0,
        ":one": 1,
    }
    update = (
        "SET sku = :sku, location_id = :location_id, location_key = :location_key,"
        " on_hand = if_not_exists(on_hand, :zero) + :on_hand,"
        " reserved = if_not_exists(reserved, :zero) + :reserved,"
        " available = if_not_exists(available, :zero) + :available,"
        " damaged = if_not_exists(damaged, :zero) + :damaged,"
        " version = if_not_exists(version, :zero) + :one,"
        " updated_at = :at, own_at = :at, #last = :last"
    )
    if effect.on_hand:
        update += ", handled_at = :at"
    arguments: dict[str, Any] = {
        "TableName": stock(),
        "Key": tables.key(f"SKU#{effect.sku}", f"LOC#{effect.location_id}"),
        "UpdateExpression": update,
        "ExpressionAttributeNames": {"#last": "last"},
    }
    if effect.floor is not None:
        # Holds while enough is left after the write. A position that is not there has no
        # available, and the comparison is false.
        arguments["ConditionExpression"] = "available >= :needed"
        values[":needed"] = effect.floor - (effect.on_hand - effect.reserved)
    elif min(effect.on_hand, effect.reserved, effect.damaged) < 0:
        # Holds when there is something to take from; goods may come where none have been.
        arguments["ConditionExpression"] = "attribute_exists(pk)"
    return {"Update": {**arguments, "ExpressionAttributeValues": to_item(values)}}


# Holds


def find_hold(hold_id: str) -> Hold | None:
    """The hold as it stands now (strongly consistent)."""
    found = tables.get(stock(), f"HOLD#{hold_id}", "HOLD", consistent=True)
    return hold_of_item(found) if found else None


def convert_part(hold: Hold, order_id: str, at: datetime) -> Part:
    """Makes the hold an order: its units stay reserved, and are the order's from now on."""
    return {
        "Update": {
            "TableName": stock(),
            "Key": tables.key(f"HOLD#{hold.hold_id}", "HOLD"),
            "UpdateExpression": (
                "SET #state = :converted, order_id = :order_id, closed_at = :at"
                " REMOVE deadline_key, deadline"
            ),
            # Holds while nobody has released, swept or converted it, and it has not expired:
            # the sweep may be late, the clock is not.
            "ConditionExpression": "#state = :open AND expires_at > :at",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": to_item(
                {
                    ":converted": HoldState.CONVERTED.value,
                    ":open": HoldState.OPEN.value,
                    ":order_id": order_id,
                    ":at": rfc3339(at),
                }
            ),
        }
    }


# Items


def position_of_item(item: Mapping[str, Any]) -> Position:
    """A position from the plain values of its item: of a read, or an image of the stream."""
    return Position(
        sku=item["sku"],
        location_id=item["location_id"],
        on_hand=item["on_hand"],
        reserved=item["reserved"],
        available=item["available"],
        version=item["version"],
        updated_at=datetime.fromisoformat(item["updated_at"]),
        damaged=item.get("damaged", 0),
        expected=tuple(_expected(row) for row in item.get("expected", ())),
        feed_version=item.get("feed_version", 0),
        counted=_stamp(item.get("counted")),
        moved_at=_instant(item.get("moved_at")),
        handled_at=_instant(item.get("handled_at")),
        own_at=_instant(item.get("own_at")),
        seen={
            name.removeprefix(SEEN): Seen(floor, tuple(sequences))
            for name, (floor, *sequences) in item.items()
            if name.startswith(SEEN)
        },
    )


def hold_of_item(item: Mapping[str, Any]) -> Hold:
    return Hold(
        hold_id=item["pk"].removeprefix("HOLD#"),
        lines=tuple(HoldLine(**line) for line in item["lines"]),
        channel=item["channel"],
        state=HoldState(item["state"]),
        opened_at=datetime.fromisoformat(item["opened_at"]),
        expires_at=datetime.fromisoformat(item["expires_at"]),
        digest=item["digest"],
        answer=item["answer"],
        closed_at=_instant(item.get("closed_at")),
        order_id=item.get("order_id"),
    )


def _expected(row: Mapping[str, Any]) -> Expected:
    return Expected(
        quantity=row["quantity"],
        expected_at=datetime.fromisoformat(row["expected_at"]),
        reference=row["reference"],
        stamp=_stamp(row.get("stamp")),
    )


def _stamp(row: Mapping[str, Any] | None) -> Stamp | None:
    if row is None:
        return None
    return Stamp(datetime.fromisoformat(row["at"]), row["sequence"], row["source"], row["id"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
