"""The reply to GET /v1/availability: at most one read of packs, and cached locations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from math import ceil

from shared.availability.contract.parameters import Parameters
from shared.availability.model import answer
from shared.availability.model.channel import confidence_in, sellable_columns
from shared.availability.model.pack import Columns
from shared.availability.store import recent
from shared.availability.store.unpicked import unpicked
from shared.catalog.model import Variant
from shared.errors import invalid
from shared.locations import store as locations
from shared.locations.model import Point, parse_point
from shared.stock.store import rules
from shared.web.auth import Caller

MAX_AGE = 5
"""Seconds for which an answer may be used, counted from the read of its packs."""
MOST_EMPTY = 5
"""SKUs of one question whose variants are looked for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and body of the HTTP response."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: str


def reply(asked: Parameters, caller: Caller, if_none_match: str | None, at: datetime) -> Reply:
    """Answers the request. Raises InvalidRequest and Forbidden."""
    question = answer.question(
        asked.skus,
        _channel(caller, asked.channel),
        location_ids=asked.location_ids,
        location_groups=asked.location_groups,
        near=_point(asked),
        radius_km=asked.radius_km,
        limit=asked.limit,
        pickup_within=asked.pickup_within_minutes,
    )
    read = recent.columns(question.skus)
    ages = [read]
    packs = _sellable(read.by_key, question.channel, at)
    places = _places(at)
    scope = answer.scope_of(question, places)
    variants: Mapping[str, Sequence[Variant]] = {}
    if question.limit and (empty := answer.unsellable_skus(question, packs, scope)):
        variants = recent.variants(empty[:MOST_EMPTY])
        others = recent.columns(one.sku for group in variants.values() for one in group)
        ages.append(others)
        packs = {**_sellable(others.by_key, question.channel, at), **packs}
    text = answer.answer_text(
        question,
        packs,
        places,
        at,
        read_at=at - timedelta(seconds=read.age()),
        scope=scope,
        variants=variants,
    )
    tag = answer.etag(text)
    age = ceil(max(one.age() for one in ages))
    headers = {"ETag": tag, **_caching(age, shared=asked.channel is not None)}
    if answer.etag_matches(if_none_match, tag):
        return Reply(HTTPStatus.NOT_MODIFIED, headers, "")
    return Reply(HTTPStatus.OK, {"Content-Type": "application/json", **headers}, text)


def sellable_among(
    skus: Sequence[str], channel: str, location_ids: Sequence[str], at: datetime
) -> frozenset[str]:
    """Those of the SKUs of which the channel may sell units, at any of the locations (all, when
    none is named). Of 100 SKUs, at most one read of packs. Raises Busy as ``recent.columns``."""
    question = answer.question(skus, channel, location_ids=location_ids)
    packs = _sellable(recent.columns(question.skus).by_key, channel, at)
    scope = answer.scope_of(question, _places(at))
    return frozenset(question.skus).difference(answer.unsellable_skus(question, packs, scope))


def _caching(age: int, *, shared: bool) -> dict[str, str]:
    """The headers for an answer from packs that were read ``age`` seconds ago.

    The age is subtracted here, because not every cache on the way counts the ``Age`` of an answer.
    The answer to a URL that names the channel is the same for every caller who may ask for it; the
    answer for the channel of the token is not.
    """
    seconds = max(0, MAX_AGE - age)
    headers = {"Age": str(age)} if age else {}
    if shared:
        return {"Cache-Control": f"public, max-age={seconds}", **headers}
    return {
        "Cache-Control": f"private, max-age={seconds}",
        "Vary": "Authorization",
        **headers,
    }


def _sellable(packs: Mapping[str, Columns], channel: str, at: datetime) -> dict[str, Columns]:
    active = rules.active_rules()
    products = recent.products(packs) if active.asks_for_products else {}
    selling = rules.selling(channel, packs, at, confidence_in(packs), products, active)
    return sellable_columns(packs, selling)


def _channel(caller: Caller, channel: str | None) -> str:
    if channel is None:
        own = caller.channels
        if len(own) != 1 or caller.sees("all"):
            raise invalid("query.channel", "Field required")
        return next(iter(own))
    caller.must_see(channel)
    return channel


def _point(asked: Parameters) -> Point | None:
    if asked.near is not None:
        if asked.postal_code is not None:
            raise invalid("query.postal_code", "give either near or postal_code, not both")
        return parse_point(asked.near)
    if asked.postal_code is None:
        return None
    if asked.country is None:
        raise invalid("query.country", "needed with postal_code")
    found = locations.point_of_postal_code(asked.country, asked.postal_code)
    if found is None:
        raise invalid("query.postal_code", f"the postal code is not known in {asked.country}")
    return found


_last = answer.LocationTexts({}, datetime.min.replace(tzinfo=UTC))


def _places(at: datetime) -> answer.LocationTexts:
    global _last  # noqa: PLW0603
    known, waiting = locations.all_locations(), unpicked()
    same = _last.locations is known and _last.unpicked is waiting
    if not same or _last.minute != answer.next_minute(at):
        _last = answer.LocationTexts(known, at, _last, waiting)
    return _last
