"""Drift on a deployed system found and mended by `norain audit`; expired rows in the archive."""

import gzip
import json
from pathlib import Path
from typing import Any

from shared.aws.dynamodb import key
from shared.aws.items import from_item
from tests.e2e import test_command
from tests.e2e.conftest import Deployed, eventually
from tests.e2e.test_command import Norain, _position

norain = test_command.norain


def rows(cloud: Deployed, sku: str) -> list[dict[str, Any]]:
    found = cloud.target.dynamodb.query(
        TableName=cloud.target.tables["stock"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :move)",
        ExpressionAttributeValues={":pk": {"S": f"SKU#{sku}"}, ":move": {"S": "MOVE#"}},
    )
    return [from_item(item) for item in found["Items"]]


def test_drift_is_found_and_mended(norain: Norain, cloud: Deployed, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sku,location_id,quantity\nAUDIT-1,L1,5\nAUDIT-1,L2,6\n")
    assert norain("feed", str(tmp_path / "a.csv")).returncode == 0
    eventually(lambda: len(rows(cloud, "AUDIT-1")) == 2)
    assert json.loads(norain("audit", "--sku", "AUDIT-1").stdout) == {
        "positions": 2,
        "drifts": [],
        "mended": [],
        "unsettled": [],
    }
    cloud.target.dynamodb.update_item(
        TableName=cloud.target.tables["stock"],
        Key=key("SKU#AUDIT-1", "LOC#L1"),
        UpdateExpression="SET on_hand = :nine, available = :nine",
        ExpressionAttributeValues={":nine": {"N": "9"}},
    )
    found = norain("audit")
    assert found.returncode == 1, found.stderr
    drift = {
        "sku": "AUDIT-1",
        "location_id": "L1",
        "kind": "on_hand",
        "stands": 9,
        "should": 5,
    }
    assert drift in json.loads(found.stdout)["drifts"]
    told = json.loads(norain("audit", "--repair", "--sku", "AUDIT-1").stdout)
    assert told["mended"] == [{"sku": "AUDIT-1", "location_id": "L1"}]
    assert _position(cloud, "AUDIT-1", "L1")["available"] == 5
    assert norain("audit", "--sku", "AUDIT-1").returncode == 0
    newest = eventually(lambda: movements(cloud, "AUDIT-1", "L1")[0])
    assert (newest["type"], newest["on_hand_after"]) == ("stock.audited", 5)


def movements(cloud: Deployed, sku: str, location_id: str) -> list[dict[str, Any]]:
    answer = cloud.as_("web").get(f"/v1/stock/{sku}/{location_id}/movements")
    found: list[dict[str, Any]] = answer.json()["movements"]
    return found


def test_a_row_that_expires_goes_to_the_archive(
    norain: Norain, cloud: Deployed, tmp_path: Path
) -> None:
    (tmp_path / "b.csv").write_text("sku,location_id,quantity\nAUDIT-2,L1,5\n")
    norain("feed", str(tmp_path / "b.csv"))
    (row,) = eventually(lambda: rows(cloud, "AUDIT-2"))
    cloud.target.dynamodb.delete_item(
        TableName=cloud.target.tables["stock"], Key=key(row["pk"], row["sk"])
    )
    s3 = cloud.target.aws("s3")

    def lines() -> list[dict[str, Any]]:
        found = []
        for bucket in s3.list_buckets()["Buckets"]:
            for entry in s3.list_objects_v2(Bucket=bucket["Name"], Prefix="movements/").get(
                "Contents", []
            ):
                body = s3.get_object(Bucket=bucket["Name"], Key=entry["Key"])["Body"].read()
                found += [json.loads(line) for line in gzip.decompress(body).splitlines()]
        return [line for line in found if line["sku"] == "AUDIT-2"]

    (line,) = eventually(lines)
    assert (line["version"], line["delta"], line["on_hand"]) == (1, 5, 5)
