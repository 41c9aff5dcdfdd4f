"""Availability: the projection of the stock, and the API that reads it."""

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.alarm import alarm, logged_metric
from infra.bucket import bucket
from infra.concurrency import EXPORT_HELPERS, REBUILD_HELPERS, RULES_HELPERS
from infra.function import READ, STATEMENTS, WRITE, Function
from infra.helpers import with_helpers
from infra.platform import Platform
from infra.schedule import Schedule
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stream import StreamSubscription
from shared import schema

LAG_MS = 5000
HEARTBEAT = {"dynamodb": {"Keys": {"sk": {"S": lambda_.FilterRule.is_equal("HEARTBEAT")}}}}
UNTOLD_SECONDS = 3600
"""Twice the time that 500,000 SKUs may take."""
TELL_SECONDS = 300
REBUILD_SECONDS = 900
EXPORT_MINUTES = 5
"""How often a round is continued, or begun when one is due."""
EXPORT_SECONDS = 900
STALE_SECONDS = 3 * 3600
"""A round begins every hour; one of 1,000,000 SKUs takes most of an hour."""
PIECES_DAYS = 3
"""A day longer than functions.availability.export.PIECES_KEPT."""
EXPORT_FORMATS = ("google", "schema.org")
EXPORT_CHANNEL = "web"
"""The channel whose stock rules apply to the files for search engines."""


class Availability(Stack):
    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        data: Data,
        events: Events,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        project = Function(
            self,
            "Project",
            platform,
            handler="functions.availability.project.handler",
            description="projects changes of stock positions into one item per SKU",
            timeout_seconds=60,
            memory=1769,  # one whole virtual CPU: it decodes and encodes a pack for each change
        )
        data.let(project, schema.AVAILABILITY, *READ, *WRITE, *STATEMENTS)
        data.let(project, schema.CATALOG, *READ)
        StreamSubscription(
            self,
            "Positions",
            platform,
            table=data[schema.STOCK],
            worker=project,
            failed=data.failed_records,
            keys={"sk": "LOC#"},
            also=[HEARTBEAT],
        )
        alarm(
            self,
            "Lag",
            problem="availability is too far behind stock, or the projection has fallen silent",
            first_step="is the projector throttled, does its stream retry a record?",
            metric=logged_metric("AvailabilityLag", "availability", "p99", 1),
            at_least=LAG_MS,
            periods=3,
            of_periods=5,
            missing_rings=True,
        )

        publish_events = Function(
            self,
            "PublishEvents",
            platform,
            handler="functions.availability.publish_events.handler",
            description="publishes an event when an availability status changes",
            timeout_seconds=60,
        )
        events.let(publish_events)
        for read in (schema.AVAILABILITY, schema.CONFIG, schema.CATALOG):
            data.let(publish_events, read, *READ)
        StreamSubscription(
            self,
            "Told",
            platform,
            table=data[schema.AVAILABILITY],
            worker=publish_events,
            failed=data.failed_records,
            keys={"sk": "PACK#"},
            batch_size=100,
        )

        tell_rules = Function(
            self,
            "TellRules",
            platform,
            handler="functions.availability.tell_rules.handler",
            description="publishes the statuses that changed stock rules cause",
            timeout_seconds=TELL_SECONDS,
            sends_to_itself=True,
            memory=1769,  # one whole virtual CPU: it evaluates each pack for each channel
        )
        with_helpers(self, "RulesHelp", platform, tell_rules, RULES_HELPERS)
        events.let(tell_rules)
        data.let(tell_rules, schema.AVAILABILITY, *READ, "dynamodb:Scan")
        data.let(tell_rules, schema.CONFIG, *READ, "dynamodb:PutItem")
        data.let(tell_rules, schema.CATALOG, *READ)
        Schedule(self, "TellRulesEveryMinute", platform, tell_rules, 1)
        alarm(
            self,
            "RulesUntold",
            problem="events of changed stock rules are not published yet",
            first_step="does tell_rules fail, does the event bus accept events?",
            metric=logged_metric("RulesUntold", "availability", "Maximum", 5),
            at_least=UNTOLD_SECONDS,
        )

        rebuild = Function(
            self,
            "Rebuild",
            platform,
            handler="functions.availability.rebuild.handler",
            description="rebuilds the packs from the stock positions, on request",
            timeout_seconds=REBUILD_SECONDS,
            sends_to_itself=True,
            memory=1769,  # one whole virtual CPU: it parses what it reads
        )
        with_helpers(self, "RebuildHelp", platform, rebuild, REBUILD_HELPERS)
        data.let(rebuild, schema.CONFIG, *READ, "dynamodb:PutItem")
        data.let(rebuild, schema.AVAILABILITY, *READ, *WRITE, "dynamodb:Scan")
        data.let(rebuild, schema.STOCK, *READ, "dynamodb:Scan", "dynamodb:UpdateItem")
        data.let(rebuild, schema.CATALOG, *READ)
        CfnOutput(self, "AvailabilityRebuild", value=rebuild.function.function_name)

        self._exports(platform, data)

        self.query = Function(
            self,
            "Query",
            platform,
            handler="functions.availability.query.handler",
            description="answers availability queries",
            memory=1024,
        )
        data.let(self.query, schema.AVAILABILITY, *READ)
        data.let(self.query, schema.CONFIG, *READ)
        data.let(self.query, schema.CATALOG, *READ)

    def _exports(self, platform: Platform, data: Data) -> None:
        """The bucket of availability files, and the function that writes them."""
        exports = bucket(
            self,
            "Exports",
            platform,
            rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1)),
                s3.LifecycleRule(prefix="pieces/", expiration=Duration.days(PIECES_DAYS)),
            ],
        )
        export = Function(
            self,
            "Export",
            platform,
            handler="functions.availability.export.handler",
            description="writes availability as files for search engines",
            environment={
                "NORAIN_EXPORTS": exports.bucket_name,
                "NORAIN_EXPORT_CHANNEL": EXPORT_CHANNEL,
            },
            timeout_seconds=EXPORT_SECONDS,
            sends_to_itself=True,
            memory=1769,  # one whole virtual CPU: it writes and compresses a line for each store
        )
        data.let(export, schema.AVAILABILITY, *READ, "dynamodb:Scan")
        data.let(export, schema.CATALOG, *READ)
        data.let(export, schema.CONFIG, *READ, "dynamodb:PutItem")
        export.allow(
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            [exports.arn_for_objects("*")],
        )
        export.allow(["s3:DeleteObject"], [exports.arn_for_objects("pieces/*")])
        # Without this permission a missing object is an error 403 and not 404.
        export.allow(["s3:ListBucket"], [exports.bucket_arn])
        with_helpers(self, "ExportHelp", platform, export, EXPORT_HELPERS)
        Schedule(self, "ExportInRounds", platform, export, EXPORT_MINUTES)
        for form in EXPORT_FORMATS:
            alarm(
                self,
                "Stale" + form.title().replace(".", ""),
                problem=f"the file of availability for {form} is old, or does not exist",
                first_step="does the export fail? `norain status` shows how far its round is",
                metric=logged_metric(
                    "ExportAge", "availability", "Maximum", 3 * EXPORT_MINUTES, format=form
                ),
                at_least=STALE_SECONDS,
                missing_rings=True,
            )
        CfnOutput(self, "AvailabilityExport", value=export.function.function_name)
        CfnOutput(self, "ExportsBucketName", value=exports.bucket_name)
