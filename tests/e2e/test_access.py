"""Who gets in: the gateway with its authorizer, on the deployed stacks."""

import json
import re
import time
from pathlib import Path

import httpx
import pytest

from infra.local import cloud as local
from infra.local import deploy, target
from tests.e2e.conftest import Deployed


def test_health_needs_no_token(cloud: Deployed) -> None:
    answer = cloud.as_(None).get("/v1/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_document_is_served_as_it_is_in_the_repository(cloud: Deployed) -> None:
    answer = cloud.as_(None).get("/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == json.loads((local.ROOT / "functions/service/openapi.json").read_text())


def test_without_a_token_the_gateway_refuses(cloud: Deployed) -> None:
    assert cloud.as_(None).get("/v1/locations").status_code == 401


@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
def test_a_made_up_token_is_refused(cloud: Deployed, token: str) -> None:
    answer = cloud.as_(None).get("/v1/locations", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_a_token_with_another_signature_is_refused(cloud: Deployed) -> None:
    head, body, signature = target.token(cloud.target, "web").split(".")
    forged = ".".join([head, body, signature[:-8] + signature[-8:][::-1]])
    answer = cloud.as_(None).get("/v1/locations", headers={"authorization": f"Bearer {forged}"})
    assert answer.status_code == 401


def test_a_token_with_the_scope_gets_in(cloud: Deployed) -> None:
    assert cloud.as_("web").get("/v1/locations").status_code == 200


def test_a_token_without_the_scope_is_forbidden(cloud: Deployed) -> None:
    location = {"name": "mine", "type": "store"}
    assert cloud.as_("web").put("/v1/locations/mine", json=location).status_code == 403


def test_a_wrong_secret_gets_no_token(cloud: Deployed) -> None:
    refused = httpx.post(
        cloud.target.token_url,
        auth=(cloud.target.clients["web"].client_id, "wrong"),
        data={"grant_type": "client_credentials"},
    )
    assert refused.status_code in {400, 401}
    assert refused.json()["error"] == "invalid_client"


def test_every_client_has_a_token(cloud: Deployed) -> None:
    assert set(cloud.target.clients) == {
        "web",
        "pos",
        "marketplace",
        "associate",
        "planner",
        "ops",
    }
    for client in cloud.target.clients:
        assert target.token(cloud.target, client).count(".") == 2


def test_unchanged_sources_are_not_deployed_again(cloud: Deployed) -> None:
    if deploy.digest() != cloud.target.digest:
        pytest.fail("a source was changed while the tests ran")
    started = time.monotonic()
    again = deploy.up(cloud.running.folder)
    assert again == cloud.target
    assert time.monotonic() - started < 3


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_the_cloud_listens_on_loopback_only(cloud: Deployed) -> None:
    descriptors = Path(f"/proc/{cloud.running.pid}/fd").iterdir()
    ours = {
        found.group(1)
        for found in (re.match(r"socket:\[(\d+)\]", str(fd.readlink())) for fd in descriptors)
        if found
    }
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    listening = {row[1] for row in rows if row[3] == "0A" and row[9] in ours}
    assert listening == {f"0100007F:{cloud.running.port:04X}"}
