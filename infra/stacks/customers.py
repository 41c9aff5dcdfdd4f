"""Customers: the feed, the API, the jobs that erase and export a person, and the hashing key."""

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.alarm import alarm, logged_metric
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
"""Assumed maximum lag of an index: an erasure reads the index again after this time."""
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
            description="hashes customer identifiers; with another key no customer is found",
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
        data.let(self.api, schema.LOYALTY, *READ, *WRITE)  # the tier; points after an unmerge

        feed = Queue(self, "Feed", platform, worker_timeout_seconds=APPLY_SECONDS)
        apply_records = Function(
            self,
            "ApplyRecords",
            platform,
            handler="functions.customers.apply_records.handler",
            description="applies the customer feed, each event once",
            environment={
                "NORAIN_IDENTITY_KEY_ARN": self.identity_key.secret_arn,
                "NORAIN_CUSTOMER_FEED_SOURCES": platform.customer_feed_sources,
            },
            timeout_seconds=APPLY_SECONDS,
            memory=1024,
        )
        data.let(apply_records, schema.CUSTOMERS, *READ, *WRITE)
        feed.processed_by(apply_records, batch_size=4, window_seconds=1, max_concurrency=5)
        work_off_jobs = self._jobs(platform, data, events)

        for function in (self.api, apply_records, work_off_jobs):
            function.allow(["secretsmanager:GetSecretValue"], [self.identity_key.secret_arn])
        CfnOutput(self, "CustomerFeedQueueUrl", value=feed.queue.queue_url)
        CfnOutput(self, "CustomerFeedDlqUrl", value=feed.dead_letters.queue_url)

    def _jobs(self, platform: Platform, data: Data, events: Events) -> Function:
        """The functions that erase and export persons, and that resume interrupted jobs."""
        files = bucket(
            self,
            "Exports",
            platform,
            rules=[s3.LifecycleRule(expiration=Duration.days(EXPORT_DAYS))],
        )
        jobs = Queue(self, "Jobs", platform, worker_timeout_seconds=JOB_SECONDS)
        environment = {
            "NORAIN_JOBS_QUEUE": jobs.queue.queue_url,
            "NORAIN_PERSON_EXPORTS": files.bucket_name,
        }
        lag = LOCAL_LAG_SECONDS if platform.local else INDEX_LAG_SECONDS
        work_off_jobs = Function(
            self,
            "WorkOffJobs",
            platform,
            handler="functions.customers.work_off_jobs.handler",
            description="erases persons from all tables, and exports the data of a person",
            environment={
                **environment,
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
        data.let(work_off_jobs, schema.RECOMMENDATIONS, *READ, *WRITE, "dynamodb:BatchWriteItem")
        data.let(work_off_jobs, schema.LOYALTY, *READ, *WRITE, *DELETE, "dynamodb:BatchWriteItem")
        data.let(work_off_jobs, schema.SEARCH, "dynamodb:Query", "dynamodb:UpdateItem")
        data.let(work_off_jobs, schema.STOCK, "dynamodb:UpdateItem")  # the hold behind an order
        data.let(work_off_jobs, schema.CONFIG, *READ)  # coordinates of postal codes
        work_off_jobs.function.add_environment("NORAIN_LABELS", data.labels.bucket_name)
        work_off_jobs.allow(["s3:DeleteObject"], [data.labels.arn_for_objects("*")])
        events.let(work_off_jobs)
        jobs.processed_by(work_off_jobs, batch_size=1, window_seconds=0, max_concurrency=5)
        sweep_jobs = Function(
            self,
            "SweepJobs",
            platform,
            handler="functions.customers.sweep_jobs.handler",
            description="resumes interrupted jobs",
            environment=environment,
            timeout_seconds=50,
        )
        data.let(sweep_jobs, schema.CUSTOMERS, "dynamodb:Query")
        Schedule(self, "SweepJobsEveryMinute", platform, sweep_jobs, 1)
        alarm(
            self,
            "OldestJob",
            problem="an erasure or an export of a person does not finish",
            first_step="read the log of work_off_jobs; the job resumes by itself once the cause is "
            "removed",
            metric=logged_metric("OldestPersonJob", "customers", "Maximum", 5),
            at_least=OLDEST_JOB_SECONDS,
            missing_rings=True,
        )
        for setting, value in environment.items():
            self.api.function.add_environment(setting, value)
        self.api.allow(["s3:GetObject"], [files.arn_for_objects("*")])  # for signed links
        work_off_jobs.allow(["s3:PutObject", "s3:DeleteObject"], [files.arn_for_objects("*")])
        work_off_jobs.allow(["s3:ListBucket"], [files.bucket_arn])
        for function in (self.api, work_off_jobs, sweep_jobs):
            function.allow(["sqs:SendMessage"], [jobs.queue.queue_arn])
        return work_off_jobs
