"""Who chooses the nodes of an order: rules as vendors ship them, and the project's own router.

The router's part is ``shared.routing``: its exact solver, its opportunity cost. Only the season's
arrays are put into its values here.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from shared.routing.model.decision import Expected, FutureOrders, Problem, RoutingLine
from shared.routing.model.future_orders import SHARED_PARCEL, SkuEconomics, future_orders
from shared.routing.model.future_orders import ShippingNetwork as Sending
from shared.routing.model.instance import Instance
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.model.price import NO_FUTURE_ORDERS, SCALE, ShelfState, opportunity_cost
from shared.routing.model.solve import solve
from tests.bench.routing.season import Floats, Ints, Network, Offer, Order

START = datetime(2026, 1, 1, tzinfo=UTC)
UNIT = 100 * SCALE  # the router's amounts are thousandths of a cent
WEEK = 7


class Rule:
    """Nothing to prepare, nothing to learn."""

    def start(self, network: Network) -> None:
        self._network = network

    def day(self, at: float, stock: Ints) -> None:
        pass

    def sold(self, product: int, node: int) -> None:
        pass


class Nearest(Rule):
    """The whole order from the nearest node that has all of it, else each line from its nearest."""

    def decide(self, at: float, offer: Offer) -> list[int]:
        km, can = self._network.km[offer.order.region], np.isfinite(offer.whole)
        if can.all(0).any():
            return [int(np.where(can.all(0), km, np.inf).argmin())] * len(can)
        return [int(np.where(row, km, np.inf).argmin()) if row.any() else -1 for row in can]


class FewestParcels(Rule):
    """As order management systems do by default: fewest splits, then warehouses, then nearest."""

    def decide(self, at: float, offer: Offer) -> list[int]:
        can = np.isfinite(offer.whole)
        order = self._network.km[offer.order.region] + np.where(self._network.warehouse, 0, 1e5)
        plan = [-1] * len(can)
        left = list(range(len(can)))
        while left:
            covered = can[left].sum(0)
            if not covered.any():
                break
            node = int(np.where(covered == covered.max(), order, np.inf).argmin())
            for i in left:
                if can[i, node]:
                    plan[i] = node
            left = [i for i in left if plan[i] < 0]
        return plan


class Cheapest(Rule):
    """The cheapest plan of this order, whatever comes after it: exact, but short-sighted."""

    def price(self, at: float, offer: Offer) -> Floats:
        """Lines x nodes: EUR per unit for taking it, on top of what sending it costs."""
        return np.zeros(offer.whole.shape)

    def decide(self, at: float, offer: Offer) -> list[int]:
        units = offer.order.units
        charged = offer.whole + self.price(at, offer) * units[:, None]
        nodes = np.flatnonzero(np.isfinite(offer.whole).any(0))
        plan = [-1] * len(units)
        solution = solve(_instance(units, offer, charged[:, nodes], nodes))
        for n, taken in solution.take.items():
            for i in taken:
                plan[i] = int(nodes[n])
        return plan


def _instance(units: Ints, offer: Offer, charged: Floats, nodes: Ints) -> Instance:
    """A whole line is one unit of a demand."""
    amounts = np.where(np.isfinite(charged), charged * UNIT, -1).round().astype(int)
    possible = np.isfinite(charged)
    return Instance(
        quantity=(1,) * len(units),
        splittable=(False,) * len(units),
        unfilled=tuple((offer.lost * UNIT).round().astype(int).tolist()),
        packages=len(units),
        opening=tuple((offer.parcel[nodes] * UNIT).round().astype(int).tolist()),
        offers=tuple(
            tuple((i, amount, 1) for i, amount in enumerate(column) if able[i])
            for column, able in zip(amounts.T.tolist(), possible.T.tolist(), strict=True)
        ),
    )


class Newsvendor(Cheapest):
    """With the opportunity cost of ``shared.routing.price`` as it is without any knowledge of the
    orders to come: the newsvendor price, on the walk-in rates it is told."""

    def start(self, network: Network) -> None:
        super().start(network)
        self._rates = network.walk_in / network.days
        self._ends = START + timedelta(days=network.days)

    def price(self, at: float, offer: Offer) -> Floats:
        moment = _moment(at)
        prices = np.zeros(offer.whole.shape)
        for i, (product, units) in enumerate(zip(*_lines(offer.order), strict=True)):
            for node in np.flatnonzero(np.isfinite(offer.whole[i])).tolist():
                line = self._line(product, units, float(self._network.salvage[product, node]))
                shelf = self.shelf(product, node, int(offer.stock[i, node]))
                prices[i, node] = _mean_opportunity(moment, line, shelf) / UNIT
        return prices

    def shelf(self, product: int, node: int, stock: int) -> ShelfState:
        return ShelfState(stock, float(self._rates[product, node]), NO_FUTURE_ORDERS)

    def _line(self, product: int, units: int, salvage: float) -> RoutingLine:
        return RoutingLine(
            line_id="",
            sku="",
            quantity=units,
            kg=0.0,
            price=0,
            margin=round(100 * float(self._network.walk_in_margin[product])),
            salvage=round(100 * salvage),
            season_ends_at=self._ends,
        )


class Router(Newsvendor):
    """The router as it ships: deliveries that are announced, and once a week the job of
    ``shared.routing.model.future_orders``. Forecasts are taken as they are given."""

    def start(self, network: Network) -> None:
        super().start(network)
        self._sending = _sending(network)
        self._salvage = (100 * network.salvage).round().astype(int).tolist()
        self._expected = _expected(network.deliveries)
        self._online = network.online / network.days
        self._pulls: list[dict[int, FutureOrders]] = [{} for _ in network.online]
        self._lines = self._lone_lines = 0
        self._day = 0.0

    def day(self, at: float, stock: Ints) -> None:
        super().day(at, stock)
        self._day = at
        if at % WEEK == 0:
            self._pulls = [self._pulled(product, row) for product, row in enumerate(stock)]

    def decide(self, at: float, offer: Offer) -> list[int]:
        lines = len(offer.order.products)
        self._lines += lines
        self._lone_lines += lines == 1
        return super().decide(at, offer)

    def shelf(self, product: int, node: int, stock: int) -> ShelfState:
        pull = self._pulls[product].get(node, NO_FUTURE_ORDERS)
        return ShelfState(
            stock, float(self._rates[product, node]), pull, self._expected.get((product, node), ())
        )

    def _pulled(self, product: int, stock: Ints) -> dict[int, FutureOrders]:
        network = self._network
        places = [*range(len(stock))]
        shelves = {node: self.shelf(product, node, int(stock[node])) for node in places}
        goods = SkuEconomics(
            kg=float(network.kg[product]),
            margin=round(100 * float(network.walk_in_margin[product])),
            salvage=self._salvage[product],
            unserved=100 * float(network.online_margin[product]),
        )
        return future_orders(
            self._sending,
            goods,
            shelves,
            self._online[product].tolist(),
            alone=(self._lone_lines + 1) / (self._lines + 2),
            days=network.days - self._day,
            now=_moment(self._day).now.timestamp(),
        )


def _mean_opportunity(moment: Problem, line: RoutingLine, shelf: ShelfState) -> float:
    """Per unit of a line that comes whole from one node."""
    units = line.quantity
    return sum(opportunity_cost(moment, line, shelf, taken) for taken in range(units)) / units


def _lines(order: Order) -> tuple[list[int], list[int]]:
    return order.products.tolist(), order.units.tolist()


def _moment(at: float) -> Problem:
    return Problem((), (), DEFAULT_POLICY, START + timedelta(days=at))


def _sending(network: Network) -> Sending:
    share = np.where(network.warehouse, SHARED_PARCEL, 1.0)
    return Sending(
        alone=(100 * network.parcel).tolist(),
        together=(100 * share * network.parcel).tolist(),
        kg=(100 * network.per_kg).tolist(),
        unit=(100 * network.pick).tolist(),
    )


def _expected(
    deliveries: tuple[tuple[float, Ints], ...],
) -> dict[tuple[int, int], tuple[Expected, ...]]:
    found: dict[tuple[int, int], tuple[Expected, ...]] = {}
    for day, come in deliveries[1:]:
        second = int((START + timedelta(days=day)).timestamp())
        for product, node in zip(*np.nonzero(come), strict=True):
            place = int(product), int(node)
            found[place] = (*found.get(place, ()), Expected(second, int(come[product, node])))
    return found


class Learning:
    """Rates as told, corrected by what is seen: empirical Bayes, gamma-Poisson.

    All demand by one factor; then each product, and each product at each store, by its own, as far
    as it can be told from chance: with e expected and x seen, the variance of the factors is
    estimated as phi = sum((x - e)^2 - e) / sum(e^2), and a factor is (1/phi + x) / (1/phi + e).
    A store only teaches while it has stock.
    """

    def start(self, network: Network) -> None:
        self._network = network
        self._ordered = np.zeros(network.online.shape[0])
        self._sold = np.zeros(network.walk_in.shape)
        self._expected = np.zeros(network.walk_in.shape)
        self._last = (0.0, np.zeros(network.walk_in.shape, bool))
        self.online, self.walk_in = network.online, network.walk_in

    def sold(self, product: int, node: int) -> None:
        self._sold[product, node] += 1

    def ordered(self, products: Ints, units: Ints) -> None:
        self._ordered[products] += units

    def learn(self, at: float, stock: Ints) -> None:
        """Sets ``online`` and ``walk_in``: expected units of a whole season."""
        network, days = self._network, self._network.days
        before, had = self._last
        exposed = (had.astype(float) + (stock > 0)) / 2 * (at - before) / days
        self._expected += exposed * network.walk_in
        self._last = (at, stock > 0)
        if at == 0:
            return
        online = factors(self._ordered, network.online.sum(1) * at / days)
        product = factors(self._sold.sum(1), self._expected.sum(1))[:, None]
        store = factors(self._sold, self._expected * product)
        self.online, self.walk_in = (
            network.online * online[:, None],
            network.walk_in * product * store,
        )


def factors(seen: Floats, expected: Floats) -> Floats:
    common = float(seen.sum() / max(expected.sum(), 1e-9))
    expected = common * expected
    spread = ((seen - expected) ** 2 - expected).sum() / max((expected**2).sum(), 1e-9)
    if spread <= 1e-6:
        return np.full(expected.shape, common)
    trust = 1 / spread
    learnt: Floats = common * (trust + seen) / (trust + expected)
    return learnt


class LearningRouter(Router):
    """The same, and each week its rates are learnt anew from what was sold, as packs learn theirs
    (shared/availability/sales.py)."""

    def start(self, network: Network) -> None:
        super().start(network)
        self._learning = Learning()
        self._learning.start(network)

    def sold(self, product: int, node: int) -> None:
        self._learning.sold(product, node)

    def day(self, at: float, stock: Ints) -> None:
        if at % WEEK == 0:
            self._learning.learn(at, stock)
            self._rates = self._learning.walk_in / self._network.days
            self._online = self._learning.online / self._network.days
        super().day(at, stock)

    def decide(self, at: float, offer: Offer) -> list[int]:
        self._learning.ordered(offer.order.products, offer.order.units)
        return super().decide(at, offer)
