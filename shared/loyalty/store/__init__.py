"""Points and tiers, table ``loyalty``.

    pk                  sk                  item
    WALLET#<home>       POINTS              the account of a home profile; or closed_at
    WALLET#<home>       EARN#<order>        what an order has earned, and when it becomes available
    WALLET#<home>       TIER                the tier, and the net spend of 24 months
    WALLET#<home>       ENTRY#<version>     the ledger: one row for each write of POINTS
    WALLET#<home>       REQUEST#<name>      a request that changed points by hand, and its digest
    PROGRAMME           ...                 the programme (shared/aws/versions.py)

Every write of POINTS, EARN# and TIER is conditional on the version that was read, or on there being
none; when the condition fails, the writer reads and decides again. The worker of the stream writes
the ledger from ``last`` of POINTS. POINTS, EARN# and TIER have a deadline in the index by_deadline
while something becomes due.
"""
