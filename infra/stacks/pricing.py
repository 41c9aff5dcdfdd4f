"""Prices: the API of prices, quotes and promotions, the sweep of price holds, and the key that
signs quotes."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.schedule import Schedule
from infra.stacks.cards import Cards
from infra.stacks.data import Data
from shared import schema


class Pricing(Stack):
    """``quote_key`` signs the tokens of quotes; whoever reads one needs it."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        data: Data,
        cards: Cards,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        self.quote_key = secretsmanager.Secret(
            self,
            "QuoteKey",
            description="signs quotes of prices: with another key, quotes of 15 minutes are lost",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=platform.removal_policy,
        )
        tax_service = secretsmanager.Secret(
            self,
            "TaxService",
            description="JSON with url and key of the service that computes taxes, if there is one",
            removal_policy=platform.removal_policy,
        )
        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.pricing.api.handler",
            description="the API of prices, quotes and promotions",
            environment={
                "NORAIN_QUOTE_KEY_ARN": self.quote_key.secret_arn,
                "NORAIN_TAX_SERVICE_ARN": tax_service.secret_arn,
            },
            memory=1024,
        )
        data.let(self.api, schema.CATALOG, *READ)
        data.let(self.api, schema.AVAILABILITY, *READ)
        data.let(self.api, schema.CONFIG, *READ)
        data.let(self.api, schema.ORDERS, "dynamodb:Query")  # whether it is the first order
        # A person's profile; a hold is not opened for somebody who was erased.
        data.let(self.api, schema.CUSTOMERS, *READ, "dynamodb:ConditionCheckItem")
        secrets = [self.quote_key.secret_arn, tax_service.secret_arn]
        self.api.allow(["secretsmanager:GetSecretValue"], secrets)
        cards.let_hash(self.api)
        sweep = Function(
            self,
            "Sweep",
            platform,
            handler="functions.pricing.sweep.handler",
            description="releases price holds whose deadline has passed",
            timeout_seconds=60,
        )
        Schedule(self, "SweepEveryMinute", platform, sweep, 1)
        for function in (self.api, sweep):
            for table in (schema.PRICING, schema.CARDS, schema.LOYALTY):
                data.let(function, table, *READ, *WRITE)
