"""Read sums of figures, grouped."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial

from shared.kpis.model.figures import Figures
from shared.kpis.model.kpis import By
from shared.kpis.store import counts
from shared.kpis.store.counts import Sum, Sums

READERS = 8


def groups(
    first: date, last: date, by: By, *, location_id: str | None = None, channel: str | None = None
) -> dict[tuple[str, str], Figures]:
    """The figures of these days by key and currency. By location, and for one, each day is a Query;
    otherwise each month is."""
    if by == "location" or location_id is not None:
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        of_day = partial(counts.of_places, location_id=location_id)
        with ThreadPoolExecutor(READERS) as pool:
            sums: Iterable[Sums] = list(pool.map(of_day, days))
    else:
        sums = [counts.totals(first, last)]
    found: dict[tuple[str, str], Figures] = {}
    for rows in sums:
        for key, figures in rows.items():
            if channel in {None, key.channel}:
                found.setdefault((_name(key, by), key.currency), Counter()).update(figures)
    return found


def by_currency(found: dict[tuple[str, str], Figures]) -> dict[str, Figures]:
    totals: dict[str, Figures] = {}
    for (_, currency), figures in found.items():
        totals.setdefault(currency, Counter()).update(figures)
    return totals


def _name(key: Sum, by: By) -> str:
    match by:
        case "channel":
            return key.channel
        case "location":
            return key.location_id or ""
        case "day":
            return key.day.isoformat()
