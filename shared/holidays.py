"""Public holidays of countries, from the package holidays.

The package has 14 MB and takes 0.4 s to import with its first country. It is loaded when a calendar
asks for it first, and each country and year are kept: an order never waits for more than one.
"""

from datetime import date
from functools import lru_cache


@lru_cache(maxsize=1024)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The national holidays of a country (ISO 3166-1 alpha-2) in a year, as they are observed;
    empty for a country that the package does not know."""
    import holidays  # noqa: PLC0415 (locations without a calendar do not need it)

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
