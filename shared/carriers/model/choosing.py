"""Choose the rate to buy."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.carriers.model.values import Rate


def choose(
    rates: Iterable[Rate],
    leaves: datetime,
    deliver_by: datetime | None = None,
    carrier: str | None = None,
    service: str | None = None,
) -> Rate | None:
    """The cheapest rate that arrives by ``deliver_by`` for a parcel that leaves at ``leaves``. When
    none does, the fastest, so that the promise breaks by as little as possible. Only rates of
    ``carrier`` and ``service`` where these are named; None when there is none."""
    possible = [
        rate
        for rate in rates
        if (carrier is None or rate.carrier.casefold() == carrier.casefold())
        and (service is None or rate.service.casefold() == service.casefold())
    ]
    in_time = [
        rate for rate in possible if deliver_by is None or _arrives(rate, leaves, deliver_by)
    ]
    if in_time:
        return min(in_time, key=lambda rate: (rate.amount, rate.rate_id))
    return min(possible, key=lambda rate: (_days(rate), rate.amount, rate.rate_id), default=None)


def _arrives(rate: Rate, leaves: datetime, deliver_by: datetime) -> bool:
    if rate.deliver_by is not None:
        return rate.deliver_by <= deliver_by
    return rate.days is not None and leaves + timedelta(days=rate.days) <= deliver_by


def _days(rate: Rate) -> float:
    return float("inf") if rate.days is None else rate.days
