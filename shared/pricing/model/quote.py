"""A quote: the price of a cart to the cent, as it is answered, signed and stored. Amounts are in
minor units of its currency."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from shared.instants import rfc3339
from shared.pricing.model.conditions import Reason
from shared.pricing.model.points import POINTS, PointsOffer
from shared.pricing.model.uses import Use

ENGINE = 1
"""The rules by which quotes are made; another number means that they may come to other amounts."""
VALID = timedelta(minutes=15)
FOLLOWS = frozenset({"discounts", "totals"})
"""What of a quote follows from its lines, apart from titles and whether taxes are included."""


@dataclass(frozen=True, slots=True)
class LineTax:
    """``rate`` is in parts per million; ``amount`` is contained in the net price, or added."""

    rate: int
    amount: int

    def to_json(self) -> dict[str, Any]:
        return {"rate": self.rate, "amount": self.amount}


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """``unit_price`` is the base price; ``net`` is what the line costs after all discounts."""

    line_id: str
    sku: str
    quantity: int
    unit_price: int
    net: int
    discounts: tuple[tuple[str, int], ...] = ()
    """(promotion id, amount), in the order in which they were taken off."""
    tax: LineTax | None = None

    @property
    def list_total(self) -> int:
        return self.unit_price * self.quantity

    def to_json(self) -> dict[str, Any]:
        return _present(
            {
                "line_id": self.line_id,
                "sku": self.sku,
                "quantity": self.quantity,
                "unit_price": self.unit_price,
                "list_total": self.list_total,
                "discounts": _discounts(self.discounts),
                "net": self.net,
                "tax": self.tax and self.tax.to_json(),
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        tax = document.get("tax")
        return cls(
            document["line_id"],
            document["sku"],
            document["quantity"],
            document["unit_price"],
            document["net"],
            tuple((row["promotion_id"], row["amount"]) for row in document["discounts"]),
            LineTax(**tax) if tax else None,
        )


@dataclass(frozen=True, slots=True)
class ShippingQuote:
    """``price`` is the price before promotions."""

    price: int
    net: int
    discounts: tuple[tuple[str, int], ...] = ()
    tax: LineTax | None = None

    def to_json(self) -> dict[str, Any]:
        return _present(
            {
                "price": self.price,
                "discounts": _discounts(self.discounts),
                "net": self.net,
                "tax": self.tax and self.tax.to_json(),
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        tax = document.get("tax")
        return cls(
            document["price"],
            document["net"],
            tuple((row["promotion_id"], row["amount"]) for row in document["discounts"]),
            LineTax(**tax) if tax else None,
        )


def _discounts(rows: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"promotion_id": promotion_id, "amount": amount} for promotion_id, amount in rows]


def _present(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller said beside the cart, so that an order can be held against its quote. The
    channel is here only when a price row or promotion depends on it, the postal code only when a
    tax service was asked."""

    channel: str | None = None
    location_id: str | None = None
    country: str | None = None
    postal_code: str | None = None
    method: str | None = None
    tier: str | None = None
    groups: tuple[str, ...] = ()
    first_order: bool | None = None
    codes: tuple[str, ...] = ()
    points: PointsOffer | None = None
    """The points that are spent."""

    def to_json(self) -> dict[str, Any]:
        return _present(
            {
                "channel": self.channel,
                "location_id": self.location_id,
                "country": self.country,
                "postal_code": self.postal_code,
                "method": self.method,
                "tier": self.tier,
                "groups": list(self.groups) or None,
                "first_order": self.first_order,
                "codes": list(self.codes) or None,
                "points": self.points and self.points.to_json(),
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        points = document.get("points")
        read = {
            "groups": tuple(document.get("groups", ())),
            "codes": tuple(document.get("codes", ())),
            "points": PointsOffer.from_json(points) if points else None,
        }
        return cls(**{**document, **read})


@dataclass(frozen=True, slots=True)
class Quote:
    """``book`` is the version of the promotions. ``tax_included`` is None when the book has no
    taxes for the country. ``titles`` are those of the promotions that were taken. ``by_channel``
    names what depends on the channel: ``sku:<sku>`` for price rows, ``promotion:<id>``."""

    at: datetime
    book: int
    currency: str
    lines: tuple[QuoteLine, ...]
    shipping: ShippingQuote
    given: Given
    complete: bool
    titles: tuple[tuple[str, str], ...] = ()
    tax_included: bool | None = None
    by_channel: tuple[str, ...] = ()
    engine: int = ENGINE
    uses: tuple[Use, ...] = ()
    """What an order with this quote uses of codes and limits; in the token alone."""
    reprices: tuple[str, ...] = ()
    """The promotions that price the order again when units come back."""
    profile_id: str | None = None
    """The shopper whose facts and points the quote takes: the order has to be for this person. In
    the token alone, and not in its digest, so that an order can forget the person."""

    @property
    def valid_until(self) -> datetime:
        return self.at + VALID

    @property
    def net(self) -> int:
        """What the lines cost after all discounts."""
        return sum(line.net for line in self.lines)

    @property
    def points_amount(self) -> int:
        """What points take off, in minor units."""
        return sum(
            amount for line in self.lines for named, amount in line.discounts if named == POINTS
        )

    @property
    def tax(self) -> int:
        taxed = [*(line.tax for line in self.lines), self.shipping.tax]
        return sum(tax.amount for tax in taxed if tax)

    @property
    def total(self) -> int:
        """What the shopper pays."""
        return self.net + self.shipping.net + (0 if self.tax_included else self.tax)

    def totals(self) -> dict[str, Any]:
        list_total = sum(line.list_total for line in self.lines)
        totals: dict[str, Any] = {
            "list_total": list_total,
            "discounts": list_total - self.net,
            "net": self.net,
            "shipping": self.shipping.net,
            "total": self.total,
        }
        if self.tax_included is not None:
            totals |= {"tax": self.tax, "tax_included": self.tax_included}
        return totals

    def discounts(self) -> list[dict[str, Any]]:
        """By promotion, with the lines that it made cheaper."""
        found = []
        for promotion_id, title in self.titles:
            lines: list[dict[str, Any]] = [
                {"line_id": line.line_id, "amount": amount}
                for line in self.lines
                for named, amount in line.discounts
                if named == promotion_id
            ]
            shipping = sum(
                amount for named, amount in self.shipping.discounts if named == promotion_id
            )
            amount = shipping + sum(row["amount"] for row in lines)
            found.append(
                _present(
                    {
                        "promotion_id": promotion_id,
                        "title": title,
                        "amount": amount,
                        "lines": lines,
                        "shipping": shipping or None,
                        "on_return": "reprice" if promotion_id in self.reprices else None,
                    }
                )
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """The quote as it is answered and signed. ``totals`` and ``discounts`` follow from the
        rest."""
        return {
            "engine": self.engine,
            "at": rfc3339(self.at),
            "valid_until": rfc3339(self.valid_until),
            "book": self.book,
            "currency": self.currency,
            "lines": [line.to_json() for line in self.lines],
            "shipping": self.shipping.to_json(),
            "discounts": self.discounts(),
            "totals": self.totals(),
            "given": self.given.to_json(),
            "by_channel": list(self.by_channel),
            "complete": self.complete,
        }

    def signed_text(self) -> bytes:
        """The content of the quote's token, as JSON: without what follows from the lines."""
        content = self._content()
        if self.profile_id is not None:
            content["profile_id"] = self.profile_id
        return _as_bytes(content)

    def _content(self) -> dict[str, Any]:
        document = self.to_json()
        kept = {name: value for name, value in document.items() if name not in FOLLOWS}
        content = kept | {"titles": self.titles, "tax_included": self.tax_included}
        if self.uses:
            content["uses"] = [use.to_json() for use in self.uses]
        if self.reprices:
            content["reprices"] = self.reprices
        return content

    @property
    def digest(self) -> str:
        """Identifies the content of the quote: the price that is computed again has the same."""
        return hashlib.sha256(_as_bytes(self._content())).hexdigest()[:32]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            at=datetime.fromisoformat(document["at"]),
            book=document["book"],
            currency=document["currency"],
            lines=tuple(map(QuoteLine.from_json, document["lines"])),
            shipping=ShippingQuote.from_json(document["shipping"]),
            given=Given.from_json(document["given"]),
            complete=document["complete"],
            titles=tuple((row["promotion_id"], row["title"]) for row in document["discounts"]),
            tax_included=document["totals"].get("tax_included"),
            by_channel=tuple(document["by_channel"]),
            engine=document["engine"],
            uses=tuple(map(Use.from_json, document.get("uses", ()))),
            reprices=tuple(document.get("reprices", ())),
            profile_id=document.get("profile_id"),
        )


def _as_bytes(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A promotion about products of the cart that took nothing off. ``short_by`` is what is missing
    in minor units (``subtotal``) or units (``quantity``)."""

    promotion_id: str
    title: str
    reason: Reason
    short_by: int | None = None

    def to_json(self) -> dict[str, Any]:
        return _present(
            {
                "promotion_id": self.promotion_id,
                "title": self.title,
                "reason": self.reason,
                "short_by": self.short_by,
            }
        )


@dataclass(frozen=True, slots=True)
class OfferedGift:
    """Units of ``sku`` that may be added to the cart, and will then cost nothing."""

    promotion_id: str
    sku: str
    quantity: int

    def to_json(self) -> dict[str, Any]:
        return {"promotion_id": self.promotion_id, "sku": self.sku, "quantity": self.quantity}


@dataclass(frozen=True, slots=True)
class Priced:
    """A quote with what the shopper can do about it."""

    quote: Quote
    not_taken: tuple[NotTaken, ...] = ()
    gifts: tuple[OfferedGift, ...] = ()
