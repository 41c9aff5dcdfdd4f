"""Gift cards and store credit: the API, the worker of the ledger, the audit, the hashing key."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.alarm import alarm, logged_metric
from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.schedule import Schedule
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stream import StreamSubscription
from shared import schema

AUDIT_SECONDS = 900
AUDIT_MINUTES = 60
UNAUDITED_SECONDS = 48 * 3600
MOST_FAILED_TRIES = 300
"""Failed look-ups of one client in a quarter of an hour, a tenth of its limit."""


class Cards(Stack):
    """``card_key`` hashes codes and PINs; whoever takes cards needs it."""

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
        self.card_key = secretsmanager.Secret(
            self,
            "CardKey",
            description="hashes codes and PINs of cards: with another key no card is found",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=platform.removal_policy,
        )
        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.cards.api.handler",
            description="the API of gift cards and store credit",
        )
        data.let(self.api, schema.CARDS, *READ, *WRITE)
        self.let_hash(self.api)
        alarm(
            self,
            "FailedTries",
            problem="one client fails to look up cards very often",
            first_step="read the log of the API of cards: which client_id? somebody may be trying "
            "codes through it",
            metric=logged_metric("CardTriesFailed", "cards", "Maximum", 5),
            at_least=MOST_FAILED_TRIES,
        )

        record_entries = Function(
            self,
            "RecordEntries",
            platform,
            handler="functions.cards.record_entries.handler",
            description="writes the ledger of cards and publishes their events",
            timeout_seconds=60,
        )
        data.let(record_entries, schema.CARDS, "dynamodb:BatchWriteItem")
        events.let(record_entries)
        StreamSubscription(
            self,
            "Entries",
            platform,
            table=data[schema.CARDS],
            worker=record_entries,
            failed=data.failed_records,
            keys={"pk": "CARD#", "sk": "CARD"},
            batch_size=100,
        )

        audit = Function(
            self,
            "Audit",
            platform,
            handler="functions.cards.audit.handler",
            description="compares cards with their ledgers, publishes drift, repairs on request",
            timeout_seconds=AUDIT_SECONDS,
        )
        data.let(audit, schema.CARDS, *READ, *WRITE, "dynamodb:Scan", "dynamodb:BatchWriteItem")
        events.let(audit)
        Schedule(self, "AuditEveryHour", platform, audit, AUDIT_MINUTES)
        alarm(
            self,
            "Drift",
            problem="cards break law 5 (their ledgers), or the audit reports nothing",
            first_step="see the event card.drift; invoke the audit of cards with its card_id",
            metric=logged_metric("CardDrift", "cards", "Maximum", 3 * AUDIT_MINUTES),
            missing_rings=True,
        )
        alarm(
            self,
            "Unaudited",
            problem="some card was not audited for two days",
            first_step="does the audit of cards fail, or run out of time?",
            metric=logged_metric("CardsUnaudited", "cards", "Maximum", 3 * AUDIT_MINUTES),
            at_least=UNAUDITED_SECONDS,
            missing_rings=True,
        )

    def let_hash(self, function: Function) -> None:
        """Allow ``function`` to hash codes and PINs."""
        function.function.add_environment("NORAIN_CARD_KEY_ARN", self.card_key.secret_arn)
        function.allow(["secretsmanager:GetSecretValue"], [self.card_key.secret_arn])
