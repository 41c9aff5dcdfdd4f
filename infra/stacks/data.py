"""The tables, in a stack of their own, so that deployments of code never replace them."""

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.bucket import bucket
from infra.function import Function
from infra.platform import Platform
from infra.stream import FailedRecords
from infra.table import table
from shared import schema

LABEL_DAYS = 30
"""How long documents of labels are kept: they contain an address."""


class Data(Stack):
    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        self.tables = {entry.name: table(self, entry, platform) for entry in schema.TABLES}
        self.labels = bucket(
            self,
            "Labels",
            platform,
            rules=[s3.LifecycleRule(expiration=Duration.days(LABEL_DAYS))],
        )
        self.failed_records = FailedRecords(self, "FailedRecords", platform)
        CfnOutput(self, "FailedRecordsBucketName", value=self.failed_records.bucket.bucket_name)
        CfnOutput(self, "FailedRecordsDlqUrl", value=self.failed_records.dead_letters.queue_url)
        for entry in schema.TABLES:
            CfnOutput(self, f"Table{entry.name.capitalize()}", value=self[entry].table_name)

    def let(self, function: Function, entry: schema.Table, *actions: str) -> None:
        """Allow ``function`` to do ``actions`` on a table of shared/schema.py."""
        function.reaches(self[entry], entry.name, *actions)

    def __getitem__(self, entry: schema.Table) -> dynamodb.Table:
        return self.tables[entry.name]
