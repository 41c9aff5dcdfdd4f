"""One SKU that grows over items while many write and read it."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs, projection
from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from tests.support.contention import contended
from tests.support.projecting import WAYS, Fold

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

AT = datetime(2026, 11, 21, tzinfo=UTC)
WRITERS = 6
READERS = 3
PLACES = [f"store-{number:04}" for number in range(240)]


@pytest.mark.parametrize("fold", WAYS)
def test_no_location_vanishes_or_is_told_twice_while_a_pack_is_spread(
    fold: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers bring locations and change them; readers look from before the first spreading to
    after the last. A location that a writer has brought is in every reading that begins later, and
    its version never goes back."""
    monkeypatch.setattr(packs, "MOST_BYTES", 200)
    monkeypatch.setattr(projection, "_slice_counts", {})
    done, over = threading.Lock(), threading.Event()
    written: dict[str, int] = {}
    faults: list[str] = []
    spreadings: set[int] = set()

    def write(number: int) -> None:
        chance = random.Random(number)
        mine = PLACES[number::WRITERS]
        versions = dict.fromkeys(mine, 0)
        for place in [*mine, *chance.choices(mine, k=20)]:
            versions[place] += 1
            version = versions[place]
            row = PackRow(chance.randint(0, 10**6), version)
            told = [PackChange(place, version, row, AT + timedelta(seconds=version))]
            fold("A", told * chance.randint(1, 2), {})
            with done:
                written[place] = version

    def read(number: int) -> None:
        newest: dict[str, int] = {}
        while not over.is_set():
            with done:
                before = dict(written)
            if number:
                pack = packs.packs(["A"], consistent=True).get("A")
                found = [(place, row.version) for place, row in pack.rows.items()] if pack else []
            else:
                columns = packs.columns(["A"]).get("A")
                found = [*zip(columns.locations, columns.versions, strict=True)] if columns else []
            versions = dict(found)
            if len(found) != len(versions):
                faults.append("a location is told twice")
            for place, version in (before | newest).items():
                if versions.get(place, 0) < max(version, newest.get(place, 0)):
                    faults.append(f"{place}: {versions.get(place)} after {version}")
            newest = versions
            spreadings.add(projection._slice_counts.get("A", 1))

    with ThreadPoolExecutor(WRITERS + READERS) as pool, contended(dynamodb(), 0.005):
        readers = [pool.submit(read, number) for number in range(READERS)]
        try:
            list(pool.map(write, range(WRITERS)))
        finally:
            over.set()
        for reader in readers:
            reader.result()
    versions = {place: row.version for place, row in packs.packs(["A"])["A"].rows.items()}
    assert (faults, versions, set(written)) == ([], written, set(PLACES))
    slices = packs.stored_slices("A")
    assert (len(slices) >= 8, len(spreadings) >= 3) == (True, True)
    items = tables.get_many(
        (packs.pack_key("A", number) for number in range(len(slices))), consistent=True
    )
    assert len({item["version"] for item in items.values()}) == len(slices)
