"""How many random steps the laws of stock and orders were checked after, on DynamoDB Local."""

import logging
import time
from collections.abc import Iterator

import pytest

from shared.aws import clients, settings
from tests.bench.report import Table, Tell
from tests.support.dynamodb_local import DynamoDbLocal
from tests.support.tables import ENVIRONMENT

STEPS, QUICK_STEPS = 10_000, 500
AFTERWARDS = {
    "orders changed": "order.changed",
    "sent to stores": "order.sent_to_store",
    "paused": "order.paused",
    "substituted": "substitution.made",
    "substitutes proposed": "substitution.proposed",
    "claims resolved": "claim.resolved",
    "returns authorized": "return.authorized",
    "returns inspected": "return.inspected",
    "refunds due": "refund.due",
}
"""What happens to orders after they were placed, by the event that is counted."""


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    from tests.support.laws.machine import Machine, run
    from tests.support.laws.weather import Weather

    wanted = QUICK_STEPS if quick else STEPS
    logging.disable(logging.INFO)
    started = time.monotonic()
    with DynamoDbLocal() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        clients.client.cache_clear()
        settings.setting.cache_clear()
        first = int(time.time())
        taken = run(wanted, first, lambda steps: tell(f"{steps} of {wanted} steps"))
    logging.disable(logging.NOTSET)
    assert taken >= wanted
    yield Table(
        "Laws 1 to 6 after every step of random interleavings",
        [
            {
                "steps": taken,
                "laws broken": 0,
                "changes made": Machine.outcomes["done"],
                "changes refused": Machine.outcomes.total() - Machine.outcomes["done"],
                "strangers refused": Machine.outcomes["stranger refused"],
                "calls struck": Weather.struck.total(),
                **{name: Machine.events[event] for name, event in AFTERWARDS.items()},
                "seconds": round(time.monotonic() - started),
                "first seed": first,
            }
        ],
        notes=[
            "Counts (physical, net), movements (late, repeated, reordered), holds, extensions,",
            "bindings, expiries, releases, orders, cancels, rejections, returns, replays, splits,",
            "folds, a ledger and an availability that lag, clocks that differ, an index that is",
            "behind, calls that are throttled, lost or doubled, roles held to their policies, and",
            "strangers; changes of orders, payments and their ends, pauses, substitutes, consents,",
            "claims, authorized returns, and transfers, also of orders to the store where they are",
            "collected. Law 6 is that of units, money and parcels. The last columns count events.",
            "A broken law ends the bench.",
        ],
    )
