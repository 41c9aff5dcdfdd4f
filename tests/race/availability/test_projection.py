"""One item under many consumers of the stream, and what it costs to read."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs
from shared.aws.clients import dynamodb
from tests.support.projecting import WAYS, Fold

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize("fold", WAYS)
def test_consumers_that_write_the_same_pack_lose_nothing(fold: Fold) -> None:
    history = [
        PackChange(
            f"l{place}", version, PackRow(100 * place + version, version), AT + timedelta(version)
        )
        for place in range(10)
        for version in range(1, 9)
    ]
    random.Random(5).shuffle(history)
    batches = [history[start::16] for start in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda batch: fold("A", batch, {}), batches))
    pack = packs.packs(["A"])["A"]
    assert pack.rows == {f"l{place}": PackRow(100 * place + 8, 8) for place in range(10)}
    assert pack.as_of == AT + timedelta(8)
    assert pack.version <= len(batches)


@pytest.mark.parametrize("fold", WAYS)
def test_five_hundred_locations_cost_half_a_read_unit(fold: Fold) -> None:
    skus = [f"s{index}" for index in range(20)]
    for sku in skus:
        changes = [
            PackChange(f"store-{at:04}", 10_000 + at, PackRow(at % 40, 10_000 + at), AT)
            for at in range(500)
        ]
        fold(sku, changes, {})
    assert read_units(skus[:1]) == 0.5
    assert read_units(skus) == 10


def read_units(skus: list[str]) -> float:
    keys = [packs.pack_key(sku) for sku in skus]
    answer = dynamodb().batch_get_item(
        RequestItems={
            keys[0].table: {"Keys": [{"pk": {"S": key.pk}, "sk": {"S": key.sk}} for key in keys]}
        },
        ReturnConsumedCapacity="TOTAL",
    )
    assert len(answer["Responses"][keys[0].table]) == len(skus)
    return sum(used["CapacityUnits"] for used in answer["ConsumedCapacity"])
