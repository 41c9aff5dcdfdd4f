"""What a basket costs to count, and a list to read: request units and CPU, on rows as large as 40
weeks of real households leave them."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3

from functions.recommendations.api import handler
from shared.availability.store import packs
from shared.aws.dynamodb import Key, transact
from shared.recommendations.model.baskets import Basket
from shared.recommendations.model.counters import Counters
from shared.recommendations.store import counting, rows
from shared.recommendations.store.counting import Counted
from shared.web.api import logger
from tests.bench import prices
from tests.bench.availability.shelves import empty_tables, stock
from tests.bench.recommendations.learning import counted
from tests.bench.recommendations.shopping import weeks
from tests.bench.report import Row, Table, Tell
from tests.support.requests import request
from tests.support.units import metered

BATCH = 100
"""Events of a batch of the worker."""
MEASURED = 400
STORES = 20


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    split = weeks(40, 46, every=4 if quick else 1)
    last, kept = split.train[-MEASURED:], counted(split.train[:-MEASURED], tell)
    cart = list(dict.fromkeys(sku for basket in last for sku in basket.names))[:10]
    with empty_tables():
        tell("rows")
        _store(kept, last)
        yield Table(
            "counting baskets",
            [_counting(last, tell)],
            (
                f"the last {MEASURED} baskets of 40 weeks, {BATCH} events a batch; rows as large",
                "as these weeks left them. Goal: 32 write units a basket. Units of one transaction",
                "are two a KB of each item (tests/support/units.py).",
                f"$: per million baskets, DynamoDB alone, list prices of {prices.DATE}.",
            ),
        )
        tell("reading")
        logger.setLevel("ERROR")
        reads = _reading(kept, cart, 30 if quick else 200)
        yield Table(
            "a list for a cart of 10",
            [reads],
            (
                "CPU of GET /v1/recommendations?kind=with in ms; bare: one boto3 batch of the same",
                "ten rows, and one of the packs of its candidates. Popularity and departments are",
                "in the memory of the process. Goal: twice the bare reads.",
            ),
        )


def _store(kept: Counters, baskets: Sequence[Basket]) -> None:
    now = datetime.now(UTC)
    parts = [rows.again_part(home, again, None, None, now) for home, again in kept.again.items()]
    parts += [rows.partners_part(sku, row, None, now) for sku, row in kept.partners.items()]
    parts += [rows.popular_part(place, row, None, now) for place, row in kept.popular.items()]
    parts.append(rows.newcomers_part(kept.newcomers, None, now))
    for start in range(0, len(parts), 50):
        transact(parts[start : start + 50])
    for sku in sorted({sku for basket in baskets for sku in basket.names}):
        stock(sku, STORES)


def _counting(baskets: Sequence[Basket], tell: Tell) -> Row:
    orders = [Counted(f"o-{number}", 1, basket) for number, basket in enumerate(baskets)]
    now = datetime.now(UTC)
    started = time.process_time()
    with metered() as units:
        for start in range(0, len(orders), BATCH):
            tell(f"counting {start} of {len(orders)}")
            counting.count(orders[start : start + BATCH], now)
    cpu = time.process_time() - started
    dollars = units.read * prices.READ_UNIT + units.write * prices.WRITE_UNIT
    return {
        "baskets": len(orders),
        "SKUs of a basket": sum(len(basket.skus) for basket in baskets) / len(orders),
        "RU of a basket": units.read / len(orders),
        "WU of a basket": units.write / len(orders),
        "$ of a million": 1e6 * dollars / len(orders),
        "ms of CPU, with the meter": 1000 * cpu / len(orders),
    }


def _reading(kept: Counters, cart: Sequence[str], times: int) -> Row:
    query = {"kind": "with", "channel": "web", "sku": ",".join(cart), "limit": "10"}
    event = request("recommendations/get_recommendations", query=query)
    handler(event, None)
    with metered() as units:
        handler(event, None)
    partners = [rows.partners_key(sku) for sku in cart]
    named = dict.fromkeys(sku for one in cart for sku, _ in kept.partners[one].ranked()[:50])
    shelves = [packs.pack_key(sku) for sku in [*named][:40]]
    client: Any = boto3.client("dynamodb", endpoint_url=_endpoint())

    def bare() -> None:
        for keys in (partners, shelves):
            client.batch_get_item(RequestItems={keys[0].table: {"Keys": [_typed(k) for k in keys]}})

    own, other = _cpu(lambda: handler(event, None), times), _cpu(bare, times)
    return {
        "read calls": units.reads,
        "RU": units.read,
        "handler": own,
        "bare": other,
        "ratio": own / other,
    }


def _endpoint() -> str:
    return os.environ["AWS_ENDPOINT_URL_DYNAMODB"]


def _typed(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _cpu(act: Callable[[], object], times: int) -> float:
    """Milliseconds of CPU, the least of three rounds."""
    rounds = []
    for _ in range(3):
        started = time.process_time()
        for _ in range(times):
            act()
        rounds.append(1000 * (time.process_time() - started) / times)
    return min(rounds)
