"""The table recommendations.

    pk                            sk          item
    AGAIN#<home>                  BOUGHT      what a home buys: {version, bought, fitted, ttl};
                                              {version, closed_at} of an erased person
    WITH#<sku>                    PARTNERS    what an item is bought with: {version, baskets,
                                              weight, partners, ttl}
    POPULAR#<location>#<dept>     SOLD        what is bought most there: {version, sold, ttl};
                                              ``all`` for everywhere, no department for all
    NEW                           ITEMS       items with few baskets: {version, days}
    ORDER#<order_id>              COUNTED     the mark of an order: {version, basket, ttl}
    AGAIN#<home>, TAKEN#..        DAY#<day>   suggestions shown and taken (feedback.py)
    MODEL                         HEAD, PART# the nightly fit (models.py)

``bought``, ``partners``, ``sold`` and ``fitted`` are compressed JSON (packing.py). The worker of
orders writes all rows but those of the feedback and the fit. ``fitted`` is what suits a home: it is
made from the model of the fit whenever the home buys.

A mark and all rows of its order are written in one transaction, each on the version that was read:
an order is counted once, and what a newer version of it changes is counted as a difference.
Largest items: 300 bought items 6 KB, 224 partners 4 KB, 150 sold items 2 KB.
"""
