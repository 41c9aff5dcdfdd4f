"""Postal codes with their centroids, for addresses that come without coordinates.

Files are those of GeoNames (https://download.geonames.org/export/zip, CC BY 4.0): tab-separated, in
UTF-8, without a header:

    country code, postal code, place name, 3 x (admin name, admin code), latitude, longitude,
    accuracy

A postal code with several places has a row for each place; its centroid is their mean.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from statistics import fmean

import httpx
import zipcodes
from pydantic import ValidationError

from infra.local.bad_row import BadRow
from infra.local.target import answer
from shared.locations.contract import MOST_CODES, PostalCodeInput

COUNTRY, CODE, LATITUDE, LONGITUDE = 0, 1, 9, 10


@dataclass(frozen=True, slots=True)
class Code:
    country: str
    postal_code: str
    latitude: float
    longitude: float


def of_geonames(lines: Iterable[str]) -> tuple[list[Code], list[BadRow]]:
    """The codes of a GeoNames file, and its wrong lines with their reasons."""
    places: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    bad: list[BadRow] = []
    for number, line in enumerate(lines, 1):
        row = line.rstrip("\r\n").split("\t")
        try:
            code = _checked(row)
        except ValueError as error:
            bad.append(BadRow(number, _reason(error)))
        else:
            places[row[COUNTRY], code.postal_code].append((code.latitude, code.longitude))
    return [
        Code(country, code, fmean(lat for lat, _ in points), fmean(lon for _, lon in points))
        for (country, code), points in places.items()
    ], bad


def _checked(row: Sequence[str]) -> PostalCodeInput:
    if len(row) <= LONGITUDE:
        raise ValueError(f"fewer than {LONGITUDE + 1} fields")
    if not (len(row[COUNTRY]) == 2 and row[COUNTRY].isascii() and row[COUNTRY].isupper()):
        raise ValueError("country: two capital letters (ISO 3166)")
    return PostalCodeInput.model_validate(
        {
            "postal_code": row[CODE],
            "latitude": row[LATITUDE],
            "longitude": row[LONGITUDE],
        }
    )


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        (first, *_) = error.errors(include_url=False)
        return f"{first['loc'][0]}: {first['msg']}"
    return str(error)


def of_the_us() -> list[Code]:
    """Every ZIP code that has coordinates in the package zipcodes."""
    return [
        Code("US", row["zip_code"], float(row["lat"]), float(row["long"]))
        for row in zipcodes.list_all()
        if row["lat"] and row["long"]
    ]


def load(ops: httpx.Client, codes: Iterable[Code]) -> Iterator[int]:
    """Store the codes through the API, country by country. Yields how many each call stored."""
    for country, rows in groupby(sorted(codes, key=attrgetter("country")), attrgetter("country")):
        batch = list(rows)
        for start in range(0, len(batch), MOST_CODES):
            codes_of_call = [
                {
                    "postal_code": code.postal_code,
                    "latitude": code.latitude,
                    "longitude": code.longitude,
                }
                for code in batch[start : start + MOST_CODES]
            ]
            stored = answer(ops.put(f"/v1/postal-codes/{country}", json={"codes": codes_of_call}))
            yield int(stored["stored"])
