"""The parameters of GET /v1/availability, checked without pydantic because it loads slowly.

functions/availability/api.py declares the same parameters with types for the API document; a test
sends the same requests to both and expects the same refused fields. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from shared.errors import InvalidRequest

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,31}")
COUNTRY = re.compile(r"[A-Z]{2}")
POSTAL_CODE = re.compile(r".{0,16}", re.DOTALL)
WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
MOST_KM = 20_038
"""Half the equator, the largest distance between two places."""
MOST_MINUTES = 7 * 24 * 60
MOST_LIMIT = 1000
LIMIT = 50

Problems = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters, each well-formed by itself; None or () stands for an absent one."""

    skus: tuple[str, ...]
    channel: str | None = None
    location_ids: tuple[str, ...] = ()
    location_groups: tuple[str, ...] = ()
    near: tuple[float, ...] | None = None
    postal_code: str | None = None
    country: str | None = None
    radius_km: float | None = None
    pickup_within_minutes: int | None = None
    limit: int = LIMIT


def parse(query: Mapping[str, str]) -> Parameters:
    """Parses ``query`` as the gateway passes it: repeated parameters are joined by commas.

    Raises InvalidRequest naming every wrong parameter.
    """
    wrong: Problems = []
    skus = _texts(query, "sku", ID, wrong)
    if not skus:
        wrong.append({"path": "query.sku", "message": "Field required"})
    limit = _whole(query, "limit", MOST_LIMIT, wrong)
    parameters = Parameters(
        skus=skus,
        channel=_text(query, "channel", CHANNEL, wrong),
        location_ids=_texts(query, "location_id", ID, wrong),
        location_groups=_texts(query, "location_group", ID, wrong),
        near=_numbers(query, "near", wrong),
        postal_code=_text(query, "postal_code", POSTAL_CODE, wrong),
        country=_text(query, "country", COUNTRY, wrong),
        radius_km=_kilometres(query, "radius_km", wrong),
        pickup_within_minutes=_whole(query, "pickup_within_minutes", MOST_MINUTES, wrong),
        limit=LIMIT if limit is None else limit,
    )
    if wrong:
        raise InvalidRequest("the request does not fit its schema", wrong)
    return parameters


def _texts(
    query: Mapping[str, str], name: str, pattern: re.Pattern[str], wrong: Problems
) -> tuple[str, ...]:
    if name not in query:
        return ()
    texts = query[name].split(",")
    for index, text in enumerate(texts):
        if not pattern.fullmatch(text):
            wrong.append(_mismatch(f"query.{name}[{index}]", pattern))
    return tuple(texts)


def _text(
    query: Mapping[str, str], name: str, pattern: re.Pattern[str], wrong: Problems
) -> str | None:
    text = _first(query, name)
    if text is not None and not pattern.fullmatch(text):
        wrong.append(_mismatch(f"query.{name}", pattern))
    return text


def _numbers(query: Mapping[str, str], name: str, wrong: Problems) -> tuple[float, ...] | None:
    if name not in query:
        return None
    numbers = []
    for index, text in enumerate(query[name].split(",")):
        number = _float(text)
        if number is None:
            wrong.append({"path": f"query.{name}[{index}]", "message": "this is not a number"})
        else:
            numbers.append(number)
    return tuple(numbers)


def _kilometres(query: Mapping[str, str], name: str, wrong: Problems) -> float | None:
    text = _first(query, name)
    if text is None:
        return None
    number = _float(text)
    if number is None or not (isfinite(number) and 0 <= number <= MOST_KM):
        wrong.append({"path": f"query.{name}", "message": f"use a number from 0 to {MOST_KM}"})
    return number


def _whole(query: Mapping[str, str], name: str, most: int, wrong: Problems) -> int | None:
    text = _first(query, name)
    if text is None:
        return None
    number = int(text) if WHOLE.fullmatch(text) else -1
    if not 0 <= number <= most:
        wrong.append({"path": f"query.{name}", "message": f"use a whole number from 0 to {most}"})
    return number


def _first(query: Mapping[str, str], name: str) -> str | None:
    text = query.get(name)
    return None if text is None else text.partition(",")[0]


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _mismatch(path: str, pattern: re.Pattern[str]) -> dict[str, str]:
    return {"path": path, "message": f"this does not match the pattern {pattern.pattern}"}
