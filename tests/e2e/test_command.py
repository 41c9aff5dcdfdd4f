"""The `norain` command as a person or a script uses it, on a cloud of the tests' own."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.cloud import ROOT
from tests.e2e.conftest import Deployed, eventually

NORAIN = Path(sys.executable).with_name("norain")
Norain = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def norain(cloud: Deployed) -> Norain:
    environment = os.environ | {"NORAIN_FOLDER": str(cloud.running.folder)}

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [NORAIN, *arguments],
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def _position(cloud: Deployed, sku: str, location_id: str) -> dict[str, Any]:
    answer = cloud.as_("web").get(f"/v1/stock/{sku}/{location_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_token_on_a_pipe_is_nothing_but_the_token(norain: Norain, cloud: Deployed) -> None:
    printed = norain("token", "web")
    assert printed.returncode == 0, printed.stderr
    token = printed.stdout.strip()
    answer = cloud.as_(None).get("/v1/locations", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_an_unknown_client_is_told_which_there_are(norain: Norain) -> None:
    refused = norain("token", "nobody")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "web" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_of_counts_becomes_stock_and_its_bad_row_is_named(
    norain: Norain, cloud: Deployed, tmp_path: Path
) -> None:
    file = tmp_path / "counts of today.csv"
    file.write_text("sku,location_id,quantity\nCLI-1,L1,5\nCLI-1,L2,many\nCLI-2,L1,7\n")
    fed = norain("feed", str(file))
    told = json.loads(fed.stdout)
    assert fed.returncode == 1
    assert (told["sent"], told["messages"]) == (2, 1)
    assert told["bad"] == [{"line": 3, "reason": "quantity: 'many' is not a whole number"}]
    eventually(lambda: _position(cloud, "CLI-1", "L1")["on_hand"] == 5)
    eventually(lambda: _position(cloud, "CLI-2", "L1")["on_hand"] == 7)


def test_a_file_sent_twice_counts_once(norain: Norain, cloud: Deployed, tmp_path: Path) -> None:
    header = "sku,location_id,delta,reason,occurred_at\n"
    sale = "CLI-3,L1,-1,retail_selling,2026-11-20T09:00:00Z\n"
    (tmp_path / "got.csv").write_text(f"{header}CLI-3,L1,9,receiving,2026-11-20T08:00:00Z\n")
    (tmp_path / "sold.csv").write_text(header + sale + sale)
    for name in ("got.csv", "sold.csv", "sold.csv"):
        assert norain("feed", str(tmp_path / name)).returncode == 0
    eventually(lambda: _position(cloud, "CLI-3", "L1")["on_hand"] == 7)
    eventually(lambda: _is_empty(cloud, cloud.target.stock_bulk_queue_url))
    assert _position(cloud, "CLI-3", "L1")["on_hand"] == 7


def test_a_dead_letter_says_why_and_goes_back_mended(norain: Norain, cloud: Deployed) -> None:
    poison = {
        "specversion": "1.0",
        "id": "poison-1",
        "source": "till",
        "type": "stock.counted",
        "time": "2026-11-20T09:00:00Z",
        "data": {
            "sku": "CLI-4",
            "location_id": "L1",
            "quantity": -3,
            "as_of": "2026-11-20T09:00:00Z",
            "basis": "physical",
        },
    }
    cloud.sqs.send_message(
        QueueUrl=cloud.target.stock_feed_queue_url, MessageBody=json.dumps(poison)
    )

    def seen() -> list[dict[str, Any]]:
        rows = json.loads(norain("redrive", "--dry-run").stdout)
        return [row for row in rows if row["body"].get("id") == "poison-1"]

    (letter,) = eventually(seen)
    assert letter["code"] == "invalid_request"
    assert "$.data.quantity" in letter["detail"]
    assert letter["body"] == poison

    letter["body"]["data"]["quantity"] = 3
    mended = cloud.running.folder / "mended.json"
    mended.write_text(json.dumps([letter]))
    assert norain("redrive", "--edit", str(mended)).returncode == 0
    eventually(lambda: _position(cloud, "CLI-4", "L1")["on_hand"] == 3)
    assert seen() == []


def test_status_knows_queues_and_tables(norain: Norain, cloud: Deployed) -> None:
    told = json.loads(norain("status").stdout)
    assert told["endpoint_url"] == cloud.target.endpoint_url
    assert {"Stock FeedQueue", "Stock FeedDeadLetters", "Stock BulkQueue"} <= {
        row["queue"] for row in told["queues"]
    }
    assert set(told["tables"]) == set(cloud.target.tables)


def test_an_order_that_does_not_fit_is_refused_with_its_places(norain: Norain) -> None:
    refused = norain("order", "-", "--json", given='{"channel": "web"}')
    assert refused.returncode == 1
    error = json.loads(refused.stderr)["error"]
    assert error["code"] == "invalid_request"
    assert "$.lines" in {place["path"] for place in error["errors"]}


def test_replay_of_an_unknown_order_is_told(norain: Norain) -> None:
    refused = norain("replay", "nothing")
    assert refused.returncode == 1
    assert "there is no order nothing" in refused.stderr


def _is_empty(cloud: Deployed, url: str) -> bool:
    told = cloud.sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )["Attributes"]
    return {*told.values()} == {"0"}


def test_a_file_in_the_feed_bucket_becomes_stock_and_its_bad_rows_are_named_beside_it(
    norain: Norain, cloud: Deployed, tmp_path: Path
) -> None:
    file = tmp_path / "night.csv.gz"
    rows = "".join(f"CLI-B{n},L1,{n}\n" for n in range(300))
    file.write_bytes(gzip.compress(f"sku,location_id,quantity\n{rows}X,L1,-2\n".encode()))
    fed = norain("feed", "--bucket", str(file))
    told = json.loads(fed.stdout)
    assert (told["sent"], told["bad_rows"], fed.returncode) == (300, 1, 1)
    assert told["bad"][0]["line"] == 302
    eventually(lambda: _position(cloud, "CLI-B299", "L1")["on_hand"] == 299)
    again = norain("feed", "--bucket", str(file))
    assert json.loads(again.stdout) == told


def test_an_epcis_document_becomes_stock(norain: Norain, cloud: Deployed, tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text((ROOT / "events/stock/epcis.json").read_text())
    fed = norain("feed", "--bucket", str(file))
    told = json.loads(fed.stdout)
    assert (told["sent"], [row["line"] for row in told["bad"]]) == (5, [6])
    place = "gln:0614141007776"
    eventually(lambda: _position(cloud, "gtin:10614141123459", place)["on_hand"] == 7)
