"""Orders: the API, pick lists, deadlines, waiting and short lines, and the events of orders."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.alarm import alarm, logged_metric
from infra.concurrency import INDEX_HELPERS, WHAT_IF_HELPERS
from infra.function import DELETE, READ, STATEMENTS, WRITE, Function
from infra.helpers import with_helpers
from infra.platform import Platform
from infra.queue import Queue
from infra.schedule import Schedule
from infra.stacks.cards import Cards
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stream import StreamSubscription
from shared import schema
from shared.web.portions import WORKERS

SWEEP_SECONDS = 60
WHAT_IF_SECONDS = 300
INDEX_SECONDS = 300
MOST_DUE = 300
"""Deadlines that are due in every run for minutes."""
SHORT = {
    "dynamodb": {
        "Keys": {"sk": {"S": lambda_.FilterRule.begins_with("PACK#")}},
        "NewImage": {"short": {"BOOL": [True]}},
    }
}
BOOK = ("dynamodb:BatchGetItem", "dynamodb:Query")
"""What an order is priced by again: its book and its codes."""
TRANSFER = {"dynamodb": {"Keys": {"sk": {"S": lambda_.FilterRule.is_equal("TRANSFER")}}}}


class Orders(Stack):
    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        data: Data,
        events: Events,
        identity_key: secretsmanager.Secret,
        quote_key: secretsmanager.Secret,
        cards: Cards,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.orders.api.handler",
            description="the API of orders, fulfillments, promises and quotes",
            timeout_seconds=20,
            memory=1769,  # one whole virtual CPU: routing is arithmetic
        )
        sweep = Function(
            self,
            "Sweep",
            platform,
            handler="functions.orders.sweep.handler",
            description="acts on deadlines that have passed",
            timeout_seconds=SWEEP_SECONDS,
            memory=1769,  # one whole virtual CPU: it routes offers again
            sends_to_itself=True,
        )
        keep_promises = Function(
            self,
            "KeepPromises",
            platform,
            handler="functions.orders.keep_promises.handler",
            description="fulfils backorders from new stock, and reroutes short orders",
            timeout_seconds=300,
        )
        StreamSubscription(
            self,
            "Promises",
            platform,
            table=data[schema.AVAILABILITY],
            worker=keep_promises,
            failed=data.failed_records,
            keys={"sk": "PACK#"},
            image={"awaited": {"BOOL": [True]}},
            also=[SHORT],
            batch_size=100,
        )
        reevaluate = Function(
            self,
            "Reevaluate",
            platform,
            handler="functions.orders.reevaluate.handler",
            description="reroutes orders that are not being picked, when the policy asks for it",
            timeout_seconds=300,
            memory=1769,
        )
        for function in (self.api, sweep, keep_promises, reevaluate):
            data.let(function, schema.ORDERS, *READ, *WRITE, *DELETE)
            data.let(
                function, schema.STOCK, *READ, *WRITE, *DELETE
            )  # a sale may merge the slots of a position
            data.let(function, schema.PRICING, "dynamodb:UpdateItem", *BOOK)  # codes and limits
            data.let(function, schema.CARDS, "dynamodb:UpdateItem")  # what cards pay and get back
            points = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem")
            data.let(function, schema.LOYALTY, *points)  # the points that pay and come back
            for read in (schema.AVAILABILITY, schema.CATALOG, schema.CONFIG):
                data.let(function, read, *READ)
        data.let(self.api, schema.ORDERS, "dynamodb:Scan")
        data.let(self.api, schema.CARDS, *READ, *WRITE)
        cards.let_hash(self.api)
        # The uses of a person's other profiles.
        # Price holds, books, the uses of a person's other profiles, and the result of a what-if.
        data.let(self.api, schema.PRICING, "dynamodb:GetItem", "dynamodb:ConditionCheckItem")
        data.let(self.api, schema.PRICING, "dynamodb:PutItem")
        data.let(self.api, schema.CONFIG, "dynamodb:PutItem")  # the result of a what-if
        data.let(self.api, schema.PLANS, "dynamodb:PartiQLInsert")  # lost demand
        data.let(self.api, schema.CUSTOMERS, *READ, *WRITE)
        data.let(self.api, schema.SEARCH, "dynamodb:Query", "dynamodb:UpdateItem")
        data.let(self.api, schema.ORDERS, "dynamodb:BatchWriteItem")  # the erasure of a guest
        self.api.function.add_environment("NORAIN_LABELS", data.labels.bucket_name)
        self.api.function.add_environment("NORAIN_QUOTE_KEY_ARN", quote_key.secret_arn)
        self.api.allow(["secretsmanager:GetSecretValue"], [quote_key.secret_arn])
        self.api.allow(["s3:DeleteObject"], [data.labels.arn_for_objects("*")])
        self._what_ifs(platform, data)
        self.carriers = self._carriers(platform, data, identity_key)
        Schedule(self, "SweepEveryMinute", platform, sweep, 1)
        portions = Queue(self, "SweepPortions", platform, worker_timeout_seconds=SWEEP_SECONDS)
        portions.feeds_its_sender(sweep, "NORAIN_SWEEP_QUEUE", max_concurrency=WORKERS)
        alarm(
            self,
            "DueDeadlines",
            problem="deadlines of orders or transfers pass faster than they are acted on, or fail",
            first_step="read the log of the sweep: which documents fail, how many remain?",
            metric=logged_metric("DueDeadlines", "orders", "Minimum", 1),
            at_least=MOST_DUE,
            periods=5,
        )
        Schedule(self, "ReevaluateEveryHalfHour", platform, reevaluate, 30)

        project = Function(
            self,
            "ProjectFulfillments",
            platform,
            handler="functions.orders.project_fulfillments.handler",
            description="projects orders into pick lists, timelines and expected stock",
            timeout_seconds=60,
        )
        data.let(project, schema.ORDERS, *READ, *WRITE, *DELETE)
        data.let(project, schema.STOCK, *READ, *WRITE)
        data.let(project, schema.CUSTOMERS, *READ, *WRITE)
        data.let(project, schema.AVAILABILITY, *READ, *WRITE)
        data.let(project, schema.CATALOG, *READ)
        data.let(project, schema.CONFIG, *READ)
        index_orders = self._index_orders(platform, data)
        for indexing in (project, index_orders):
            data.let(indexing, schema.SEARCH, *STATEMENTS, "dynamodb:UpdateItem")
        for hashing in (self.api, project, index_orders):
            hashing.function.add_environment("NORAIN_IDENTITY_KEY_ARN", identity_key.secret_arn)
            hashing.allow(["secretsmanager:GetSecretValue"], [identity_key.secret_arn])
        StreamSubscription(
            self,
            "Documents",
            platform,
            table=data[schema.ORDERS],
            worker=project,
            failed=data.failed_records,
            keys={"sk": "ORDER"},
            also=[TRANSFER],
        )

        publish_events = Function(
            self,
            "PublishEvents",
            platform,
            handler="functions.orders.publish_events.handler",
            description="publishes the events of orders and transfers",
            timeout_seconds=60,
        )
        events.let(publish_events)
        StreamSubscription(
            self,
            "Told",
            platform,
            table=data[schema.ORDERS],
            worker=publish_events,
            failed=data.failed_records,
            keys={"sk": "ORDER"},
            also=[TRANSFER],
            batch_size=100,
        )

    def _carriers(
        self, platform: Platform, data: Data, identity_key: secretsmanager.Secret
    ) -> Function:
        """The function that buys labels, makes documents, and hears carriers."""
        keys = secretsmanager.Secret(
            self,
            "CarrierKeys",
            description="keys of the provider of carriers: fill in api_key",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"api_key": ""}',
                generate_string_key="webhook_secret",
                password_length=48,
                exclude_punctuation=True,
            ),
            removal_policy=platform.removal_policy,
        )
        carriers = Function(
            self,
            "Carriers",
            platform,
            handler="functions.carriers.api.handler",
            description="labels, packing slips and pick lists, and what carriers report",
            environment={
                "NORAIN_CARRIER": platform.carrier,
                "NORAIN_CARRIER_KEYS_ARN": keys.secret_arn,
                "NORAIN_IDENTITY_KEY_ARN": identity_key.secret_arn,
                "NORAIN_LABELS": data.labels.bucket_name,
            },
            timeout_seconds=28,  # the gateway waits for 30
            memory=1024,
        )
        data.let(carriers, schema.ORDERS, *READ, *WRITE, *DELETE)
        # The refund of a scanned return, which may be priced again.
        data.let(carriers, schema.CARDS, "dynamodb:UpdateItem")
        data.let(carriers, schema.PRICING, *BOOK)
        points = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem")
        data.let(carriers, schema.LOYALTY, *points)
        for read in (schema.CATALOG, schema.CONFIG):
            data.let(carriers, read, *READ)
        data.let(carriers, schema.STOCK, "dynamodb:BatchGetItem")  # the bins of a walk
        secrets = [keys.secret_arn, identity_key.secret_arn]
        carriers.allow(["secretsmanager:GetSecretValue"], secrets)
        objects = [data.labels.arn_for_objects("*")]
        carriers.allow(["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], objects)
        carriers.allow(["s3:ListBucket"], [data.labels.bucket_arn])  # a missing object is 404
        return carriers

    def _index_orders(self, platform: Platform, data: Data) -> Function:
        """Writes the rows by which orders are found for all orders, on request."""
        index_orders = Function(
            self,
            "IndexOrders",
            platform,
            handler="functions.orders.index_orders.handler",
            description="makes all orders found by the search, on request",
            timeout_seconds=INDEX_SECONDS,
            sends_to_itself=True,
            memory=1769,  # one whole virtual CPU: it parses what it reads
        )
        with_helpers(self, "IndexHelp", platform, index_orders, INDEX_HELPERS)
        data.let(index_orders, schema.ORDERS, "dynamodb:Scan")
        data.let(index_orders, schema.CONFIG, *READ, "dynamodb:PutItem")
        CfnOutput(self, "OrdersIndex", value=index_orders.function.function_name)
        return index_orders

    def _what_ifs(self, platform: Platform, data: Data) -> None:
        """The workers of what-ifs, which the API starts."""
        run_what_if = Function(
            self,
            "RunWhatIf",
            platform,
            handler="functions.routing.run_what_if.handler",
            description="routes past orders again under a draft of the policy",
            timeout_seconds=WHAT_IF_SECONDS,
            sends_to_itself=True,
            memory=1769,  # one whole virtual CPU: routing is arithmetic
        )
        data.let(run_what_if, schema.ORDERS, *READ, *WRITE, "dynamodb:Scan")
        data.let(run_what_if, schema.CONFIG, *READ, "dynamodb:PutItem")
        calls = with_helpers(self, "WhatIfHelp", platform, run_what_if, WHAT_IF_HELPERS)
        self.api.function.add_environment("NORAIN_WHAT_IF_QUEUE", calls.queue.queue_url)
        self.api.allow(["sqs:SendMessage"], [calls.queue.queue_arn])
