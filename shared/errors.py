"""Every refusal of NoRain, as one tree. Each has an HTTP status, a code and data.

    Refusal
    ├── InvalidRequest         422  invalid_request          errors: [{path, message}]
    │   ├── MalformedRequest   400  malformed_request
    │   ├── FromTheFuture      422  from_the_future          now
    │   └── TooMuchAtOnce      422  invalid_request
    ├── KeyMissing             400  idempotency_key_missing
    ├── KeyReused              422  idempotency_key_reused
    ├── Unsigned               401  unsigned
    ├── Forbidden              403  forbidden
    ├── NotFound               404  not_found
    ├── Gone                   410  gone
    ├── Conflict               409  conflict
    │   ├── OutOfStock         409  out_of_stock             short, alternatives
    │   │   ├── NoService      409  no_service               the same
    │   │   ├── TooLate        409  too_late                 the same
    │   │   ├── NoCapacity     409  no_capacity              the same
    │   │   ├── TooManyParcels 409  too_many_parcels         the same
    │   │   └── TooDear        409  too_dear                 the same
    │   ├── OrderPaused        409  order_paused             pauses
    │   ├── InvalidTransition  409  invalid_transition       state, allowed
    │   ├── HoldClosed         409  hold_closed              hold_id, state
    │   ├── WrongCode          409  conflict                 needs
    │   ├── CarrierRefused     409  carrier_refused          carrier
    │   ├── PromiseChanged     409  promise_changed          option
    │   ├── QuoteExpired       409  quote_expired
    │   ├── PriceHoldClosed    409  price_hold_closed        hold_id, state
    │   ├── CardShort          409  card_short               available, currency, suffix
    │   ├── CardNotUsable      409  card_not_usable          reason, for some callers
    │   ├── CardSpent          409  card_spent               balance, amount, currency, suffix
    │   ├── PointsShort        409  points_short             available
    │   ├── NotTried           409  what_if_missing          guard_rails, found
    │   └── GuardRailBroken    409  guard_rail               breaches
    ├── VersionMismatch        412  version_mismatch         version
    ├── TooManyTries           429  too_many_tries           answered with Retry-After
    └── Busy                   503  busy                     answered with Retry-After
        ├── Throttled          503  busy
        ├── TaxUnavailable     503  tax_unavailable
        └── CarrierUnavailable 503  carrier_unavailable

The API answers each as problem+json (shared/web). Queue workers attach the code and the detail to
the message that they send to the dead-letter queue.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar


class Refusal(Exception):
    """A request that is refused; ``data`` is returned to the caller as it is."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, **data: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.data = data


class InvalidRequest(Refusal):
    """The input does not fit its schema; ``errors`` names each defect by its JSON path."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_request"

    def __init__(self, detail: str, errors: Sequence[Mapping[str, str]] = (), **data: Any) -> None:
        super().__init__(detail, errors=list(errors), **data)


class MalformedRequest(InvalidRequest):
    """The input is not JSON, or not the expected kind of document."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_request"


class FromTheFuture(InvalidRequest):
    """An instant is further ahead of the server's clock than clocks differ; ``now`` is the server's
    time."""

    code = "from_the_future"


class TooMuchAtOnce(InvalidRequest):
    """More items would change than one transaction may contain."""


def invalid(path: str, message: str) -> InvalidRequest:
    """An InvalidRequest for one defect, by its JSON path."""
    return InvalidRequest(
        "the request does not fit its schema", [{"path": path, "message": message}]
    )


class KeyMissing(Refusal):
    """A request that changes data has no Idempotency-Key."""

    code = "idempotency_key_missing"


class KeyReused(Refusal):
    """The Idempotency-Key (or id) was used before with another payload."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


class Unsigned(Refusal):
    """A message without the signature of the sender that it claims to come from."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unsigned"


class Forbidden(Refusal):
    """The caller's token does not permit access to this channel or location."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(Refusal):
    """The resource does not exist."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class Gone(Refusal):
    """The resource existed and was erased for good."""

    status = HTTPStatus.GONE
    code = "gone"


class Conflict(Refusal):
    """The request is valid, but the stored state does not allow it."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class OrderPaused(Conflict):
    """Nobody works on the order; ``pauses`` has who owns each pause, and its deadline."""

    code = "order_paused"

    def __init__(self, order_id: str, pauses: Sequence[Mapping[str, Any]]) -> None:
        owners = ", ".join(f"{row['owner']} ({row['kind']})" for row in pauses)
        super().__init__(
            f"order {order_id} is paused by {owners}: nothing is done with it before they release"
            " it",
            pauses=list(pauses),
        )


class OutOfStock(Conflict):
    """Some of the units are not available; ``short`` names every short position, not only the
    first."""

    code = "out_of_stock"
    sentence: ClassVar[str] = "not enough stock of {}"

    def __init__(
        self,
        short: Sequence[Mapping[str, Any]],
        alternatives: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        named = ", ".join(sorted({str(row["sku"]) for row in short}))
        super().__init__(
            self.sentence.format(named), short=list(short), alternatives=list(alternatives)
        )


class NoService(OutOfStock):
    """There is stock, but only at locations that do not offer this service."""

    code = "no_service"
    sentence = "no location with stock of {} offers this service"


class TooLate(OutOfStock):
    """There is stock, but the carrier has left already, or would arrive too late."""

    code = "too_late"
    sentence = "no location with stock of {} can deliver in time"


class NoCapacity(OutOfStock):
    """There is stock, but its locations have too many units waiting to be picked."""

    code = "no_capacity"
    sentence = "no location with stock of {} has the capacity to pick it in time"


class TooManyParcels(OutOfStock):
    """There is stock, but spread over more locations than one order may have parcels."""

    code = "too_many_parcels"
    sentence = "{} would need more parcels than one order may have"


class TooDear(OutOfStock):
    """There is stock, but shipping it costs more than the routing policy allows."""

    code = "too_dear"
    sentence = "shipping {} costs more than the routing policy allows"


class InvalidTransition(Conflict):
    """The state of the resource does not allow this action."""

    code = "invalid_transition"

    def __init__(self, action: str, state: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{action} is not possible in state {state}", state=state, allowed=sorted(allowed)
        )


class HoldClosed(Conflict):
    """The hold has expired, was released, or has become an order."""

    code = "hold_closed"

    def __init__(self, hold_id: str, state: str) -> None:
        super().__init__(f"hold {hold_id} is {state}", hold_id=hold_id, state=state)


class WrongCode(Conflict):
    """A code that is not the one that the shopper was given."""


class CarrierRefused(Conflict):
    """A carrier, or the provider that sells its labels, refuses; ``detail`` has its own words."""

    code = "carrier_refused"


class PromiseChanged(Conflict):
    """The chosen option is no longer available as promised; ``option`` is what is available now."""

    code = "promise_changed"


class PromotionExhausted(Conflict):
    """A promotion of the order has reached a limit since it was quoted; ``limit`` names which."""

    code = "promotion_exhausted"

    def __init__(self, promotion_id: str, limit: str, **data: Any) -> None:
        super().__init__(
            f"the promotion {promotion_id} has reached a limit ({limit}): ask for another quote",
            promotion_id=promotion_id,
            limit=limit,
            **data,
        )


class CodeExhausted(PromotionExhausted):
    """The same, for a promotion that took a code."""

    code = "code_exhausted"

    def __init__(self, promotion_id: str, limit: str, code_text: str) -> None:
        super().__init__(promotion_id, limit, code_text=code_text)


class NeedsContact(Conflict):
    """A promotion that each person may use only so often needs to know the person."""

    code = "needs_contact"


class QuoteExpired(Conflict):
    """The quote of a price is older than it may be."""

    code = "quote_expired"


class PriceHoldClosed(Conflict):
    """The price hold has expired, was released, or has been used by an order."""

    code = "price_hold_closed"

    def __init__(self, hold_id: str, state: str) -> None:
        super().__init__(f"price hold {hold_id} is {state}", hold_id=hold_id, state=state)


class CardShort(Conflict):
    """There is less on the gift card or store credit than the amount; ``available`` is what can be
    spent, ``suffix`` the last characters of its code."""

    code = "card_short"

    def __init__(self, available: int, currency: str, suffix: str) -> None:
        super().__init__(
            f"the card that ends in {suffix} has {available} (minor units) left to spend",
            available=available,
            currency=currency,
            suffix=suffix,
        )


class CardNotUsable(Conflict):
    """The card cannot be used: the answer is the same whatever the ``reason``, so that nobody
    learns which codes exist. ``with_reason`` is for callers who may know it.

    ``failures`` are the failed look-ups of the client in this quarter of an hour, 0 when the
    refusal was no look-up."""

    code = "card_not_usable"

    def __init__(self, reason: str, failures: int = 0) -> None:
        super().__init__("this card cannot be used")
        self.reason = reason
        self.failures = failures

    def with_reason(self) -> "CardNotUsable":
        """The same refusal with the reason in its answer."""
        shown = CardNotUsable(self.reason, self.failures)
        shown.data["reason"] = self.reason
        return shown


class CardSpent(Conflict):
    """A sold gift card cannot be taken back, because a part of it was spent or more was loaded."""

    code = "card_spent"

    def __init__(self, balance: int, amount: int, currency: str, suffix: str) -> None:
        super().__init__(
            f"the card that ends in {suffix} was sold with {amount} and has {balance} (minor units)"
            " now: only an unused card can be taken back",
            balance=balance,
            amount=amount,
            currency=currency,
            suffix=suffix,
        )


class PointsShort(Conflict):
    """The person has fewer points than are to be spent."""

    code = "points_short"

    def __init__(self, wanted: int, available: int) -> None:
        super().__init__(
            f"{wanted} points are wanted, {available} are available", available=available
        )


class NotTried(Conflict):
    """A policy with guard-rails has no what-if result to check them against."""

    code = "what_if_missing"


class GuardRailBroken(Conflict):
    """The policy's own what-if breaks its guard-rails; ``breaches`` names each."""

    code = "guard_rail"


class VersionMismatch(Refusal):
    """The resource has changed since the caller read it (If-Match)."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "version_mismatch"


class TooManyTries(Refusal):
    """Too many failed attempts; trying again is possible after ``retry_after_seconds``."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_tries"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"too many failed attempts: try again in {seconds} seconds",
            retry_after_seconds=seconds,
        )


class Busy(Refusal):
    """Too many writers for longer than the request may wait; retrying is safe."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "busy"


class Throttled(Busy):
    """AWS throttles the call and has not executed it."""


class TaxUnavailable(Busy):
    """The tax service does not answer as it should; retrying is safe."""

    code = "tax_unavailable"


class CarrierUnavailable(Busy):
    """A carrier, or the provider that sells its labels, does not answer; retrying is safe."""

    code = "carrier_unavailable"
