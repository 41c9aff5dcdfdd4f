"""What is written into the files of an export: all that the customers table and the orders have of
a person, part by part.

A part is written whole, and noted in the job: what breaks off begins with the next part again.
"""

import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from shared.customers import store
from shared.customers.model.job import Job
from shared.customers.model.person import order_id_of
from shared.customers.store import exporting, files
from shared.orders import exporting as orders
from shared.orders.model.erased import Person

PART_BYTES = 8 * 1024 * 1024
"""Of a part, compressed, about: all of it that is in memory at once."""
PART_SECONDS = 45

ExportPage = tuple[list[dict[str, Any]], str | None]


def _orders(job: Job, place: str) -> ExportPage:
    return orders.page(job.content["partitions"], place, _person(job))


def _interactions(job: Job, place: str) -> ExportPage:
    """Also the orders that they name and that stand under another's id: an order follows its
    record."""
    lines, following = exporting.interaction_page(job, place)
    order_ids = sorted({name for line in lines if (name := order_id_of(line["data"]))})
    more = orders.elsewhere(order_ids, job.content["partitions"], _person(job))
    return [*lines, *more], following


SECTIONS: Sequence[Callable[[Job, str], ExportPage]] = (
    exporting.profile_page,
    exporting.record_page,
    _interactions,
    _orders,
    exporting.read_page,
)


def _person(job: Job) -> Person:
    return Person(frozenset(job.content["members"]), frozenset(job.content["records"]), "")


def write(job: Job) -> tuple[Job, str | None]:
    """The next part; the job with it, and where the part after it begins. Raises Gone."""
    store.find(job.profile_id)
    section, place = json.loads(job.place) if job.place else (0, "")
    zipping = zlib.compressobj(6, zlib.DEFLATED, 31)
    body, lines = bytearray(), 0
    until = time.monotonic() + PART_SECONDS
    while section < len(SECTIONS) and len(body) < PART_BYTES and time.monotonic() < until:
        rows, following = SECTIONS[section](job, place)
        for row in rows:
            body += zipping.compress(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        lines += len(rows)
        section, place = (section, following) if following is not None else (section + 1, "")
    body += zipping.flush()
    return files.put(job, bytes(body), lines), json.dumps([section, place]) if section < len(
        SECTIONS
    ) else None
