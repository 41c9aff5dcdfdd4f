"""A routing policy: what planners decide about costs, limits and service levels."""

from dataclasses import asdict, dataclass
from typing import Any

Json = dict[str, Any]


NO_MARKDOWN: Json = {"amount": 0, "share": 0.0, "target_days": 56}
"""Of policies that were stored before there was one."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """What the carrier asks for a parcel, and per kg in it; it takes ``days`` to arrive."""

    parcel: int
    kg: int
    days: int


@dataclass(frozen=True, slots=True)
class Service:
    """One tariff per distance band, None where the carrier does not go. Later than
    ``promise_days`` after the order is late; from where it would be late nothing is sent when the
    promise is ``strict``."""

    promise_days: int
    bands: tuple[Tariff | None, ...]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Handling:
    package: int
    unit: int


@dataclass(frozen=True, slots=True)
class Carbon:
    """kg CO2e: ``van`` per tonne-km up to ``van_km``, ``truck`` beyond, ``stop`` per parcel.
    ``price`` is per kg CO2e."""

    price: int
    van: float
    truck: float
    van_km: int
    stop: float


@dataclass(frozen=True, slots=True)
class Unfilled:
    """What not sending one unit costs: an amount, and a share of the line's price."""

    amount: int
    share: float


@dataclass(frozen=True, slots=True)
class Markdown:
    """What a unit costs that is left over, beyond what its salvage value says: an amount, and a
    share of its price. Left over is what the season's end, or the demand of ``target_days``,
    leaves."""

    amount: int
    share: float
    target_days: int


@dataclass(frozen=True, slots=True)
class Offers:
    """``rivals`` further locations are asked for each parcel, and the first that accepts has it.
    An order that nobody has begun to pick is routed again now and then, and goes elsewhere when
    that saves ``saving`` minor units; None leaves it where it is."""

    rivals: int = 0
    saving: int | None = None


@dataclass(frozen=True, slots=True)
class GuardRails:
    """What a what-if over ``days`` and at least ``orders`` orders must not find, or the policy is
    not published: ``paid_increase`` is a share of what is paid now, ``unfilled_increase`` of the
    orders' units, ``splits`` parcels after the first per order, ``late`` a share of the parcels,
    ``load`` a share of all units from one location. None is no limit."""

    days: int
    orders: int
    paid_increase: float | None = None
    unfilled_increase: float | None = None
    splits: float | None = None
    late: float | None = None
    load: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What planners decide. ``bands_km`` are the upper ends of the distance bands; one more band
    lies beyond the last. ``split`` is charged for each parcel after the first, ``late_day`` per
    parcel and day, ``rejection`` per unit that a location is expected not to find.
    ``opportunity`` scales the opportunity cost; ``horizon_days`` stands in for the end of a season
    that a product does not have."""

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
        return asdict(self)

    @staticmethod
    def from_json(document: Json) -> "Policy":
        rails = document.get("guard_rails")
        return Policy(
            **{
                **document,
                "bands_km": tuple(document["bands_km"]),
                "services": {
                    name: Service(
                        service["promise_days"],
                        tuple(band and Tariff(**band) for band in service["bands"]),
                        service.get("strict", False),
                    )
                    for name, service in document["services"].items()
                },
                "handling": {kind: Handling(**row) for kind, row in document["handling"].items()},
                "carbon": Carbon(**document["carbon"]),
                "unfilled": Unfilled(**document["unfilled"]),
                "markdown": Markdown(**document.get("markdown", NO_MARKDOWN)),
                "guard_rails": GuardRails(**rails) if rails else None,
                "offers": Offers(**document.get("offers", {})),
            }
        )


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
"""In force until a planner publishes one. The figures are ours, of no real carrier's contract:
orders of magnitude as routing studies use them, in cents."""
