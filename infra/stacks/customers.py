"""Customers: the API, and the key that their identifiers are hashed with."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.function import DELETE, READ, WRITE, Function
from infra.platform import Platform
from infra.stacks.data import Data
from shared import schema


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
        self.api.allow(["secretsmanager:GetSecretValue"], [self.identity_key.secret_arn])
