"""Noted counts: what look-ups and notes cost while a file of one instant is read, and others."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zlib import crc32

from shared.stock.model.events import Counted
from shared.stock.model.position import PositionKey
from shared.stock.store.notes import save_skipped_counts, skipped_counts
from tests.bench.availability.shelves import empty_tables
from tests.bench.report import Row, Table, Tell
from tests.support.notes import establish_notes
from tests.support.units import Units, metered

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
NOW = START + timedelta(hours=4)
FOR_EVER = datetime(9000, 1, 1, tzinfo=UTC)
ROWS = 3_400
"""Of a batch: four messages of the queue."""
FILE_ROWS = 1_500_000
AFTER, QUICK_AFTER = (0, 1, 10, 20, 100), (0, 1, 10, 20)
GOAL = 64
"""Read units, after however many batches: what a look-up cost before any."""

Place = Callable[[int], PositionKey]


def by_sku(number: int) -> PositionKey:
    return f"SKU-{number // 457:06}", f"store-{number % 457:03}"


def by_location(number: int) -> PositionKey:
    return f"SKU-{number % 3_300:06}", f"store-{number // 3_300:03}"


def by_small_location(number: int) -> PositionKey:
    return f"SKU-{number % 60:06}", f"store-{number // 60:03}"


def unsorted(number: int) -> PositionKey:
    return by_location(number * 736_879 % FILE_ROWS)


FILES: dict[str, Place] = {
    "sorted by SKU, 457 stores": by_sku,
    "sorted by location, 3,300 SKUs": by_location,
    "sorted by location, 60 SKUs": by_small_location,
    "unsorted": unsorted,
}


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    after = QUICK_AFTER if quick else AFTER
    look_ups: list[Row] = []
    notes: list[Row] = []
    for name, place in FILES.items():
        for packing, older_until in (("as it ships", None), ("64 buckets", FOR_EVER)):
            tell(f"{name}, {packing}")
            costs, written = _file(place, after, older_until)
            row: dict[str, str | int | float | None] = {"file": name, "packs": packing}
            row |= {f"RU, after {batches}": costs[batches].read for batches in after}
            look_ups.append(
                {**row, f"calls, after {after[-1]}": costs[after[-1]].reads, "goal, RU": GOAL}
            )
            notes.append({"notes": name, "packs": packing, "WU a row": written})
    yield Table(
        "Noted counts: a look-up after some batches of one instant",
        look_ups,
        notes=[
            f"Of {ROWS:,} rows of a batch half change and are looked up, half are noted. A batch",
            "looks up twice. 64 buckets: as older code packed and read, but for the call and the",
            "unit of the newest bounds. An unsorted file costs what it did: give it sequences.",
            "RU: a query that finds nothing counts 1.",
        ],
    )
    for name, counts in (
        ("one count alone", _counts([by_sku(0)])),
        ("30 counts of 30 SKUs, locations, instants", _trickle(30)),
    ):
        for packing, older_until in (("as it ships", None), ("64 buckets", FOR_EVER)):
            with empty_tables():
                establish_notes(older_until)
                with metered() as units:
                    save_skipped_counts(counts, NOW)
                notes.append(
                    {"notes": name, "packs": packing, "WU a row": units.write / len(counts)}
                )
    yield Table(
        "Noted counts: write units of the notes",
        notes,
        notes=["With the newest bound, which a batch with a newer count raises."],
    )
    yield Table("Noted counts: a movement, after 20 batches of each file", list(_movements()))


def _file(
    place: Place, after: Sequence[int], older_until: datetime | None
) -> tuple[dict[int, Units], float]:
    """The costs of look-ups after so many batches, and the write units of a noted row."""
    costs: dict[int, Units] = {}
    written = 0.0
    with empty_tables():
        establish_notes(older_until)
        for batch in range(after[-1] + 1):
            changed, unchanged = _batch(place, batch)
            if batch in after:
                with metered() as units:
                    skipped_counts(dict.fromkeys(changed, (START, -1)), NOW)
                costs[batch] = units
            with metered() as units:
                save_skipped_counts(_counts(unchanged), NOW)
            written += units.write / len(unchanged) / (after[-1] + 1)
    return costs, written


def _movements() -> Iterator[Row]:
    """A movement of after the files, and one of before them, which they may hide."""
    for packing, older_until in (("as it ships", None), ("64 buckets", FOR_EVER)):
        with empty_tables():
            establish_notes(older_until)
            for place in (by_sku, by_location, unsorted):
                for batch in range(20):
                    save_skipped_counts(_counts(_batch(place, batch)[1]), NOW)
            for name, at in (("now", NOW), ("late", START - timedelta(minutes=1))):
                with metered() as units:
                    skipped_counts({by_sku(0): (at, -1)}, NOW)
                yield {"movement": name, "packs": packing, "calls": units.reads, "RU": units.read}


def _batch(place: Place, batch: int) -> tuple[list[PositionKey], list[PositionKey]]:
    """The positions that change, and the others."""
    places = [place(number) for number in range(batch * ROWS, (batch + 1) * ROWS)]
    changed = [one for one in places if _is_changed(one)]
    return changed, [one for one in places if not _is_changed(one)]


def _is_changed(place: PositionKey) -> bool:
    return bool(crc32("/".join(place).encode()) % 2)


def _counts(places: Sequence[PositionKey]) -> list[Counted]:
    return [
        Counted(
            "urn:wms",
            f"{crc32('/'.join(place).encode()) * 2654435761 % 2**64:016x}",
            None,
            *place,
            number % 30,
            START,
        )
        for number, place in enumerate(places)
    ]


def _trickle(number: int) -> list[Counted]:
    return [
        Counted("urn:wms", f"c{n}", None, f"SKU-{n}", f"store-{n}", n, START + timedelta(seconds=n))
        for n in range(number)
    ]
