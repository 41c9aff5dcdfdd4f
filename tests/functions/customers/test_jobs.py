"""The jobs on all that is kept of a person: begun by the API, worked off from the queue, brought to
their end whatever breaks."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.customers import privacy, sweep_jobs, work_off_jobs
from functions.customers.api import handler
from infra import asyncapi
from shared.aws import settings
from shared.aws.clients import dynamodb
from shared.aws.items import from_item
from shared.aws.settings import table_name
from shared.customers.model.key_usage import UNUSED
from shared.customers.model.keys import record_key
from shared.customers.model.person import LinkedRecord, Member, Profile
from shared.customers.store import jobs as job_table
from shared.customers.store.key_usage import key_usage_puts, lookup_item_keys
from shared.customers.store.profiles import head_put, profile_put
from shared.customers.store.rows import identity_key, put, write_all
from shared.customers.store.values import digest, record_values
from shared.errors import Busy
from shared.instants import rfc3339
from tests.functions.customers.conftest import Jobs
from tests.functions.customers.test_customers_api import bob, call, other
from tests.support.events import event
from tests.support.people import NOON, record


def everything() -> list[dict[str, Any]]:
    pages = dynamodb().get_paginator("scan").paginate(TableName=table_name("customers"))
    return [from_item(item) for page in pages for item in page["Items"]]


def erased() -> str:
    """The job that erases Bob, of two records in two profiles."""
    profile_id = bob()
    _, robert = other(phone="+442079460958")
    wanted = {"other_profile_id": robert["profile_id"], "reason": "a passport"}
    call("merge", profile_id=profile_id, body=wanted)
    call("note_interaction", profile_id=profile_id)
    call("put_cart", profile_id=profile_id)
    status, asked = call("erase", profile_id=profile_id)
    assert status == 202
    job_id: str = asked["job_id"]
    return job_id


def state(job_id: str) -> tuple[str, str | None]:
    status, found = look(job_id)
    assert status == 200
    return found["state"], found.get("step")


def look(job_id: str, scope: str = "erase") -> tuple[int, Any]:
    made = event("customers/get_job")
    http = made["requestContext"]["http"]
    made["rawPath"] = http["path"] = f"/v1/customers/jobs/{job_id}"
    made["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = f"norain/customers:{scope}"
    answer = handler(made, None)
    return int(answer["statusCode"]), json.loads(answer["body"])


def time_passes(job_id: str) -> None:
    """Nobody has gone on with the job, and the lease of who had it is over."""
    dynamodb().update_item(
        TableName=table_name("customers"),
        Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET due_at = :past",
        ExpressionAttributeValues={":past": {"S": rfc3339(NOON)}},
    )


def named_of_bob() -> list[str]:
    """What of Bob stands anywhere in the table."""
    left = str(everything()).casefold()
    told = ("miller", "bob@shop", "4155552671", "market st", "94105", "account-17", "tent-2p")
    return [value for value in (*told, "442079460958", "till-3", "passport") if value in left]


def test_an_erasure_is_a_job_with_an_address(jobs: Jobs) -> None:
    job_id = erased()
    assert state(job_id) == ("open", "tell")
    assert jobs.work() == []
    status, found = look(job_id)
    assert (status, found["state"], found["kind"]) == (200, "done", "erase")
    assert found["ended_at"] >= found["asked_at"]
    assert named_of_bob() == []
    assert look("nonsense")[0] == 404
    assert look(job_id, scope="export")[0] == 403


def test_others_hear_whom_to_erase_and_nothing_else(jobs: Jobs) -> None:
    erased()
    jobs.work()
    (event,) = jobs.heard
    shape = asyncapi.document()
    validator = Draft202012Validator(
        {**shape["components"]["messages"]["customer.erased"]["payload"], **shape}
    )
    validator.validate(event)
    assert event["type"] == "customer.erased"
    assert sorted(row["source_id"] for row in event["data"]["records"]) == ["account-17", "till-3"]
    assert len(event["data"]["profile_ids"]) == 2
    assert event["data"].keys() == {"profile_ids", "records", "erased_at"}


@pytest.mark.parametrize("name", list(work_off_jobs.STEPS["erase"]))
def test_an_erasure_that_breaks_off_at_any_step_ends_by_itself(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The worker dies before the step, and after it; nobody but the sweep knows."""
    job_id = erased()
    step = work_off_jobs.STEPS["erase"][name]

    def before(_: Any) -> None:
        raise RuntimeError("the function ended here")

    def after(job: Any) -> None:
        step(job)
        raise RuntimeError("the function ended here")

    for breaks in (before, after):
        with monkeypatch.context() as broken:
            steps = {**work_off_jobs.STEPS["erase"], name: breaks}
            broken.setattr(work_off_jobs, "STEPS", {"erase": steps})
            assert len(jobs.work()) == 1
        assert state(job_id) == ("open", name)
        assert sweep_jobs.handler({}, None) == {"due": 0}
        time_passes(job_id)
        assert sweep_jobs.handler({}, None) == {"due": 1}
    assert jobs.work() == []
    assert state(job_id) == ("done", None)
    assert named_of_bob() == []
    assert sweep_jobs.handler({}, None) == {"due": 0}


def test_a_job_whose_message_was_never_sent_is_found(
    jobs: Jobs, environment: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError("no queue")

    environment.setattr(privacy, "send", down)
    job_id = erased()
    assert jobs.waiting() == []
    assert sweep_jobs.handler({}, None) == {"due": 1}
    assert jobs.work() == []
    assert state(job_id) == ("done", None)


def test_a_message_of_a_job_that_is_over_changes_nothing(jobs: Jobs) -> None:
    job_id = erased()
    assert jobs.work() == []
    before = everything()
    again = event("customers/work_off_jobs")
    again["Records"][0]["body"] = job_id
    for message in (again, event("customers/work_off_jobs")):
        assert work_off_jobs.handler(message, None) == {"batchItemFailures": []}
    assert everything() == before


def test_two_workers_do_not_have_one_job(jobs: Jobs) -> None:
    job_id = erased()
    now = work_off_jobs._now()
    first = job_table.take(job_id, now)
    assert first is not None
    assert job_table.take(job_id, now) is None
    time_passes(job_id)
    second = job_table.take(job_id, now)
    assert second is not None
    with pytest.raises(Busy):
        job_table.save_progress(first.at_step("records"), now)
    assert job_table.save_progress(second.at_step("records"), now).step == "records"


def test_a_bus_that_takes_nothing_holds_the_erasure_and_loses_nothing(jobs: Jobs) -> None:
    job_id = erased()
    jobs.refuses = True
    assert len(jobs.work()) == 1
    assert state(job_id) == ("open", "tell")
    jobs.refuses = False
    time_passes(job_id)
    sweep_jobs.handler({}, None)
    assert jobs.work() == []
    assert state(job_id) == ("done", None)


def test_an_index_that_is_behind_is_looked_into_again(
    jobs: Jobs, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NORAIN_INDEX_LAG_SECONDS", "900")
    job_id = erased()
    assert jobs.work() == []
    assert state(job_id) == ("open", "settle")
    settings.setting.cache_clear()
    environment.setenv("NORAIN_INDEX_LAG_SECONDS", "0")
    time_passes(job_id)
    sweep_jobs.handler({}, None)
    assert jobs.work() == []
    assert state(job_id) == ("done", None)


def test_a_run_that_is_out_of_time_leaves_the_rest_to_another(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = erased()
    monkeypatch.setattr(work_off_jobs, "SECONDS", -1)
    (message,) = jobs.waiting()
    assert work_off_jobs.handler({"Records": [message]}, None) == {"batchItemFailures": []}
    assert state(job_id) == ("open", "tell")
    monkeypatch.setattr(work_off_jobs, "SECONDS", 200)
    assert jobs.work() == []
    assert state(job_id) == ("done", None)


def many(count: int) -> str:
    """A person of so many records, each of one statement with two identifiers and a name."""
    now = NOON
    records = [
        record("web", f"s{n}", email=f"b{n}@shop.test", phone=f"+1415555{n:04d}", given_name="Bob")
        for n in range(count)
    ]
    names = [record_key(identity_key(), said.source, said.source_id) for said in records]
    held = tuple(
        LinkedRecord(name, said, "many", ("many",))
        for name, said in zip(names, records, strict=True)
    )
    profile = Profile("many", (Member("many", now),), held)
    parts = [profile_put(profile)]
    for name, said in zip(names, records, strict=True):
        keys = lookup_item_keys(said)
        parts += [
            head_put(name, "many"),
            put(f"RECORD#{name}", f"AT#{rfc3339(now)}#{digest(said)[:16]}", record_values(said)),
            *key_usage_puts(said, keys, dict.fromkeys(keys, UNUSED), "many", profile),
        ]
    write_all(parts)
    return "many"


def test_250_records_are_erased_in_few_calls_and_none_of_them_in_the_request(jobs: Jobs) -> None:
    """It was 5,262 calls inside of a request of 10 s."""
    profile_id = many(250)
    calls: list[str] = []
    dynamodb().meta.events.register(
        "before-call.dynamodb.*", lambda model, **_: calls.append(model.name)
    )
    assert call("erase", profile_id=profile_id)[0] == 202
    asking = len(calls)
    assert jobs.work() == []
    print(f"{asking} calls to ask, {len(calls) - asking} for 250 records")
    assert asking <= 3
    assert len(calls) - asking <= 2 * 250
    left = everything()
    assert "@shop.test" not in str(left)
    assert len([row for row in left if row["sk"] == "HEAD"]) == 250
