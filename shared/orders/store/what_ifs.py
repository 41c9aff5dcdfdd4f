"""What-ifs as jobs, table ``orders``: what is asked, the pieces of the workers, and the result.

    pk WHAT_IF#<id>  sk WHAT_IF          {days, since, revision, policy, digest, asked_at,
                                          round_number?, ended_at?, totals?, differences?, ttl}
    pk WHAT_IF#<id>  sk PIECE#<name>     {data, ttl}: totals and differences of one step of a worker
    pk WHAT_IF#<id>  sk DIFFERENCES#<n>  {data, ttl}: a page of all differences, the largest first

The progress is a round over the table ``orders`` (shared/aws/walks.py). Only one what-if is under
way at a time: one that begins replaces the one before it.

Largest items: a piece has at most PIECE_DIFFERENCES and the totals of its orders with the load of
each location, 60 KB when compressed at 2,000 locations; a page of differences has 30 KB. Everything
expires after KEPT.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.aws.walks import Segment, Walk
from shared.instants import rfc3339
from shared.orders.model.what_ifs import WhatIfJob
from shared.orders.store.keys import orders_table
from shared.orders.store.queries import first_decisions_since
from shared.routing.model.decision import canonical_json
from shared.routing.model.policy import Policy
from shared.routing.model.whatif import Difference, Totals, WhatIf
from shared.stored import from_row

WALK = Walk("config", "what-if")
KEPT = timedelta(days=30)
"""As long as an Idempotency-Key is remembered."""
PIECE_DIFFERENCES = 2000
DIFFERENCES_PAGE = 500


def find(job_id: str) -> WhatIfJob | None:
    item = tables.get(orders_table(), _pk(job_id), "WHAT_IF", consistent=True)
    if item is None:
        return None
    ended = item.get("ended_at")
    return WhatIfJob(
        id=job_id,
        digest=item["digest"],
        days=item["days"],
        since=datetime.fromisoformat(item["since"]),
        revision=item["revision"],
        policy=Policy.from_json(json.loads(item["policy"])),
        asked_at=datetime.fromisoformat(item["asked_at"]),
        round=item.get("round_number"),
        ended_at=datetime.fromisoformat(ended) if ended else None,
        totals=(_totals(item["totals"][0]), _totals(item["totals"][1])) if ended else None,
        differences=item.get("differences", 0),
    )


def add(job: WhatIfJob) -> WhatIfJob:
    """Stores a new what-if; the one that an earlier request with this id has stored, if any."""
    condition = Condition()
    # Holds while no request with this id has come.
    condition.require("attribute_not_exists(pk)")
    refused = tables.write(
        "put_item",
        TableName=orders_table(),
        Item=to_item(
            {
                "pk": _pk(job.id),
                "sk": "WHAT_IF",
                "digest": job.digest,
                "days": job.days,
                "since": rfc3339(job.since),
                "revision": job.revision,
                "policy": canonical_json(job.policy.to_json()).decode(),
                "asked_at": rfc3339(job.asked_at),
                "ttl": _ttl(job),
            }
        ),
        **condition.arguments(),
    )
    if refused is None:
        return job
    stored = find(job.id)
    return job if stored is None else stored


def save_round(job: WhatIfJob, number: int) -> None:
    """Notes that the what-if has begun."""
    update = Update()
    update.set("round_number", number)
    tables.write("update_item", **update.request(orders_table(), _pk(job.id), "WHAT_IF"))


def decisions_page(
    segment: Segment, since: datetime, limit: int
) -> tuple[list[tuple[str, bytes]], Mapping[str, str] | None]:
    """The id and first routing decision of the next orders of a segment, and the key to continue
    after. ``limit`` bounds the items that the scan reads, and so its cost."""
    at = (segment.after["pk"], segment.after["sk"]) if segment.after else None
    decisions, last = first_decisions_since(since, limit, at, segment.scan_arguments)
    return decisions, {"pk": last[0], "sk": last[1]} if last else None


def put_piece(job: WhatIfJob, name: str, part: WhatIf) -> None:
    """Stores the result of one step."""
    document = {
        "before": part.before.to_json(),
        "after": part.after.to_json(),
        "differences": [asdict(row) for row in part.differences],
    }
    _put(job, f"PIECE#{name}", document)


def pieces(job: WhatIfJob, names: Sequence[str]) -> list[WhatIf]:
    """The results of the named steps, in this order. Raises LookupError when one is missing."""
    keys = [Key(orders_table(), _pk(job.id), f"PIECE#{name}") for name in names]
    items = tables.get_many(keys, consistent=True)
    if missing := [key.sk for key in keys if key not in items]:
        raise LookupError(f"the what-if {job.id} has lost {len(missing)} pieces")
    found = []
    for key in keys:
        document = _document(items[key]["data"])
        found.append(
            WhatIf(
                Totals.from_json(document["before"]),
                Totals.from_json(document["after"]),
                [_difference(row) for row in document["differences"]],
            )
        )
    return found


def end(job: WhatIfJob, result: WhatIf, now: datetime) -> None:
    """Stores the result of all orders; harmless when it is repeated."""
    for number, page in enumerate(_pages(result.differences)):
        _put(job, f"DIFFERENCES#{number:06d}", [asdict(row) for row in page])
    update = Update()
    update.set("totals", [_text(result.before), _text(result.after)])
    update.set("differences", len(result.differences))
    update.set("ended_at", rfc3339(now))
    tables.write("update_item", **update.request(orders_table(), _pk(job.id), "WHAT_IF"))


def differences_page(job: WhatIfJob, number: int) -> list[Difference]:
    """A page of DIFFERENCES_PAGE differences of a what-if that has ended."""
    item = tables.get(orders_table(), _pk(job.id), f"DIFFERENCES#{number:06d}")
    return [_difference(row) for row in _document(item["data"])] if item else []


def _pages(rows: Sequence[Difference]) -> Iterable[Sequence[Difference]]:
    for start in range(0, len(rows), DIFFERENCES_PAGE):
        yield rows[start : start + DIFFERENCES_PAGE]


def _put(job: WhatIfJob, sk: str, document: Any) -> None:
    data = zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 6)
    item = {"pk": _pk(job.id), "sk": sk, "data": data, "ttl": _ttl(job)}
    tables.write("put_item", TableName=orders_table(), Item=to_item(item))


def _document(data: Any) -> Any:
    return json.loads(zlib.decompress(bytes(data)))


def _difference(row: Mapping[str, Any]) -> Difference:
    return from_row(
        Difference, {**row, "before": tuple(row["before"]), "after": tuple(row["after"])}
    )


def _text(totals: Totals) -> str:
    return canonical_json(totals.to_json()).decode()


def _totals(text: str) -> Totals:
    return Totals.from_json(json.loads(text))


def _pk(job_id: str) -> str:
    return f"WHAT_IF#{job_id}"


def _ttl(job: WhatIfJob) -> int:
    return int((job.asked_at + KEPT).timestamp())
