"""What every deployment keeps to, whatever is added to it."""

import importlib
import json
import re
from importlib.metadata import version
from typing import Any

import pytest

from functions.availability import export
from infra import asyncapi, bundle, openapi
from infra.stacks.access import CLIENTS
from infra.stacks.api import function_of, operations
from shared import schema
from shared.web.auth import REACHES, SCOPES
from tests.infra.conftest import Resource, Templates

WITHOUT_RESOURCE = {  # AWS knows no narrower resource for these
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "dynamodb:ListStreams",
}


def statements(templates: Templates) -> list[tuple[Resource, dict[str, Any]]]:
    return [
        (policy, statement)
        for policy in templates.of("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_function_may_do_everything_of_anything(cloud: Templates) -> None:
    found = statements(cloud)
    assert found
    for policy, statement in found:
        for action in many(statement["Action"]):
            assert "*" not in action, f"{policy.name} may do {action}"


def test_a_permission_names_its_resource_where_aws_lets_it(cloud: Templates) -> None:
    for policy, statement in statements(cloud):
        if "*" in many(statement["Resource"]):
            wide = set(many(statement["Action"])) - WITHOUT_RESOURCE
            assert not wide, f"{policy.name} may do {wide} on everything"


def test_every_queue_is_encrypted_and_has_a_dead_letter_queue(cloud: Templates) -> None:
    queues = cloud.of("AWS::SQS::Queue")
    dead = [queue for queue in queues if "DeadLetters" in queue.name]
    assert dead
    for queue in queues:
        assert queue.properties["SqsManagedSseEnabled"] is True, queue.name
        if queue not in dead:
            assert "deadLetterTargetArn" in queue.properties["RedrivePolicy"], queue.name


def test_an_alarm_rings_for_every_dead_letter_queue(cloud: Templates) -> None:
    alarms = json.dumps([alarm.properties for alarm in cloud.of("AWS::CloudWatch::Alarm")])
    for queue in cloud.of("AWS::SQS::Queue"):
        if "DeadLetters" in queue.name:
            assert queue.name in alarms


def test_every_source_reports_the_items_that_failed(cloud: Templates) -> None:
    mappings = cloud.of("AWS::Lambda::EventSourceMapping")
    assert mappings
    for mapping in mappings:
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_stream_source_retries_until_the_record_s_age_ends_it_and_keeps_it_whole(
    cloud: Templates,
) -> None:
    (kept,) = [one for one in cloud.of("AWS::S3::Bucket") if "FailedRecords" in one.name]
    told = json.dumps(kept.properties["NotificationConfiguration"]["QueueConfigurations"])
    assert "s3:ObjectCreated:*" in told
    assert "FailedRecordsDeadLetters" in told
    streams = [
        mapping
        for mapping in cloud.of("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in mapping.properties
    ]
    assert streams
    for mapping in streams:
        assert mapping.properties["BisectBatchOnFunctionError"] is True
        assert mapping.properties["MaximumRetryAttempts"] == -1
        assert 12 * 3600 <= mapping.properties["MaximumRecordAgeInSeconds"] < 24 * 3600
        assert kept.name in json.dumps(mapping.properties["DestinationConfig"]["OnFailure"])
        assert mapping.properties["FilterCriteria"]["Filters"]


def test_a_message_stays_hidden_for_six_times_its_workers_time_out(cloud: Templates) -> None:
    workers = [
        function
        for function in cloud.of("AWS::Lambda::Function")
        if function.properties["Handler"] == "functions.stock.apply_feed.handler"
    ]
    queues = [
        queue
        for queue in cloud.of("AWS::SQS::Queue")
        if "Stock" in queue.stack and re.match("(Feed|Bulk)Queue", queue.name)
    ]
    assert (len(workers), len(queues)) == (2, 2)
    (hidden,) = {queue.properties["VisibilityTimeout"] for queue in queues}
    assert {hidden} == {6 * worker.properties["Timeout"] for worker in workers}


def test_a_worker_that_sends_to_its_own_queue_is_let_to_and_no_other(cloud: Templates) -> None:
    """Else Lambda drops a message that has come back 16 times."""
    sends = {
        (role["Ref"], json.dumps(resource))
        for policy, statement in statements(cloud)
        if "sqs:SendMessage" in many(statement["Action"])
        for resource in many(statement["Resource"])
        for role in policy.properties["Roles"]
    }
    functions = {function.name: function for function in cloud.of("AWS::Lambda::Function")}
    let = {name for name, one in functions.items() if one.properties.get("RecursiveLoop")}
    again = set()
    for mapping in cloud.of("AWS::Lambda::EventSourceMapping"):
        told = json.dumps(mapping.properties["FunctionName"])
        for alias in cloud.of("AWS::Lambda::Alias"):
            if f'"{alias.name}"' in told and alias.stack == mapping.stack:
                name = alias.properties["FunctionName"]["Ref"]
                role = functions[name].properties["Role"]["Fn::GetAtt"][0]
                if (role, json.dumps(mapping.properties["EventSourceArn"])) in sends:
                    again.add(name)
    assert let == again
    assert {functions[name].properties["Handler"] for name in let} >= {
        "functions.webhooks.deliver.handler"
    }


def test_the_tables_are_the_schema_encrypted_restorable_and_kept(cloud: Templates) -> None:
    tables = {table.name: table for table in cloud.of("AWS::DynamoDB::Table")}
    assert len(tables) == len(schema.TABLES)
    for entry in schema.TABLES:
        made = next(t for name, t in tables.items() if name.startswith(entry.name.capitalize()))
        expected = schema.definition(entry)
        assert made.properties["KeySchema"] == expected["KeySchema"]
        assert made.properties["BillingMode"] == "PAY_PER_REQUEST"
        indexes: Any = expected.get("GlobalSecondaryIndexes", [])
        assert made.properties.get("GlobalSecondaryIndexes", []) == indexes
        assert made.properties["SSESpecification"]["SSEEnabled"] is True
        recovery = made.properties["PointInTimeRecoverySpecification"]
        assert recovery["PointInTimeRecoveryEnabled"] is True
        assert made.properties["DeletionProtectionEnabled"] is True
        assert made.whole["DeletionPolicy"] == "Retain"
        assert ("KMSMasterKeyId" in made.properties["SSESpecification"]) is entry.personal


def test_the_cloud_runs_python_3_13_on_arm_from_a_snapshot(cloud: Templates) -> None:
    functions = cloud.of("AWS::Lambda::Function")
    assert functions
    for function in functions:
        assert function.properties["Runtime"] == "python3.13"
        assert function.properties["Architectures"] == ["arm64"]
        assert function.properties["SnapStart"] == {"ApplyOn": "PublishedVersions"}


def test_every_function_has_its_log_group_with_a_retention(cloud: Templates) -> None:
    groups = cloud.of("AWS::Logs::LogGroup")
    assert all(group.properties["RetentionInDays"] for group in groups)
    for function in cloud.of("AWS::Lambda::Function"):
        assert "LogGroup" in function.properties["LoggingConfig"], function.name
        assert function.properties["LoggingConfig"]["LogFormat"] == "JSON"


def test_every_handler_that_is_deployed_exists(cloud: Templates) -> None:
    for function in cloud.of("AWS::Lambda::Function"):
        module, name = function.properties["Handler"].rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), name))


def test_one_code_asset_and_one_layer_serve_all(cloud: Templates) -> None:
    codes = {function.properties["Code"]["S3Key"] for function in cloud.of("AWS::Lambda::Function")}
    layers = {
        layer.properties["Content"]["S3Key"] for layer in cloud.of("AWS::Lambda::LayerVersion")
    }
    assert len(codes) == 1
    assert len(layers) == 1


def test_the_layer_is_built_for_the_clouds_processor_and_python() -> None:
    names = [path.name for path in bundle.layer(bundle.CLOUD).rglob("_pydantic_core*.so")]
    assert names == ["_pydantic_core.cpython-313-aarch64-linux-gnu.so"]


def test_the_local_layer_is_a_note_and_this_interpreter_has_its_pins() -> None:
    (note,) = (path for path in bundle.layer(bundle.LOCAL).rglob("*") if path.is_file())
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", note.read_text(), re.MULTILINE)
    assert len(pins) > 5
    assert {name: version(name) for name, _ in pins} == dict(pins)


def test_the_local_cloud_differs_in_runtime_and_snapshot_alone(
    cloud: Templates, local: Templates
) -> None:
    kinds = sorted(resource.type for resource in cloud.resources)
    assert sorted(resource.type for resource in local.resources) == kinds
    for function in local.of("AWS::Lambda::Function"):
        assert function.properties["Runtime"] == f"python{bundle.LOCAL.python}"
        assert "SnapStart" not in function.properties


def test_the_api_document_is_what_the_routes_say() -> None:
    assert json.loads(openapi.DOCUMENT.read_text()) == json.loads(json.dumps(openapi.document())), (
        "run `make openapi`"
    )


def test_the_document_of_the_events_is_what_the_code_says() -> None:
    assert json.loads(asyncapi.DOCUMENT.read_text()) == asyncapi.document(), "run `make openapi`"


def test_a_route_asks_for_the_scopes_of_its_operation(cloud: Templates) -> None:
    routes = {
        route.properties["RouteKey"]: route.properties
        for route in cloud.of("AWS::ApiGatewayV2::Route")
    }
    document = json.loads(openapi.DOCUMENT.read_text())
    assert len(routes) == len(operations(document))
    for method, path, operation in operations(document):
        wanted = [scope for choice in operation.get("security", []) for scope in choice["oauth"]]
        route = routes[f"{method} {path}"]
        if wanted:
            assert route["AuthorizationType"] == "JWT"
            assert route["AuthorizationScopes"] == wanted
        else:
            assert path in {
                "/v1/health",
                "/v1/openapi.json",
                "/v1/asyncapi.json",
                "/v1/carriers/{provider}/events",  # the provider signs its messages
            }
            assert route.get("AuthorizationType", "NONE") == "NONE"


def test_a_route_goes_to_the_function_that_its_operation_names(cloud: Templates) -> None:
    routes = {
        route.properties["RouteKey"]: json.dumps(route.properties["Target"])
        for route in cloud.of("AWS::ApiGatewayV2::Route")
    }
    integrations = {
        made.name: json.dumps(made.properties["IntegrationUri"])
        for made in cloud.of("AWS::ApiGatewayV2::Integration")
    }
    for method, path, operation in operations(json.loads(openapi.DOCUMENT.read_text())):
        area, _, verb = function_of(operation).partition(".")
        (uri,) = (uri for name, uri in integrations.items() if name in routes[f"{method} {path}"])
        handler = f"functions.{area}.{verb or 'api'}.handler"
        (function,) = (
            made
            for made in cloud.of("AWS::Lambda::Function")
            if made.properties["Handler"] == handler
        )
        construct = function.name.rpartition("Function")[0]
        assert f"{function.stack}:ExportsOutputRef{construct}Live" in uri, path


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_the_scopes_that_it_is_listed_with(cloud: Templates, client: str) -> None:
    made = next(
        entry
        for entry in cloud.of("AWS::Cognito::UserPoolClient")
        if entry.name.startswith(f"Clients{client.capitalize()}")
    )
    assert made.properties["AllowedOAuthFlows"] == ["client_credentials"]
    granted = [
        scope["Fn::Join"][1][1].removeprefix("/") for scope in made.properties["AllowedOAuthScopes"]
    ]
    assert sorted(granted) == sorted(CLIENTS[client])
    assert set(CLIENTS[client]) <= {*SCOPES, *REACHES}


def test_every_bucket_is_encrypted_private_and_reached_over_tls_only(cloud: Templates) -> None:
    policies = json.dumps([policy.properties for policy in cloud.of("AWS::S3::BucketPolicy")])
    buckets = cloud.of("AWS::S3::Bucket")
    assert buckets
    for bucket in buckets:
        rules = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rules[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert all(bucket.properties["PublicAccessBlockConfiguration"].values())
        assert bucket.whole["DeletionPolicy"] == "Retain"
        assert bucket.name in policies
    assert policies.count("aws:SecureTransport") == len(buckets)


def test_who_tells_of_rules_runs_every_minute_writes_its_mark_alone_and_is_watched(
    cloud: Templates,
) -> None:
    (schedule,) = (r for r in cloud.of("AWS::Events::Rule") if r.name.startswith("TellRules"))
    assert schedule.properties["ScheduleExpression"] == "rate(1 minute)"
    written = {
        action
        for policy, statement in statements(cloud)
        if policy.name.startswith("TellRules")
        for action in many(statement["Action"])
        if re.search(r":(Put|Update|Delete|BatchWrite)Item", action)
    }
    assert written == {"dynamodb:PutItem"}
    alarms = [alarm.properties for alarm in cloud.of("AWS::CloudWatch::Alarm")]
    assert any(alarm.get("MetricName") == "RulesUntold" for alarm in alarms)


def test_the_archive_of_movements_goes_to_cheaper_storage(cloud: Templates) -> None:
    archive = next(b for b in cloud.of("AWS::S3::Bucket") if b.name.startswith("Archive"))
    (rule,) = archive.properties["LifecycleConfiguration"]["Rules"]
    assert rule["Transitions"][0]["StorageClass"] == "GLACIER_IR"
    assert "ExpirationInDays" not in rule


def alarms(cloud: Templates) -> list[Resource]:
    found = cloud.of("AWS::CloudWatch::Alarm")
    assert len(found) > 50
    return found


def test_every_alarm_wakes_somebody_and_says_what_to_do(cloud: Templates) -> None:
    """Fifteen alarms had rung for nobody."""
    (topic,) = (one for one in cloud.of("AWS::SNS::Topic") if one.stack.endswith("Alerts"))
    for made in alarms(cloud):
        for actions in (made.properties["AlarmActions"], made.properties["OKActions"]):
            assert topic.name in json.dumps(actions), made.name
        wrong, _, advice = made.properties["AlarmDescription"].partition(": ")
        assert len(wrong) > 20, made.name
        assert len(advice) > 20, made.name


def test_alarms_may_tell_the_topic_and_nobody_else_may(cloud: Templates) -> None:
    (policy,) = (one for one in cloud.of("AWS::SNS::TopicPolicy") if one.stack.endswith("Alerts"))
    (statement,) = policy.properties["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
    assert "aws:SourceAccount" in statement["Condition"]["StringEquals"]


def test_digests_reach_their_topic_over_tls_alone(cloud: Templates) -> None:
    (policy,) = (one for one in cloud.of("AWS::SNS::TopicPolicy") if one.stack.endswith("Kpis"))
    (statement,) = policy.properties["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]["Bool"]) == (
        "Deny",
        {"aws:SecureTransport": "false"},
    )


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_that_fails_wakes_somebody(cloud: Templates, metric: str) -> None:
    watched = {
        (made.stack, dimension["Value"]["Ref"])
        for made in alarms(cloud)
        if made.properties.get("MetricName") == metric
        for dimension in made.properties["Dimensions"]
    }
    functions = {(made.stack, made.name) for made in cloud.of("AWS::Lambda::Function")}
    assert watched == functions


def test_the_age_of_every_queue_that_is_worked_off_is_watched(cloud: Templates) -> None:
    watched = json.dumps(
        [
            made.properties["Dimensions"]
            for made in alarms(cloud)
            if made.properties.get("MetricName") == "ApproximateAgeOfOldestMessage"
        ]
    )
    queues = [queue for queue in cloud.of("AWS::SQS::Queue") if "RedrivePolicy" in queue.properties]
    assert queues
    for queue in queues:
        assert queue.name in watched


def test_every_schedule_is_tried_again_keeps_what_fails_and_is_missed(cloud: Templates) -> None:
    """Law 7 and the expiry of holds rest on them: none had a retry, dead letters or an alarm."""
    rules = [
        rule for rule in cloud.of("AWS::Events::Rule") if "ScheduleExpression" in rule.properties
    ]
    assert len(rules) >= 8
    configured = cloud.of("AWS::Lambda::EventInvokeConfig")
    for rule in rules:
        (target,) = rule.properties["Targets"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert "DeadLetters" in json.dumps(target["DeadLetterConfig"])
    failing = [made for made in configured if made.stack in {rule.stack for rule in rules}]
    assert len(failing) == len(rules)
    for made in failing:
        assert "DeadLetters" in json.dumps(made.properties["DestinationConfig"]["OnFailure"])
    silent = [
        made
        for made in alarms(cloud)
        if made.properties.get("MetricName") == "Invocations"
        and made.properties["TreatMissingData"] == "breaching"
    ]
    assert len(silent) == len(rules)


def test_a_rule_that_feeds_a_queue_keeps_what_the_queue_does_not_take(cloud: Templates) -> None:
    (rule,) = (rule for rule in cloud.of("AWS::Events::Rule") if rule.name.startswith("Events"))
    (target,) = rule.properties["Targets"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert "DeadLetters" in json.dumps(target["DeadLetterConfig"])


@pytest.mark.parametrize("form", export.FILES)
def test_a_file_that_is_old_or_was_never_written_wakes_somebody(
    cloud: Templates, form: str
) -> None:
    (made,) = (
        made
        for made in alarms(cloud)
        if made.properties.get("MetricName") == "ExportAge"
        and {"Name": "format", "Value": form} in made.properties["Dimensions"]
    )
    assert made.properties["TreatMissingData"] == "breaching"
    assert made.properties["Threshold"] > 2 * export.EVERY.total_seconds()


def test_pieces_of_an_export_are_kept_while_its_round_may_need_them(cloud: Templates) -> None:
    (made,) = [
        one
        for one in cloud.of("AWS::S3::Bucket")
        if "Availability" in one.stack and one.name.startswith("Exports")
    ]
    days = [
        rule["ExpirationInDays"]
        for rule in made.properties["LifecycleConfiguration"]["Rules"]
        if rule.get("Prefix") == "pieces/"
    ]
    assert days == [export.PIECES_KEPT.days + 1]


@pytest.mark.parametrize("stack", ["Availability", "Reference", "Orders"])
def test_helpers_run_as_long_as_their_function_and_no_more_of_them_than_it_calls(
    cloud: Templates, stack: str
) -> None:
    called = [
        made.properties["Environment"]["Variables"]
        for made in cloud.of("AWS::Lambda::Function")
        if stack in made.stack and "NORAIN_HELPERS" in made.properties["Environment"]["Variables"]
    ]
    assert called
    limits = [
        made.properties["ScalingConfig"]["MaximumConcurrency"]
        for made in cloud.of("AWS::Lambda::EventSourceMapping")
        if stack in made.stack and "Help" in json.dumps(made.properties["EventSourceArn"])
    ]
    assert sorted(limits) == sorted(int(variables["NORAIN_HELPERS"]) for variables in called)
    assert all("NORAIN_HELPERS_QUEUE" in variables for variables in called)


@pytest.mark.parametrize("metric", ["StockDrift", "StockUnaudited", "AvailabilityLag"])
def test_a_worker_that_measures_nothing_wakes_somebody(cloud: Templates, metric: str) -> None:
    """A dead projector reports no lag, and a dead audit no drift."""
    (made,) = (made for made in alarms(cloud) if made.properties.get("MetricName") == metric)
    assert made.properties["TreatMissingData"] == "breaching"


def test_logs_are_kept_where_data_are(cloud: Templates) -> None:
    for group in cloud.of("AWS::Logs::LogGroup"):
        assert group.whole["DeletionPolicy"] == "Retain", group.name
