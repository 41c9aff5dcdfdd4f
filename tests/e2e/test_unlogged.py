"""No log of the whole run names a person: the customers' routes, the feed and orders, then all logs
of all functions, also of what the tests before have done."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

from tests.e2e.conftest import Deployed, eventually

SEED = uuid.uuid4().hex[:8]
NAME, SURNAME, STREET = f"Zeb{SEED}", f"Quill{SEED}", f"Lane{SEED}"
MAIL, LOYALTY = f"zeb.{SEED}@shop.test", f"LOY{SEED}"
DEVICE, TOKEN = f"dev-{SEED}", f"tok-{SEED}"
PHONE = f"+1415555{int(SEED, 16) % 10_000:04}"
TOLD = tuple(text.casefold() for text in (NAME, SURNAME, STREET, MAIL, LOYALTY, DEVICE, TOKEN))
MAIL_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.(test|com|example)", re.IGNORECASE)

PERSON: dict[str, Any] = {
    "source": "crm",
    "source_id": f"c-{SEED}",
    "identifiers": {
        "email": MAIL,
        "phone": PHONE,
        "loyalty_id": LOYALTY,
        "device_id": DEVICE,
        "payment_token": TOKEN,
    },
    "attributes": {
        "given_name": NAME,
        "family_name": SURNAME,
        "birth_date": "1971-02-28",
        "address": {"line1": f"7 {STREET}", "postal_code": "94777", "country": "US"},
    },
}
STATED = {**PERSON, "occurred_at": "2026-11-01T10:00:00Z"}


def observed(number: int, data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{SEED}-{number}",
        "source": "crm",
        "type": "customer.observed",
        "time": "2026-11-01T10:00:00Z",
        "data": data,
    }


def lines(cloud: Deployed) -> Iterator[tuple[str, str]]:
    """Every line of every log group, with the group's name."""
    logs = cloud.target.aws("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            for found in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                for event in found["events"]:
                    yield name, event["message"]


def test_no_log_of_the_run_names_a_person(cloud: Deployed) -> None:
    web, associate, ops = (cloud.as_(name) for name in ("web", "associate", "ops"))
    found = ops.post("/v1/customers/resolve", json=STATED)
    assert found.status_code == 201, found.text
    profile_id = found.json()["profile_id"]
    for params in ({"email": MAIL}, {"phone": PHONE}, {"loyalty_id": LOYALTY}, {"phone": NAME}):
        associate.get("/v1/customers", params=params)
    for path in ("", "/timeline", "/cart"):
        assert associate.get(f"/v1/customers/{profile_id}{path}").status_code == 200
    asked = ops.post(f"/v1/customers/{profile_id}/export").json()
    eventually(lambda: ops.get(asked["status_url"]).json()["state"] == "done")
    read = ops.get(f"/v1/customers/{profile_id}/reads")
    assert {entry["what"] for entry in read.json()["reads"]} >= {"profile", "look-up by phone"}
    said = {"channel": "web", "kind": "contact", "occurred_at": "2026-11-02T10:00:00Z"}
    web.post(f"/v1/customers/{profile_id}/interactions", json={**said, "data": {"told": NAME}})
    wrong = {**STATED, "identifiers": {"email": NAME}, NAME: SURNAME}
    assert ops.post("/v1/customers/resolve", json=wrong).status_code == 422
    bad = {**STATED, "identifiers": {"email": f"{NAME} at home", "phone": SURNAME}}
    assert ops.post("/v1/customers/resolve", json=bad).status_code == 422
    order = {
        "channel": "web",
        "payment": {"status": "paid"},
        "customer": {**PERSON, "source": "web"},
        "ship_to": {"postal_code": "43215", "country": "US"},
        "lines": [
            {
                "line_id": "1",
                "sku": f"none-{uuid.uuid4().hex[:6]}",
                "quantity": 1,
                "unit_price": {"amount": 100, "currency": "USD"},
                "method": "ship",
            }
        ],
    }
    assert web.post("/v1/orders", json=order).status_code >= 400
    till = {**STATED, "source": "pos", "source_id": f"t-{SEED}"}
    cloud.sqs.send_message(
        QueueUrl=cloud.target.customer_feed_queue_url,
        MessageBody=json.dumps([observed(1, till), observed(2, bad), {NAME: SURNAME}]),
    )
    cloud.sqs.send_message(QueueUrl=cloud.target.customer_feed_queue_url, MessageBody=f"{NAME},")

    def taken() -> bool:
        profile = associate.get(f"/v1/customers/{profile_id}").json()
        return "pos" in {record["source"] for record in profile["records"]}

    eventually(taken)
    eventually(lambda: _dead_letters(cloud) >= 3)
    erased = ops.delete(f"/v1/customers/{profile_id}")
    assert erased.status_code == 202
    assert ops.post("/v1/customers/resolve", json=till).status_code == 410
    eventually(lambda: ops.get(erased.json()["status_url"]).json()["state"] == "done")
    time.sleep(2)
    seen = 0
    for group, line in lines(cloud):
        seen += 1
        plain = line.casefold()
        named = [text for text in (*TOLD, PHONE, PHONE[2:]) if text in plain]
        assert not named, f"{group} names {named}"
        assert not MAIL_ADDRESS.search(line), f"{group} has an email address"
    assert seen > 20


def _dead_letters(cloud: Deployed) -> int:
    told = cloud.sqs.get_queue_attributes(
        QueueUrl=cloud.target.customer_feed_dlq_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(told["Attributes"]["ApproximateNumberOfMessages"])
