"""What the API takes and answers about KPIs."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import Strict

from shared.instants import rfc3339
from shared.kpis.model.costs import Rates
from shared.kpis.model.digest import Digest, Problem
from shared.kpis.model.figures import Figures
from shared.kpis.model.kpis import KPIS, By, Kind, Kpi, value_of
from shared.pricing.model.money import WHOLE
from shared.web.contract import Answer, Input

MOST_MONEY = 1_000_000_000
Minor = Annotated[int, Strict(), Ge(0), Le(MOST_MONEY)]


class KpiRow(Answer):
    """A KPI of a group of orders."""

    key: str
    """The channel, location or day (YYYY-MM-DD); `-` is the location of what happened before any
    location had the units."""
    currency: str
    """Of amounts. Different currencies are different rows."""
    numerator: int
    """The sum of figures above the line."""
    denominator: int | None = None
    """The sum of figures below the line; absent for a KPI that is no quotient."""
    value: float | None = None
    """Numerator over denominator, less what the KPI takes off; absent when the denominator is 0."""


class KpiValues(Answer):
    """A KPI by channel, location or day."""

    name: str
    """The name of the KPI."""
    title: str
    """What it is, in words."""
    kind: Kind
    """`money` in minor units, a `count`, a `share` of 1, or another `ratio`."""
    rows: list[KpiRow]
    """By key; a key without orders has no row."""
    total: list[KpiRow]
    """Over all rows: one for each currency."""


class KpisAnswer(Answer):
    """KPIs by channel, location or day."""

    first: date
    """The first day."""
    last: date
    """The last day."""
    by: By
    """What the rows are."""
    kpis: list[KpiValues]
    """In the order in which they were asked for."""


class KpiDefinition(Answer):
    """How a KPI is computed: sums of figures with their signs."""

    name: str
    """The name of the KPI."""
    title: str
    """What it is, in words."""
    kind: Kind
    """`money` in minor units, a `count`, a `share` of 1, or another `ratio`."""
    numerator: dict[str, int]
    """The figures that are added, with their signs."""
    denominator: dict[str, int] | None = None
    """The figures that they are divided by; absent for a KPI that is no quotient."""
    minus: int = 0
    """What is taken off the quotient."""


class KpiDefinitions(Answer):
    """The KPIs."""

    kpis: list[KpiDefinition]
    """Each KPI with its formula."""


class KpiRates(Input):
    """What selling costs beside goods, handling and carriers."""

    payment_share: Annotated[int, Strict(), Ge(0), Le(WHOLE)] = 0
    """Part of what shoppers pay, in hundredths of a percent."""
    payment_fixed: Minor = 0
    """Minor units for each order that is handed over."""
    return_unit: Minor = 0
    """Minor units for each unit that comes back."""

    def rates(self) -> Rates:
        return Rates(self.payment_share, self.payment_fixed, self.return_unit)


class KpiRatesAnswer(Answer):
    """What selling costs beside goods, handling and carriers."""

    payment_share: int
    """Part of what shoppers pay, in hundredths of a percent."""
    payment_fixed: int
    """Minor units for each order that is handed over."""
    return_unit: int
    """Minor units for each unit that comes back."""


def rates_answer(rates: Rates) -> KpiRatesAnswer:
    return KpiRatesAnswer(
        payment_share=rates.payment_share,
        payment_fixed=rates.payment_fixed,
        return_unit=rates.return_unit,
    )


def kpi_values(
    name: str, groups: Mapping[tuple[str, str], Figures], totals: Mapping[str, Figures]
) -> KpiValues:
    """``groups`` by key and currency, ``totals`` by currency."""
    kpi = KPIS[name]
    return KpiValues(
        name=name,
        title=kpi.title,
        kind=kpi.kind,
        rows=[_row(kpi, key, currency, groups[key, currency]) for key, currency in sorted(groups)],
        total=[_row(kpi, "total", currency, totals[currency]) for currency in sorted(totals)],
    )


def _row(kpi: Kpi, key: str, currency: str, figures: Figures) -> KpiRow:
    value = value_of(kpi, figures)
    return KpiRow(
        key=key,
        currency=currency,
        numerator=value.numerator,
        denominator=value.denominator,
        value=value.value,
    )


def definitions() -> KpiDefinitions:
    return KpiDefinitions(kpis=[_definition(name, kpi) for name, kpi in KPIS.items()])


def _definition(name: str, kpi: Kpi) -> KpiDefinition:
    return KpiDefinition(
        name=name,
        title=kpi.title,
        kind=kpi.kind,
        numerator=dict(kpi.numerator),
        denominator=None if kpi.denominator is None else dict(kpi.denominator),
        minus=kpi.minus,
    )


class DigestKpi(Answer):
    """A KPI of the day."""

    name: str
    """The name of the KPI."""
    currency: str
    """Of amounts."""
    value: float | None = None
    """Absent when nothing happened that it could be computed from."""
    usual: float | None = None
    """The same over this weekday of the four weeks before."""


class DigestFinding(Answer):
    """Something that went wrong."""

    problem: Problem
    """What kind of problem it is."""
    number: int
    """Units, parcels, or minor units of `currency`."""
    currency: str | None = None
    """Of an amount."""
    place: str | None = None
    """The location or channel; absent when it concerns all."""
    text: str
    """The problem in a sentence."""
    what_to_do: str
    """What would help."""


class DigestTold(Answer):
    """What was earned on a day, what went wrong, and what to do."""

    day: date
    """The day."""
    kpis: list[DigestKpi]
    """The headline."""
    findings: list[DigestFinding]
    """The worst first, of each kind."""
    text: str
    """All of it as the body of a mail."""


SOURCE = "norain/kpis"
EVENTS: Mapping[str, tuple[type[Answer], str]] = {
    "kpis.digest": (DigestTold, "What was earned the day before, what went wrong, what to do."),
}


def digest_event(told: Digest, text: str, at: datetime) -> dict[str, Any]:
    """The CloudEvent of a digest; that of the same day has the same id."""
    data = DigestTold(
        day=told.day,
        kpis=[
            DigestKpi(name=one.name, currency=one.currency, value=one.value, usual=one.usual)
            for one in told.told
        ],
        findings=[
            DigestFinding(
                problem=one.problem,
                number=one.number,
                currency=one.currency,
                place=one.place,
                text=one.text,
                what_to_do=one.what_to_do,
            )
            for one in told.findings
        ],
        text=text,
    )
    return {
        "specversion": "1.0",
        "id": f"kpis.digest.{told.day.isoformat()}",
        "source": SOURCE,
        "type": "kpis.digest",
        "subject": told.day.isoformat(),
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "data": data.model_dump(mode="json"),
    }
