"""What may happen to orders after they were placed: changes, money, pauses, substitutes, claims,
returns, and transfers to the store where the shopper collects them. Every rule is one step."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.errors import Conflict
from shared.orders import backorders, changing, model, pausing, sending
from shared.orders import store as orders
from shared.orders.model import Claim, Line, Order, Report, transfers
from shared.orders.model.revising import LineRevision, Move, Revision, revise
from shared.orders.model.substituting import Substitute, agree, refuse, substitute
from shared.orders.model.transfers import Transfer, TransferLine
from shared.orders.store import transfers as stored_transfers
from tests.support import shop
from tests.support.laws.laws import PLACES, SKUS, STORES
from tests.support.laws.returns import Returns

FOLLOWS = "functions.orders.project_fulfillments.handler"
KEEPS = "functions.orders.keep_promises.handler"
SWEEPS = "functions.orders.sweep.handler"
BOULDER = model.DeliveryPlace("80302", "US", 40.015, -105.2705)
OUTCOMES = ("sellable", "damaged", "refurbish", "missing")
CHANGES = ("quantity", "add", "address", "service", "method", "price", "move", "split", "date")

any_of = st.integers(0, 999)


def waiting_for(order: Order, sent: list[Transfer]) -> Order:
    """The order as it claimed all units of the transfers ``sent`` for it. The stream shows every
    version of an order; one of them claimed each transfer."""
    lines = tuple(
        replace(
            order.lines[0],
            sku=units.sku,
            claims=(
                Claim(
                    transfer.to_location_id,
                    transfer.transfer_id,
                    units.quantity,
                    transfer.expected_at,
                    transfer.from_location_id,
                ),
            ),
        )
        for transfer in sent
        for units in transfer.lines
    )
    return replace(order, lines=lines)


class OrderRules(Returns):
    def everything_comes_to_rest(self) -> None:
        """No transfer keeps units for an order that does not wait for them any more."""
        self.weather.index_catches_up()
        for _ in range(2):
            self.orders_follow()
            for place in PLACES:
                backorders.review_supplies(*place, self.now)
        claimed: Counter[tuple[str, str]] = Counter()
        for order in shop.all_orders():
            self.events.update(entry.event for entry in order.history)
            for line in order.lines:
                for claim in line.claims:
                    claimed[line.sku, claim.reference] += claim.quantity
        for transfer in self.transfers():
            if transfer.order_id is not None and transfer.state == "requested":
                for sent in transfer.lines:
                    units = claimed[sent.sku, transfer.transfer_id]
                    assert sent.open == units, f"{transfer.transfer_id} sends to nobody: {sent}"
        self.laws_hold()

    @staticmethod
    def transfers() -> list[Transfer]:
        rows = (row for row in shop.items("orders") if row["sk"] == "TRANSFER")
        return sorted(map(stored_transfers.transfer_of_item, rows), key=lambda one: one.transfer_id)

    # Changes

    @precondition(lambda self: self.placed)
    @rule(
        which=any_of,
        what=st.sampled_from(CHANGES),
        units=st.integers(0, 4),
        store=st.sampled_from(STORES),
    )
    def change_order(self, which: int, what: str, units: int, store: str) -> None:
        """What the shopper or an agent asks for; done as a whole or refused."""
        name, now = self.name(), self.now

        def decide(order: Order) -> Any:
            line = order.lines[which % len(order.lines)]
            return revise(order, self.revision(order, line, what, units, store, name), now, "agent")

        self.changed(which, decide, takes=True)

    def revision(
        self, order: Order, line: Line, what: str, units: int, store: str, name: str
    ) -> Revision:
        asked, line_id = Revision("asked"), line.line_id
        match what:
            case "quantity":
                return replace(asked, lines=(LineRevision(line_id, quantity=units),))
            case "price":
                return replace(asked, lines=(LineRevision(line_id, unit_price=400 * units),))
            case "method":
                revised = (
                    LineRevision(line_id, method="pickup", location_id=store, ship_to_store=True)
                    if units % 2
                    else LineRevision(line_id, method="ship")
                )
                return replace(asked, lines=(revised,))
            case "add":
                added = Line(name, SKUS[units % 2], 1 + units % 2, 700, "USD", "ship", 0)
                return replace(asked, added=(added,))
            case "address":
                return replace(asked, ship_to=BOULDER if units % 2 else shop.SHIP_TO)
            case "service":
                level: Any = "express" if units % 2 else "standard"
                return replace(asked, service_level=level, shipping=100 * units)
            case "date":
                return replace(asked, wanted_at=self.now + timedelta(days=1 + 3 * units))
        part = self.part(order, units)
        place = store if what == "move" else None
        held = order.fulfillment(part).lines
        some = {held[0].line_id: 1} if held and units % 2 else None
        return replace(asked, moves=(Move(part, place, some),))

    @precondition(lambda self: self.placed)
    @rule(
        which=any_of,
        kind=st.sampled_from(
            ["captured", "captured", "refunded", "authorized", "voided", "declined", "expired"]
        ),
        amount=st.sampled_from([None, None, 500, 1000, 3000]),
    )
    def pay(self, which: int, kind: Any, amount: int | None) -> None:
        reported = Report(kind, amount=amount)
        self.changed(which, lambda order: model.report(order, reported, self.now, "psp"))

    # Pauses

    @precondition(lambda self: self.placed)
    @rule(which=any_of, kind=st.sampled_from(["fraud", "manual", "until"]), hours=any_of)
    def pause(self, which: int, kind: Any, hours: int) -> None:
        until = self.now + timedelta(hours=1 + hours % 48)
        added = model.new_pause(self.name(), kind, "looked at", "risk team", self.now, until)
        self.changed(which, lambda order: model.pause(order, added, self.now, "agent"))

    @precondition(lambda self: self.placed)
    @rule(which=any_of, cancels=st.integers(0, 3))
    def end_pause(self, which: int, cancels: int) -> None:
        now = self.now

        def decide(order: Order) -> Any:
            if not order.pauses:
                raise Conflict("the order is not paused")
            name = order.pauses[which % len(order.pauses)].pause_id
            if cancels == 0:
                return model.end_with_cancel(order, name, "fraud", now, "agent")
            return pausing.release(order, name, now, "agent")

        self.changed(which, decide)

    # Substitutes

    @precondition(lambda self: self.placed)
    @rule(
        which=any_of,
        reason=st.sampled_from(["not_found", "damaged", "no_capacity"]),
        price=st.sampled_from([None, None, 300]),
    )
    def substitute(self, which: int, reason: Any, price: int | None) -> None:
        now = self.now

        def decide(order: Order) -> Any:
            name = self.part(order, which)
            for held in order.fulfillment(name).lines:
                line = order.line(held.line_id)
                if line.substitution != "none":
                    other = SKUS[1 - SKUS.index(line.sku)]
                    wish = Substitute(line.line_id, 1, other, reason, price)
                    rows = [model.Rejection(line.line_id, 1, reason)]
                    shelf = changing.believed_available(order, name, rows)
                    return substitute(order, name, wish, shelf, now, "store")
            raise Conflict("the shopper wants no substitute")

        self.changed(which, decide, takes=True)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, answer=st.sampled_from(["yes", "no", "neither"]))
    def consent(self, which: int, answer: str) -> None:
        now = self.now

        def decide(order: Order) -> Any:
            asked = [line.line_id for line in order.lines if line.consent_by is not None]
            if not asked:
                raise Conflict("no substitute waits for an answer")
            if answer == "yes":
                return agree(order, asked[0], now, "web")
            return refuse(order, asked[0], now, "web", reroute=answer == "no")

        self.changed(which, decide)

    # Parcels under way

    @precondition(lambda self: self.placed)
    @rule(
        which=any_of,
        status=st.sampled_from(["in_transit", "delivered", "lost", "lost", "returned_to_sender"]),
        late=st.integers(0, 240),
    )
    def a_carrier_reports(self, which: int, status: Any, late: int) -> None:
        at = self.now - timedelta(minutes=late)

        def decide(order: Order) -> model.OrderChange:
            parts = order.fulfillments
            name = parts[which % len(parts)].fulfillment_id if parts else ""
            change = model.follow_parcel(order, name, status, at, self.now, "carrier")
            if change is None:
                raise Conflict("the report changes nothing")
            return change

        under_way = self.among(
            which, lambda order: any(part.state == "shipped" for part in order.fulfillments)
        )
        self.changed(under_way, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, resolution=st.sampled_from(["receive", "resend", "refund", "found"]))
    def end_a_claim(self, which: int, resolution: Any) -> None:
        def decide(order: Order) -> model.OrderChange:
            claims = [part for part in order.fulfillments if part.claimed]
            if not claims:
                raise Conflict("there is no claim")
            name = claims[which % len(claims)].fulfillment_id
            if resolution == "receive":
                return model.receive_parcel(order, name, None, self.now, "store")
            return model.resolve_claim(order, name, resolution, self.now, "agent")

        claimed = self.among(which, lambda order: any(part.claimed for part in order.fulfillments))
        self.changed(claimed, decide)

    # Transfers and streams

    @rule(sku=st.sampled_from(SKUS), donor=st.integers(0, 1), units=st.integers(1, 4))
    def request_transfer(self, sku: str, donor: int, units: int) -> None:
        """Between the stores, for no order."""
        name = f"t-{self.name()}"
        lines = (TransferLine(sku, units, units),)
        expected_at = self.now + timedelta(hours=5)
        draft = Transfer(name, STORES[donor], STORES[1 - donor], lines, self.now, expected_at)
        asked = transfers.request(draft, self.now, "web")
        self.by_order = self.mine = True
        once = partial(
            stored_transfers.request_once,
            asked,
            self.now,
            shop.request(name),
            lambda one: one.state,
        )
        self.done(once)

    @rule(
        which=any_of,
        step=st.sampled_from(["ship", "ship", "receive", "receive", "some", "none", "cancel"]),
    )
    def carry_on_a_transfer(self, which: int, step: str) -> None:
        found = self.transfers()
        if not found:
            return
        now, name, key = self.now, found[which % len(found)].transfer_id, self.name()

        def decide(transfer: Transfer) -> Any:
            match step:
                case "ship":
                    return transfers.ship(transfer, now, "store")
                case "cancel":
                    return transfers.cancel(transfer, "no units", now, "store")
                case "receive":
                    return transfers.receive(transfer, None, now, "store")
            units = {line.sku: min(1, line.open) for line in transfer.lines}
            units = units if step == "some" else {}
            return transfers.receive(transfer, units, now, "store", final=step == "none")

        def change() -> Any:
            return stored_transfers.change(
                name, decide, now, request=shop.request(key), answer=lambda one: one.state
            )

        self.by_order = True
        if (first := self.done(change)) is not None:
            self.acted.append((change, first))

    @rule()
    def orders_follow(self) -> None:
        """The worker of the stream reads the latest versions of orders and transfers."""
        self.by_order = True
        for transfer in self.transfers():
            self.follows(partial(stored_transfers.index_unshipped, transfer))
            self.follows(partial(stored_transfers.announce_supply, transfer, self.now))
        sent = [transfer for transfer in self.transfers() if transfer.order_id is not None]
        for order in shop.all_orders():
            own = [transfer for transfer in sent if transfer.order_id == order.order_id]
            self.follows(partial(orders.project_pick_rows, order, None))
            self.follows(
                partial(sending.release_unclaimed, order, waiting_for(order, own), self.now)
            )

    def follows(self, act: Callable[[], Any]) -> None:
        self.done(act, FOLLOWS)

    @rule(place=st.sampled_from(PLACES))
    def promises_are_kept(self, place: tuple[str, str]) -> None:
        """Supply that has arrived goes to whom it was promised; what does not come is broken."""
        self.by_order = True
        self.done(partial(backorders.review_supplies, *place, self.now), KEEPS)

    def deadlines_pass(self, now: datetime) -> None:
        self.by_order = True
        with self.weather.role(SWEEPS):
            due = list(orders.overdue_orders(now, 5))
            late = list(orders.overdue_transfers(now, 5))
        for order_id in due:
            self.done(partial(backorders.act_on_deadlines, order_id, now), SWEEPS)
        for transfer_id in late:
            act = partial(transfers.act_on_deadline, now=now)
            self.done(partial(stored_transfers.change, transfer_id, act, now), SWEEPS)
