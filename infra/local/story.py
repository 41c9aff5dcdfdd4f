"""The story of Bob, printed while it happens; every line is made from an answer of the API."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table

from infra.local.retailer import Retailer
from infra.local.seed import Placed, counted, in_threads
from infra.local.steps import Step
from infra.local.target import Refused, Target, answer, channel
from shared.locations.model import distance_km

BOB = {
    "source": "web",
    "source_id": "bob-1",
    "occurred_at": "2026-01-05T12:00:00Z",
    "identifiers": {
        "email": "bob.miller@example.com",
        "phone": "+1 614 555 0142",
        "loyalty_id": "GOLD-4711",
    },
    "attributes": {"given_name": "Bob", "family_name": "Miller"},
}
PROJECTION_SECONDS = 30


@dataclass
class Routed:
    """Totals of the routing decisions; ``example`` is one split order with its decision."""

    split: int = 0
    parcels: int = 0
    km: float = 0.0
    kg_co2e: float = 0.0
    example: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    refused: int
    staleness_seconds: float


def routed(target: Target, placed: Placed, step: Step) -> Routed:
    """Read the decision of every order through the API, and add them up."""
    totals = Routed()
    decisions: dict[str, dict[str, Any]] = {}
    with channel(target, "ops") as ops:

        def read(order: dict[str, Any]) -> None:
            order_id = order["order_id"]
            decisions[order_id] = answer(ops.get(f"/v1/orders/{order_id}/decision"))

        in_threads(placed.orders, read, step)
    for order in placed.orders:
        decision = decisions[order["order_id"]]
        shipped = [part for part in order["fulfillments"] if part["method"] == "ship"]
        totals.parcels += len(shipped)
        totals.km += decision["plan"]["km"]
        totals.kg_co2e += decision["plan"]["kg_co2e"]
        if len(shipped) > 1:
            totals.split += 1
        if not totals.example or _is_better_example(decision, totals.example, shipped):
            totals.example = {"order": order, "decision": decision}
    return totals


def _is_better_example(
    decision: dict[str, Any], than: dict[str, Any], shipped: list[dict[str, Any]]
) -> bool:
    """A split order with few candidate locations is the easiest to understand."""
    known = [part for part in than["order"]["fulfillments"] if part["method"] == "ship"]
    return (min(2, len(shipped)), -len(decision["candidates"])) > (
        min(2, len(known)),
        -len(than["decision"]["candidates"]),
    )


def tell(target: Target, sold: Retailer, totals: Routed, console: Console) -> Outcome:
    """Tell the story on ``console``; what it adds to the summary."""
    with (
        channel(target, "web") as web,
        channel(target, "associate") as associate,
        channel(target, "ops") as ops,
    ):
        return _Story(sold, console, web, associate, ops).tell(totals)


@dataclass
class _Story:
    """One HTTP client per channel that acts in the story."""

    sold: Retailer
    console: Console
    web: httpx.Client
    associate: httpx.Client
    ops: httpx.Client

    def tell(self, totals: Routed) -> Outcome:
        self._chapter("Why an order went where it went")
        self._decision(totals)
        self._chapter("Bob wants one thing, today")
        sku = next(reversed(self.sold.products))
        store_a, store_b, store_c = self._three_stores()
        staleness = self._set_the_scene(sku, {store_a: 0, store_b: 2, store_c: 1})
        bob = self._bob_on_the_web(sku, store_a)
        stores = self._stores_with_stock(sku, store_a)
        nearest = next(row for row in stores if row["location_id"] == store_b)
        order = self._bob_reserves(bob, sku, nearest)
        self._another_buyer(sku, store_c)
        self._at_the_store(store_b, order)
        return Outcome(refused=1, staleness_seconds=staleness)

    def _three_stores(self) -> tuple[str, str, str]:
        """Store A, and the two stocked stores that are nearest to it."""
        first = self.sold.locations[self.sold.stocked[0]]

        def away(store: str) -> float:
            other = self.sold.locations[store]
            return distance_km(
                first["latitude"], first["longitude"], other["latitude"], other["longitude"]
            )

        store_a, store_b, store_c = sorted(self.sold.stocked, key=away)[:3]
        return store_a, store_b, store_c

    def _set_the_scene(self, sku: str, units: dict[str, int]) -> float:
        """Count the item at every location; the seconds until availability shows the counts."""
        positions = answer(self.ops.get(f"/v1/stock/{sku}"))["positions"]
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        counts = [
            counted(
                f"story-{now}-{row['location_id']}",
                sku,
                row["location_id"],
                row["reserved"] + units.get(row["location_id"], 0),
                now,
            )
            for row in positions
        ]
        answer(self.ops.post("/v1/stock/updates", json={"events": counts}))
        started = time.monotonic()
        while self._sellable(sku) != units.get("", sum(units.values())):
            if time.monotonic() - started > PROJECTION_SECONDS:
                raise TimeoutError(f"availability did not follow within {PROJECTION_SECONDS} s")
            time.sleep(0.1)
        return round(time.monotonic() - started, 2)

    def _sellable(self, sku: str) -> int:
        response = self.web.get("/v1/availability", params={"sku": sku, "channel": "web"})
        sellable: int = answer(response)["items"][0]["sellable"]
        return sellable

    def _bob_on_the_web(self, sku: str, store_a: str) -> str:
        bob: str = answer(self.web.post("/v1/customers/resolve", json=BOB))["profile_id"]
        title = self.sold.products[sku]["title"]
        view = {
            "channel": "web",
            "kind": "view",
            "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "data": {"sku": sku, "title": title},
        }
        answer(self.web.post(f"/v1/customers/{bob}/interactions", json=view))
        self._say(
            f"Bob, a gold-level customer, looks at [b]{title}[/b] ({sku}) on the web. "
            f"His store is {self._name(store_a)}: it is [red]sold out[/red] there."
        )
        return bob

    def _stores_with_stock(self, sku: str, store_a: str) -> list[dict[str, Any]]:
        home = self.sold.locations[store_a]
        availability = answer(
            self.web.get(
                "/v1/availability",
                params={
                    "sku": sku,
                    "channel": "web",
                    "near": f"{home['latitude']},{home['longitude']}",
                    "radius_km": 500,
                },
            )
        )
        rows: list[dict[str, Any]] = availability["items"][0]["locations"]
        table = Table("store", "units", "km", "ready for pickup by", title="Stores that have it")
        for row in rows:
            table.add_row(
                self._name(row["location_id"]),
                str(row["sellable"]),
                f"{row['distance_km']:.1f}",
                self._local(row["location_id"], (row.get("pickup") or {}).get("ready_by")),
            )
        self.console.print(table)
        return rows

    def _bob_reserves(self, bob: str, sku: str, row: dict[str, Any]) -> dict[str, Any]:
        store = row["location_id"]
        hold = answer(
            self.web.post(
                "/v1/holds",
                json={
                    "lines": [{"sku": sku, "quantity": 1, "location_id": store}],
                    "channel": "web",
                    "expires_in_seconds": 900,
                },
            )
        )
        order: dict[str, Any] = answer(
            self.web.post(
                "/v1/orders",
                json={
                    "channel": "web",
                    "customer": {"profile_id": bob},
                    "hold_id": hold["hold_id"],
                    "payment": {"status": "paid", "reference": "card"},
                    "lines": [self._line(sku, store)],
                },
            )
        )
        promise = order["fulfillments"][0]["promise"]["ready_by"]
        self._say(
            f"He reserves one at {self._name(store)}: held while he paid, now order "
            f"[b]{order['order_id']}[/b], ready by [green]{self._local(store, promise)}[/green]. "
            "Nobody else can buy that unit."
        )
        return order

    def _another_buyer(self, sku: str, store: str) -> None:
        line = self._line(sku, store)
        body = {"channel": "web", "payment": {"status": "authorized"}, "lines": [line]}
        answer(self.web.post("/v1/orders", json=body))
        self._say(f"Somebody takes the last one at {self._name(store)}. A second buyer comes:")
        try:
            answer(self.web.post("/v1/orders", json=body))
        except Refused as refused:
            problem = refused.problem
        else:
            raise RuntimeError("the last unit was sold twice")
        choices = "; ".join(
            f"{choice['sellable']} at {self._name(choice['location_id'])}"
            for choice in problem.get("alternatives", [])
        )
        self._say(
            f"  [red]{problem['status']} {problem['code']}[/red]: {problem['detail']}. "
            f"Instead: {choices or 'nothing anywhere'}."
        )

    def _at_the_store(self, store: str, order: dict[str, Any]) -> None:
        phone = BOB["identifiers"]["phone"]  # type: ignore[index]
        lookup = answer(self.associate.get("/v1/customers", params={"phone": phone}))
        profile = lookup["profiles"][0]
        name = profile["attributes"]["given_name"]["value"]
        loyalty = next(
            known["value"] for known in profile["identifiers"] if known["type"] == "loyalty_id"
        )
        self._say(
            f"Bob comes to {self._name(store)} and says his phone number. The associate greets "
            f"[b]{name}[/b], loyalty card {loyalty}, and sees:"
        )
        timeline = answer(self.associate.get(f"/v1/customers/{profile['profile_id']}/timeline"))
        for entry in timeline["interactions"][:4]:
            about = entry["data"].get("title") or entry["data"].get("order_id", "")
            self._say(
                f"  {entry['occurred_at'][:16]}  {entry['channel']}  {entry['kind']}  {about}"
            )
        fulfillment = order["fulfillments"][0]["fulfillment_id"]
        for action in ("accept", "ready", "collect"):
            done = answer(self.associate.post(f"/v1/fulfillments/{fulfillment}/{action}"))
        self._say(f"The order is {done['state']}. Bob has it; nobody was handed a rain check.")

    def _line(self, sku: str, store: str) -> dict[str, Any]:
        return {
            "line_id": "1",
            "sku": sku,
            "quantity": 1,
            "unit_price": self.sold.products[sku]["price"],
            "method": "pickup",
            "location_id": store,
        }

    def _decision(self, totals: Routed) -> None:
        order, decision = totals.example["order"], totals.example["decision"]
        wanted = Counter({line["sku"]: line["quantity"] for line in order["lines"]})
        self._say(
            f"Order {order['order_id']} of channel {order['channel']} wants "
            + ", ".join(f"{units} x {self._title(sku)}" for sku, units in wanted.items())
            + f". Policy version {decision['policy_version']}, {decision['summary']}"
        )
        table = Table("location", "cost", "chosen", "why")
        ranked = sorted(decision["candidates"], key=lambda row: not row["chosen"])
        for row in ranked[:8]:
            cost = row.get("cost")
            table.add_row(
                self._name(row["location_id"]),
                f"{cost['amount'] / 100:.2f}" if cost else "",
                "yes" if row["chosen"] else "",
                row["sentence"],
            )
        self.console.print(table)
        if len(ranked) > 8:
            self._say(f"... and {len(ranked) - 8} more candidates.")

    def _title(self, sku: str) -> str:
        title: str = self.sold.products[sku]["title"]
        return title

    def _name(self, location_id: str) -> str:
        return f"{self.sold.locations[location_id]['name']} ({location_id})"

    def _local(self, location_id: str, instant: str | None) -> str:
        """An instant in the time zone of the location."""
        if instant is None:
            return "no pickup"
        zone = ZoneInfo(self.sold.locations[location_id]["time_zone"])
        return f"{datetime.fromisoformat(instant).astimezone(zone):%a %H:%M}"

    def _chapter(self, title: str) -> None:
        self.console.print()
        self.console.print(Rule(f"[b]{title}", align="left"))

    def _say(self, text: str) -> None:
        self.console.print(text)


def sum_up(summary: dict[str, Any], target: Target, console: Console) -> None:
    checked = summary["laws"]
    table = Table.grid(padding=(0, 2))
    for label, value in (
        ("orders placed", f"{summary['orders']}  ({_counts(summary['sales'])})"),
        ("refused", str(summary["refused"])),
        ("split orders, parcels", f"{summary['split']}, {summary['parcels']}"),
        ("shipping", f"{summary['km']:,.0f} km, {summary['kg_co2e']:.1f} kg CO2e"),
        ("fulfillments", _counts(summary["fulfillments"])),
        ("availability behind stock", f"{summary['staleness_seconds']:.1f} s"),
        (
            "laws",
            f"[green]hold[/green] over {checked['positions']:,} positions, "
            f"{checked['orders']} orders"
            if not checked["broken"]
            else f"[red]BROKEN[/red]: {checked['broken'][:5]}",
        ),
    ):
        table.add_row(label, value)
    console.print()
    console.print(Panel(table, title="What happened", title_align="left", expand=False))
    console.print(f"\nThe cloud is still running: {target.api_url}\n")
    console.print(
        '  curl -H "authorization: Bearer $(.venv/bin/norain token web)" \\\n'
        f'    "{target.api_url}/v1/availability?sku={summary["sku"]}&channel=web"\n',
        soft_wrap=True,
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
