"""Stock: feeds of tills and files, the ledger and its archive, the holds, the audit, the API."""

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.alarm import alarm, logged_metric
from infra.bucket import bucket, notify
from infra.function import DELETE, READ, STATEMENTS, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.schedule import Schedule
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stream import StreamSubscription
from shared import schema
from shared.web.portions import WORKERS

APPLY_SECONDS = 120
INGEST_SECONDS = 300
BULK_SECONDS = 3600
"""A count of 10,000,000 positions takes some 20 minutes, and several files may wait."""
ARCHIVE_SECONDS = 60
EXPIRE_SECONDS = 60
FILE_DAYS = 90
AUDIT_SECONDS = 900
AUDIT_MINUTES = 5
"""Three runs may share a round, as many as functions.stock.audit.WORKERS."""
UNAUDITED_SECONDS = 36 * 3600
"""A round of 10,000,000 positions takes half a day, and the rest before it as long."""
EXPIRED_ROW = {
    "eventName": lambda_.FilterRule.is_equal("REMOVE"),
    "dynamodb": {"Keys": {"sk": {"S": lambda_.FilterRule.begins_with("MOVE#")}}},
}
SLOT_SOLD = {
    "eventName": lambda_.FilterRule.is_equal("MODIFY"),
    "dynamodb": {"Keys": {"sk": {"S": lambda_.FilterRule.is_equal("SLOT")}}},
}


class Stock(Stack):
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
        # Tills and files have queues and workers of their own, so that a till never waits for the
        # rows of a file. Each queue has its own dead letters, so that redrive knows the way back.
        feed = Queue(self, "Feed", platform, worker_timeout_seconds=APPLY_SECONDS)
        apply_feed = self._apply_feed("ApplyFeed", platform, data, "applies the stock feed")
        feed.processed_by(apply_feed, batch_size=4, window_seconds=1, max_concurrency=10)

        # 8 workers write so many packs that tills beside them stay within their 2 seconds, also for
        # twice the yardstick retailer (tests/bench/scale).
        bulk = Queue(self, "Bulk", platform, worker_timeout_seconds=APPLY_SECONDS)
        apply_bulk = self._apply_feed("ApplyBulk", platform, data, "applies the rows of files")
        bulk.processed_by(
            apply_bulk,
            batch_size=4,
            window_seconds=1,
            max_concurrency=8,
            oldest_seconds=BULK_SECONDS,
        )

        files_bucket = self._files(platform, data, bulk)

        record_movements = Function(
            self,
            "RecordMovements",
            platform,
            handler="functions.stock.record_movements.handler",
            description="writes the ledger, and sends expired rows to the archive queue",
            timeout_seconds=60,
        )
        data.let(record_movements, schema.STOCK, *READ, *WRITE, "dynamodb:BatchWriteItem")
        StreamSubscription(
            self,
            "Movements",
            platform,
            table=data[schema.STOCK],
            worker=record_movements,
            failed=data.failed_records,
            keys={"sk": "LOC#"},
            also=[SLOT_SOLD, EXPIRED_ROW],
        )
        archive = self._archive(platform, record_movements)

        expire_holds = Function(
            self,
            "ExpireHolds",
            platform,
            handler="functions.stock.expire_holds.handler",
            description="releases the units of expired holds",
            timeout_seconds=EXPIRE_SECONDS,
            memory=1769,
            sends_to_itself=True,
        )
        data.let(expire_holds, schema.STOCK, *READ, *WRITE)
        Schedule(self, "ExpireHoldsEveryMinute", platform, expire_holds, 1)
        portions = Queue(self, "ExpirePortions", platform, worker_timeout_seconds=EXPIRE_SECONDS)
        portions.feeds_its_sender(expire_holds, "NORAIN_EXPIRE_QUEUE", max_concurrency=WORKERS)

        fold_slots = Function(
            self,
            "FoldSlots",
            platform,
            handler="functions.stock.fold_slots.handler",
            description="merges the slots of positions with little traffic",
            timeout_seconds=50,
        )
        data.let(fold_slots, schema.STOCK, *READ, *WRITE, *DELETE)
        Schedule(self, "FoldSlotsEveryMinute", platform, fold_slots, 1)

        audit = Function(
            self,
            "Audit",
            platform,
            handler="functions.stock.audit.handler",
            description="recomputes law 1 in parts, publishes drift, and repairs it on request",
            timeout_seconds=AUDIT_SECONDS,
            memory=1769,  # one whole virtual CPU: it parses what it reads
        )
        data.let(audit, schema.STOCK, *READ, *WRITE, "dynamodb:Scan", "dynamodb:BatchWriteItem")
        data.let(audit, schema.ORDERS, *READ)
        data.let(audit, schema.CONFIG, "dynamodb:GetItem")  # the stock rules in force
        events.let(audit)
        Schedule(self, "AuditInPieces", platform, audit, AUDIT_MINUTES)
        alarm(
            self,
            "Drift",
            problem="positions break law 1, or the audit reports nothing",
            first_step="see the event stock.drift, run `norain audit`",
            # A run logs at its end: a period of one run may have no figure, or two.
            metric=logged_metric("StockDrift", "stock", "Maximum", 3 * AUDIT_MINUTES),
            missing_rings=True,
        )
        alarm(
            self,
            "Unaudited",
            problem="some position was not audited for a day and a half",
            first_step="`norain status` shows how far the audit is; does it fail?",
            metric=logged_metric("StockUnaudited", "stock", "Maximum", 3 * AUDIT_MINUTES),
            at_least=UNAUDITED_SECONDS,
            missing_rings=True,
        )

        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.stock.api.handler",
            description="the API of stock and holds",
            environment={"NORAIN_FEED_QUEUE": feed.queue.queue_url},
        )
        # Bins are set in batches.
        data.let(self.api, schema.STOCK, *READ, *WRITE, *DELETE, "dynamodb:BatchWriteItem")
        data.let(self.api, schema.CONFIG, *READ, *WRITE)
        data.let(self.api, schema.CATALOG, *READ)
        data.let(self.api, schema.AVAILABILITY, *READ)  # the confidence in a count
        self.api.allow(["sqs:SendMessage"], [feed.queue.queue_arn])

        CfnOutput(self, "StockFeedQueueUrl", value=feed.queue.queue_url)
        CfnOutput(self, "StockFeedDlqUrl", value=feed.dead_letters.queue_url)
        CfnOutput(self, "StockBulkQueueUrl", value=bulk.queue.queue_url)
        CfnOutput(self, "StockBulkDlqUrl", value=bulk.dead_letters.queue_url)
        CfnOutput(self, "FeedBucketName", value=files_bucket.bucket_name)
        CfnOutput(self, "StockAudit", value=audit.function.function_name)
        CfnOutput(self, "MovementsArchive", value=archive.bucket_name)

    def _apply_feed(self, name: str, platform: Platform, data: Data, description: str) -> Function:
        function = Function(
            self,
            name,
            platform,
            handler="functions.stock.apply_feed.handler",
            description=f"{description}, each event once",
            timeout_seconds=APPLY_SECONDS,
            memory=1024,
        )
        # Feeds, holds and the schedule merge slots, and delete them.
        data.let(
            function,
            schema.STOCK,
            *READ,
            *WRITE,
            *DELETE,
            *STATEMENTS,
            "dynamodb:BatchWriteItem",
        )
        return function

    def _archive(self, platform: Platform, record_movements: Function) -> s3.Bucket:
        """The bucket of expired ledger rows, and the function that writes them. A queue stands
        between them, so that a failing archive does not stop the ledger."""
        archive = bucket(
            self,
            "Archive",
            platform,
            rules=[
                s3.LifecycleRule(
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                            transition_after=Duration.days(90),
                        )
                    ],
                )
            ],
        )
        expired = Queue(self, "Expired", platform, worker_timeout_seconds=ARCHIVE_SECONDS)
        record_movements.function.add_environment("NORAIN_ARCHIVE_QUEUE", expired.queue.queue_url)
        record_movements.allow(["sqs:SendMessage"], [expired.queue.queue_arn])
        archive_rows = Function(
            self,
            "ArchiveRows",
            platform,
            handler="functions.stock.archive_rows.handler",
            description="writes expired rows of the ledger to the archive",
            timeout_seconds=ARCHIVE_SECONDS,
            environment={"NORAIN_ARCHIVE": archive.bucket_name},
        )
        archive_rows.allow(["s3:PutObject"], [archive.arn_for_objects("movements/*")])
        expired.processed_by(archive_rows, batch_size=10, window_seconds=5, max_concurrency=5)
        CfnOutput(self, "StockArchiveQueueUrl", value=expired.queue.queue_url)
        CfnOutput(self, "StockArchiveDlqUrl", value=expired.dead_letters.queue_url)
        return archive

    def _files(self, platform: Platform, data: Data, bulk: Queue) -> s3.Bucket:
        """The bucket whose files are sent to the queue ``bulk``, event by event."""
        files = Queue(self, "Files", platform, worker_timeout_seconds=INGEST_SECONDS)
        files_bucket = bucket(
            self,
            "FeedFiles",
            platform,
            rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(FILE_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
        )
        notify(files_bucket, files.queue)

        ingest_file = Function(
            self,
            "IngestFile",
            platform,
            handler="functions.stock.ingest_file.handler",
            description="reads files of the feed bucket onto the bulk queue",
            timeout_seconds=INGEST_SECONDS,
            memory=1024,
            sends_to_itself=True,
            environment={
                "NORAIN_BULK_QUEUE": bulk.queue.queue_url,
                "NORAIN_FILES_QUEUE": files.queue.queue_url,
            },
        )
        data.let(ingest_file, schema.STOCK, *READ, *WRITE)
        ingest_file.allow(["s3:GetObject", "s3:PutObject"], [files_bucket.arn_for_objects("*")])
        ingest_file.allow(["s3:ListBucket"], [files_bucket.bucket_arn])
        ingest_file.allow(["sqs:SendMessage"], [bulk.queue.queue_arn, files.queue.queue_arn])
        files.processed_by(ingest_file, batch_size=1, window_seconds=0, max_concurrency=5)
        return files_bucket
