"""What a quote takes of the shopper: facts that the caller states, or those of a profile."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.errors import Forbidden, NotFound, PointsShort, invalid
from shared.loyalty import wallets
from shared.loyalty.model.programme import NO_PROGRAMME
from shared.loyalty.wallets import Wallet
from shared.orders.store import orders_of_profiles
from shared.pricing.contract.quotes import PriceQuoteInput
from shared.pricing.model.cart import UNKNOWN, Person
from shared.pricing.model.points import PointsOffer
from shared.pricing.model.quote import Quote
from shared.pricing.store import books
from shared.web.auth import Caller


@dataclass(frozen=True, slots=True)
class Shopper:
    """``wallet`` is that of a shopper with a profile, ``points`` what is wanted of it."""

    person: Person
    wallet: Wallet | None = None
    points: PointsOffer | None = None

    @property
    def profile_id(self) -> str | None:
        return self.wallet.profile_id if self.wallet else None


def shopper(body: PriceQuoteInput, caller: Caller, now: datetime) -> Shopper:
    """3 calls at most for a profile, none for facts that the caller states.

    Raises Forbidden, PointsShort, Gone, InvalidRequest for a profile that does not exist.
    """
    stated = body.customer.person()
    if body.customer.profile_id is None:
        if stated != UNKNOWN:
            must_know_shoppers(caller, "$.customer")
        return Shopper(stated)
    must_know_shoppers(caller, "$.customer")
    try:
        wallet = wallets.wallet(body.customer.profile_id, now)
    except NotFound:
        raise invalid("$.customer.profile_id", "there is no such profile") from None
    first_order = _is_first_order(wallet) if books.in_force.get().asks_first_order else None
    person = Person(wallet.tier(now), stated.groups, first_order)
    return Shopper(person, wallet, _points(body.points, wallet, caller))


def must_know_shoppers(caller: Caller, path: str) -> None:
    """Raises Forbidden for a caller who states facts of a shopper, or asks for them, and may not
    read profiles: it could have the prices of any tier or group."""
    _must_have(caller, "customers:read", "facts of the shopper take", path)


def _must_have(caller: Caller, scope: str, what: str, path: str) -> None:
    if scope not in caller.scopes:
        raise Forbidden(
            f"{what} the scope {scope}", errors=[{"path": path, "message": "not for this caller"}]
        )


def _is_first_order(wallet: Wallet) -> bool:
    return not orders_of_profiles(wallet.accounts, 1).orders


def _points(wanted: int | None, wallet: Wallet, caller: Caller) -> PointsOffer | None:
    if wanted is None:
        return None
    _must_have(caller, "loyalty:read", "points of a shopper take", "$.points")
    if wallet.programme.version == NO_PROGRAMME.version:
        raise invalid("$.points", "no loyalty programme is in force")
    if wanted > wallet.available:
        raise PointsShort(wanted, wallet.available)
    return wallet.programme.offer(wanted)


def points_answer(shopper: Shopper, quote: Quote, caller: Caller) -> dict[str, Any] | None:
    """The points of a shopper with a profile, for callers who may read wallets.

    Raises InvalidRequest for points that are to pay in another currency than the programme's.
    """
    wallet = shopper.wallet
    if wallet is None or wallet.programme.version == NO_PROGRAMME.version:
        return None
    if wallet.programme.currency != quote.currency:
        if shopper.points:
            currency = wallet.programme.currency
            raise invalid("$.points", f"points pay in {currency}, the cart is in {quote.currency}")
        return None
    if "loyalty:read" not in caller.scopes:
        return None
    goods = quote.net + quote.points_amount
    return {
        "available": wallet.available,
        "most": wallet.programme.offer(wallet.available).most(goods),
        "used": quote.given.points.points if quote.given.points else 0,
        "amount": quote.points_amount,
    }
