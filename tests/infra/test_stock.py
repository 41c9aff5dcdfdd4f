"""What the functions of stock may do, and where a change goes that they cannot take."""

import json
import re

from tests.infra.conftest import Resource, Templates

FOLDING = {
    "functions.stock.api.handler",
    "functions.stock.apply_feed.handler",
    "functions.stock.fold_slots.handler",
    "functions.orders.api.handler",
    "functions.orders.keep_promises.handler",
    "functions.orders.reevaluate.handler",
    "functions.orders.sweep.handler",
}
"""Who takes the slots of a hot position away: in the way of a sale, of a feed, or once it cools."""


def allowed(templates: Templates, function: Resource, table: str) -> set[str]:
    """The actions that the role of ``function`` may do on the table that it finds as ``table``."""
    role = function.properties["Role"]["Fn::GetAtt"][0]
    variable = function.properties["Environment"]["Variables"][f"NORAIN_TABLE_{table.upper()}"]
    exported = re.search("OutputRef([A-Z][a-z]+[0-9A-F]{8})", json.dumps(variable))
    assert exported
    found: set[str] = set()
    for policy in templates.of("AWS::IAM::Policy"):
        if policy.stack != function.stack or {"Ref": role} not in policy.properties["Roles"]:
            continue
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if f"{exported[1]}Arn" in json.dumps(statement["Resource"]):
                actions = statement["Action"]
                found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def test_the_archive_is_written_behind_a_queue_and_never_by_who_writes_the_ledger(
    cloud: Templates,
) -> None:
    variables = {
        function.properties["Handler"]: function.properties["Environment"]["Variables"]
        for function in cloud.of("AWS::Lambda::Function")
        if function.properties.get("Handler", "").startswith("functions.stock.")
    }
    ledger = variables["functions.stock.record_movements.handler"]
    assert {"NORAIN_ARCHIVE_QUEUE", "NORAIN_FAILED_RECORDS"} <= ledger.keys()
    assert "NORAIN_ARCHIVE" not in ledger
    assert "NORAIN_ARCHIVE" in variables["functions.stock.archive_rows.handler"]


def test_what_may_not_be_lost_stays_while_it_can_be_mended(cloud: Templates) -> None:
    """Failed records may be of persons: they go, and not before anybody has had the time."""
    (kept,) = [one for one in cloud.of("AWS::S3::Bucket") if "FailedRecords" in one.name]
    (rule,) = kept.properties["LifecycleConfiguration"]["Rules"]
    assert 14 <= rule["ExpirationInDays"] <= 30


def test_tills_and_files_share_neither_queue_nor_workers_nor_dead_letters(
    cloud: Templates,
) -> None:
    """A till never waits for the rows of a file, and redrive knows the way back of each letter."""
    workers = {
        function.name: function.properties["Environment"]["Variables"]
        for function in cloud.of("AWS::Lambda::Function")
        if function.properties["Handler"] == "functions.stock.apply_feed.handler"
    }
    assert len(workers) == 2
    sources: dict[str, list[str]] = {}
    for mapping in cloud.of("AWS::Lambda::EventSourceMapping"):
        if "Stock" not in mapping.stack:
            continue
        told = json.dumps(mapping.properties["FunctionName"])
        for name in workers:
            if name.removesuffix(name[-8:]).removesuffix("Function") in told:
                assert mapping.properties["ScalingConfig"]["MaximumConcurrency"] >= 2
                sources.setdefault(name, []).append(
                    mapping.properties["EventSourceArn"]["Fn::GetAtt"][0]
                )
    queues = {queue.name: queue for queue in cloud.of("AWS::SQS::Queue")}
    dead = set()
    for name, variables in workers.items():
        (source,) = sources[name]
        letters = variables["NORAIN_DEAD_LETTERS"]["Ref"]
        policy = queues[source].properties["RedrivePolicy"]["deadLetterTargetArn"]
        assert policy["Fn::GetAtt"][0] == letters
        dead.add(letters)
    assert {re.sub("[0-9A-F]{8}$", "", name) for name in dead} == {
        "FeedDeadLetters",
        "BulkDeadLetters",
    }


def test_files_are_read_onto_the_queue_of_files_and_nothing_else_sends_there(
    cloud: Templates,
) -> None:
    stock = [
        function
        for function in cloud.of("AWS::Lambda::Function")
        if function.properties["Handler"].startswith("functions.stock.")
    ]
    sending = {
        function.properties["Handler"]: function.properties["Environment"]["Variables"]
        for function in stock
        if re.search('"(Feed|Bulk)Queue', json.dumps(function.properties["Environment"]))
    }
    ingest = sending.pop("functions.stock.ingest_file.handler")
    api = sending.pop("functions.stock.api.handler")
    assert not sending
    assert ingest["NORAIN_BULK_QUEUE"]["Ref"].startswith("BulkQueue")
    assert "NORAIN_FEED_QUEUE" not in ingest
    assert api["NORAIN_FEED_QUEUE"]["Ref"].startswith("FeedQueue")
    assert "NORAIN_BULK_QUEUE" not in api


def test_whoever_folds_slots_may_delete_from_the_stock_table(cloud: Templates) -> None:
    functions = {
        function.properties["Handler"]: function
        for function in cloud.of("AWS::Lambda::Function")
        if "Handler" in function.properties
    }
    for handler in FOLDING:
        assert "dynamodb:DeleteItem" in allowed(cloud, functions[handler], "stock"), handler
