"""Customers: the feed queue and who works it off, the API, the key of the identifiers' hashes."""

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.alarm import alarm, own_metric
from infra.bucket import bucket
from infra.function import DELETE, READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.schedule import Schedule
from infra.stacks.data import Data
from infra.stacks.events import Events
from shared import schema

APPLY_SECONDS = 120
JOB_SECONDS = 300
"""Less than LEASE of shared/customers/store/jobs.py."""
INDEX_LAG_SECONDS = 900
"""So far behind an index may be: an erasure looks into it again after that."""
LOCAL_LAG_SECONDS = 2
EXPORT_DAYS = 7
"""As KEPT of shared/customers/files.py."""
OLDEST_JOB_SECONDS = 6 * 3600


class Customers(Stack):
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
        work_off_jobs = self._jobs(platform, data, events)

        for function in (self.api, apply_records, work_off_jobs):
            function.allow(["secretsmanager:GetSecretValue"], [self.identity_key.secret_arn])
        CfnOutput(self, "CustomerFeedQueueUrl", value=feed.queue.queue_url)
        CfnOutput(self, "CustomerFeedDlqUrl", value=feed.dead_letters.queue_url)

    def _jobs(self, platform: Platform, data: Data, events: Events) -> Function:
        """Who erases persons and writes down what is kept of them, and who sees to it that every
        job is brought to its end."""
        files = bucket(
            self,
            "Exports",
            platform,
            rules=[s3.LifecycleRule(expiration=Duration.days(EXPORT_DAYS))],
        )
        asked = Queue(self, "Jobs", platform, worker_timeout_seconds=JOB_SECONDS)
        where = {
            "NORAIN_JOBS_QUEUE": asked.queue.queue_url,
            "NORAIN_PERSON_EXPORTS": files.bucket_name,
        }
        lag = LOCAL_LAG_SECONDS if platform.local else INDEX_LAG_SECONDS
        work_off_jobs = Function(
            self,
            "WorkOffJobs",
            platform,
            handler="functions.customers.work_off_jobs.handler",
            description="erases persons in every room, and writes down what is kept of them",
            environment={
                **where,
                "NORAIN_IDENTITY_KEY_ARN": self.identity_key.secret_arn,
                "NORAIN_INDEX_LAG_SECONDS": str(lag),
            },
            timeout_seconds=JOB_SECONDS,
            memory=1024,
            sends_to_itself=True,
        )
        data.let(
            work_off_jobs,
            schema.CUSTOMERS,
            *READ,
            *WRITE,
            *DELETE,
            "dynamodb:BatchWriteItem",
        )
        data.let(work_off_jobs, schema.ORDERS, *READ, *WRITE, *DELETE, "dynamodb:BatchWriteItem")
        data.let(work_off_jobs, schema.STOCK, "dynamodb:UpdateItem")  # the hold of an order
        data.let(work_off_jobs, schema.CONFIG, *READ)  # where a postal code lies
        events.let(work_off_jobs)
        asked.worked_off_by(work_off_jobs, batch_size=1, window_seconds=0, max_concurrency=5)
        sweep_jobs = Function(
            self,
            "SweepJobs",
            platform,
            handler="functions.customers.sweep_jobs.handler",
            description="finds the jobs that somebody has to go on with",
            environment=where,
            timeout_seconds=50,
        )
        data.let(sweep_jobs, schema.CUSTOMERS, "dynamodb:Query")
        Schedule(self, "SweepJobsEveryMinute", platform, sweep_jobs, 1)
        alarm(
            self,
            "OldestJob",
            "an erasure or an export does not come to its end: the log of work_off_jobs says where "
            "it breaks off; what is mended goes on by itself",
            own_metric("OldestPersonJob", "customers", "Maximum", 5),
            at_least=OLDEST_JOB_SECONDS,
            silence_rings=True,
        )
        for setting, value in where.items():
            self.api.function.add_environment(setting, value)
        self.api.allow(["s3:GetObject"], [files.arn_for_objects("*")])  # with which links are made
        work_off_jobs.allow(["s3:PutObject", "s3:DeleteObject"], [files.arn_for_objects("*")])
        work_off_jobs.allow(["s3:ListBucket"], [files.bucket_arn])
        for function in (self.api, work_off_jobs, sweep_jobs):
            function.allow(["sqs:SendMessage"], [asked.queue.queue_arn])
        return work_off_jobs
