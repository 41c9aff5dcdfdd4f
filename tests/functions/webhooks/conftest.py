"""The settings of the webhook functions, their queues, and a receiver."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from joserfc import jwk
from moto.cognitoidp.models import cognitoidp_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.utilities.utils import load_resource

from tests.support.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def queues(fake_tables: None, environment: pytest.MonkeyPatch) -> dict[str, str]:
    made: Any = boto3.client("sqs")
    urls = {
        name: made.create_queue(QueueName=name)["QueueUrl"]
        for name in ("deliveries", "dead-letters")
    }
    environment.setenv("NORAIN_DELIVERIES", urls["deliveries"])
    environment.setenv("NORAIN_DEAD_LETTERS", urls["dead-letters"])
    environment.setenv("NORAIN_WEBHOOK_KEY", "a key for tests")
    environment.setenv("NORAIN_WEBHOOK_LOOPBACK", "yes")
    return urls


SCOPES = (
    "norain/availability:read",
    "norain/orders:read",
    "norain/webhooks:read",
    "norain/webhooks:write",
)
CHANNELS = {"web-client": ("norain/channel:web",), "market-client": ("norain/channel:marketplace",)}


@pytest.fixture(scope="session")
def signing_key() -> jwk.RSAKey:
    """moto's key of every user pool; importing it takes a fifth of a second."""
    return jwk.RSAKey.import_key(load_resource("cognitoidp/resources/jwks-private.json"))


@pytest.fixture(autouse=True)
def user_pool(
    queues: dict[str, str], environment: pytest.MonkeyPatch, signing_key: jwk.RSAKey
) -> str:
    """A pool with the clients of the sample events, under the ids that they have there."""
    environment.setattr(jwk.RSAKey, "import_key", lambda _: signing_key)
    cognito: Any = boto3.client("cognito-idp")
    pool: str = cognito.create_user_pool(PoolName="clients")["UserPool"]["Id"]
    clients = cognitoidp_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"]
    for name, channels in CHANNELS.items():
        made = cognito.create_user_pool_client(
            UserPoolId=pool, ClientName=name, AllowedOAuthScopes=[*SCOPES, *channels]
        )["UserPoolClient"]
        known = clients.user_pools[pool].clients
        known[name] = known.pop(made["ClientId"])
        known[name].id = name
    environment.setenv("NORAIN_USER_POOL_ID", pool)
    return pool


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running
