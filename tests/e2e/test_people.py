"""A person who wants to know what is kept, and then to be forgotten, on the deployed stacks."""

import gzip
import json
import uuid
from typing import Any

import httpx

from tests.e2e.conftest import Deployed, eventually

SEED = uuid.uuid4().hex[:8]
PERSON = {
    "source": "web",
    "source_id": f"account-{SEED}",
    "identifiers": {"email": f"yan.{SEED}@shop.test"},
    "attributes": {"given_name": f"Yan{SEED}"},
}


def done(cloud: Deployed, status_url: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        answer = cloud.as_("ops").get(status_url)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found if found["state"] == "done" else None

    found = eventually(ended, seconds=60)
    assert found is not None
    return found


def everything(cloud: Deployed) -> str:
    pages = cloud.dynamodb.get_paginator("scan")
    return "".join(
        str(page["Items"])
        for name in cloud.target.tables.values()
        for page in pages.paginate(TableName=name)
    )


def test_what_is_kept_is_handed_out_by_link_and_erased_by_itself(cloud: Deployed) -> None:
    ops = cloud.as_("ops")
    stated = {**PERSON, "occurred_at": "2026-11-01T10:00:00Z"}
    found = ops.post("/v1/customers/resolve", json=stated)
    assert found.status_code == 201, found.text
    profile_id = found.json()["profile_id"]
    asked = ops.post(f"/v1/customers/{profile_id}/export")
    assert asked.status_code == 202, asked.text
    (file,) = done(cloud, asked.json()["status_url"])["files"]
    fetched = httpx.get(file["url"], trust_env=False)
    assert fetched.status_code == 200, fetched.text
    lines = [json.loads(row) for row in gzip.decompress(fetched.content).splitlines()]
    assert {"profile", "cart", "statement", "read"} <= {line["kind"] for line in lines}
    assert f"yan.{SEED}@shop.test" in str(lines)

    erased = ops.delete(f"/v1/customers/{profile_id}")
    assert erased.status_code == 202, erased.text
    assert ops.get(f"/v1/customers/{profile_id}").status_code == 410
    assert ops.get(asked.json()["status_url"]).status_code in {404, 410}
    assert "files" not in done(cloud, erased.json()["status_url"])
    assert httpx.get(file["url"], trust_env=False).status_code == 404
    left = everything(cloud)
    assert f"yan.{SEED}@shop.test" not in left
    assert f"Yan{SEED}" not in left
    assert f"account-{SEED}" not in left
    assert ops.post("/v1/customers/resolve", json=stated).status_code == 410
    later = {**stated, "occurred_at": "2026-11-02T10:00:00Z"}
    again = ops.post("/v1/customers/resolve", json=later)
    assert again.status_code == 201, again.text
    assert again.json()["profile_id"] != profile_id
