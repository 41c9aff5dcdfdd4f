"""Everything that is kept on a person, written down by a job, of any size."""

import gzip
import json
import os
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.customers import sweep_jobs, work_off_jobs
from shared.aws.clients import client
from shared.customers import store
from shared.customers.model.person import Interaction
from shared.customers.store import files
from shared.customers.store.rows import write_all
from shared.orders import exported
from tests.functions.customers.conftest import Jobs
from tests.functions.customers.test_customers_api import audits, bob, call, other, send
from tests.functions.customers.test_erased_orders import (  # noqa: F401 (the shop)
    HOME,
    lived,
    placed,
    stocked,
)
from tests.functions.customers.test_jobs import look, time_passes
from tests.support.people import NOON

Line = dict[str, Any]


def asked(profile_id: str, key: str = "export-1") -> str:
    status, answer = call("export", profile_id=profile_id, key=key)
    assert status == 202
    job_id: str = answer["job_id"]
    assert answer["status_url"] == f"/v1/customers/jobs/{job_id}"
    return job_id


def fetched(job_id: str) -> list[Line]:
    """What lies behind the links."""
    status, job = look(job_id, "export")
    assert (status, job["state"]) == (200, "done")
    lines: list[Line] = []
    for part in job["files"]:
        where = urlsplit(part["url"])
        assert parse_qs(where.query)["X-Amz-Expires"] == ["900"]
        body = _object(where.path.removeprefix("/").removeprefix("person-exports/"))
        rows = gzip.decompress(body).decode().splitlines()
        assert (len(body), len(rows)) == (part["bytes"], part["lines"])
        lines += map(json.loads, rows)
    return lines


def _object(key: str) -> bytes:
    body: bytes = client("s3").get_object(Bucket="person-exports", Key=key)["Body"].read()
    return body


def kept() -> list[str]:
    found = client("s3").list_objects_v2(Bucket="person-exports")
    return [row["Key"] for row in found.get("Contents", [])]


def of(kind: str, lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["kind"] == kind]


def test_everything_kept_on_a_person_is_written_down(jobs: Jobs) -> None:
    profile_id = bob()
    _, robert = other(phone="+442079460958")
    call("note_interaction", profile_id=robert["profile_id"])
    call("put_cart", profile_id=profile_id)
    call("get_profile", profile_id=profile_id)
    wanted = {"other_profile_id": robert["profile_id"], "reason": "passport"}
    call("merge", profile_id=profile_id, body=wanted)
    job_id = asked(robert["profile_id"])
    assert asked(robert["profile_id"]) == job_id
    assert jobs.work() == []
    lines = fetched(job_id)
    (profile,) = of("profile", lines)
    assert profile["profile_id"] == profile_id
    assert profile["consents"]
    statements = of("statement", lines)
    assert {row["source_id"] for row in statements} == {"account-17", "till-3"}
    assert all(row["fields"] for row in statements)
    assert {tuple(row["reasons"]) for row in of("link", lines)} == {("passport",)}
    assert [row["did"] for row in of("interaction", lines)] == ["view"]
    (cart,) = of("cart", lines)
    assert cart["lines"] == [{"sku": "tent-2p", "quantity": 1}]
    assert {"profile", "export"} <= {row["what"] for row in of("read", lines)}
    assert {"export", "export link"} <= {entry["what"] for entry in audits(profile_id)}
    assert look(job_id, "erase")[0] == 403


def test_orders_are_told_whole_with_where_their_routings_were_to(jobs: Jobs) -> None:
    first = lived()
    placed("k-2", order_id="o-78")
    job_id = asked(first["profile_id"])
    assert jobs.work() == []
    lines = fetched(job_id)
    orders = {row["order_id"]: row for row in of("order", lines)}
    assert orders.keys() == {"o-77", "o-78"}
    whole = orders["o-77"]
    assert whole["ship_to"] == HOME
    assert whole["payments"][0]["reference"] == "pay-77"
    assert whole["contacts"]["ship_to"]["name"] == "Zoe Quill"
    assert whole["contacts"]["collector"] == {"name": "Quill Junior"}
    assert "track-77" in str(whole["fulfillments"]).casefold()
    assert "freewords77" in str(whole["history"])
    assert whole["history"][0]["event"] == "order.placed"
    places = [row["destination"] for row in of("decision", lines) if row["order_id"] == "o-77"]
    assert [(place["latitude"], place["longitude"]) for place in places] == [
        (HOME["latitude"], HOME["longitude"])
    ]
    bought = [row for row in of("interaction", lines) if row["did"] == "purchase"]
    assert {row["data"]["order_id"] for row in bought} == {"o-77", "o-78"}


def busy(profile_id: str, entries: int, characters: int) -> None:
    """A long timeline, of what does not compress."""
    write_all(
        [
            store.interaction_part(
                profile_id,
                Interaction(
                    f"i-{number:05d}",
                    "web",
                    "view",
                    NOON + timedelta(seconds=number),
                    {"seen": os.urandom(characters // 2).hex()},
                ),
            )
            for number in range(entries)
        ]
    )


def test_an_export_of_more_than_6_mb_comes_whole(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Lambda answers 6 MB at most: such a person could not be told what is kept."""
    profile_id = bob()
    busy(profile_id, 1000, 8000)
    monkeypatch.setattr(exported, "PART_BYTES", 1_000_000)
    job_id = asked(profile_id)
    assert jobs.work() == []
    lines = fetched(job_id)
    assert sum(len(json.dumps(line)) for line in lines) > 6_291_456
    seen = [row["interaction_id"] for row in of("interaction", lines)]
    assert seen == [f"i-{number:05d}" for number in range(1000)]
    assert len(kept()) > 3


def test_an_export_that_breaks_off_goes_on_with_the_next_part(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile_id = bob()
    busy(profile_id, 500, 100)
    monkeypatch.setattr(exported, "PART_BYTES", 1)
    put, parts = files.put, []

    def breaks(*given: Any) -> Any:
        parts.append(given)
        if len(parts) == 3:
            raise RuntimeError("the function ended here")
        return put(*given)

    monkeypatch.setattr(files, "put", breaks)
    job_id = asked(profile_id)
    assert len(jobs.work()) == 1
    assert look(job_id, "export")[1]["state"] == "open"
    time_passes(job_id)
    assert sweep_jobs.handler({}, None) == {"due": 1}
    assert jobs.work() == []
    lines = fetched(job_id)
    assert len(of("interaction", lines)) == 500
    assert len(of("profile", lines)) == 1


def test_files_and_links_of_the_erased_are_gone(jobs: Jobs) -> None:
    profile_id = bob()
    job_id = asked(profile_id)
    assert jobs.work() == []
    assert kept()
    assert send("erase", profile_id=profile_id)["statusCode"] == 202
    assert look(job_id, "export")[0] == 410
    assert jobs.work() == []
    assert kept() == []
    assert look(job_id, "export")[0] == 404


def test_nothing_is_handed_out_of_who_is_erased_while_it_is_written(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile_id = bob()
    put = files.put

    def raced(*given: Any) -> Any:
        send("erase", profile_id=profile_id)
        return put(*given)

    job_id = asked(profile_id)
    with monkeypatch.context() as erased:
        erased.setattr(files, "put", raced)
        (message,) = jobs.waiting()
        answer = work_off_jobs.handler({"Records": [message]}, None)
    assert len(answer["batchItemFailures"]) == 1
    time_passes(job_id)
    sweep_jobs.handler({}, None)
    assert jobs.work() == []
    assert kept() == []
    assert look(job_id, "export")[0] == 404


def test_who_is_not_there_is_not_written_down(jobs: Jobs) -> None:
    assert call("export", profile_id="nobody")[0] == 404
    profile_id = bob()
    send("erase", profile_id=profile_id)
    assert call("export", profile_id=profile_id)[0] == 410


def test_the_files_are_told_of_for_seven_days(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = asked(bob())
    jobs.work()
    assert "files_until" in look(job_id, "export")[1]
    monkeypatch.setattr(files, "KEPT", timedelta(0))
    status, job = look(job_id, "export")
    assert (status, job["state"]) == (200, "done")
    assert "files" not in job
