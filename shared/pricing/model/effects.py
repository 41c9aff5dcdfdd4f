"""What promotions do: their effects, and the sets of products that these touch. Money is in minor
units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from shared.pricing.model.cart import PricedLine
from shared.pricing.model.money import WHOLE

Of = Literal["left", "list"]
"""Whether a percentage is of what earlier promotions have left, or of the list price."""


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


@dataclass(frozen=True, slots=True)
class PointsMultiplier:
    """Units of the set earn ``basis_points`` of the points that they earn otherwise: 20,000 doubles
    them. Of several the largest counts; the price stays as it is."""

    products: ProductSet
    basis_points: int


ItemEffect = PercentOff | AmountOff | FixedPrice | QuantityTiers
BundleEffect = BuyGet | BundlePrice | Gift
OrderEffect = OrderPercentOff | OrderAmountOff
ShippingEffect = ShippingPercentOff | ShippingPrice
Effect = ItemEffect | BundleEffect | OrderEffect | ShippingEffect | PointsMultiplier


def sets_of(effect: Effect) -> tuple[ProductSet, ...]:
    """The sets whose units the effect is about; empty for shipping."""
    match effect:
        case PercentOff() | AmountOff() | FixedPrice() | QuantityTiers():
            return (effect.products,)
        case OrderPercentOff() | OrderAmountOff() | PointsMultiplier():
            return (effect.products,)
        case BuyGet():
            return (effect.products, *([effect.get_products] if effect.get_products else ()))
        case BundlePrice():
            return tuple(products for products, _ in effect.parts)
        case Gift():
            return (ProductSet(frozenset({effect.sku})),)
        case _:
            return ()


def effect_from_json(document: Mapping[str, Any]) -> Effect:
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
    return _not_about_price_of_goods(document, products)


def _not_about_price_of_goods(document: Mapping[str, Any], products: ProductSet) -> Effect:
    match document["kind"]:
        case "shipping_percent_off":
            return ShippingPercentOff(document["basis_points"])
        case "shipping_price":
            return ShippingPrice(document["amount"])
        case "points_multiplier":
            return PointsMultiplier(products, document["basis_points"])
    raise ValueError(f"there is no effect {document['kind']}")
