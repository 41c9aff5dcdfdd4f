"""Write the files of an export of personal data, part by part: everything that the tables of
customers, orders and loyalty have about a person.

Each part is noted in the job when it is written, so that an interrupted export continues with the
next one.
"""

import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from shared.customers import exporting, store
from shared.customers.model.job import Job
from shared.customers.model.person import order_id_of
from shared.customers.store import files
from shared.loyalty import exporting as loyalty
from shared.orders import exporting as orders
from shared.orders.model.erased import Person

PART_BYTES = 8 * 1024 * 1024
"""The approximate size of a part, compressed. A part is in memory while it is written."""
PART_SECONDS = 45

ExportPage = tuple[list[dict[str, Any]], str | None]
Section = Callable[[Job, str], ExportPage]


def _orders(job: Job, place: str) -> ExportPage:
    return orders.page(job.content["partitions"], place, _person(job))


def _interactions(job: Job, place: str) -> ExportPage:
    """Interactions, and the orders that they name under the id of another profile: an order follows
    the record that it came with."""
    lines, following = exporting.interaction_page(job, place)
    order_ids = sorted({name for line in lines if (name := order_id_of(line["data"]))})
    other_orders = orders.named_elsewhere(order_ids, job.content["partitions"], _person(job))
    return [*lines, *other_orders], following


def _wallets(job: Job, place: str) -> ExportPage:
    return loyalty.page(job.content["members"], place)


SECTIONS: Sequence[Section] = (
    exporting.profile_page,
    exporting.record_page,
    _interactions,
    _orders,
    _wallets,
    exporting.read_page,
)


def _person(job: Job) -> Person:
    return Person(frozenset(job.content["members"]), frozenset(job.content["records"]), "")


def write(job: Job, also: Sequence[Section] = ()) -> tuple[Job, str | None]:
    """Write the next part: of SECTIONS, then of those of areas above this one. Returns the job with
    it, and the place where the following part begins, None at the end. Raises Gone."""
    store.find(job.profile_id)
    sections = (*SECTIONS, *also)
    section, place = json.loads(job.place) if job.place else (0, "")
    zipping = zlib.compressobj(6, zlib.DEFLATED, 31)
    body, lines = bytearray(), 0
    until = time.monotonic() + PART_SECONDS
    while section < len(sections) and len(body) < PART_BYTES and time.monotonic() < until:
        rows, following = sections[section](job, place)
        for row in rows:
            body += zipping.compress(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        lines += len(rows)
        section, place = (section, following) if following is not None else (section + 1, "")
    body += zipping.flush()
    return files.put(job, bytes(body), lines), json.dumps([section, place]) if section < len(
        sections
    ) else None
