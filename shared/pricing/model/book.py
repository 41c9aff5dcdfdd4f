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
from shared.pricing.model.effects import Effect, Gift, ProductSet, effect_from_json, sets_of
from shared.pricing.model.uses import NO_LIMITS, Limits

EVERYTHING = "all"
NOTHING = "none"
Mode = Literal["best", "first"]
STANDARD = "standard"
SHIPPING = "shipping"
TAX_CLASS = "tax_class"
"""The attribute of a product that names its class of taxes; without it the class is STANDARD."""


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
class Funding:
    """A ``vendor`` pays ``basis_points`` of what the promotion takes off."""

    vendor: str
    basis_points: int


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
    funding: Funding | None = None
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
        funding = document.get("funding")
        stacks = document.get("stacks_with") or NOTHING
        return cls(
            promotion_id=document["promotion_id"],
            title=document["title"],
            effects=tuple(map(effect_from_json, document["does"])),
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
            funding=Funding(funding["vendor"], funding["basis_points"]) if funding else None,
            reprices=document.get("on_return") == "reprice",
        )


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
    """``taxes`` are by country. Version 0 is the book without promotions and taxes. In the mode
    ``best`` a cart gets the combination of promotions that saves most, in the mode ``first`` they
    are taken by priority alone (first.py)."""

    version: int = 0
    currency: str | None = None
    promotions: tuple[Promotion, ...] = ()
    taxes: Mapping[str, Taxes] = field(default_factory=dict)
    mode: Mode = "best"
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
        mode: Mode = "best",
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
        return cls(
            version,
            currency,
            ordered,
            taxes,
            mode,
            dict(by_sku),
            dict(by_attribute),
            without_set,
        )

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
            document.get("mode") or "best",
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
