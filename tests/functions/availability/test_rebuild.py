"""Law 11 at the handlers: packs made again from the positions, whatever happened to the stream."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.availability import project, rebuild
from shared.availability.model.pack import Pack, PackChange, PackRow
from shared.availability.model.sales import Sale
from shared.availability.store import packs, projection
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import key, transact
from shared.errors import NotFound
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect
from tests.support.profiles import examples

pytestmark = pytest.mark.usefixtures("fake_tables", "failed_records")


class Context:
    def __init__(self, left_ms: int = 60_000) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


def receive(sku: str, location: str, units: int) -> dict[str, Any]:
    """Units come; the record that the stream has of it."""
    effects = [Effect(sku, location, on_hand=units, reserved=0)]
    cause = Cause(id="1", source="test", type="stock.moved", reason="receiving")
    _, parts = stock.effect_parts(effects, cause, datetime.now(UTC))
    assert transact(parts) == []
    written = dynamodb().get_item(TableName="fake-stock", Key=key(f"SKU#{sku}", f"LOC#{location}"))
    item = written["Item"]
    return {"dynamodb": {"NewImage": item, "SequenceNumber": item["version"]["N"]}}


def available(*skus: str) -> Mapping[str, Mapping[str, int]]:
    return {
        sku: {at: row.available for at, row in pack.rows.items()}
        for sku, pack in packs.packs(skus).items()
    }


def told(*skus: str) -> Any:
    return rebuild.handler({"rebuild": list(skus)}, Context())


def test_a_lost_stream_is_made_up_for() -> None:
    receive("A", "denver", 5)
    receive("A", "boulder", 2)
    receive("B", "denver", 1)
    assert available("A", "B") == {}
    assert told("A", "B") == {"rebuilt": ["A", "B"], "left": []}
    assert available("A", "B") == {"A": {"denver": 5, "boulder": 2}, "B": {"denver": 1}}
    before = packs.packs(["A", "B"])
    assert told("A", "B") == {"rebuilt": [], "left": []}
    assert packs.packs(["A", "B"]) == before


def test_a_pack_that_is_wrong_is_replaced_and_its_ghosts_are_gone() -> None:
    receive("A", "denver", 5)
    at = datetime.now(UTC)
    projection.project(
        "A",
        [PackChange("denver", 99, PackRow(7, 99), at), PackChange("ghost", 1, PackRow(3, 1), at)],
    )
    assert told("A", "nowhere") == {"rebuilt": ["A"], "left": []}
    assert available("A", "nowhere") == {"A": {"denver": 5}}


def test_a_pack_of_nothing_says_nothing() -> None:
    projection.project("A", [PackChange("ghost", 1, PackRow(3, 1), datetime.now(UTC))])
    assert told("A")["rebuilt"] == ["A"]
    assert available("A") == {"A": {}}


def test_what_is_projected_meanwhile_is_not_overwritten() -> None:
    """The rebuild has read; then stock changes and is projected; then the rebuild would write."""
    receive("A", "denver", 5)
    overtaken = False

    def overtake(**_: Any) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            for record in (receive("A", "denver", 1), receive("A", "boulder", 2)):
                project.handler({"Records": [record]}, None)

    client: Any = dynamodb()
    client.meta.events.register("before-parameter-build.dynamodb.PutItem", overtake)
    told("A")
    assert overtaken
    assert available("A") == {"A": {"denver": 6, "boulder": 2}}


def test_a_crash_half_way_leaves_every_pack_whole_and_the_next_run_ends_it() -> None:
    for sku in "ABC":
        receive(sku, "denver", 5)
        receive(sku, "boulder", 5)

    def break_down(params: dict[str, Any], **_: Any) -> None:
        if params["Item"]["pk"]["S"] == "SKU#B":
            raise ConnectionError

    client: Any = dynamodb()
    client.meta.events.register("before-parameter-build.dynamodb.PutItem", break_down)
    with pytest.raises(ConnectionError):
        told("A", "B", "C")
    assert "B" not in available("B")
    assert all(rows == {"denver": 5, "boulder": 5} for rows in available("A", "C").values())
    client.meta.events.unregister("before-parameter-build.dynamodb.PutItem", break_down)
    told("A", "B", "C")
    assert set(available("A", "B", "C")) == {"A", "B", "C"}


def test_records_that_come_after_the_rebuild_change_nothing_more() -> None:
    records = [receive("A", "denver", 1) for _ in range(3)]
    told("A")
    after = packs.packs(["A"])
    assert project.handler({"Records": records[::-1]}, None) == {"batchItemFailures": []}
    assert packs.packs(["A"]) == after


def test_time_that_runs_out_leaves_the_rest() -> None:
    receive("A", "denver", 5)
    found = rebuild.handler({"rebuild": ["A"]}, Context(left_ms=1))
    assert found == {"rebuilt": [], "left": ["A"]}
    assert available("A") == {}


def rebuild_all(asked: Mapping[str, Any], context: Context) -> Any:
    return rebuild.handler({"rebuild": "all", **asked}, context)


def test_a_round_rebuilds_every_sku_that_has_positions_or_a_pack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild, "HALF", 3)
    monkeypatch.setattr(rebuild, "PACKS", 2)
    monkeypatch.setattr(rebuild, "POSITIONS", 2)
    skus = [f"sku-{number}" for number in range(12)]
    for sku in skus:
        for location in ("denver", "boulder"):
            receive(sku, location, 5)
    told(*skus[:6])
    at = datetime.now(UTC)
    projection.project(skus[0], [PackChange("denver", 99, PackRow(7, 99), at)])
    projection.project("ghost", [PackChange("denver", 1, PackRow(3, 1), at)])
    first = rebuild_all({}, Context(left_ms=100))
    assert first["rebuilt"] == []
    assert first["progress"]["done"] == 0
    number = first["progress"]["round"]
    answer = rebuild_all({"round": number}, Context())
    assert answer["rebuilt"] == sorted([skus[0], "ghost", *skus[6:]])
    counts = answer["progress"]["counts"]
    assert counts["rebuilt"] == 8
    # A SKU that gets its pack in the segments of the positions may be met in those of the packs.
    assert 7 + 6 <= counts["skus"] <= 7 + 6 + 6
    assert answer["progress"]["ended_at"] is not None
    assert available(*skus) == {sku: {"boulder": 5, "denver": 5} for sku in skus}
    assert rebuild_all({}, Context())["rebuilt"] == []
    with pytest.raises(NotFound):
        rebuild_all({"round": number}, Context())


def test_helpers_continue_the_round_of_their_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "HALF", 2)
    receive("A", "denver", 5)
    number = rebuild_all({}, Context(left_ms=100))["progress"]["round"]
    for called in (number + 1, number):
        assert available("A") == {}
        body = json.dumps({"walk": "rebuild", "round": called})
        record = {"messageId": "m", "body": body}
        assert rebuild.handler({"Records": [record]}, Context()) == {"batchItemFailures": []}
    assert available("A") == {"A": {"denver": 5}}
    answer = rebuild_all({"round": number}, Context())
    assert answer["progress"]["counts"]["rebuilt"] == 1


def test_what_was_learnt_of_sales_outlives_the_rebuild() -> None:
    receive("A", "denver", 5)
    at = datetime.now(UTC)
    sale = Sale(2, int(at.timestamp()))
    projection.project("A", [PackChange("denver", 99, PackRow(7, 99), at, (sale,))])
    before = packs.packs(["A"])["A"]
    assert told("A")["rebuilt"] == ["A"]
    after = packs.packs(["A"])["A"]
    assert after.rows["denver"].available == 5
    assert after.rows["denver"].sales == before.rows["denver"].sales is not None
    assert after.prior == before.prior is not None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.sampled_from(["denver", "boulder"])),
        st.tuples(st.sampled_from(["project", "rebuild", "crash"]), st.integers(0, 9)),
    ),
    max_size=14,
)
_number = iter(range(10**6))


@examples(25)
@given(STEPS)
def test_any_interleaving_of_stream_crashes_and_rebuilds_ends_in_the_truth(
    steps: list[Any],
) -> None:
    """``project`` takes a record of all that there ever were: late, again, or out of order."""
    sku = f"S{next(_number)}"
    records: list[dict[str, Any]] = []
    for step, what in steps:
        if step == "receive":
            records.append(receive(sku, what, 1))
        elif step == "rebuild":
            told(sku)
        elif step == "crash" and records:
            poison = {"dynamodb": {"NewImage": {}, "SequenceNumber": "0"}}
            project.handler({"Records": [records[what % len(records)], poison]}, None)
        elif records:
            project.handler({"Records": [records[what % len(records)]]}, None)
        _never_newer_than_the_truth(sku)
    project.handler({"Records": records}, None)
    pack = packs.packs([sku]).get(sku, Pack(sku, {}, datetime.now(UTC)))
    assert {at: row.available for at, row in pack.rows.items()} == _truth(sku)
    told(sku)
    assert told(sku)["rebuilt"] == []


def _truth(sku: str) -> dict[str, int]:
    return {row.location_id: row.available for row in stock.positions(sku)}


def _never_newer_than_the_truth(sku: str) -> None:
    truth = {row.location_id: row.version for row in stock.positions(sku)}
    for pack in packs.packs([sku]).values():
        for at, row in pack.rows.items():
            assert row.available <= truth[at]
            assert row.version <= truth[at]
