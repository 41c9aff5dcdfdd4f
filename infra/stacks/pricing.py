"""Prices: the API of prices, quotes and promotions, and the key that signs quotes."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.stacks.data import Data
from shared import schema


class Pricing(Stack):
    """``quote_key`` signs the tokens of quotes; whoever reads one needs it."""

    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, data: Data, env: Environment
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
        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.pricing.api.handler",
            description="the API of prices, quotes and promotions",
            environment={"NORAIN_QUOTE_KEY_ARN": self.quote_key.secret_arn},
            memory=1024,
        )
        data.let(self.api, schema.PRICING, *READ, *WRITE)
        data.let(self.api, schema.CATALOG, *READ)
        data.let(self.api, schema.AVAILABILITY, *READ)
        data.let(self.api, schema.CONFIG, *READ)
        self.api.allow(["secretsmanager:GetSecretValue"], [self.quote_key.secret_arn])
