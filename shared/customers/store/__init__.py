"""The customers table: the identity of records, and all data of a person.

    pk                      sk                     item
    PROFILE#<id>            PROFILE                the profile: its records and merged ids;
                                                   or merged_into, one hop; or erased_at
    PROFILE#<id>            AT#<time>#<id>         an interaction, under the id that it was sent to
    PROFILE#<id>            CART                   the cart
    PROFILE#<id>            RECENT                 the newest interactions and purchases
    PROFILE#<id>            JOB#<id>               a reference to an export job
    RECORD#<key>            HEAD                   the profile that took the record in; or erased_at
    RECORD#<key>            AT#<time>#<digest>     a statement of the source, immutable
    RECORD#<key>            GONE#<hash>            a hash of a statement of an erased person
    RECORD#<key>            LINK#.. | CANNOT#..    links and cannot-links to other records, and why
    RECORD#<key>            REVIEW#.. | ASKED#..   references to its reviews and requests
    ID#<type>#<hash>        ID                     the profiles that use the identifier; erased_at
    BLOCK#<kind>#<hash>     BLOCK                  the profiles that share the blocking key
    HOUSE#<hash>            HOUSE                  the profiles of the household
    REVIEW#<id>             REVIEW                 two records for a person to judge
    IDEM#<name>             IDEM                   a request, the digest of its payload, its answer
    AUDIT#<id>              AT#<time>#<id>         who read the profile
    JOB#<id>                JOB                    a job: erase or export a person

Every write is one transaction, conditional on the versions of all items that the decision used.
When a condition fails, the writer reads and decides again.
"""

from shared.customers.store.audits import read_log, record_reads
from shared.customers.store.carts import cart, put_cart
from shared.customers.store.merging import MergeResult, merge, preview_merge, unmerge
from shared.customers.store.overview import profile_overview
from shared.customers.store.profiles import (
    erased_among,
    find,
    find_by,
    not_erased_condition,
    profile_exists,
)
from shared.customers.store.resolving import resolve
from shared.customers.store.reviews import judge, open_reviews
from shared.customers.store.rows import Act, identity_key, new_id
from shared.customers.store.timeline import interaction_part, record_interaction, timeline

__all__ = [
    "Act",
    "MergeResult",
    "cart",
    "erased_among",
    "find",
    "find_by",
    "identity_key",
    "interaction_part",
    "judge",
    "merge",
    "new_id",
    "not_erased_condition",
    "open_reviews",
    "preview_merge",
    "profile_exists",
    "profile_overview",
    "put_cart",
    "read_log",
    "record_interaction",
    "record_reads",
    "resolve",
    "timeline",
    "unmerge",
]
