"""Everything NoRain refuses, as one tree. Each refusal carries a status, a code and its data.

    Refusal
    ├── InvalidRequest         422  invalid_request          errors: [{path, message}]
    │   ├── MalformedRequest   400  malformed_request
    │   ├── FromTheFuture      422  from_the_future          now
    │   └── TooMuchAtOnce      422  invalid_request
    ├── KeyMissing             400  idempotency_key_missing
    ├── KeyReused              422  idempotency_key_reused
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
    │   ├── InvalidTransition  409  invalid_transition       state, allowed
    │   ├── HoldClosed         409  hold_closed              hold_id, state
    │   ├── PromiseChanged     409  promise_changed          option
    │   ├── NotTried           409  what_if_missing          guard_rails, found
    │   └── GuardRailBroken    409  guard_rail               breaches
    ├── VersionMismatch        412  version_mismatch         version
    └── Busy                   503  busy                     told with Retry-After
        └── Throttled          503  busy

The API answers each as problem+json (shared/web); the queue workers put the code and the detail
beside the message that they send to the dead-letter queue.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar


class Refusal(Exception):
    """Something was asked that cannot be done; ``data`` goes to the caller as it is."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, **data: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.data = data


class InvalidRequest(Refusal):
    """The input does not fit its schema; ``errors`` names every place by its JSON path."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_request"

    def __init__(self, detail: str, errors: Sequence[Mapping[str, str]] = (), **data: Any) -> None:
        super().__init__(detail, errors=list(errors), **data)


class MalformedRequest(InvalidRequest):
    """The input is not JSON, or not the kind of document that was asked for."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_request"


class FromTheFuture(InvalidRequest):
    """An instant lies further ahead of the receiver's clock than clocks differ; ``now`` is what
    that clock shows."""

    code = "from_the_future"


class TooMuchAtOnce(InvalidRequest):
    """More items would change than one transaction may hold."""


def invalid(path: str, message: str) -> InvalidRequest:
    """One place of the request, by its JSON path, that does not fit."""
    return InvalidRequest(
        "the request does not fit its schema", [{"path": path, "message": message}]
    )


class KeyMissing(Refusal):
    """A request that changes something came without an Idempotency-Key."""

    code = "idempotency_key_missing"


class KeyReused(Refusal):
    """The Idempotency-Key (or id) has been used before, for another payload."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


class Forbidden(Refusal):
    """The caller's token does not reach this channel or location."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(Refusal):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class Gone(Refusal):
    """It was there and has been erased for good."""

    status = HTTPStatus.GONE
    code = "gone"


class Conflict(Refusal):
    """The request is sound, but what is stored does not allow it."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class OutOfStock(Conflict):
    """Not everything asked for can be had; every short position is named, not just the first."""

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
    """There is stock, where this service does not begin."""

    code = "no_service"
    sentence = "this service does not bring {} from where it lies"


class TooLate(OutOfStock):
    """There is stock, where the carrier has called already, or would arrive too late."""

    code = "too_late"
    sentence = "it is too late for {} from where it lies"


class NoCapacity(OutOfStock):
    """There is stock, where too much waits to be picked."""

    code = "no_capacity"
    sentence = "nobody has the hands for {} in time"


class TooManyParcels(OutOfStock):
    """There is stock, in more places than one order may have parcels."""

    code = "too_many_parcels"
    sentence = "{} would take more parcels than one order may have"


class TooDear(OutOfStock):
    """There is stock, and the routing policy would rather not sell it than send it from there."""

    code = "too_dear"
    sentence = "sending {} from where it lies costs more than the routing policy allows"


class InvalidTransition(Conflict):
    """The state of the thing does not allow this action."""

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


class PromiseChanged(Conflict):
    """What was chosen cannot be had as well as it was told; ``option`` is what can be had now."""

    code = "promise_changed"


class NotTried(Conflict):
    """A policy with guard-rails has had no what-if that they could be measured by."""

    code = "what_if_missing"


class GuardRailBroken(Conflict):
    """The policy's own what-if has found what its guard-rails forbid; each is named."""

    code = "guard_rail"


class VersionMismatch(Refusal):
    """It has changed since the caller read it (If-Match)."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "version_mismatch"


class Busy(Refusal):
    """Too many writers at once, for longer than the request may wait; trying again is safe."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "busy"


class Throttled(Busy):
    """AWS takes no more of these calls for now, and has done nothing of this one."""
