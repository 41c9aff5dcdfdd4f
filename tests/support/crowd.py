"""Shoppers who all come at once: half of them place an order, half ask for availability."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

import httpx

CONNECTIONS = 64
SHIP_TO = {"postal_code": "80202", "country": "US", "latitude": 39.7392, "longitude": -104.9903}


@dataclass(frozen=True, slots=True)
class Answers:
    """``seconds`` of each request, sorted; ``statuses`` counts HTTP statuses and, by the name of
    the error, requests without an answer."""

    seconds: list[float]
    statuses: Counter[str]


def at_once(http: httpx.Client, sku: str) -> Answers:
    """CONNECTIONS requests that begin at the same moment, all about ``sku``."""
    seconds: list[float] = []
    statuses: Counter[str] = Counter()
    gate = threading.Barrier(CONNECTIONS)

    def ask(buys: bool) -> None:
        gate.wait()
        began = time.perf_counter()
        try:
            status = str((_order(http, sku) if buys else _question(http, sku)).status_code)
        except httpx.HTTPError as error:
            status = type(error).__name__
        seconds.append(time.perf_counter() - began)
        statuses.update([status])

    buys = [number % 2 == 0 for number in range(CONNECTIONS)]
    threads = [threading.Thread(target=ask, args=(one,)) for one in buys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Answers(sorted(seconds), statuses)


def _order(http: httpx.Client, sku: str) -> httpx.Response:
    line = {
        "line_id": "1",
        "sku": sku,
        "quantity": 1,
        "unit_price": {"amount": 1999, "currency": "USD"},
        "method": "ship",
    }
    body = {"channel": "web", "payment": {"status": "paid"}, "ship_to": SHIP_TO, "lines": [line]}
    return http.post("/v1/orders", json=body)


def _question(http: httpx.Client, sku: str) -> httpx.Response:
    return http.get("/v1/availability", params={"sku": sku, "channel": "web"})
