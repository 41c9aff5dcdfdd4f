"""Many writers of locations at once: the directory equals their items."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.locations import store
from shared.locations.store import directory
from tests.support.places import hours, place

pytestmark = pytest.mark.usefixtures("local_tables")


def stored() -> dict[str, str]:
    items = tables.query(table_name("config"), "pk = :pk", to_item({":pk": "LOCATION"}))
    return {item["sk"]: item["name"] for item in items}


def listed() -> dict[str, str]:
    complete = directory.read_complete()
    assert complete is not None
    return {name: one.name for name, one in complete.items()}


def test_the_directory_equals_the_items_after_a_race() -> None:
    chance = random.Random(12)
    writes = [place(f"l{chance.randrange(40)}", name=f"n{number}") for number in range(240)]
    with ThreadPoolExecutor(12) as pool:
        created = list(pool.map(directory.put, writes))
    names = {one.location_id for one in writes}
    assert sum(created) == len(names)
    assert listed() == stored()
    assert set(listed()) == names


def test_all_locations_are_one_page_of_few_units() -> None:
    for number in range(64):
        directory.put(place(f"l{number}", hours=hours(every="09:00-20:00")))
    page = dynamodb().query(
        TableName=table_name("config"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=to_item({":pk": directory.PARTITION}),
        ReturnConsumedCapacity="TOTAL",
    )
    assert page["Count"] == 1 + directory.SLICES
    assert page["ConsumedCapacity"]["CapacityUnits"] <= 2
    assert len(store.all_locations()) == 64
