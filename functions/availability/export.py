"""Writes availability as files for other systems (scheduled; `norain export` invokes it too).

    {"format": "google" | "schema.org", "channel"?: name}
        ->  {"exports": [{"format", "bucket", "key", "products", "rows", "left_out", "bytes"}]}

Without a format it writes all of them. A file replaces the one before it only when it is complete.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.model import export
from shared.availability.model.export import Stores
from shared.availability.store.export import sellable_products
from shared.availability.store.unpicked import unpicked
from shared.aws.s3 import put_stream
from shared.aws.settings import setting
from shared.errors import Busy
from shared.locations.store import all_locations

FILES = {
    "google": ("google-local-inventory.tsv.gz", "text/tab-separated-values"),
    "schema.org": ("schema.org-products.jsonl.gz", "application/ld+json"),
}
SPARE_MS = 20_000

logger = Logger(service="norain", utc=True)


@dataclass(slots=True)
class Counts:
    """``left_out`` are SKUs without a product, and those that the format does not support."""

    products: int = 0
    rows: int = 0
    left_out: int = 0


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Raises Busy when the time is not enough, and leaves the existing files."""
    now = datetime.now(UTC)
    channel = event.get("channel", setting("export_channel"))
    stores = Stores.of(all_locations(), now, unpicked())
    formats = [event["format"]] if "format" in event else list(FILES)
    exports = [_write(form, channel, stores, context) for form in formats]
    for one in exports:
        logger.info("exported", extra=one)
    return {"exports": exports}


def _write(form: str, channel: str, stores: Stores, context: Any) -> dict[str, Any]:
    name, media_type = FILES[form]
    key = f"{channel}/{name}"
    counts = Counts()
    lines = _lines(form, channel, stores, counts, context)
    size = put_stream(setting("exports"), key, _zipped(lines), ContentType=media_type)
    return {
        "format": form,
        "bucket": setting("exports"),
        "key": key,
        "products": counts.products,
        "rows": counts.rows,
        "left_out": counts.left_out,
        "bytes": size,
    }


def _lines(form: str, channel: str, stores: Stores, counts: Counts, context: Any) -> Iterator[str]:
    """One text for each product."""
    if form == "google":
        yield export.google_header()
    for _, product, pack in sellable_products(channel, stores.at):
        if context is not None and context.get_remaining_time_in_millis() < SPARE_MS:
            raise Busy("the time is not enough for all products")
        if product is None:
            counts.left_out += 1
            continue
        if form == "google":
            rows = list(export.google(product, pack, stores))
        else:
            rows = [export.schema_org(product, pack, stores)]
        counts.products += bool(rows)
        counts.left_out += not rows
        counts.rows += len(rows)
        yield "".join(rows)


def _zipped(texts: Iterator[str]) -> Iterator[bytes]:
    """A gzip file, piece by piece."""
    zipping = zlib.compressobj(6, zlib.DEFLATED, 31)
    for text in texts:
        if piece := zipping.compress(text.encode()):
            yield piece
    yield zipping.flush()
