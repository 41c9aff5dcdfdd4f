"""Stock: the feed queue and who works it off, the ledger, the holds, the API."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.schedule import every_minute
from infra.stacks.data import Data
from infra.stream import Follows
from shared import schema

APPLY_SECONDS = 120


class Stock(Stack):
    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, data: Data, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        feed = Queue(self, "Feed", platform, worker_timeout_seconds=APPLY_SECONDS)

        apply_feed = Function(
            self,
            "ApplyFeed",
            platform,
            handler="functions.stock.apply_feed.handler",
            description="applies the stock feed, each event once",
            timeout_seconds=APPLY_SECONDS,
            memory=1024,
        )
        data.let(apply_feed, schema.STOCK, *READ, *WRITE)
        feed.worked_off_by(apply_feed, batch_size=4, window_seconds=1, max_concurrency=10)

        record_movements = Function(
            self,
            "RecordMovements",
            platform,
            handler="functions.stock.record_movements.handler",
            description="writes the ledger from the changes of the positions",
            timeout_seconds=60,
        )
        data.let(record_movements, schema.STOCK, *WRITE, "dynamodb:BatchWriteItem")
        Follows(
            self,
            "Movements",
            platform,
            table=data[schema.STOCK],
            worker=record_movements,
            keys={"sk": "LOC#"},
        )

        expire_holds = Function(
            self,
            "ExpireHolds",
            platform,
            handler="functions.stock.expire_holds.handler",
            description="gives the units of expired holds back",
            timeout_seconds=50,
        )
        data.let(expire_holds, schema.STOCK, *READ, *WRITE)
        every_minute(self, "ExpireHoldsEveryMinute", expire_holds)

        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.stock.api.handler",
            description="the API of stock and holds",
            environment={"NORAIN_FEED_QUEUE": feed.queue.queue_url},
        )
        data.let(self.api, schema.STOCK, *READ, *WRITE)
        self.api.allow(["sqs:SendMessage"], [feed.queue.queue_arn])

        CfnOutput(self, "StockFeedQueueUrl", value=feed.queue.queue_url)
        CfnOutput(self, "StockFeedDlqUrl", value=feed.dead_letters.queue_url)
