"""The customers table: who a record is, and everything kept on a person.

    pk                      sk                     what
    PROFILE#<id>            PROFILE                the profile: its records, the ids merged into it;
                                                   or merged_into, one hop; or erased_at
    PROFILE#<id>            AT#<time>#<id>         an interaction, under the id that it was sent to
    PROFILE#<id>            CART                   the cart
    PROFILE#<id>            RECENT                 the newest interactions and purchases, together
    PROFILE#<id>            JOB#<id>               that everything was, or is to be, written down
    RECORD#<key>            HEAD                   the profile that took the record in; or erased_at
    RECORD#<key>            AT#<time>#<digest>     a statement of the source, never changed
    RECORD#<key>            GONE#<hash>            that there was one, of somebody who was erased
    RECORD#<key>            LINK#.. | CANNOT#..    what was said of this record and others, and why
    RECORD#<key>            REVIEW#.. | ASKED#..   reviews of it, requests about it
    ID#<type>#<hash>        ID                     the profiles that use the identifier; erased_at
    BLOCK#<kind>#<hash>     BLOCK                  the profiles that may be one for another reason
    HOUSE#<hash>            HOUSE                  the profiles that live there
    REVIEW#<id>             REVIEW                 two records for a person to judge
    IDEM#<name>             IDEM                   a request, its payload's digest and its answer
    AUDIT#<id>              AT#<time>#<id>         who read the profile
    JOB#<id>                JOB                    erasing somebody, or writing everything down

Every write is one transaction whose conditions are the versions of all that was decided on. Who
loses a race reads again and decides again.
"""

from shared.customers.store.audits import audit, reads
from shared.customers.store.carts import cart, put_cart
from shared.customers.store.merging import Merged, merge, preview, unmerge
from shared.customers.store.profiles import erased_among, find, find_by, not_erased, profile_exists
from shared.customers.store.resolving import resolve
from shared.customers.store.reviews import judge, open_reviews
from shared.customers.store.rows import Act, fresh_id
from shared.customers.store.timeline import interaction_part, record_interaction, timeline
from shared.customers.store.whole import whole

__all__ = [
    "Act",
    "Merged",
    "audit",
    "cart",
    "erased_among",
    "find",
    "find_by",
    "fresh_id",
    "interaction_part",
    "judge",
    "merge",
    "not_erased",
    "open_reviews",
    "preview",
    "profile_exists",
    "put_cart",
    "reads",
    "record_interaction",
    "resolve",
    "timeline",
    "unmerge",
    "whole",
]
