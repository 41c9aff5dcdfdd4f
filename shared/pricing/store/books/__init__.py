"""Books, table ``pricing``.

    pk BOOK             sk 00000001, ...   a published book: {at, by, parts, promotions}   published
                        sk draft           the only draft: {revision, at, by, parts}       draft
                        sk active          {version, canary?}              active.py
                        sk guard-rails, trial                              rails.py
    pk BOOK#<version>   sk PART#<n>        its document, deflated and cut; immutable       book
    pk BOOK#draft       sk PART#<n>        that of the draft, with the draft's revision    draft

A book of 500 promotions is one part of some 25 KB. Version 0 is NO_PROMOTIONS and is not stored.
"""

from shared.pricing.store.books.active import (
    Activation,
    Canary,
    InForce,
    activation,
    active_version,
    in_force,
    promote,
    roll_back,
    stop_canary,
)
from shared.pricing.store.books.documents import (
    Draft,
    Published,
    book,
    document,
    draft,
    published,
    put_draft,
)
from shared.pricing.store.books.keys import MAX_VERSION
from shared.pricing.store.books.publishing import publish
from shared.pricing.store.books.rails import (
    StoredRails,
    Trial,
    add_trial_page,
    check_document,
    put_rails,
    stored_rails,
    trial,
)

__all__ = [
    "MAX_VERSION",
    "Activation",
    "Canary",
    "Draft",
    "InForce",
    "Published",
    "StoredRails",
    "Trial",
    "activation",
    "active_version",
    "add_trial_page",
    "book",
    "check_document",
    "document",
    "draft",
    "in_force",
    "promote",
    "publish",
    "published",
    "put_draft",
    "put_rails",
    "roll_back",
    "stop_canary",
    "stored_rails",
    "trial",
]
