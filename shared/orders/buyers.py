"""Whose order it is."""

from datetime import datetime

from shared.customers.contract import CustomerIdentity
from shared.customers.table import profile_exists, resolve
from shared.errors import invalid
from shared.orders.contract import KnownCustomer
from shared.orders.table import id_of
from shared.web.idempotency import Request


def profile(
    customer: KnownCustomer | CustomerIdentity | None, request: Request, now: datetime
) -> str | None:
    """The profile as it is called now, None for a guest.

    A person whom the channel describes is resolved under the request's own name, so that the same
    request always means the same person.

    Raises InvalidRequest for a profile that does not exist, Gone for one that was erased.
    """
    if customer is None:
        return None
    if isinstance(customer, KnownCustomer):
        found = profile_exists(customer.profile_id)
        if found is None:
            raise invalid("$.customer.profile_id", "there is no such profile")
        return found
    record = customer.record(now, path="$.customer")
    return resolve(
        record, f"order:{request.name}", now, f"p-{id_of(request).lower()}", request.digest
    ).profile_id
