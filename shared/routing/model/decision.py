"""The values of a routing decision: what it depends on, and what came out. Pure, and plain JSON.

Money is integer minor units of the policy's currency, mass kg, distance km. Everything that a
decision depends on is inside its Problem, distances and the instant too, so that it can be run
again to the same bytes.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from shared.errors import Gone
from shared.locations.model import Kind, ServiceLevel
from shared.routing.model.policy import Json, Policy

Method = Literal["ship", "pickup"]


Unable = Literal["closed", "cut_off", "no_capacity"]


FORMAT = "norain-decision/2"
"""2: each unit is charged its own worth on the shelf, and each line its own penalty; 1 charged the
mean of both. A decision of format 1 with several units of one SKU is read and explained, but taken
again it may come out cheaper."""


ERASED_FORMAT = "norain-decision-erased/1"
"""Of what is left of a decision whose shopper was erased: shared/routing/erased.py."""


PULLS_KEPT = timedelta(days=21)


@dataclass(frozen=True, slots=True)
class RoutingLine:
    """``quantity`` units to be routed. ``price``, ``margin`` and ``salvage`` are per unit.

    A pickup line names its location; a ship line leaves the choice to the router. A line that is
    not ``splittable`` comes whole from one location, or not at all.
    """

    line_id: str
    sku: str
    quantity: int
    kg: float
    price: int
    method: Method = "ship"
    location_id: str | None = None
    splittable: bool = True
    margin: int | None = None
    salvage: int | None = None
    season_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    latitude: float
    longitude: float
    postal_code: str
    country: str


class Pull(NamedTuple):
    """Orders whose first choice a location is: ``rate`` units per day, and ``saving`` minor units
    on each against its next best. shared/routing/pull.py makes it."""

    rate: float
    saving: int


@dataclass(frozen=True, slots=True)
class Pulls:
    """Of one SKU, by location, as of ``at``."""

    at: datetime
    by_location: Mapping[str, Pull]

    def of(self, location_id: str, now: datetime) -> Pull | None:
        """None where no order comes from, or when the job that tells has not run for too long."""
        return self.by_location.get(location_id) if now - self.at <= PULLS_KEPT else None


class Expected(NamedTuple):
    """``units`` announced for the epoch ``second``."""

    second: int
    units: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A location that might serve; ``km`` from it to the destination (0 without one).

    ``stock`` holds the units per SKU that may be taken, ``kept`` those there that this channel must
    leave to others. ``unable`` says why it can do nothing in time; ``free`` units more it may be
    asked to pick, None where that has no bound. ``delay_days`` pass before the carrier has the
    parcel, and ``delayed_by`` says why, where a cut-off or the units before it are the reason.
    ``rates`` are units per day sold over the counter, ``pulls`` the orders to come from it,
    ``expected`` its deliveries by their dates, ``credits`` what taking a unit earns (stock that
    should go), ``confidence`` the share of picks that succeed (1 where nothing is known); each per
    SKU, and absent where nothing is known.
    """

    location_id: str
    kind: Kind
    km: float
    ship: bool
    pickup: bool
    stock: dict[str, int]
    unable: Unable | None = None
    delay_days: int = 0
    delayed_by: Unable | None = None
    free: int | None = None
    kept: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    pulls: dict[str, Pull] = field(default_factory=dict)
    expected: dict[str, tuple[Expected, ...]] = field(default_factory=dict)
    credits: dict[str, int] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a decision depends on. ``excluded`` locations have rejected it before."""

    lines: tuple[RoutingLine, ...]
    candidates: tuple[Candidate, ...]
    policy: Policy
    now: datetime
    service_level: ServiceLevel = "standard"
    destination: Destination | None = None
    excluded: frozenset[str] = frozenset()

    def to_json(self) -> Json:
        """The same text for the same problem, in whatever order it was put together."""
        return {
            "lines": [_line_json(line) for line in sorted(self.lines, key=lambda x: x.line_id)],
            "candidates": [
                _known(candidate)
                for candidate in sorted(self.candidates, key=lambda x: x.location_id)
            ],
            "policy": self.policy.to_json(),
            "now": self.now.isoformat(),
            "service_level": self.service_level,
            "destination": self.destination and asdict(self.destination),
            "excluded": sorted(self.excluded),
        }

    @staticmethod
    def from_json(document: Json) -> "Problem":
        destination = document["destination"]
        return Problem(
            lines=tuple(_line(row) for row in document["lines"]),
            candidates=tuple(map(_candidate, document["candidates"])),
            policy=Policy.from_json(document["policy"]),
            now=datetime.fromisoformat(document["now"]),
            service_level=document["service_level"],
            destination=Destination(**destination) if destination else None,
            excluded=frozenset(document["excluded"]),
        )


def _known(value: RoutingLine | Candidate) -> Json:
    """The fields that say something: nothing that is None or empty."""
    found = ((entry.name, getattr(value, entry.name)) for entry in fields(value))
    return {name: content for name, content in found if content is not None and content != {}}


def _line_json(line: RoutingLine) -> Json:
    ends = line.season_ends_at
    return {**_known(line), "season_ends_at": ends and ends.isoformat()}


def _line(row: Json) -> RoutingLine:
    ends = row["season_ends_at"]
    return RoutingLine(**{**row, "season_ends_at": datetime.fromisoformat(ends) if ends else None})


def _candidate(row: Json) -> Candidate:
    pulls = {sku: Pull(*pull) for sku, pull in row.get("pulls", {}).items()}
    expected = {
        sku: tuple(Expected(*each) for each in rows)
        for sku, rows in row.get("expected", {}).items()
    }
    return Candidate(**{"stock": {}, **row, "pulls": pulls, "expected": expected})


Assignment = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """``units`` by location and line, ``unfilled`` units by line, ``terms`` of the cost by name.

    The terms add up to ``cost``; no plan costs less than ``lower_bound``, and ``proven`` says that
    the two meet. ``km`` is the sum over the parcels.
    """

    units: Assignment
    unfilled: dict[str, int]
    terms: dict[str, int]
    cost: int
    lower_bound: int
    proven: bool
    km: float
    kg_co2e: float

    def to_json(self) -> Json:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @staticmethod
    def from_json(document: Json) -> "Plan":
        return Plan(**document)


@dataclass(frozen=True, slots=True)
class Decision:
    """Only what cannot be computed again; shared/routing/explain.py puts it into words."""

    problem: Problem
    plan: Plan

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT,
            "problem": self.problem.to_json(),
            "plan": self.plan.to_json(),
        }
        return zlib.compress(canonical(document), level=9)

    @staticmethod
    def from_bytes(data: bytes) -> "Decision":
        """Raises Gone for one whose shopper was erased, with what is left of it."""
        document = json.loads(zlib.decompress(data))
        if document.get("format") == ERASED_FORMAT:
            left = {name: value for name, value in document.items() if name != "format"}
            left["plan"] = {name: left["plan"][name] for name in ("units", "unfilled")}
            raise Gone(
                "the shopper was erased, and with them what the decision was made of: it cannot be "
                "run again",
                **left,
            )
        return Decision(Problem.from_json(document["problem"]), Plan.from_json(document["plan"]))


def canonical(document: Mapping[str, Any]) -> bytes:
    """JSON of which there is one for each content: sorted, without blanks, UTF-8."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def without(problem: Problem, location_ids: frozenset[str]) -> Problem:
    """The same problem after more locations have rejected it."""
    return replace(problem, excluded=problem.excluded | location_ids)


def with_stock(problem: Problem, known: Mapping[tuple[str, str], int]) -> Problem:
    """The same problem after a lost race: units by (location_id, sku) as they really stand."""
    return replace(
        problem,
        candidates=tuple(
            replace(
                candidate,
                stock={
                    sku: known.get((candidate.location_id, sku), units)
                    for sku, units in candidate.stock.items()
                },
            )
            for candidate in problem.candidates
        ),
    )
