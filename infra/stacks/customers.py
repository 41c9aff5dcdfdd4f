"""Customers: the feed queue and who works it off, the API, the key of the identifiers' hashes."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.function import DELETE, READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.stacks.data import Data
from shared import schema

APPLY_SECONDS = 120


class Customers(Stack):
    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, data: Data, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        self.identity_key = secretsmanager.Secret(
            self,
            "IdentityKey",
            description="hashes the identifiers of persons; with another key nobody is known again",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=platform.removal_policy,
        )
        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.customers.api.handler",
            description="the API of customers",
            environment={"NORAIN_IDENTITY_KEY_ARN": self.identity_key.secret_arn},
        )
        data.let(self.api, schema.CUSTOMERS, *READ, *WRITE, *DELETE)

        feed = Queue(self, "Feed", platform, worker_timeout_seconds=APPLY_SECONDS)
        apply_records = Function(
            self,
            "ApplyRecords",
            platform,
            handler="functions.customers.apply_records.handler",
            description="works off the customer feed, each event once",
            environment={
                "NORAIN_IDENTITY_KEY_ARN": self.identity_key.secret_arn,
                "NORAIN_CUSTOMER_FEED_SOURCES": platform.customer_feed_sources,
            },
            timeout_seconds=APPLY_SECONDS,
            memory=1024,
        )
        data.let(apply_records, schema.CUSTOMERS, *READ, *WRITE)
        feed.worked_off_by(apply_records, batch_size=4, window_seconds=1, max_concurrency=5)

        for function in (self.api, apply_records):
            function.allow(["secretsmanager:GetSecretValue"], [self.identity_key.secret_arn])
        CfnOutput(self, "CustomerFeedQueueUrl", value=feed.queue.queue_url)
        CfnOutput(self, "CustomerFeedDlqUrl", value=feed.dead_letters.queue_url)
