"""Waves, table ``orders``.

    pk WAVE#<wave_id>   sk WAVE   {location_id, assignee, begun_at, candidates, most, digest,
                                   totes, answer, ttl}

A wave is written before it takes its fulfillments, so that the repetition of a request that died
goes on with the same candidates: 2 writes of up to 20 KB, the answer compressed. Waves expire when
their request is forgotten.
"""

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.orders.model.waves import Wave
from shared.orders.store.keys import orders_table
from shared.web.idempotency import KEPT_SECONDS


def find(wave_id: str) -> Wave | None:
    item = tables.get(orders_table(), f"WAVE#{wave_id}", "WAVE", consistent=True)
    return _wave(item) if item else None


def add(wave: Wave) -> Wave:
    """Stores a new wave; returns the one that the same request has stored before, if any."""
    condition = Condition()
    # Holds while no request with this id has come.
    condition.require("attribute_not_exists(pk)")
    item = {
        "pk": f"WAVE#{wave.wave_id}",
        "sk": "WAVE",
        "location_id": wave.location_id,
        "assignee": wave.assignee,
        "begun_at": rfc3339(wave.begun_at),
        "candidates": list(wave.candidates),
        "most": wave.most,
        "digest": wave.digest,
        "ttl": int(wave.begun_at.timestamp()) + KEPT_SECONDS,
    }
    refused = tables.write(
        "put_item", TableName=orders_table(), Item=to_item(item), **condition.arguments()
    )
    return _wave(refused.item) if refused and refused.item else wave


def finish(wave: Wave, totes: tuple[str, ...], answer: str) -> Wave | None:
    """Stores what the wave has got and the answer; returns the wave as it is stored, by this or an
    earlier repetition of the request. None when a repetition has dropped it."""
    update = Update()
    update.set("totes", list(totes))
    update.set("answer", zlib.compress(answer.encode(), 6))
    # Holds while no repetition of the request has been answered.
    update.require("attribute_exists(pk) AND attribute_not_exists(answer)")
    request = update.request(orders_table(), f"WAVE#{wave.wave_id}", "WAVE")
    tables.write("update_item", **request)
    return find(wave.wave_id)


def drop(wave: Wave) -> None:
    """Removes a wave that got nothing, so that the same request may try again."""
    condition = Condition()
    # Holds while no repetition of the request has been answered.
    condition.require("attribute_not_exists(answer)")
    tables.write(
        "delete_item",
        TableName=orders_table(),
        Key=tables.key(f"WAVE#{wave.wave_id}", "WAVE"),
        **condition.arguments(),
    )


def _wave(item: Mapping[str, Any]) -> Wave:
    answer = item.get("answer")
    return Wave(
        wave_id=item["pk"].removeprefix("WAVE#"),
        location_id=item["location_id"],
        assignee=item.get("assignee"),
        begun_at=datetime.fromisoformat(item["begun_at"]),
        candidates=tuple(item["candidates"]),
        most=item["most"],
        digest=item["digest"],
        totes=tuple(item["totes"]) if "totes" in item else None,
        answer=zlib.decompress(bytes(answer)).decode() if answer is not None else None,
    )
