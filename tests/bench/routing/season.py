"""A season of a retailer, ``uc-routing-season/1``: a seeded world, and what a policy makes of it.

Nodes (warehouses first, then stores around the regions' centres), products with uneven demand,
online orders of 1 to 4 lines out of regions, and walk-in customers who take a unit off the store's
shelf if there is one. Stock is limited, and comes at day 0 or in equal waves.

    cost = shipping, handling, lateness, carbon + lost online margin + lost walk-in margin
           + the salvage value of the units that are gone

Money is EUR, mass kg, time days, distance km. Arrays: S products, N nodes, R regions. Everything
is a pure function of the parameters; the random numbers are drawn in the order of the seasons whose
figures were published first, so those can be compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ZONES_KM = np.array([50, 150, 300, 600, 1000, 1e9])
EUR_PER_PARCEL = np.array([4.2, 4.7, 5.3, 6.1, 7.0, 8.4])
EUR_PER_KG = np.array([0.25, 0.30, 0.38, 0.48, 0.60, 0.75])
DAYS_TO_ARRIVE = np.array([1, 2, 2, 3, 3, 4])
PROMISE_DAYS = 3
LATE_EUR_PER_DAY = 4.0
EUR_PER_KG_CO2 = 0.10
LINES = (1, 2, 3, 4)
LINES_SHARE = (0.55, 0.25, 0.13, 0.07)


@dataclass(frozen=True, slots=True)
class Parameters:
    """``stock_ratio``: units in the network over expected demand. ``warehoused``: share of the
    online demand held in warehouses. ``walk_in``: share of all demand. ``deliveries`` after the
    first. The rest is what a hidden season may be shifted by: ``tariff`` scales the carrier's
    prices, ``shock`` multiplies the online demand of the regions in the west from mid-season on,
    ``phantom`` is the share of recorded units that are not there, ``bias`` multiplies what the
    policy is told of the demand, ``error`` is the sigma of its lognormal errors (per product, and
    again per product and place)."""

    seed: int
    nodes: int = 100
    products: int = 2000
    orders: int = 8000
    regions: int = 30
    days: int = 84
    warehouses: int | None = None
    stock_ratio: float = 1.10
    warehoused: float = 0.60
    walk_in: float = 0.50
    deliveries: int = 0
    tariff: float = 1.0
    shock: float = 1.0
    phantom: float = 0.0
    bias: float = 1.0
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Order:
    at: float
    region: int
    products: Ints
    units: Ints


@dataclass(frozen=True, slots=True)
class WalkIn:
    at: float
    product: int
    node: int


@dataclass(frozen=True, slots=True)
class Network:
    """What a policy is told. ``parcel`` and ``per_kg`` are R x N, ``pick`` per unit and node,
    ``salvage`` S x N; margins and mass are per product. ``online`` (S x R) and ``walk_in`` (S x N)
    are the expected units of the whole season, with the errors that the parameters ask for;
    ``deliveries`` (day, S x N units) are those announced, the first at day 0."""

    days: int
    warehouse: Flags
    km: Floats
    parcel: Floats
    per_kg: Floats
    pick: Floats
    kg: Floats
    online_margin: Floats
    walk_in_margin: Floats
    salvage: Floats
    online: Floats
    walk_in: Floats
    deliveries: tuple[tuple[float, Ints], ...]


@dataclass(frozen=True, slots=True)
class World:
    """``phantom`` units (S x N) of the deliveries are on record only."""

    network: Network
    phantom: Ints
    events: tuple[Order | WalkIn, ...]

    @property
    def orders(self) -> list[Order]:
        return [event for event in self.events if isinstance(event, Order)]

    @property
    def walk_ins(self) -> list[WalkIn]:
        return [event for event in self.events if isinstance(event, WalkIn)]


def world(given: Parameters) -> World:
    draw = np.random.default_rng(given.seed)
    places = _places(draw, given)
    demand = _demand(draw, given, places)
    deliveries = _deliveries(draw, _stock(draw, given, demand), given)
    draw.uniform(0, given.days, given.orders)  # keeps the published seasons' random numbers
    walkers = _walkers(draw, given, demand)
    orders = _orders(draw, given, demand.online, places.people)
    units = sum(int(order.units.sum()) for order in orders)
    if given.shock != 1:
        orders = _shocked(given, orders, places.west)
    events: list[Order | WalkIn] = [*orders, *walkers]
    events.sort(key=lambda event: event.at)

    extra = np.random.default_rng(given.seed + 991)
    recorded = sum((part for _, part in deliveries), np.zeros_like(deliveries[0][1]))
    error_online = _error(extra, given.error, demand.online.shape)
    error_walk_in = _error(extra, given.error, demand.walk_in.shape)
    network = Network(
        days=given.days,
        warehouse=places.warehouse,
        km=places.km,
        parcel=places.parcel,
        per_kg=places.per_kg,
        pick=places.pick,
        kg=demand.kg,
        online_margin=0.45 * demand.price + 4,
        walk_in_margin=0.45 * demand.price,
        salvage=demand.price[:, None] * np.where(places.warehouse, 0.20, 0.12),
        online=given.bias * error_online * demand.online * units / demand.online.sum(),
        walk_in=given.bias * error_walk_in * demand.walk_in,
        deliveries=deliveries,
    )
    phantom = extra.binomial(recorded, given.phantom)
    return World(network, phantom, tuple(events))


@dataclass(frozen=True, slots=True)
class _Places:
    people: Floats
    west: Flags
    warehouse: Flags
    km: Floats
    parcel: Floats
    per_kg: Floats
    pick: Floats


@dataclass(frozen=True, slots=True)
class _Demand:
    kg: Floats
    price: Floats
    online: Floats
    walk_in: Floats
    store_share: Floats


def _places(draw: np.random.Generator, given: Parameters) -> _Places:
    nodes, regions = given.nodes, given.regions
    warehouses = given.warehouses or max(2, nodes // 30)
    warehouse = np.arange(nodes) < warehouses
    centre = np.c_[draw.uniform(0, 1800, regions), draw.uniform(0, 1200, regions)]
    people = 1 / np.arange(1, regions + 1) ** 0.8
    people /= people.sum()
    home = np.r_[np.zeros(warehouses, int), draw.choice(regions, nodes - warehouses, p=people)]
    anywhere = np.c_[draw.uniform(300, 1500, nodes), draw.uniform(200, 1000, nodes)]
    near_home = centre[home] + draw.normal(0, 25, (nodes, 2))
    place = np.where(warehouse[:, None], anywhere, near_home)
    km = np.hypot(*(centre[:, None, :] - place[None]).transpose(2, 0, 1))
    zone = np.searchsorted(ZONES_KM, km)
    packing = np.where(warehouse, 0.6, draw.uniform(1.0, 2.2, nodes))
    late = LATE_EUR_PER_DAY * np.maximum(0, DAYS_TO_ARRIVE[zone] - PROMISE_DAYS)
    carbon = EUR_PER_KG_CO2 * np.where(km < 100, 0.60, 0.10) * km / 1000
    return _Places(
        people=people,
        west=centre[:, 0] < 900,
        warehouse=warehouse,
        km=km,
        parcel=given.tariff * EUR_PER_PARCEL[zone] + packing + late,
        per_kg=given.tariff * EUR_PER_KG[zone] + carbon,
        pick=np.where(warehouse, 0.35, draw.uniform(0.6, 1.2, nodes)),
    )


def _demand(draw: np.random.Generator, given: Parameters, places: _Places) -> _Demand:
    """Popular products lie in more stores."""
    nodes, products, regions = given.nodes, given.products, given.regions
    popularity = draw.lognormal(0, 1.3, products)
    popularity /= popularity.sum()
    kg = draw.lognormal(-0.6, 0.6, products)
    price = draw.lognormal(3.4, 0.5, products).clip(12, 200)
    online_units = given.orders * 1.75
    walk_in_units = online_units * given.walk_in / (1 - given.walk_in)
    taste = places.people * draw.gamma(4, 0.25, (products, regions))
    taste /= taste.sum(1, keepdims=True)
    size = np.where(places.warehouse, 0, draw.gamma(3, 1 / 3, nodes))
    rank = np.argsort(np.argsort(popularity)) / products
    carried = draw.random((products, nodes)) < (0.05 + 0.25 * rank)[:, None]
    share = size * carried * draw.gamma(4, 0.25, (products, nodes))
    share /= np.maximum(share.sum(1, keepdims=True), 1e-9)
    return _Demand(
        kg=kg,
        price=price,
        online=popularity[:, None] * online_units * taste,
        walk_in=popularity[:, None] * walk_in_units * share,
        store_share=share,
    )


def _stock(draw: np.random.Generator, given: Parameters, demand: _Demand) -> Ints:
    """Warehouses hold a part of the online demand, stores the rest by their walk-in demand."""
    warehouses = given.warehouses or max(2, given.nodes // 30)
    whole = given.stock_ratio * (demand.online.sum(1) + demand.walk_in.sum(1))
    deep = given.warehoused * demand.online.sum(1)
    shares = draw.dirichlet(np.full(warehouses, 3.0), given.products)
    in_warehouses = draw.poisson(deep[:, None] * shares)
    shallow = np.maximum(whole - deep, 0)[:, None] * demand.store_share[:, warehouses:]
    in_stores = draw.poisson(shallow * draw.gamma(6, 1 / 6, shallow.shape))
    return np.concatenate([in_warehouses, in_stores], axis=1)


def _walkers(draw: np.random.Generator, given: Parameters, demand: _Demand) -> list[WalkIn]:
    came = draw.poisson(demand.walk_in)
    where = np.nonzero(came)
    walkers = np.repeat(np.c_[where], came[where], axis=0).tolist()
    at = draw.uniform(0, given.days, len(walkers)).tolist()
    return [WalkIn(when, *who) for when, who in zip(at, walkers, strict=True)]


def _deliveries(
    draw: np.random.Generator, stock: Ints, given: Parameters
) -> tuple[tuple[float, Ints], ...]:
    parts, left = given.deliveries + 1, stock
    later = []
    for part in range(1, parts):
        units = draw.binomial(left, 1 / (parts - part + 1))
        left = left - units
        later.append((given.days * part / parts, units))
    return ((0.0, left), *later)


def _orders(
    draw: np.random.Generator, given: Parameters, online: Floats, people: Floats
) -> list[Order]:
    at = np.sort(draw.uniform(0, given.days, given.orders)).tolist()
    region = draw.choice(given.regions, given.orders, p=people).tolist()
    lines = draw.choice(LINES, given.orders, p=LINES_SHARE).tolist()
    cumulated = np.cumsum(online / online.sum(0), axis=0)
    orders = []
    for k in range(given.orders):
        drawn = np.searchsorted(cumulated[:, region[k]], draw.random(lines[k]), side="right")
        products = np.unique(drawn.clip(0, given.products - 1))
        units = np.where(draw.random(len(products)) < 0.05, 2, 1)
        orders.append(Order(at[k], region[k], products, units))
    return orders


def _shocked(given: Parameters, orders: Sequence[Order], west: Flags) -> list[Order]:
    """Orders of the west that arrive in the second half come ``shock`` times as often."""
    draw = np.random.default_rng(given.seed + 577)
    found = list(orders)
    for order in orders:
        if order.at > given.days / 2 and west[order.region]:
            for _ in range(int(draw.poisson(given.shock - 1))):
                at = draw.uniform(given.days / 2, given.days)
                found.append(Order(at, order.region, order.products, order.units))
    return sorted(found, key=lambda order: order.at)


def _error(draw: np.random.Generator, sigma: float, shape: tuple[int, ...]) -> Floats:
    """Factors of mean 1, per product and again per product and place."""
    mean = -sigma * sigma / 2
    return draw.lognormal(mean, sigma, (shape[0], 1)) * draw.lognormal(mean, sigma, shape)


@dataclass(frozen=True, slots=True)
class Offer:
    """One order as a policy sees it. Lines x nodes: the ``stock`` on record, what serving the
    ``whole`` line costs (inf where it cannot be served whole); ``parcel`` per node, ``lost`` per
    line. A line comes whole from one node or not at all."""

    order: Order
    stock: Ints
    whole: Floats
    parcel: Floats
    lost: Floats


class Policy(Protocol):
    def start(self, network: Network) -> None: ...

    def day(self, at: float, stock: Ints) -> None:
        """Called each morning with the stock on record: the scheduled jobs."""

    def sold(self, product: int, node: int) -> None:
        """A unit was sold over the counter."""

    def decide(self, at: float, offer: Offer) -> list[int]:
        """The node per line, or -1."""


@dataclass(frozen=True, slots=True)
class Season:
    """What a season cost in EUR, and how it went."""

    shipping: float
    lost_online: float
    lost_walk_in: float
    salvage: float
    parcels: int
    split_orders: int

    @property
    def cost(self) -> float:
        return self.shipping + self.lost_online + self.lost_walk_in + self.salvage


def simulate(world: World, policy: Policy, tell: Callable[[str], None] = lambda _: None) -> Season:
    """Phantom units are found missing at the shelf: the line is lost, and the record corrected."""
    network = world.network
    arriving = list(network.deliveries)
    stock = np.zeros_like(world.phantom)
    there = -world.phantom
    shipping = lost_online = lost_walk_in = salvage = 0.0
    parcels = split_orders = 0
    morning = 0
    policy.start(network)
    for event in world.events:
        while arriving and event.at >= arriving[0][0]:
            _, arrived = arriving.pop(0)
            stock, there = stock + arrived, there + arrived
        while event.at >= morning:
            tell(f"day {morning} of {network.days}")
            policy.day(float(morning), stock.copy())
            morning += 1
        if isinstance(event, WalkIn):
            place = event.product, event.node
            if there[place] > 0:
                stock[place] -= 1
                there[place] -= 1
                salvage += float(network.salvage[place])
                policy.sold(event.product, event.node)
            else:
                lost_walk_in += float(network.walk_in_margin[event.product])
            continue
        offer = offered(network, event, stock)
        used: set[int] = set()
        for i, node in enumerate(policy.decide(event.at, offer)):
            product, units = int(event.products[i]), int(event.units[i])
            if node >= 0 and there[product, node] >= units:
                stock[product, node] -= units
                there[product, node] -= units
                shipping += float(offer.whole[i, node])
                salvage += units * float(network.salvage[product, node])
                used.add(node)
            else:
                if node >= 0:
                    stock[product, node] = max(0, there[product, node])
                lost_online += float(offer.lost[i])
        shipping += sum(float(offer.parcel[node]) for node in used)
        parcels += len(used)
        split_orders += len(used) > 1
    return Season(shipping, lost_online, lost_walk_in, salvage, parcels, split_orders)


def offered(network: Network, order: Order, stock: Ints) -> Offer:
    rows = stock[order.products]
    units = order.units[:, None]
    unit = network.pick + network.kg[order.products][:, None] * network.per_kg[order.region]
    return Offer(
        order=order,
        stock=rows,
        whole=np.where(rows >= units, unit * units, np.inf),
        parcel=network.parcel[order.region],
        lost=network.online_margin[order.products] * order.units,
    )
