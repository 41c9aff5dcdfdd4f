"""Bob's gold price at the till as on the web, his gift card and points, the receipt, and the return
that gives back exactly each tender: every line is made from an answer of the API."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from infra.local.promotions import book, coupon_codes
from infra.local.retailer import CURRENCY, Retailer
from infra.local.steps import Step
from infra.local.story import BOB
from infra.local.target import Target, answer, channel

PROGRAMME = {
    "currency": CURRENCY,
    "time_zone": "America/New_York",
    "earn_rate": 100,
    "point_value": 10_000,
    "burn_share": 5_000,
    "return_window_days": 0,
    "expiry_months": 12,
    "tier_period": "rolling",
    "tiers": [
        {"name": "silver", "threshold": 5_000, "multiplier": 12_500},
        {"name": "gold", "threshold": 20_000, "multiplier": 15_000},
    ],
}
GOLD_SPEND = 22_000
GIFT = 500
POINTS = 150
IN_CART = 4
STREAM_SECONDS = 60
Body = dict[str, Any]


def publish(target: Target, step: Step) -> None:
    """Publish the promotions and the programme, and store the codes of the coupons."""
    document = book()
    with channel(target, "ops") as ops:
        answer(ops.put("/v1/promotions/draft", json=document))
        answer(ops.post("/v1/promotions/draft/publish"))
        day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        answer(ops.put("/v1/loyalty/programme/draft", json={**PROGRAMME, "starts_on": day}))
        answer(ops.post("/v1/loyalty/programme/draft/publish"))
        for promotion_id, code in coupon_codes(document).items():
            answer(
                ops.post(
                    f"/v1/promotions/{promotion_id}/codes",
                    json={"code": code},
                    headers={"Idempotency-Key": f"demo-{promotion_id}"},
                )
            )
            step.advance()


def tell(target: Target, sold: Retailer, console: Console) -> None:
    """Tell the chapter on ``console``."""
    with (
        channel(target, "web") as web,
        channel(target, "pos") as pos,
        channel(target, "associate") as associate,
    ):
        _Chapter(target, sold, console, web, pos, associate).tell()


@dataclass
class _Chapter:
    """One HTTP client per channel that acts in the chapter."""

    target: Target
    sold: Retailer
    console: Console
    web: httpx.Client
    pos: httpx.Client
    associate: httpx.Client

    def tell(self) -> None:
        self.console.print()
        self.console.print(Rule("[b]One price, one gift card, one balance", align="left"))
        bob = answer(self.web.post("/v1/customers/resolve", json=BOB))["profile_id"]
        self._become_gold(bob)
        store, skus = self._cart()
        coupon = self._coupon(skus)
        web, till, _ = self._same_price(bob, store, skus, coupon)
        order, card = self._at_the_till(bob, store, till)
        assert order["totals"]["total"]["amount"] == web["totals"]["total"], "not as on the web"
        self._receipt(till, order)
        self._bring_back(order, store, card, bob)

    def _become_gold(self, bob: str) -> None:
        """Bob's purchases of this autumn: they make him a gold member, once."""
        wallet = self._wallet(bob)
        if wallet["tier"]["name"] != "gold":
            self._buy_for(bob, GOLD_SPEND)
            wallet = self._matured(bob)
        points, tier = wallet["points"], wallet["tier"]
        self._say(
            f"Bob's purchases have made him a [yellow]{tier['name']}[/yellow] member with "
            f"[b]{points['available']}[/b] points, worth {_money(points['worth'])}."
        )

    def _buy_for(self, bob: str, amount: int) -> None:
        """An order of at least ``amount``, shipped from wherever the router finds the units."""
        lines: list[Body] = []
        total = 0
        dearest = sorted(self.sold.products, key=lambda sku: -self._price(sku))
        for sku in dearest:
            if total >= amount or self._sellable(sku) < 10:
                continue
            lines.append({"line_id": str(len(lines) + 1), "sku": sku, "quantity": 5})
            total += 5 * self._price(sku)
            if len(lines) == 40 or total >= amount:
                break
        home = self.sold.baskets[0].home
        order = answer(
            self.web.post(
                "/v1/orders",
                json={
                    "channel": "web",
                    "customer": {"profile_id": bob},
                    "payment": {"status": "paid", "reference": "card"},
                    "ship_to": {"postal_code": home.postal_code, "country": "US"},
                    "lines": [
                        {**line, "method": "ship", "unit_price": self._unit_price(line["sku"])}
                        for line in lines
                    ],
                },
            )
        )
        for part in order["fulfillments"]:
            path = f"/v1/fulfillments/{part['fulfillment_id']}"
            parcel = {"carrier": "UPS", "tracking": f"1Z{part['fulfillment_id']}"}
            answer(self.associate.post(f"{path}/accept", json={}))
            answer(self.associate.post(f"{path}/ship", json=parcel))

    def _matured(self, bob: str) -> Body:
        """The wallet once the points of the purchases are available; the sweep, which comes every
        15 minutes, is run at once."""
        started = time.monotonic()
        while True:
            self.target.invoke(self.target.loyalty_sweep_function, {})
            wallet = self._wallet(bob)
            if wallet["tier"]["name"] == "gold" and wallet["points"]["available"] >= POINTS:
                return wallet
            if time.monotonic() - started > STREAM_SECONDS:
                raise TimeoutError(f"no points within {STREAM_SECONDS} s: {wallet}")
            time.sleep(1)

    def _cart(self) -> tuple[str, list[str]]:
        """A store, and products of weekly offers and coupons that it has."""
        offered = [
            sku
            for promotion in book()["promotions"]
            for effect in promotion["does"]
            for sku in effect.get("products", {}).get("skus", ())
            if promotion["promotion_id"].startswith("weekly-")
        ]
        for store in self.sold.stocked:
            skus = [sku for sku in offered if self._has(sku, store)][:IN_CART]
            if len(skus) == IN_CART:
                return store, skus
        raise RuntimeError("no store has the products of four weekly offers")

    def _has(self, sku: str, store: str) -> bool:
        if self.sold.stock.get((store, sku), 0) < 2:
            return False
        query = {"sku": sku, "channel": "pos", "location_id": store}
        item = answer(self.pos.get("/v1/availability", params=query))["items"][0]
        rows = {row["location_id"]: row["sellable"] for row in item.get("locations", ())}
        return bool(rows.get(store, 0) >= 2)

    def _coupon(self, skus: list[str]) -> str | None:
        """The code of the coupon that takes most off one of these products."""
        fitting = [
            (promotion["does"][0]["amount"], promotion["promotion_id"])
            for promotion in book()["promotions"]
            if promotion.get("code") == "required"
            and not set(skus).isdisjoint(promotion["does"][0]["products"]["skus"])
        ]
        return max(fitting)[1].removeprefix("coupon-") if fitting else None

    def _same_price(
        self, bob: str, store: str, skus: list[str], coupon: str | None
    ) -> tuple[Body, Body, Body]:
        """The quote of the cart on the web, at the till, and for somebody whom nobody knows."""
        cart: Body = {
            "location_id": store,
            "lines": [
                {"line_id": str(number), "sku": sku, "quantity": 2}
                for number, sku in enumerate(skus, 1)
            ],
            "ship_to": {"country": "US"},
            "method": "pickup",
        }
        his = {
            "customer": {"profile_id": bob},
            "codes": [coupon] if coupon else [],
            "points": POINTS,
        }
        web = answer(self.web.post("/v1/prices/quote", json={**cart, **his, "channel": "web"}))
        till = answer(self.pos.post("/v1/prices/quote", json={**cart, **his, "channel": "pos"}))
        stranger = answer(self.web.post("/v1/prices/quote", json={**cart, "channel": "web"}))
        if _content(web) != _content(till):
            raise RuntimeError("the till has another price than the web")
        table = Table("cart of", "list", "promotions", "points", "tax", "total")
        for who, quote in (("Bob, web", web), ("Bob, till", till), ("anybody", stranger)):
            totals, points = quote["totals"], quote.get("points", {}).get("amount", 0)
            table.add_row(
                who,
                _cents(totals["list_total"]),
                _cents(points - totals["discounts"]),
                _cents(-points),
                _cents(totals["tax"]),
                f"[b]{_cents(totals['total'])}",
            )
        self.console.print(table)
        self._say(f"Web and till agree byte for byte; both used the book {web['book']}.")
        missed = [row for row in stranger["not_taken"] if row["reason"] == "people"]
        if missed:
            self._say(f"Anybody is told what is missed: {missed[0]['title']} is for members.")
        return web, till, stranger

    def _at_the_till(self, bob: str, store: str, quote: Body) -> tuple[Body, Body]:
        """The order, paid with a gift card and a bank card, and the gift card."""
        amount = {"amount": GIFT, "currency": CURRENCY}
        issued = answer(
            self.associate.post("/v1/cards", json={"amount": amount, "kind": "gift_card"})
        )
        card = {"code": issued["code"], "subject": "till-1"}
        order = answer(
            self.pos.post(
                "/v1/orders",
                json={
                    "channel": "pos",
                    "customer": {"profile_id": bob},
                    "quote_token": quote["quote_token"],
                    "payments": [
                        {"status": "paid", "tender": "gift_card", "card": card},
                        {"status": "paid", "tender": "card", "reference": "terminal-1"},
                    ],
                    "lines": [
                        {
                            "line_id": line["line_id"],
                            "sku": line["sku"],
                            "quantity": line["quantity"],
                            "method": "pickup",
                            "location_id": store,
                        }
                        for line in quote["lines"]
                    ],
                },
            )
        )
        for part in order["fulfillments"]:
            for action in ("accept", "ready", "collect"):
                path = f"/v1/fulfillments/{part['fulfillment_id']}/{action}"
                answer(self.associate.post(path, json={}))
        return answer(self.pos.get(f"/v1/orders/{order['order_id']}")), issued

    def _receipt(self, quote: Body, order: Body) -> None:
        titles = {row["promotion_id"]: row["title"] for row in quote["discounts"]}
        table = Table("", "", title=f"Receipt {order['order_id']}", show_header=False, width=72)
        table.columns[1].justify = "right"
        for line in order["lines"]:
            title = self.sold.products[line["sku"]]["title"]
            listed = line["quantity"] * line["unit_price"]["amount"]
            table.add_row(f"{line['quantity']} x {title}", _cents(listed))
            for row in line.get("discounts", ()):
                named = titles.get(row["promotion_id"], row["promotion_id"])
                table.add_row(f"    [green]{named}", f"[green]{_cents(-row['amount']['amount'])}")
        totals = order["totals"]
        table.add_section()
        table.add_row("tax", _money(totals["tax"]))
        table.add_row("[b]total", f"[b]{_money(totals['total'])}")
        table.add_section()
        for payment in order["payments"]:
            suffix = f" ending in {payment['card_suffix']}" if payment.get("card_suffix") else ""
            table.add_row(f"{payment['tender']}{suffix}", _money(payment["captured"]))
        points = order["points"]
        table.add_row("points that paid (a discount above)", str(points["points"]))
        self.console.print(table)

    def _bring_back(self, order: Body, store: str, card: Body, bob: str) -> None:
        """Bob brings back one line at another store, then the rest."""
        other = next(name for name in self.sold.stocked if name != store)
        first, *rest = order["lines"]
        before = self._wallet(bob)["points"]
        table = Table("comes back", *(one["tender"] for one in order["payments"]), "points", "sum")
        for lines in ([first], rest):
            order = answer(
                self.pos.post(
                    f"/v1/orders/{order['order_id']}/returns",
                    json={
                        "location_id": other,
                        "lines": [
                            {
                                "line_id": line["line_id"],
                                "quantity": line["quantity"],
                                "condition": "sellable",
                                "reason": "changed my mind",
                            }
                            for line in lines
                        ],
                    },
                )
            )
            due = [
                payment["refund_due"]["amount"] + payment["refunded"]["amount"]
                for payment in order["payments"]
            ]
            points = order["points"]["returned"]
            table.add_row(
                f"{len(lines)} of {len(order['lines'])} lines",
                *map(_cents, due),
                str(points),
                _cents(sum(due)),
            )
        self.console.print(table)
        paid = [payment["captured"]["amount"] for payment in order["payments"]]
        balance = answer(
            self.associate.post("/v1/cards/lookup", json={"code": card["code"], "subject": "till"})
        )["balance"]
        after = self._wallet(bob)["points"]
        if due != paid or balance != GIFT or points != POINTS:
            raise RuntimeError(f"not everything is back: {due} of {paid}, {balance}, {points}")
        self._say(
            f"Everything is back to the cent: {_cents(balance)} on the gift card, the rest to the "
            f"bank card, and {points} points ({before['available']} → {after['available']}); what "
            "the purchase had earned is taken back."
        )

    def _wallet(self, bob: str) -> Body:
        wallet: Body = answer(self.web.get(f"/v1/customers/{bob}/wallet"))
        return wallet

    def _sellable(self, sku: str) -> int:
        query = {"sku": sku, "channel": "web"}
        sellable: int = answer(self.web.get("/v1/availability", params=query))["items"][0][
            "sellable"
        ]
        return sellable

    def _price(self, sku: str) -> int:
        amount: int = self._unit_price(sku)["amount"]
        return amount

    def _unit_price(self, sku: str) -> Body:
        price: Body = self.sold.products[sku]["price"]
        return price

    def _say(self, text: str) -> None:
        self.console.print(text)


def _content(quote: Body) -> str:
    return json.dumps({name: quote[name] for name in ("lines", "shipping", "discounts", "totals")})


def _cents(amount: int) -> str:
    return f"{amount / 100:,.2f}" if amount else "-"


def _money(money: Body) -> str:
    return _cents(money["amount"])
