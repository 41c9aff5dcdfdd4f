"""The history of KPIs as rows: what each count of an order has added. Pure.

A row has the figures that a cell has gained (or lost) with one revision of the order's mark, so
that the sum of all rows is the sum that is live. The worker of the stream may write a row twice:
rows are alike then, and a query takes each once.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from shared.instants import rfc3339
from shared.kpis.model.figures import FIGURES, Facts

Row = dict[str, str | int]


def rows(
    order_id: str, revision: int, channel: str, currency: str, added: Facts, at: datetime
) -> Iterator[Row]:
    """A row for each cell that has changed at ``at``."""
    for cell, figures in sorted(added.items()):
        yield {
            "order_id": order_id,
            "revision": revision,
            "counted_at": rfc3339(at),
            "day": cell.day.isoformat(),
            "channel": channel,
            "currency": currency,
            "location_id": cell.location_id,
            "sku": cell.sku,
            **{name: figures[name] for name in FIGURES},
        }


def lines(of: Iterable[Row]) -> bytes:
    """JSON lines, compressed: the same bytes for the same rows."""
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in of)
    return gzip.compress(text.encode(), mtime=0)
