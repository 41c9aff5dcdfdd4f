"""The files of availability, from the packs to the bucket."""

import contextlib
import gzip
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from functions.availability import export as export_module
from functions.availability.export import handler
from shared.availability.model.confidence import PickOutcome
from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import confidence, projection, rebuild
from shared.availability.store import export as export_store
from shared.aws import clients, s3, walks
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.errors import NotFound
from shared.locations import store as locations
from shared.stock.model.rules import Rule, RuleAmount, RuleMatch
from shared.stock.store import rules
from tests.support.events import event
from tests.support.places import place

AT = datetime(2026, 11, 21, tzinfo=UTC)
SKUS = 230


@pytest.fixture(autouse=True)
def exports(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    bucket: Any = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3").create_bucket(Bucket="exports", CreateBucketConfiguration=bucket)
    environment.setenv("NORAIN_EXPORTS", "exports")
    environment.setenv("NORAIN_EXPORT_CHANNEL", "web")
    environment.setattr(export_module, "SEGMENTS", 4)
    locations.put(place("denver"))
    locations.put(place("depot", type="warehouse", pickup=False))


def stock(sku: str, units: int = 7, **more: Any) -> None:
    rows = {"denver": units, "depot": 50}
    projection.project(
        sku, [PackChange(at, 1, PackRow(count, 1), AT) for at, count in rows.items()]
    )
    catalog.put(Product(sku, f"Thing {sku}", 199, "USD", 1.0, **more))


def lines(written: dict[str, Any]) -> list[str]:
    body = s3.get(written["bucket"], written["key"])
    assert body is not None
    assert len(body) == written["bytes"]
    return gzip.decompress(body).decode().splitlines()


def test_every_product_is_in_both_files_page_after_page() -> None:
    for number in range(SKUS):
        stock(f"sku-{number:03}")
    google, schema_org = handler({"source": "aws.events"}, None)["exports"]
    assert (google["products"], google["rows"], google["left_out"]) == (SKUS, SKUS, 0)
    header, *rows = lines(google)
    assert header.split("\t")[:2] == ["store_code", "id"]
    assert {row.split("\t")[1] for row in rows} == {f"sku-{number:03}" for number in range(SKUS)}
    assert schema_org["products"] == SKUS
    assert len({json.loads(line)["sku"] for line in lines(schema_org)}) == SKUS


def test_a_channel_is_exported_by_its_own_rules() -> None:
    stock("milk", 7)
    rules.put_rules(
        (Rule("few", RuleMatch(channels=frozenset({"web"})), RuleAmount(5)),), None, AT, "me"
    )
    found = {}
    for channel in ("web", "marketplace"):
        (written,) = handler({"format": "google", "channel": channel}, None)["exports"]
        assert written["key"] == f"{channel}/google-local-inventory.tsv.gz"
        found[channel] = lines(written)[1].split("\t")[2]
    assert found == {"web": "2", "marketplace": "7"}


def test_what_is_known_of_picks_lies_beside_the_packs_and_is_none() -> None:
    confidence.learn_outcomes("denver", [PickOutcome("1", "dairy", False, int(AT.timestamp()))])
    stock("milk", 7)
    assert [one["products"] for one in handler({}, None)["exports"]] == [1, 1]
    assert rebuild.packed_skus(10) == ({"milk"}, None)


def test_what_has_no_product_is_left_out_and_counted() -> None:
    stock("milk")
    projection.project("ghost", [PackChange("denver", 1, PackRow(5, 1), AT)])
    (written,) = handler({"format": "schema.org"}, None)["exports"]
    assert (written["products"], written["left_out"]) == (1, 1)


def late_after(looks: int) -> Any:
    """A context whose time is up after some looks at it."""
    left = itertools.chain(itertools.repeat(900_000, looks), itertools.repeat(1000))
    return SimpleNamespace(get_remaining_time_in_millis=lambda: next(left))


def test_a_run_out_of_time_leaves_the_file_before_and_the_next_one_continues() -> None:
    stock("milk")
    (before,) = handler({"format": "google"}, None)["exports"]
    stock("bread")
    answer = handler({"format": "google"}, late_after(4))
    runs = 1
    while not answer["exports"]:
        assert lines(before)[1].startswith("denver\tmilk")
        assert len(lines(before)) == 2
        asked = {"format": "google", "round": answer["progress"]["round"]}
        answer, runs = handler(asked, late_after(4)), runs + 1
    assert runs > 1
    assert {row.split("\t")[1] for row in lines(before | answer["exports"][0])[1:]} == {
        "bread",
        "milk",
    }
    assert pieces_left() == 0


def pieces_left() -> int:
    return len(
        boto3.client("s3").list_objects_v2(Bucket="exports", Prefix="pieces/").get("Contents", [])
    )


def test_helpers_share_a_round_and_a_dead_one_loses_nothing(
    environment: pytest.MonkeyPatch, heard_ages: list[float]
) -> None:
    """A worker dies after it has written a piece, before it saves that: the piece is repeated."""
    for number in range(SKUS):
        stock(f"sku-{number:03}")
    url = boto3.client("sqs").create_queue(QueueName="export")["QueueUrl"]
    environment.setenv("NORAIN_HELPERS_QUEUE", url)
    environment.setenv("NORAIN_HELPERS", "2")
    environment.setattr(walks, "ALONE_SECONDS", -1)
    environment.setattr(export_store, "PAGE", 10)
    environment.setattr(export_module, "STEP_SECONDS", -1)
    put, written = s3.put, itertools.count()

    def dies(*args: Any, **more: Any) -> None:
        put(*args, **more)
        if next(written) == 5:
            raise SystemError

    environment.setattr(s3, "put", dies)
    with pytest.raises(SystemError):
        handler(event("availability/export"), late_after(400))
    messages = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    records = [{"messageId": one["MessageId"], "body": one["Body"]} for one in messages["Messages"]]
    assert handler({"Records": records[:1]}, None) == {"batchItemFailures": []}
    # A helper that comes late finds nothing to do.
    assert handler({"Records": records[1:2]}, None) == {"batchItemFailures": []}
    body = s3.get("exports", "web/google-local-inventory.tsv.gz")
    assert body is not None
    _, *rows = gzip.decompress(body).decode().splitlines()
    assert sorted(row.split("\t")[1] for row in rows) == [f"sku-{n:03}" for n in range(SKUS)]
    # The schedule begins no other round within the hour.
    assert handler(event("availability/export"), None) == {"exports": [], "progress": None}
    assert len(heard_ages) == 2
    assert all(0 <= age < 600 for age in heard_ages)


@pytest.fixture
def heard_ages(environment: pytest.MonkeyPatch) -> list[float]:
    ages: list[float] = []

    @contextlib.contextmanager
    def metric(*, name: str, value: float, **_: Any) -> Iterator[Any]:
        assert name == "ExportAge"
        ages.append(value)
        yield SimpleNamespace(add_dimension=lambda *_: None)

    environment.setattr(export_module, "single_metric", metric)
    return ages


def test_a_round_that_another_has_replaced_is_not_continued() -> None:
    stock("milk")
    first = handler({"format": "google"}, late_after(1))["progress"]["round"]
    handler({"format": "google"}, None)
    with pytest.raises(NotFound):
        handler({"format": "google", "round": first}, None)


def pieces(count: int, seen: list[int]) -> Iterator[bytes]:
    for number in range(count):
        seen.append(number)
        yield bytes([number % 256]) * (1024 * 1024)


def test_a_big_file_goes_up_in_parts_while_it_is_made() -> None:
    seen: list[int] = []
    parts: list[int] = []
    client: Any = clients.client("s3")
    client.meta.events.register(
        "before-parameter-build.s3.UploadPart",
        lambda params, **_: parts.append(len(seen)),
    )
    assert s3.put_stream("exports", "big", pieces(20, seen)) == 20 * 1024 * 1024
    assert parts == [8, 16, 20]
    body = s3.get("exports", "big")
    assert body == b"".join(pieces(20, []))


def test_a_file_that_breaks_off_leaves_nothing_behind() -> None:
    s3.put("exports", "big", b"before")

    def broken() -> Iterator[bytes]:
        yield from pieces(9, [])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        s3.put_stream("exports", "big", broken())
    assert s3.get("exports", "big") == b"before"
    assert "Uploads" not in boto3.client("s3").list_multipart_uploads(Bucket="exports")
