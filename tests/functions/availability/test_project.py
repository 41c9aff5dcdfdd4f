"""The projection of the stock's stream, with the records that Lambda hands over."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.availability.project import handler
from shared.availability.model.pack import PackRow
from shared.availability.store import packs
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import key, transact
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.stock import store as stock
from shared.stock.model.events import Moved
from shared.stock.model.position import Cause, Effect
from shared.stock.store import heartbeat
from tests.support import shop
from tests.support.events import event
from tests.support.tables import Kept

pytestmark = pytest.mark.usefixtures("fake_tables")

NONE_FAILED: dict[str, list[Any]] = {"batchItemFailures": []}
ALL = {
    "milk-1": {
        "denver": PackRow(7, 2, reserved=3),
        "boulder": PackRow(0, 7, ((1_796_025_600, 12),), reserved=4),
    },
    "milk-2": {"denver": PackRow(2, 3)},
}


def rows() -> dict[str, dict[str, PackRow]]:
    return {sku: pack.rows for sku, pack in packs.packs(["milk-1", "milk-2"]).items()}


def test_a_batch_is_folded_into_one_item_per_sku() -> None:
    assert handler(event("availability/positions"), None) == NONE_FAILED
    assert rows() == ALL
    assert {pack.version for pack in packs.packs(ALL).values()} == {1}


def test_a_replay_and_any_order_change_nothing() -> None:
    batch = event("availability/positions")
    batch["Records"].reverse()
    for record in batch["Records"]:
        assert handler({"Records": [record]}, None) == NONE_FAILED
    assert rows() == ALL
    before = packs.packs(ALL)
    assert handler(event("availability/positions"), None) == NONE_FAILED
    assert packs.packs(ALL) == before


def test_a_position_that_was_removed_is_no_longer_told_of() -> None:
    handler(event("availability/positions"), None)
    assert handler(event("availability/positions_removed"), None) == NONE_FAILED
    assert set(rows()["milk-1"]) == {"boulder"}


def test_a_poison_record_is_put_away_and_its_neighbours_are_applied(failed_records: Kept) -> None:
    batch = event("availability/positions_poison")
    assert handler(batch, None) == NONE_FAILED
    (kept,) = failed_records()
    (record,) = json.loads(kept["payload"])["Records"]
    assert record["dynamodb"]["SequenceNumber"] == "000000000000000000102"
    assert record in batch["Records"]
    assert rows() == {"milk-1": {"denver": PackRow(10, 1)}, "milk-2": {"denver": PackRow(2, 3)}}


def test_a_sku_that_cannot_be_written_comes_back_from_its_first_record_on() -> None:
    def break_down(params: dict[str, Any], **_: Any) -> None:
        if params["Item"]["pk"]["S"] == "SKU#milk-1":
            raise ConnectionError

    client: Any = dynamodb()
    client.meta.events.register("before-parameter-build.dynamodb.PutItem", break_down)
    batch = event("availability/positions")
    swapped = {"Records": [batch["Records"][3], *batch["Records"][:3]]}
    assert handler(swapped, None) == {
        "batchItemFailures": [{"itemIdentifier": "000000000000000000101"}]
    }
    assert rows() == {"milk-2": ALL["milk-2"]}
    client.meta.events.unregister("before-parameter-build.dynamodb.PutItem", break_down)
    assert handler(batch, None) == NONE_FAILED
    assert rows() == ALL


def test_a_position_as_the_stock_writes_it_is_understood() -> None:
    effects = [Effect("milk-1", "denver", on_hand=5, reserved=2)]
    cause = Cause(id="1", source="test", type="stock.moved", reason="receiving")
    _, parts = stock.effect_parts(effects, cause, datetime.now(UTC))
    assert transact(parts) == []
    written = dynamodb().get_item(TableName="fake-stock", Key=key("SKU#milk-1", "LOC#denver"))
    record = {"dynamodb": {"NewImage": written["Item"], "SequenceNumber": "1"}}
    assert handler({"Records": [record]}, None) == NONE_FAILED
    assert rows() == {"milk-1": {"denver": PackRow(3, 1, reserved=2)}}


def lags(output: str) -> list[float]:
    lines = [json.loads(line) for line in output.splitlines()]
    told = [line for line in lines if "_aws" in line]
    assert {metric["service"] for metric in told} == {"availability"}
    for metric in told:
        assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "NoRain"
        assert len(metric["AvailabilityLag"]) <= 100
    return [lag for metric in told for lag in metric["AvailabilityLag"]]


def test_the_lag_of_each_record_is_published(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    batch = event("availability/positions")
    for waited, record in enumerate(batch["Records"]):
        made = datetime.now(UTC) - timedelta(hours=waited)
        record["dynamodb"]["NewImage"]["updated_at"] = {"S": rfc3339(made)}
    handler(batch, None)
    output = capsys.readouterr().out
    hours = [round(lag / 3_600_000, 2) for lag in lags(output)]
    assert hours == [float(waited) for waited in range(len(batch["Records"]))]
    told = vars(caplog.records[-1])
    assert told["message"] == "projected"
    assert told["lag_ms"] == max(lags(output)) > told["lag_median_ms"] > 0


def test_of_a_removed_position_the_stream_tells_when(capsys: pytest.CaptureFixture[str]) -> None:
    batch = event("availability/positions_removed")
    for record in batch["Records"]:
        record["dynamodb"]["ApproximateCreationDateTime"] = time.time() - 7200
    handler(batch, None)
    found = lags(capsys.readouterr().out)
    assert len(found) == len(batch["Records"])
    assert {round(lag / 3_600_000) for lag in found} >= {2}


def test_the_heart_of_the_stock_is_measured_and_folded_into_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without sales a projection that is dead reported what one that is idle did: nothing."""
    heartbeat.beat(datetime.now(UTC) - timedelta(seconds=3))
    (row,) = [row for row in shop.items("stock") if row["pk"] == heartbeat.KEY]
    record = {
        "eventID": "beat",
        "dynamodb": {
            "Keys": to_item({"pk": row["pk"], "sk": row["sk"]}),
            "NewImage": to_item(row),
            "SequenceNumber": "1",
        },
    }
    assert handler({"Records": [record]}, None) == NONE_FAILED
    (lag,) = lags(capsys.readouterr().out)
    assert 2_000 <= lag <= 60_000
    assert shop.items("availability") == []


def test_a_full_batch_publishes_as_many_lags_as_it_has_records(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (record, *_) = event("availability/positions")["Records"]
    handler({"Records": [record] * 500}, None)
    assert len(lags(capsys.readouterr().out)) == 500


def changed() -> dict[str, Any]:
    """The record of the newest write of milk-1's position in denver."""
    image = dynamodb().get_item(
        TableName=stock.stock_table(), Key=key("SKU#milk-1", "LOC#denver"), ConsistentRead=True
    )["Item"]
    return {"dynamodb": {"NewImage": image, "SequenceNumber": image["version"]["N"]}}


def test_a_sale_over_the_counter_is_learnt_once_and_our_own_hand_over_never() -> None:
    now = datetime.now(UTC)
    _, parts = stock.effect_parts(
        [Effect("milk-1", "denver", 9, 2)], Cause("wms", "c1", "stock.counted", "stock_taking"), now
    )
    assert transact(parts) == []
    handed = Cause("norain/orders", "o1@2", "fulfillment.collected", "retail_selling")
    _, parts = stock.effect_parts([Effect("milk-1", "denver", -2, -2)], handed, now)
    assert transact(parts) == []
    assert handler({"Records": [changed()]}, None) == NONE_FAILED
    assert rows()["milk-1"]["denver"].sales is None
    sold = Moved("pos", "receipt-1", 1, "milk-1", "denver", -3, "retail_selling", now)
    assert stock.apply_events([sold], stock.position("milk-1", "denver"), (), now) == 1
    for _ in range(2):
        assert handler({"Records": [changed()]}, None) == NONE_FAILED
    found = rows()["milk-1"]["denver"]
    assert found.available == 4
    assert found.sales is not None
    assert found.sales.sold == pytest.approx(3, rel=0.01)
