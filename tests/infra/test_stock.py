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


def test_whoever_folds_slots_may_delete_from_the_stock_table(cloud: Templates) -> None:
    functions = {
        function.properties["Handler"]: function
        for function in cloud.of("AWS::Lambda::Function")
        if "Handler" in function.properties
    }
    for handler in FOLDING:
        assert "dynamodb:DeleteItem" in allowed(cloud, functions[handler], "stock"), handler
