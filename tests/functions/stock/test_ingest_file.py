"""Files of the bucket onto the queue: read on from where the last run ended, each row once."""

import gzip
import json
import tracemalloc
from typing import Any

import boto3
import pytest

from functions.stock.apply_feed import handler as apply_feed
from functions.stock.ingest_file import handler
from shared.aws import s3
from shared.stock.intake import ingest
from tests.functions.stock.conftest import Queue
from tests.support.events import EVENTS, event
from tests.support.stock_laws import assert_laws, items

BUCKET, KEY = "feed-files", "night/counts of store 12.csv"
HEADER = "sku,location_id,quantity\n"
UNPACKED = 16 << 20
"""Bytes of the file that is a small gzip; no run may hold them all at once."""


class Clock:
    """Lambda's context with time for so many checkpoints; then the run must end."""

    def __init__(self, checkpoints: int) -> None:
        self._left = checkpoints

    def get_remaining_time_in_millis(self) -> int:
        self._left -= 1
        return 300_000 if self._left > 0 else 1_000


@pytest.fixture
def files(queues: dict[str, Queue], environment: pytest.MonkeyPatch) -> dict[str, Queue]:
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    url = boto3.client("sqs").create_queue(QueueName="files")["QueueUrl"]
    environment.setenv("NORAIN_FILES_QUEUE", url)
    environment.setattr(ingest, "CHECKPOINT", 10)
    return {**queues, "files": Queue("files", url)}


def drop(content: bytes, key: str = KEY, **metadata: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content, Metadata=metadata)


def run(checkpoints: int = 1000, body: Any = None) -> list[Any]:
    told = event("stock/ingest_file")
    if body is not None:
        told["Records"][0]["body"] = json.dumps(body)
    return list(handler(told, Clock(checkpoints))["batchItemFailures"])


def sent(files: dict[str, Queue]) -> list[dict[str, Any]]:
    return [
        document
        for message in files["bulk_queue"].messages()
        for document in json.loads(message["Body"])
    ]


def progress() -> dict[str, Any]:
    (found,) = [item for item in items() if item["pk"] == f"FILE#{BUCKET}/{KEY}"]
    return found


def rejects() -> list[dict[str, Any]]:
    found = s3.get(BUCKET, f"{KEY}.rejects.jsonl")
    return [json.loads(line) for line in (found or b"").splitlines()]


def test_a_file_becomes_events_and_stock(files: dict[str, Queue]) -> None:
    drop(f"{HEADER}A,L1,3\nB,L1,4\n".encode(), source="urn:erp", **{"as-of": "2026-03-01T08:00Z"})
    assert run() == []
    messages = files["bulk_queue"].messages()
    (body,) = [message["Body"] for message in messages]
    assert {(e["source"], e["data"]["as_of"]) for e in json.loads(body)} == {
        ("urn:erp", "2026-03-01T08:00:00.000Z")
    }
    apply_feed({"Records": [{"messageId": "m", "body": body}]}, None)
    found = assert_laws()
    assert [found[sku, "L1"]["on_hand"] for sku in "AB"] == [3, 4]
    assert (progress()["state"], progress()["events"], progress()["rejected"]) == ("done", 2, 0)
    assert rejects() == []


def test_a_notification_that_comes_twice_reads_the_file_once(files: dict[str, Queue]) -> None:
    drop(f"{HEADER}A,L1,3\n".encode())
    run()
    assert run() == []
    assert len(sent(files)) == 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["csv", "lines", "array"])
def test_a_long_file_is_read_in_runs_that_go_on_where_the_last_one_ended(
    files: dict[str, Queue], form: str, *, packed: bool
) -> None:
    rows = [{"sku": f"S{n}", "location_id": "L1", "quantity": n} for n in range(75)]
    content = {
        "csv": HEADER + "".join(f"S{n},L1,{n}\n" for n in range(75)),
        "lines": "".join(json.dumps(row) + "\n" for row in rows),
        "array": json.dumps(rows),
    }[form].encode()
    drop(gzip.compress(content) if packed else content)
    assert run(checkpoints=3) == []
    assert progress()["state"] == "reading"
    runs = 1
    while messages := files["files"].messages():
        (message,) = messages
        assert run(checkpoints=3, body=json.loads(message["Body"])) == []
        runs += 1
    assert runs == 3
    found = sent(files)
    assert [row["data"]["sku"] for row in found] == [f"S{n}" for n in range(75)]
    assert progress()["state"] == "done"
    assert progress()["read"] == progress()["size"]


def test_rows_that_are_no_events_are_named_beside_the_file(files: dict[str, Queue]) -> None:
    lines = [f"S{n},L1,{-1 if n % 20 == 7 else n}\n" for n in range(95)]
    drop((HEADER + "".join(lines)).encode())
    run(checkpoints=4)
    for message in files["files"].messages():
        run(body=json.loads(message["Body"]))
    assert [row["line"] for row in rejects()] == [9, 29, 49, 69, 89]
    assert all("$.data.quantity" in row["reason"] for row in rejects())
    assert (progress()["rejected"], len(sent(files))) == (5, 90)


def test_who_dies_between_sending_and_noting_sends_again_and_rejects_once(
    files: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    drop((HEADER + "A,L1,1\nB,L1,-1\n").encode())
    note = ingest._note

    def die(*_: Any) -> bool:
        raise RuntimeError

    environment.setattr(ingest, "_note", die)
    assert len(run()) == 1
    environment.setattr(ingest, "_note", note)
    assert run() == []
    assert [document["data"]["sku"] for document in sent(files)] == ["A", "A"]
    assert [row["line"] for row in rejects()] == [3]


def test_of_two_that_read_a_file_at_once_one_gives_up(
    files: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    drop((HEADER + "".join(f"S{n},L1,{n}\n" for n in range(35))).encode())
    send = ingest._send

    def other_first(*arguments: Any) -> Any:
        environment.setattr(ingest, "_send", send)
        run()
        return send(*arguments)

    environment.setattr(ingest, "_send", other_first)
    assert run() == []
    assert len(sent(files)) == 35 + 10
    assert (progress()["state"], progress()["events"]) == ("done", 35)


def test_every_reject_is_named_whatever_their_number(
    files: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(ingest, "REJECTS_AT_ONCE", 15)
    drop((HEADER + "S,L1,-1\n" * 40).encode())
    run()
    assert progress()["rejected"] == 40
    known = ingest.progress_of_item(progress())
    named = [s3.get(BUCKET, key) or b"" for key in ingest.rejects_keys(known)]
    assert [len(some.splitlines()) for some in named] == [15, 15, 10]
    lines = [json.loads(line)["line"] for some in named for line in some.splitlines()]
    assert lines == list(range(2, 42))
    for key in ingest.rejects_keys(known):
        assert run(body={"bucket": BUCKET, "key": key}) == []
    assert sent(files) == []


FAULTS = {
    "5,000 digits": "9" * 5000,
    "a stray carriage return": "1\r1",
    "a long cell": "x" * 131_073,
}


@pytest.mark.parametrize("form", ["csv", "lines", "array", "epcis", "queue"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_row_costs_that_row_and_no_other(
    files: dict[str, Queue], fault: str, form: str
) -> None:
    """In the quantity; of a CloudEvent on the queue likewise."""
    number = FAULTS[fault]
    quoted = number if number.isdecimal() else f'"{number}"'
    row = '{"sku": "%s", "location_id": "L1", "quantity": %s}'
    event_ = (
        '{"specversion": "1.0", "id": "%s", "source": "wms", "type": "stock.counted",'
        ' "time": "2026-03-01T08:00:00Z", "data": {"sku": "A", "location_id": "L1",'
        ' "as_of": "2026-03-01T08:00:00Z", "basis": "physical", "quantity": %s}}'
    )
    if form == "queue":
        body = f"[{event_ % ('a', 1)}, {event_ % ('b', quoted)}, {event_ % ('c', 3)}]"
        failed = apply_feed({"Records": [{"messageId": "m", "body": body}]}, None)
        assert failed == {"batchItemFailures": []}
        (bad,) = files["dead_letters"].messages()
        assert json.loads(bad["Body"], strict=False)["id"] == "b"
        assert assert_laws()["A", "L1"]["on_hand"] == 3
        return
    epcis = (EVENTS / "stock/epcis.json").read_text()
    content = {
        "csv": f"{HEADER}A,L1,1\nB,L1,{number}\nC,L1,3\n",
        "lines": f"{row % ('A', 1)}\n{row % ('B', quoted)}\n{row % ('C', 3)}\n",
        "array": f"[{row % ('A', 1)}, {row % ('B', quoted)}, {row % ('C', 3)}]",
        "epcis": epcis.replace('"quantity": 4', f'"quantity": {quoted}'),
    }[form]
    drop(content.encode())
    assert run() == []
    assert progress()["state"] == "done"
    if form == "epcis":
        assert [row["line"] for row in rejects()] == [2, 6]
        assert len(sent(files)) == 4
        return
    assert [document["data"]["sku"] for document in sent(files)] == ["A", "C"]
    assert [row["line"] for row in rejects()] == [3 if form == "csv" else 2]


def test_a_header_that_cannot_be_read_refuses_the_file(files: dict[str, Queue]) -> None:
    drop(b"sku,location\r_id,quantity\nA,L1,1\n")
    assert run() == []
    assert progress()["state"] == "refused"
    assert "header" in progress()["reason"]


@pytest.mark.parametrize("byte", [b"x", b"\n", b"[", b" "])
def test_a_small_gzip_cannot_take_a_gigabyte(
    files: dict[str, Queue], environment: pytest.MonkeyPatch, byte: bytes
) -> None:
    """Whatever it unpacks to: no row, no end of a row, or nothing."""
    environment.setattr("shared.stock.intake.files.UNPACK_ALLOWANCE", 1 << 20)
    environment.setattr(ingest, "CHECKPOINT_BYTES", 1 << 19)
    drop(gzip.compress((HEADER.encode() if byte != b"[" else b"") + byte * UNPACKED))
    for _ in range(200):
        tracemalloc.start()
        assert run(checkpoints=3) == []
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < UNPACKED * 3 // 4
        if not files["files"].messages():
            break
    assert progress()["state"] == "refused"
    assert sent(files) == []


def test_a_checkpoint_holds_so_many_bytes_however_long_the_rows(
    files: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(ingest, "CHECKPOINT", 10_000)
    environment.setattr(ingest, "CHECKPOINT_BYTES", 1 << 20)
    drop((HEADER + "".join(f"S{n},L1,{n},{'x' * 100_000}\n" for n in range(60))).encode())
    parts = []
    send = ingest._send

    def counted(so_far: ingest.IntakeProgress, part: Any) -> ingest.IntakeProgress:
        parts.append(len(part))
        return send(so_far, part)

    environment.setattr(ingest, "_send", counted)
    assert run() == []
    assert sum(parts) == 60 == progress()["rejected"]
    assert max(parts) <= 30


def test_a_damaged_file_is_refused_with_a_reason(files: dict[str, Queue]) -> None:
    drop(gzip.compress(HEADER.encode() * 99)[:-9])
    assert run() == []
    assert progress()["state"] == "refused"
    assert "gzip" in progress()["reason"]


def test_the_same_content_as_of_another_time_is_read_again(files: dict[str, Queue]) -> None:
    for day in ("01", "02"):
        drop(f"{HEADER}A,L1,3\n".encode(), **{"as-of": f"2026-03-{day}T08:00:00Z"})
        run()
    assert len(sent(files)) == 2


@pytest.mark.parametrize(
    "body", [{"Event": "s3:TestEvent"}, {"bucket": BUCKET, "key": "gone"}], ids=["test", "gone"]
)
def test_what_tells_of_no_file_is_passed_over(files: dict[str, Queue], body: Any) -> None:
    assert run(body=body) == []
    assert sent(files) == []


def test_the_list_of_rejects_is_no_file_of_stock(files: dict[str, Queue]) -> None:
    drop(b'{"line": 3, "reason": "x"}\n', key="a.csv.rejects.jsonl")
    assert run(body={"bucket": BUCKET, "key": "a.csv.rejects.jsonl"}) == []
    assert sent(files) == []


def test_an_epcis_document_becomes_stock(files: dict[str, Queue]) -> None:
    drop((EVENTS / "stock/epcis.json").read_bytes())
    run()
    for message in files["bulk_queue"].messages():
        apply_feed({"Records": [{"messageId": "m", "body": message["Body"]}]}, None)
    assert assert_laws()["gtin:10614141123459", "gln:0614141007776"]["on_hand"] == 7
    assert [row["line"] for row in rejects()] == [6]
