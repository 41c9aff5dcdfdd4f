"""Webhooks: events from the bus to the URLs that channels have subscribed."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.stacks.access import Access
from infra.stacks.data import Data
from infra.stacks.events import Events
from shared import schema

FAN_OUT_SECONDS = 30
DELIVER_SECONDS = 30
SOURCES = (
    "norain/availability",
    "norain/orders",
    "norain/customers",
    "norain/cards",
    "norain/loyalty",
    "norain/kpis",
)


class Webhooks(Stack):
    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        data: Data,
        events: Events,
        access: Access,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        key = secretsmanager.Secret(
            self,
            "Key",
            description="derives the secrets of all webhooks: another key changes every secret",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=platform.removal_policy,
        )
        sender = {
            "NORAIN_WEBHOOK_KEY_ARN": key.secret_arn,
            "NORAIN_WEBHOOK_LOOPBACK": "yes" if platform.local else "no",
        }

        rights = {"NORAIN_USER_POOL_ID": access.pool.user_pool_id}

        events_queue = Queue(self, "Told", platform, worker_timeout_seconds=FAN_OUT_SECONDS)
        events.fill(events_queue, self, "Events", sources=SOURCES)
        deliveries = Queue(self, "Deliveries", platform, worker_timeout_seconds=DELIVER_SECONDS)

        fan_out = Function(
            self,
            "FanOut",
            platform,
            handler="functions.webhooks.fan_out.handler",
            description="sends one message per event and subscribed webhook",
            environment={**rights, "NORAIN_DELIVERIES": deliveries.queue.queue_url},
            timeout_seconds=FAN_OUT_SECONDS,
        )
        data.let(fan_out, schema.WEBHOOKS, *READ)
        fan_out.allow(["sqs:SendMessage"], [deliveries.queue.queue_arn])
        events_queue.processed_by(fan_out, batch_size=10, window_seconds=0, max_concurrency=5)

        deliver = Function(
            self,
            "Deliver",
            platform,
            handler="functions.webhooks.deliver.handler",
            description="sends signed messages to webhooks, with retries",
            environment={**sender, **rights, "NORAIN_DELIVERIES": deliveries.queue.queue_url},
            timeout_seconds=DELIVER_SECONDS,
            sends_to_itself=True,
        )
        data.let(deliver, schema.WEBHOOKS, *READ, *WRITE)
        data.let(deliver, schema.CUSTOMERS, "dynamodb:BatchGetItem")  # erased persons
        deliver.allow(["sqs:SendMessage"], [deliveries.queue.queue_arn])
        deliveries.processed_by(deliver, batch_size=10, window_seconds=0, max_concurrency=20)

        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.webhooks.api.handler",
            description="the API of webhooks",
            environment=sender,
            timeout_seconds=20,
        )
        data.let(self.api, schema.WEBHOOKS, *READ, *WRITE)
        for function in (deliver, self.api):
            function.allow(["secretsmanager:GetSecretValue"], [key.secret_arn])
        for function in (fan_out, deliver):
            function.allow(["cognito-idp:DescribeUserPoolClient"], [access.pool.user_pool_arn])
        CfnOutput(self, "WebhooksDlqUrl", value=deliveries.dead_letters.queue_url)
