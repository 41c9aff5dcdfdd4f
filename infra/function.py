"""A Lambda function with the defaults of the system: logs, tracing, snapshots, alarms."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.alarm import alarm
from infra.platform import Platform

READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem")
DELETE = ("dynamodb:DeleteItem",)
STATEMENTS = ("dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate")
KEY_USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey")


class Function(Construct):
    """``handler`` is the dotted path of a handler in functions/.

    Callers use ``alias``: the published version, which AWS restores from its snapshot.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        handler: str,
        description: str,
        environment: Mapping[str, str] | None = None,
        timeout_seconds: int = 10,
        memory: int = 512,
        sends_to_itself: bool = False,
    ) -> None:
        super().__init__(scope, name)
        group = logs.LogGroup(
            self,
            "Logs",
            retention=platform.log_retention,
            removal_policy=platform.removal_policy,
        )
        self.handler = handler
        self.timeout_seconds = timeout_seconds
        self.function = lambda_.Function(
            self,
            "Function",
            handler=handler,
            description=description,
            code=platform.code(),
            layers=[platform.layer(self)],
            runtime=platform.runtime,
            architecture=platform.architecture,
            memory_size=memory,
            timeout=Duration.seconds(timeout_seconds),
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
            snap_start=platform.snap_start,
            # Without it Lambda drops a message that has come back through a queue 16 times.
            recursive_loop=lambda_.RecursiveLoop.ALLOW if sends_to_itself else None,
            environment={"NORAIN_STAGE": platform.stage, **(environment or {})},
        )
        Tags.of(self.function).add("norain:handler", handler)
        self.alias = lambda_.Alias(
            self, "Live", alias_name="live", version=self.function.current_version
        )
        alarm(
            self,
            "Errors",
            problem=f"{handler} crashes or times out",
            first_step="read the last errors in its log; failed messages are delivered again",
            metric=self.function.metric_errors(period=Duration.minutes(5), statistic="Sum"),
            periods=2,
            of_periods=3,
        )
        alarm(
            self,
            "Throttles",
            problem=f"{handler} is throttled",
            first_step="raise the account's concurrency, or look for a loop",
            metric=self.function.metric_throttles(period=Duration.minutes(5), statistic="Sum"),
            periods=2,
            of_periods=3,
        )

    def reaches(self, table: dynamodb.Table, name: str, *actions: str) -> None:
        """Allow ``actions`` on the table; the function finds it in NORAIN_TABLE_<NAME>."""
        self.function.add_environment(f"NORAIN_TABLE_{name.upper()}", table.table_name)
        table.grant(self.function, *actions)
        if table.encryption_key is not None:
            self.uses(table.encryption_key)

    def uses(self, key: kms.IKey) -> None:
        """Allow to encrypt and decrypt with ``key``."""
        self.allow(KEY_USE, [key.key_arn])

    def allow(self, actions: Sequence[str], resources: Sequence[str]) -> None:
        self.function.add_to_role_policy(
            iam.PolicyStatement(actions=list(actions), resources=list(resources))
        )
