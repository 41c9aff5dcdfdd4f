"""What other systems are told without asking: signed messages, and files."""

import base64
import gzip
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.webhooks.store import KEPT_SECONDS
from tests.e2e import test_command, test_selling
from tests.e2e.conftest import Deployed, eventually
from tests.e2e.test_command import Norain
from tests.e2e.test_selling import available, ship, stocked
from tests.functions.webhooks.receiver import Receiver, receiving

norain = test_command.norain
stores = test_selling.stores


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def subscribe(cloud: Deployed, receiver: Receiver, *types: str) -> dict[str, Any]:
    body = {"url": receiver.url, "types": types}
    answer = cloud.as_("web").post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def arrived(receiver: Receiver, kind: str, name: str) -> list[dict[str, str]]:
    """The headers of what came about ``name``, the first before the last."""
    return [
        headers
        for headers, body in receiver.got
        if json.loads(body)["type"] == kind and name in body.decode()
    ]


def verify(secret: str, headers: dict[str, str], body: bytes) -> None:
    """As Standard Webhooks tells a receiver to."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    assert f"v1,{made}" in headers["webhook-signature"].split()
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 300


def test_a_channel_is_told_signed_and_again_until_it_has_answered(
    cloud: Deployed, receiver: Receiver
) -> None:
    told = subscribe(cloud, receiver, "availability.changed", "order.placed")
    web = cloud.as_("web")
    mine = f"/v1/webhooks/{told['webhook_id']}"
    pinged = web.post(f"{mine}/ping")
    assert pinged.json() == {"delivered": True, "status": 204}, pinged.text
    time.sleep(KEPT_SECONDS + 1)

    receiver.answers = [500, 204]
    sku = stocked(cloud, {"EA": 3})
    eventually(lambda: len(arrived(receiver, "availability.changed", sku)) >= 2, seconds=30)
    first, second, *_ = arrived(receiver, "availability.changed", sku)
    assert first["webhook-id"] == second["webhook-id"]
    placed = web.post("/v1/orders", json=ship(sku))
    assert placed.status_code == 201, placed.text
    order_id = placed.json()["order_id"]
    eventually(lambda: arrived(receiver, "order.placed", order_id), seconds=30)
    for headers, body in receiver.got:
        verify(told["secret"], headers, body)

    assert cloud.as_("pos").delete(mine).status_code == 404
    assert web.delete(mine).status_code == 204
    assert web.get(mine).status_code == 404
    time.sleep(KEPT_SECONDS + 1)
    had = len(receiver.got)
    stocked(cloud, {"EA": 3})
    time.sleep(2)
    assert len(receiver.got) == had


def test_receivers_inside_are_refused(cloud: Deployed) -> None:
    for url in ("https://169.254.169.254/", "https://10.0.0.1/", "http://example.com/"):
        body = {"url": url, "types": ["availability.changed"]}
        headers = {"idempotency-key": uuid.uuid4().hex}
        answer = cloud.as_("web").post("/v1/webhooks", json=body, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$.url")


def test_the_command_writes_the_files_that_others_take(
    norain: Norain, cloud: Deployed, tmp_path: Path
) -> None:
    sku = stocked(cloud, {"EA": 3, "EB": 8})
    file = tmp_path / "google.tsv.gz"
    ran = norain("export", "google", "--to", str(file))
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["key"] == "web/google-local-inventory.tsv.gz"
    rows = [line.split("\t") for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    mine = {row[0]: (row[2], row[3], row[4]) for row in rows if row[1] == sku}
    assert mine == {
        "EA": ("3", "limited_availability", "19.99 USD"),
        "EB": ("8", "in_stock", "19.99 USD"),
    }
    file = tmp_path / "offers.jsonl.gz"
    assert norain("export", "schema.org", "--to", str(file)).returncode == 0
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    (document,) = (one for one in map(json.loads, lines) if one["sku"] == sku)
    assert document["offers"][0]["inventoryLevel"]["value"] == 11


def test_a_group_of_stores_is_asked_for_by_its_name(cloud: Deployed) -> None:
    sku = stocked(cloud, {"EA": 3, "EB": 8})
    ops = cloud.as_("ops")
    store = ops.get("/v1/locations/EB").json()
    del store["location_id"]
    assert ops.put("/v1/locations/EB", json={**store, "groups": ["outlets"]}).is_success
    eventually(lambda: available(cloud, sku, location_group="outlets")["sellable"] == 8, 40)
    assert ops.put("/v1/locations/EB", json={**store, "groups": []}).is_success
