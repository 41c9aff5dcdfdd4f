"""Find orders, and keep the rows by which they are found.

E-mail addresses, phone numbers, tracking numbers and references of payments are found by keyed
hashes, normalized as those of customers are.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from shared.customers.model.keys import identifier_key
from shared.customers.model.normalize import is_placeholder
from shared.customers.store import find, identity_key, new_id, record_reads
from shared.errors import Gone, NotFound
from shared.orders import store
from shared.orders.contract.search import Criteria
from shared.orders.model import NO_CONTACTS, Order, searching
from shared.orders.model.searching import Hashed, Search, Summary, Term
from shared.orders.store.search import RowEnd, SummaryPage

CONTACT_KINDS = ("email", "phone")
MOST_CONTACTS = 12
"""Contacts by which one order is found: a profile may have many."""


def contact_keys(identifiers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The keys of the e-mail addresses and phone numbers among (name, normalized value), for
    ``buyer_keys`` and ``contact_keys`` of an order. Placeholders find nobody."""
    secret = identity_key()
    keys = [
        identifier_key(secret, name, value)
        for name, value in identifiers
        if name in CONTACT_KINDS and not is_placeholder(value)
    ]
    return tuple(dict.fromkeys(keys))[:MOST_CONTACTS]


def with_contact_keys(order: Order, before: Order | None = None) -> Order:
    """The order with the keys of its contacts, where these have changed since ``before``."""
    if order.contacts == (before.contacts if before else NO_CONTACTS):
        return order
    contacts = order.contacts
    persons = (contacts.ship_to, contacts.bill_to, contacts.collector)
    identifiers = [
        (kind, value)
        for person in persons
        if person is not None
        for kind, value in (("email", person.email), ("phone", person.phone))
        if value is not None
    ]
    return replace(order, contact_keys=contact_keys(identifiers))


def _key_of(kind: Hashed, value: str) -> str:
    """Printed tracking numbers have spaces and hyphens in different places."""
    if kind == "tracking":
        value = re.sub(r"[\s-]+", "", value).upper()
    return identifier_key(identity_key(), kind, value.strip())


def index_order(order: Order, before: Order | None) -> int:
    """Write the rows of the order that have changed since ``before`` (all rows without it), and
    return their number. A repeated or late call changes nothing."""
    terms = searching.terms_of(order, _key_of)
    terms_before = searching.terms_of(before, _key_of) if before else {}
    rows: dict[str, Term | None] = dict(terms)
    if before is not None:
        if searching.is_shown_alike(order, before):
            rows = {name: term for name, term in terms.items() if terms_before.get(name) != term}
        gone = {name: term for name, term in terms_before.items() if name not in terms}
        rows |= dict.fromkeys(searching.ended(before, order, gone))
    summary = searching.summary_of(order)
    if not rows:
        return 0
    return store.search.put_rows(summary, rows, terms_before, datetime.now(UTC))


def find_orders(
    criteria: Criteria, limit: int, now: datetime, after: RowEnd | None = None
) -> SummaryPage:
    """A page of the orders that fit ``criteria``: one Query."""
    return store.search.page(_search(criteria, now), limit, after)


def _search(criteria: Criteria, now: datetime) -> Search:
    value, channel = criteria.value, criteria.channel or ""
    match criteria.by:
        case "reference":
            term = searching.reference_term(value)
        case "email" | "phone" as name:
            term = searching.contact_term(identifier_key(identity_key(), name, value))
        case "tracking":
            term = searching.tracking_term(_key_of("tracking", value))
        case "payment":
            term = searching.payment_term(_key_of("payment", value))
        case "sku":
            term = searching.sku_term(value, channel)
        case "state" if value == "late":
            return Search(searching.due_term(channel), until=now, newest_first=False)
        case "state":
            term = searching.state_term(value, criteria.channel)
        case _:
            term = searching.channel_term(channel)
    return Search(term, criteria.placed_from, criteria.placed_to)


def record_person_reads(summaries: Iterable[Summary], actor: str, now: datetime) -> None:
    """Record in the audit of each profile that ``actor`` has read its orders, under the profile's
    current id. Guests have no profile."""
    profiles = set()
    for profile_id in {row.profile_id for row in summaries if row.profile_id}:
        with suppress(NotFound, Gone):
            profiles.add(find(profile_id).profile_id)
    if profiles:
        record_reads(sorted(profiles), actor, "orders", now, new_id())
