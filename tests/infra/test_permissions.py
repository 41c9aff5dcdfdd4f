"""What the functions do on the tables, held against what the policies of the templates let them."""

import json
import os
from typing import Any

from shared import schema
from tests.infra.conftest import Templates
from tests.support import permissions
from tests.support.permissions import Use, known

STREAMS = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}


def allowed(cloud: Templates) -> set[Use]:
    """Every (function, table, action) of DynamoDB that a policy of the templates allows."""
    handlers = {
        (function.stack, function.properties["Role"]["Fn::GetAtt"][0]): function.properties[
            "Handler"
        ]
        for function in cloud.of("AWS::Lambda::Function")
    }
    found: set[Use] = set()
    for policy in cloud.of("AWS::IAM::Policy"):
        for role in policy.properties["Roles"]:
            handler = handlers.get((policy.stack, role["Ref"]))
            if handler is None:
                continue
            for statement in policy.properties["PolicyDocument"]["Statement"]:
                found |= {
                    (handler, table, action.removeprefix("dynamodb:"))
                    for action in _many(statement["Action"])
                    if action.startswith("dynamodb:")
                    for table in _tables(statement["Resource"])
                }
    return {use for use in found if use[2] not in STREAMS}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _tables(resource: Any) -> set[str]:
    text = json.dumps(resource)
    return {table.name for table in schema.TABLES if f"FnGetAtt{table.name.capitalize()}" in text}


def test_the_snapshot_of_the_policies_is_theirs(cloud: Templates) -> None:
    """A permission more or less shows in a review. With RECORDING set the snapshot is written."""
    if os.environ.get(permissions.RECORDING):
        permissions.write(permissions.POLICIES, allowed(cloud))
    assert permissions.allowed() == allowed(cloud)


def test_every_function_may_do_on_the_tables_what_it_does(cloud: Templates) -> None:
    """Whoever folded slots could not delete them: on AWS buyers met 500 beside 960 units."""
    uses = known()
    assert len(uses) > 150
    deployed = {made.properties["Handler"] for made in cloud.of("AWS::Lambda::Function")}
    missing = sorted(use for use in uses - allowed(cloud) if use[0] in deployed)
    assert not missing


def test_every_function_and_table_of_the_policies_stands_in_the_record(cloud: Templates) -> None:
    """A handler that no test runs would pass whatever it may do. Lists what nobody has been seen to
    use (`pytest -rP`): some is for rare paths, the rest need not be allowed."""
    uses = known()
    unused = sorted(allowed(cloud) - uses)
    print(*unused, sep="\n")
    seen = {(function, table) for function, table, _ in uses}
    unseen = {(function, table) for function, table, _ in unused} - seen
    assert not unseen
