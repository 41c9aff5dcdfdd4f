"""A routing policy: the costs, limits and service levels that planners set."""

from dataclasses import dataclass, is_dataclass
from typing import Any

from shared.stored import from_row

Json = dict[str, Any]


NO_MARKDOWN: Json = {"amount": 0, "share": 0.0, "target_days": 56}
"""The markdown of policies that were stored before policies had one."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """A carrier's price per ``parcel`` and per ``kg``, and its transit time in ``days``."""

    parcel: int
    kg: int
    days: int


@dataclass(frozen=True, slots=True)
class Service:
    """One tariff per distance band; None where the carrier does not deliver. A parcel that arrives
    more than ``promise_days`` after the order is late. With ``strict``, no location ships a parcel
    that would be late."""

    promise_days: int
    bands: tuple[Tariff | None, ...]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Handling:
    package: int
    unit: int


@dataclass(frozen=True, slots=True)
class Carbon:
    """Emissions in kg CO2e: ``van`` per tonne-km for distances below ``van_km``, ``truck`` per
    tonne-km from there on, ``stop`` per parcel. ``price`` is per kg CO2e."""

    price: int
    van: float
    truck: float
    van_km: int
    stop: float


@dataclass(frozen=True, slots=True)
class Unfilled:
    """The cost of a unit that is not sent: an amount plus a share of the line's price."""

    amount: int
    share: float


@dataclass(frozen=True, slots=True)
class Markdown:
    """The cost of a leftover unit beyond the loss down to its salvage value: an amount plus a share
    of its price. A unit is left over when it is unsold at the end of the season, or after
    ``target_days`` for a product without season."""

    amount: int
    share: float
    target_days: int


@dataclass(frozen=True, slots=True)
class Offers:
    """Each parcel is offered to ``rivals`` further locations; the first to accept gets it. An order
    that is not picked yet is routed again from time to time and moves when that saves at least
    ``saving`` minor units; None never moves it."""

    rivals: int = 0
    saving: int | None = None


@dataclass(frozen=True, slots=True)
class GuardRails:
    """Limits on the what-if over ``days`` and at least ``orders`` orders; a policy that exceeds one
    is not published. ``paid_increase`` is a share of the costs paid now, ``unfilled_increase`` a
    share of all units, ``splits`` are parcels after the first per order, ``late`` is a share of the
    parcels, ``load`` a share of all units from one location. None is no limit."""

    days: int
    orders: int
    paid_increase: float | None = None
    unfilled_increase: float | None = None
    splits: float | None = None
    late: float | None = None
    load: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A routing policy. ``bands_km`` are the upper limits of the distance bands; one more band lies
    beyond the last limit. ``split`` is charged for each parcel after the first, ``late_day`` per
    parcel and late day, ``rejection`` per unit that a location is expected not to find.
    ``opportunity`` scales the opportunity cost; ``horizon_days`` replaces the time until the end of
    the season for products without one."""

    version: int
    currency: str
    bands_km: tuple[int, ...]
    services: dict[str, Service]
    handling: dict[str, Handling]
    carbon: Carbon
    split: int
    max_packages: int
    late_day: int
    rejection: int
    unfilled: Unfilled
    opportunity: float
    horizon_days: int
    markdown: Markdown = Markdown(**NO_MARKDOWN)
    guard_rails: GuardRails | None = None
    offers: Offers = Offers()

    def to_json(self) -> Json:
        document: Json = _plain(self)
        return document

    @staticmethod
    def from_json(document: Json) -> "Policy":
        rails = document.get("guard_rails")
        return from_row(
            Policy,
            {
                **document,
                "bands_km": tuple(document["bands_km"]),
                "services": {
                    name: Service(
                        service["promise_days"],
                        tuple(band and from_row(Tariff, band) for band in service["bands"]),
                        service.get("strict", False),
                    )
                    for name, service in document["services"].items()
                },
                "handling": {
                    kind: from_row(Handling, row) for kind, row in document["handling"].items()
                },
                "carbon": from_row(Carbon, document["carbon"]),
                "unfilled": from_row(Unfilled, document["unfilled"]),
                "markdown": from_row(Markdown, document.get("markdown", NO_MARKDOWN)),
                "guard_rails": from_row(GuardRails, rails) if rails else None,
                "offers": from_row(Offers, document.get("offers", {})),
            },
        )


def _plain(value: Any) -> Any:
    """The result of ``asdict``, which would copy each number on its way."""
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value


def _service(promise_days: int, *bands: tuple[int, int, int] | None) -> Service:
    return Service(promise_days, tuple(band and Tariff(*band) for band in bands))


DEFAULT_POLICY = Policy(
    version=0,
    currency="USD",
    bands_km=(50, 150, 300, 600, 1000),
    services={
        "standard": _service(
            4, (420, 25, 1), (470, 30, 2), (530, 38, 2), (610, 48, 3), (700, 60, 3), (840, 75, 4)
        ),
        "express": _service(
            2, (500, 30, 1), (580, 38, 1), (670, 49, 2), (790, 64, 2), (950, 85, 2), (1170, 107, 3)
        ),
        "next_day": _service(
            1,
            (590, 35, 1),
            (680, 45, 1),
            (800, 60, 1),
            (960, 80, 1),
            (1200, 110, 2),
            (1500, 140, 2),
        ),
        "same_day": _service(0, (850, 60, 0), (1400, 100, 0), None, None, None, None),
    },
    handling={
        "warehouse": Handling(60, 35),
        "store": Handling(160, 90),
        "vendor": Handling(110, 60),
    },
    carbon=Carbon(price=10, van=0.60, truck=0.10, van_km=100, stop=0.2),
    split=50,
    max_packages=4,
    late_day=400,
    rejection=300,
    unfilled=Unfilled(amount=2000, share=1.0),
    opportunity=1.0,
    horizon_days=28,
)
"""In force until a planner publishes a policy. The figures, in cents, have the order of magnitude
of routing studies; they are not from a real carrier's contract."""
