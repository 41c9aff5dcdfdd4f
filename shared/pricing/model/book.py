"""The book: the published promotions, and the tax rates. Money is in minor units of its currency.

A book is stored and sent as a document (shared/pricing/contract/book.py has its form);
``Book.from_json`` makes what a quote works with.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from shared.instants import start_of_day
from shared.pricing.model.cart import Person, Place, PricedLine
from shared.pricing.model.money import WHOLE
from shared.pricing.model.uses import NO_LIMITS, Limits

EVERYTHING = "all"
NOTHING = "none"
Of = Literal["left", "list"]
"""Whether a percentage is of what earlier promotions have left, or of the list price."""
STANDARD = "standard"
SHIPPING = "shipping"
TAX_CLASS = "tax_class"
"""The attribute of a product that names its class of taxes; without it the class is STANDARD."""


@dataclass(frozen=True, slots=True)
class ProductSet:
    """Products by SKU, or by attributes: for each attribute the product has one of the values.
    Without either, every product. The products of ``excluded`` are not in the set."""

    skus: frozenset[str] = frozenset()
    attributes: tuple[tuple[str, frozenset[str]], ...] = ()
    excluded: "ProductSet | None" = None

    @property
    def is_open(self) -> bool:
        """Whether neither SKUs nor attributes limit the set."""
        return not self.skus and not self.attributes

    def has(self, sku: str, attributes: Mapping[str, str]) -> bool:
        included = (
            sku in self.skus
            or (
                bool(self.attributes)
                and all(attributes.get(name) in values for name, values in self.attributes)
            )
            or self.is_open
        )
        return included and not (self.excluded and self.excluded.has(sku, attributes))

    def lines(self, lines: Sequence[PricedLine]) -> tuple[int, ...]:
        """The indexes of the lines whose product is in the set."""
        return tuple(
            index for index, line in enumerate(lines) if self.has(line.sku, line.attributes)
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | None) -> Self:
        if document is None:
            return cls()
        excluded = document.get("excluded")
        return cls(
            frozenset(document.get("skus") or ()),
            tuple(
                (name, frozenset(values))
                for name, values in sorted((document.get("attributes") or {}).items())
            ),
            cls.from_json(excluded) if excluded else None,
        )


EVERY_PRODUCT = ProductSet()


@dataclass(frozen=True, slots=True)
class PercentOff:
    products: ProductSet
    basis_points: int
    of: Of = "left"


@dataclass(frozen=True, slots=True)
class AmountOff:
    """``amount`` off each unit."""

    products: ProductSet
    amount: int


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """Each unit costs ``amount``, if that is less."""

    products: ProductSet
    amount: int


@dataclass(frozen=True, slots=True)
class QuantityTiers:
    """``tiers`` are (least units of the set in the cart, basis points), rising."""

    products: ProductSet
    tiers: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class BuyGet:
    """In whole groups of ``buy`` + ``get`` units, dearest first, the last ``get`` units of each
    group are cheaper. With ``get_products`` the cheaper units come from that set, and units of it
    are never the bought ones. At most ``most`` groups in a cart."""

    products: ProductSet
    buy: int
    get: int
    basis_points: int
    get_products: ProductSet | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class BundlePrice:
    """``amount`` for one bundle: some units of each part, dearest first."""

    parts: tuple[tuple[ProductSet, int], ...]
    amount: int
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Gift:
    """Up to ``quantity`` units of the SKU, once they are in the cart, cost nothing."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderPercentOff:
    products: ProductSet
    basis_points: int


@dataclass(frozen=True, slots=True)
class OrderAmountOff:
    products: ProductSet
    amount: int


@dataclass(frozen=True, slots=True)
class ShippingPercentOff:
    basis_points: int


@dataclass(frozen=True, slots=True)
class ShippingPrice:
    """Shipping costs ``amount``, if that is less."""

    amount: int


ItemEffect = PercentOff | AmountOff | FixedPrice | QuantityTiers
BundleEffect = BuyGet | BundlePrice | Gift
OrderEffect = OrderPercentOff | OrderAmountOff
ShippingEffect = ShippingPercentOff | ShippingPrice
Effect = ItemEffect | BundleEffect | OrderEffect | ShippingEffect


def sets_of(effect: Effect) -> tuple[ProductSet, ...]:
    """The sets whose units the effect may make cheaper, or needs; empty for shipping."""
    match effect:
        case PercentOff() | AmountOff() | FixedPrice() | QuantityTiers():
            return (effect.products,)
        case OrderPercentOff() | OrderAmountOff():
            return (effect.products,)
        case BuyGet():
            return (effect.products, *([effect.get_products] if effect.get_products else ()))
        case BundlePrice():
            return tuple(products for products, _ in effect.parts)
        case Gift():
            return (ProductSet(frozenset({effect.sku})),)
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One node of ``when``. ``kind`` names what it asks; ``at_least`` is minor units of a subtotal,
    or units of a quantity or of each SKU that must be sellable. ``products`` is None for the units
    that the promotion itself may touch. ``hours`` are minutes of the local day, end exclusive."""

    kind: Literal["all", "any", "not", "subtotal", "quantity", "hours", "method", "sellable"]
    of: "tuple[Condition, ...]" = ()
    at_least: int = 0
    products: ProductSet | None = None
    names: frozenset[str] = frozenset()
    hours: tuple[int, int] = (0, 1440)

    def leaves(self) -> "Iterable[Condition]":
        if not self.of:
            yield self
        for condition in self.of:
            yield from condition.leaves()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        ((kind, asked),) = ((name, value) for name, value in document.items() if value is not None)
        match kind:
            case "all" | "any":
                return cls(kind, tuple(map(cls.from_json, asked)))
            case "not":
                return cls("not", (cls.from_json(asked),))
            case "subtotal" | "quantity":
                products = asked.get("products")
                return cls(
                    "subtotal" if kind == "subtotal" else "quantity",
                    at_least=asked["at_least"],
                    products=None if products is None else ProductSet.from_json(products),
                )
            case "hours":
                return cls(
                    "hours",
                    names=frozenset(asked["days"]),
                    hours=(
                        _minutes(asked.get("opens") or "00:00"),
                        _minutes(asked.get("closes") or "24:00"),
                    ),
                )
            case "method":
                return cls("method", names=frozenset(asked))
            case "sellable":
                return cls("sellable", at_least=asked["at_least"], names=frozenset(asked["skus"]))
        raise ValueError(f"there is no condition {kind}")


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True)
class People:
    """Whom a promotion is for; what is empty or None is not asked."""

    tiers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    first_order: bool | None = None

    def include(self, person: Person) -> bool:
        return (
            (not self.tiers or person.tier in self.tiers)
            and (not self.groups or not person.groups.isdisjoint(self.groups))
            and (self.first_order is None or person.first_order is self.first_order)
        )


@dataclass(frozen=True, slots=True)
class Promotion:
    """``stacks_with`` has the groups that it may share units with; EVERYTHING stands for all.
    ``priority`` settles ties and the order within a stage, the lowest number first."""

    promotion_id: str
    title: str
    effects: tuple[Effect, ...]
    group: str = ""
    stacks_with: frozenset[str] = frozenset()
    priority: int = 100
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str = "UTC"
    channels: frozenset[str] = frozenset()
    locations: frozenset[str] = frozenset()
    people: People | None = None
    when: Condition | None = None
    code_required: bool = False
    """Whether only a shopper who types a code of it gets the promotion."""
    limits: Limits = NO_LIMITS
    reprices: bool = False
    """Whether the order is priced again when units come back; else what stays keeps its share."""

    def stacks(self, other: "Promotion") -> bool:
        """Whether both may touch the same unit: each names the group of the other."""
        return self._names(other.group) and other._names(self.group)

    def _names(self, group: str) -> bool:
        return EVERYTHING in self.stacks_with or group in self.stacks_with

    def runs(self, at: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= at) and (
            self.ends_at is None or at < self.ends_at
        )

    def local_day(self, at: datetime) -> str:
        """The day of its daily limit, as YYYY-MM-DD."""
        return at.astimezone(ZoneInfo(self.zone)).date().isoformat()

    def is_sold_at(self, place: Place) -> bool:
        return (not self.channels or place.channel in self.channels) and (
            not self.locations or place.location_id in self.locations
        )

    def asks_sellable(self) -> frozenset[str]:
        """The SKUs that have to be sellable."""
        if self.when is None:
            return frozenset()
        return frozenset().union(
            *(leaf.names for leaf in self.when.leaves() if leaf.kind == "sellable")
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        zone = document.get("time_zone") or "UTC"
        starts, ends = document.get("starts_on"), document.get("ends_on")
        people, when = document.get("people"), document.get("when")
        stacks = document.get("stacks_with") or NOTHING
        return cls(
            promotion_id=document["promotion_id"],
            title=document["title"],
            effects=tuple(map(_effect, document["does"])),
            group=document.get("group") or "",
            stacks_with=frozenset([EVERYTHING] if stacks == EVERYTHING else [])
            if isinstance(stacks, str)
            else frozenset(stacks),
            priority=document.get("priority", 100),
            starts_at=start_of_day(date.fromisoformat(starts), zone) if starts else None,
            ends_at=start_of_day(date.fromisoformat(ends) + timedelta(days=1), zone)
            if ends
            else None,
            zone=zone,
            channels=frozenset(document.get("channels") or ()),
            locations=frozenset(document.get("locations") or ()),
            people=People(
                frozenset(people.get("tiers") or ()),
                frozenset(people.get("groups") or ()),
                people.get("first_order"),
            )
            if people
            else None,
            when=Condition.from_json(when) if when else None,
            code_required=document.get("code") == "required",
            limits=Limits.from_json(document.get("limits") or {}),
            reprices=document.get("on_return") == "reprice",
        )


def _effect(document: Mapping[str, Any]) -> Effect:
    products = ProductSet.from_json(document.get("products"))
    match document["kind"]:
        case "percent_off":
            return PercentOff(products, document["basis_points"], document.get("of") or "left")
        case "amount_off":
            return AmountOff(products, document["amount"])
        case "fixed_price":
            return FixedPrice(products, document["amount"])
        case "quantity_tiers":
            return QuantityTiers(
                products,
                tuple((tier["min_quantity"], tier["basis_points"]) for tier in document["tiers"]),
            )
        case "buy_get":
            got = document.get("get_products")
            return BuyGet(
                products,
                document["buy"],
                document["get"],
                document.get("basis_points") or WHOLE,
                None if got is None else ProductSet.from_json(got),
                document.get("most"),
            )
        case "bundle_price":
            return BundlePrice(
                tuple(
                    (ProductSet.from_json(part.get("products")), part["quantity"])
                    for part in document["parts"]
                ),
                document["amount"],
                document.get("most"),
            )
        case "gift":
            return Gift(document["sku"], document["quantity"])
        case "order_percent_off":
            return OrderPercentOff(products, document["basis_points"])
        case "order_amount_off":
            return OrderAmountOff(products, document["amount"])
        case "shipping_percent_off":
            return ShippingPercentOff(document["basis_points"])
        case "shipping_price":
            return ShippingPrice(document["amount"])
    raise ValueError(f"there is no effect {document['kind']}")


@dataclass(frozen=True, slots=True)
class Taxes:
    """Rates in parts per million by class of products; ``included``: prices contain the tax.
    ``by_service``: a tax service computes them (shared/pricing/tax_service.py)."""

    included: bool
    rates: Mapping[str, int]
    by_service: bool = False

    def rate(self, tax_class: str) -> int:
        return self.rates.get(tax_class, self.rates[STANDARD])


@dataclass(frozen=True, slots=True)
class Book:
    """``taxes`` are by country. Version 0 is the book without promotions and taxes."""

    version: int = 0
    currency: str | None = None
    promotions: tuple[Promotion, ...] = ()
    taxes: Mapping[str, Taxes] = field(default_factory=dict)
    _by_sku: Mapping[str, Sequence[int]] = field(default_factory=dict, compare=False, repr=False)
    _by_attribute: Mapping[tuple[str, str], Sequence[int]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _open: Sequence[int] = field(default=(), compare=False, repr=False)

    @property
    def asks_first_order(self) -> bool:
        """Whether a promotion asks if it is the first order of the shopper."""
        return any(
            promotion.people is not None and promotion.people.first_order is not None
            for promotion in self.promotions
        )

    @classmethod
    def of(
        cls,
        version: int,
        currency: str | None,
        promotions: Iterable[Promotion],
        taxes: Mapping[str, Taxes],
    ) -> Self:
        """The book with its index from products to promotions. The promotions get the order in
        which they apply within a stage."""
        ordered = tuple(sorted(promotions, key=lambda one: (one.priority, one.promotion_id)))
        by_sku: dict[str, list[int]] = defaultdict(list)
        by_attribute: dict[tuple[str, str], list[int]] = defaultdict(list)
        without_set: list[int] = []
        for index, promotion in enumerate(ordered):
            sets = [products for effect in promotion.effects for products in sets_of(effect)]
            gifts = any(isinstance(effect, Gift) for effect in promotion.effects)
            if gifts or not sets or any(products.is_open for products in sets):
                without_set.append(index)
                continue
            for products in sets:
                for sku in products.skus:
                    by_sku[sku].append(index)
                for name, values in products.attributes[:1]:
                    for value in values:
                        by_attribute[name, value].append(index)
        return cls(version, currency, ordered, taxes, dict(by_sku), dict(by_attribute), without_set)

    @classmethod
    def from_json(cls, version: int, document: Mapping[str, Any]) -> Self:
        return cls.of(
            version,
            document["currency"],
            map(Promotion.from_json, document.get("promotions") or ()),
            {
                country: Taxes(taxes["included"], taxes["rates"], taxes.get("by_service", False))
                for country, taxes in (document.get("taxes") or {}).items()
            },
        )

    def candidates(self, lines: Iterable[PricedLine]) -> list[Promotion]:
        """The promotions that may concern a cart, by its products, in their order."""
        indexes = set(self._open)
        for line in lines:
            indexes.update(self._by_sku.get(line.sku, ()))
            for attribute in line.attributes.items():
                indexes.update(self._by_attribute.get(attribute, ()))
        return [self.promotions[index] for index in sorted(indexes)]


NO_PROMOTIONS = Book()
