"""A routing decision: its Problem (input) and its Plan (result). Pure, serialised as JSON.

Money is in integer minor units of the policy's currency, mass in kg, distance in km. The Problem
contains everything that the decision depends on, including distances and the time, so that a
decision can be run again to the same bytes.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from shared.errors import Gone
from shared.locations.model import Kind, Method, ServiceLevel
from shared.routing.model.policy import Json, Policy
from shared.stored import from_row

Obstacle = Literal["closed", "cut_off", "no_capacity"]


FORMAT = "norain-decision/2"
"""Format 2 charges each unit its own shelf value and each line its own penalty; format 1 charged
the mean of both. A decision of format 1 can be read and explained, but with several units of one
SKU, running it again may give a cheaper plan."""


ERASED_FORMAT = "norain-decision-erased/1"
"""The format of the stub of a decision whose shopper was erased (erased.py)."""


FUTURE_ORDERS_KEPT = timedelta(days=21)


@dataclass(frozen=True, slots=True)
class RoutingLine:
    """``quantity`` units to route. ``price``, ``margin`` and ``salvage`` are per unit.

    A pickup line names its location; the router chooses the locations of a ship line. All units of
    a line that is not ``splittable`` come from one location, or none does.
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


class FutureOrders(NamedTuple):
    """Future orders whose first choice is a location: ``rate`` in units per day, and ``saving`` in
    minor units per unit against the second choice. Computed by future_orders.py."""

    rate: float
    saving: int


@dataclass(frozen=True, slots=True)
class SkuFutureOrders:
    """The future orders of one SKU by location, computed at ``at``."""

    at: datetime
    by_location: Mapping[str, FutureOrders]

    def of(self, location_id: str, now: datetime) -> FutureOrders | None:
        """None without future orders, or when they are older than FUTURE_ORDERS_KEPT."""
        return self.by_location.get(location_id) if now - self.at <= FUTURE_ORDERS_KEPT else None


class Expected(NamedTuple):
    """A delivery of ``units`` announced for the epoch ``second``."""

    second: int
    units: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A location that might serve the order. ``km`` is its distance to the destination (0 without
    a destination).

    ``stock`` are the units per SKU that may be taken; ``kept`` are further units that this channel
    must leave to other channels. ``unable`` says why the location can do nothing in time. It may
    pick ``free`` more units; None is no limit. The carrier gets the parcel after ``delay_days``;
    ``delayed_by`` is the reason when a cut-off or the pick backlog causes the delay.

    By SKU, and absent where unknown: ``rates`` are units per day sold over the counter, ``pulls``
    the future orders, ``expected`` the deliveries by date, ``credits`` the reward for taking a unit
    (stock to clear), ``confidence`` the share of picks that succeed (1 if unknown).
    """

    location_id: str
    kind: Kind
    km: float
    ship: bool
    pickup: bool
    stock: dict[str, int]
    unable: Obstacle | None = None
    delay_days: int = 0
    delayed_by: Obstacle | None = None
    free: int | None = None
    kept: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    pulls: dict[str, FutureOrders] = field(default_factory=dict)
    expected: dict[str, tuple[Expected, ...]] = field(default_factory=dict)
    credits: dict[str, int] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that a decision depends on. ``excluded`` locations have rejected the order."""

    lines: tuple[RoutingLine, ...]
    candidates: tuple[Candidate, ...]
    policy: Policy
    now: datetime
    service_level: ServiceLevel = "standard"
    destination: Destination | None = None
    excluded: frozenset[str] = frozenset()

    def to_json(self) -> Json:
        """Equal problems give equal JSON, whatever the order of lines and candidates."""
        return {
            "lines": [_line_json(line) for line in sorted(self.lines, key=lambda x: x.line_id)],
            "candidates": [
                _stated_fields(candidate)
                for candidate in sorted(self.candidates, key=lambda x: x.location_id)
            ],
            "policy": _policy_json(self.policy),
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
            destination=from_row(Destination, destination) if destination else None,
            excluded=frozenset(document["excluded"]),
        )


_last_policy: tuple[Policy, Json] | None = None


def _policy_json(policy: Policy) -> Json:
    """The JSON of ``policy``, which is made once for the policy in force: every decision has it."""
    global _last_policy  # noqa: PLW0603
    last = _last_policy
    if last is None or last[0] is not policy:
        last = _last_policy = policy, policy.to_json()
    return last[1]


CONTENT = {kind: attrgetter(*kind.__dataclass_fields__) for kind in (RoutingLine, Candidate)}
"""Reads all fields of a line or candidate at once."""


def _stated_fields(value: RoutingLine | Candidate) -> Json:
    """The fields of ``value`` that are neither None nor an empty mapping."""
    pairs = zip(value.__dataclass_fields__, CONTENT[type(value)](value), strict=True)
    return {name: content for name, content in pairs if content is not None and content != {}}


def _line_json(line: RoutingLine) -> Json:
    ends = line.season_ends_at
    return {**_stated_fields(line), "season_ends_at": ends and ends.isoformat()}


def _line(row: Json) -> RoutingLine:
    ends = row["season_ends_at"]
    return from_row(
        RoutingLine, {**row, "season_ends_at": datetime.fromisoformat(ends) if ends else None}
    )


def _candidate(row: Json) -> Candidate:
    pulls = {sku: FutureOrders(*pull) for sku, pull in row.get("pulls", {}).items()}
    expected = {
        sku: tuple(Expected(*each) for each in rows)
        for sku, rows in row.get("expected", {}).items()
    }
    return from_row(Candidate, {"stock": {}, **row, "pulls": pulls, "expected": expected})


Assignment = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """``units`` by location and line, ``unfilled`` units by line, cost ``terms`` by name.

    The terms add up to ``cost``. No plan costs less than ``lower_bound``; ``proven`` says that both
    are equal. ``km`` is the sum over the parcels.
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
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def from_json(document: Json) -> "Plan":
        return from_row(Plan, document)


@dataclass(frozen=True, slots=True)
class Decision:
    """A problem with its plan, as stored. explain.py derives the explanation from it."""

    problem: Problem
    plan: Plan

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT,
            "problem": self.problem.to_json(),
            "plan": self.plan.to_json(),
        }
        return zlib.compress(canonical_json(document), level=9)

    @staticmethod
    def from_bytes(data: bytes) -> "Decision":
        """Raises Gone, with the rest of the decision, when its shopper was erased."""
        document = json.loads(zlib.decompress(data))
        if document.get("format") == ERASED_FORMAT:
            rest = {name: value for name, value in document.items() if name != "format"}
            rest["plan"] = {name: rest["plan"][name] for name in ("units", "unfilled")}
            raise Gone(
                "the shopper was erased together with the input of this decision, so it cannot be "
                "run again",
                **rest,
            )
        return Decision(Problem.from_json(document["problem"]), Plan.from_json(document["plan"]))


CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON: sorted keys, no whitespace, UTF-8."""
    return CANONICAL.encode(document).encode()


def excluding(problem: Problem, location_ids: frozenset[str]) -> Problem:
    """The same problem after more locations have rejected it."""
    return replace(problem, excluded=problem.excluded | location_ids)


def with_stock(problem: Problem, actual: Mapping[tuple[str, str], int]) -> Problem:
    """The same problem with the actual stock after a lost race: units by (location_id, sku)."""
    return replace(
        problem,
        candidates=tuple(
            replace(
                candidate,
                stock={
                    sku: actual.get((candidate.location_id, sku), units)
                    for sku, units in candidate.stock.items()
                },
            )
            for candidate in problem.candidates
        ),
    )
