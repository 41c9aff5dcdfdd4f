"""What a cold process reads, and works on, until it knows all locations."""

import random
import time
from collections.abc import Iterator
from datetime import date

from shared.aws import dynamodb as tables_of
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.locations import store
from shared.locations.model import Location
from shared.locations.store import directory
from tests.bench.availability.shelves import empty_tables
from tests.bench.report import Row, Table, Tell
from tests.support.places import hours, place
from tests.support.units import metered

STORES = 2_000
GOAL_UNITS = 10
GOAL_MS = 15
CLOSED = frozenset({date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1)})
CITIES = ("Springfield", "Riverside", "Franklin", "Clinton", "Fairview", "Georgetown", "Ashland")
ZONES = ("New_York", "Chicago", "Denver", "Los_Angeles")


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    with empty_tables():
        chance = random.Random(12)
        directory.put(_store(0, chance))
        for number in range(1, STORES):
            if number % 100 == 0:
                tell(f"{number} of {STORES} stores")
            with metered() as write:
                directory.put(_store(number, chance))
        rows = [_cold("the directory"), _cold("the item of each location", complete=False)]
    yield Table(
        f"all of {STORES:,} locations",
        rows,
        (
            f"goals: {GOAL_UNITS} read units, {GOAL_MS} ms. CPU: of the whole call, boto3 included",
            f"the last write of a location: {write.read:g} read units, {write.write:g} write units",
            "stores with names, coordinates, GLNs, 24 kinds of opening hours, 20 regions",
        ),
    )


def _store(number: int, chance: random.Random) -> Location:
    closes = f"{chance.choice((20, 21, 22))}:00"
    opens = f"{chance.choice((8, 9)):02}:00"
    return place(
        f"store-{number:04}",
        name=f"{chance.choice(CITIES)} {chance.randrange(300)}",
        latitude=round(chance.uniform(25, 49), 5),
        longitude=round(chance.uniform(-124, -70), 5),
        postal_code=f"{chance.randrange(100_000):05}",
        time_zone=f"America/{chance.choice(ZONES)}",
        hours=hours(every=f"{opens}-{closes}", sun=chance.choice(("", "11:00-17:00"))),
        closed_on=CLOSED,
        lead_time_minutes=chance.choice((30, 60, 90)),
        capacity_per_hour=chance.choice((20, 40, 60)),
        gln=f"{chance.randrange(10**12):012}0",
        groups=frozenset({f"region-{chance.randrange(20)}"}),
    )


def _cold(name: str, *, complete: bool = True) -> Row:
    if not complete:
        meta = {"pk": directory.PARTITION, "sk": directory.META, "since": 0}
        tables_of.put_many(table_name("config"), [to_item(meta)])
    took = []
    for _ in range(5):
        store.locations_cache.clear()
        with metered() as units:
            started = time.process_time()
            known = store.all_locations()
            took.append(1000 * (time.process_time() - started))
    assert len(known) == STORES
    return {
        "read from": name,
        "calls": units.reads,
        "read units": units.read,
        "CPU ms, first": took[0],
        "CPU ms, best of 5": min(took),
    }
