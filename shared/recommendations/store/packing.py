"""Rows of counters as compressed JSON columns, and back: a fifth of the write units of maps."""

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from shared.recommendations.model.baskets import Basket
from shared.recommendations.model.counters import Again, Bought, Partner, Partners, Popular
from shared.recommendations.model.ranking import Suggested

THOUSANDTHS = 1000


def _packed(columns: Sequence[Any]) -> bytes:
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode(), 6)


def _unpacked(data: bytes) -> Any:
    return json.loads(zlib.decompress(bytes(data)))


def pack_again(again: Again) -> bytes:
    rows = again.items.values()
    return _packed(
        [
            list(again.items),
            [one.weight for one in rows],
            [one.times for one in rows],
            [one.last.toordinal() for one in rows],
        ]
    )


def unpack_again(data: bytes) -> Again:
    skus, weights, times, days, *_ = _unpacked(data)
    return Again(
        {
            sku: Bought(weight, count, date.fromordinal(day))
            for sku, weight, count, day in zip(skus, weights, times, days, strict=True)
        }
    )


def pack_partners(partners: Partners) -> bytes:
    rows = partners.items.values()
    return _packed(
        [list(partners.items), [one.together for one in rows], [one.size for one in rows]]
    )


def unpack_partners(baskets: int, weight: int, data: bytes) -> Partners:
    skus, together, sizes, *_ = _unpacked(data)
    return Partners(
        baskets,
        weight,
        {sku: Partner(*pair) for sku, *pair in zip(skus, together, sizes, strict=True)},
    )


def pack_popular(popular: Popular) -> bytes:
    return _packed([list(popular.items), list(popular.items.values())])


def unpack_popular(data: bytes) -> Popular:
    skus, counts, *_ = _unpacked(data)
    return Popular(dict(zip(skus, counts, strict=True)))


def pack_fitted(row: Suggested) -> bytes:
    return _packed([[sku for sku, _ in row], [round(score * THOUSANDTHS) for _, score in row]])


def unpack_fitted(data: bytes) -> Suggested:
    skus, scores, *_ = _unpacked(data)
    return [(sku, score / THOUSANDTHS) for sku, score in zip(skus, scores, strict=True)]


def basket_text(basket: Basket) -> str:
    plain = [basket.day.isoformat(), basket.home, basket.location_id, basket.skus]
    return json.dumps(plain, separators=(",", ":"))


def basket_of_text(text: str) -> Basket:
    day, home, location_id, skus, *_ = json.loads(text)
    return Basket(date.fromisoformat(day), _pairs(skus), home, location_id)


def _pairs(rows: Iterable[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((sku, department) for sku, department in rows)
