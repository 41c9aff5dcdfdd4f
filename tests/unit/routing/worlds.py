"""Problems to route: a small one to change by hand, and random ones."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from shared.routing.model.decision import (
    Candidate,
    Destination,
    Expected,
    FutureOrders,
    Problem,
    RoutingLine,
)
from shared.routing.model.policy import DEFAULT_POLICY, Policy

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOME = Destination(45.52, -122.68, "97201", "US")


def line(line_id: str = "1", sku: str = "A", quantity: int = 1, **more: Any) -> RoutingLine:
    return RoutingLine(line_id, sku, quantity, **{"kg": 0.5, "price": 2000, **more})


def candidate(location_id: str, stock: dict[str, int], km: float = 10, **more: Any) -> Candidate:
    return Candidate(
        **{
            "location_id": location_id,
            "kind": "store",
            "km": km,
            "ship": True,
            "pickup": True,
            "stock": stock,
            **more,
        }
    )


def problem(lines: list[RoutingLine], candidates: list[Candidate], **more: Any) -> Problem:
    values: dict[str, Any] = {"policy": DEFAULT_POLICY, "now": NOW, "destination": HOME, **more}
    return Problem(tuple(lines), tuple(candidates), **values)


def policy(**changes: Any) -> Policy:
    return replace(DEFAULT_POLICY, **changes)


SKUS = ("A", "B", "C")
SECONDS = st.integers(0, 60).map(lambda day: int(NOW.timestamp()) + day * 86_400)
UNITS = st.integers(1, 9)
PLACES = ("L1", "L2", "L3", "L4", "L5")


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to 4 lines, some of one SKU, some picked up; up to 5 locations, some of no use."""
    places = draw(st.lists(st.sampled_from(PLACES), unique=True))
    lines = []
    for index in range(draw(st.integers(1, 4))):
        method = draw(st.sampled_from(["ship", "ship", "pickup"]))
        sku = draw(st.sampled_from(SKUS))
        # Mass and margin are the product's, the same on each of its lines.
        lines.append(
            line(
                f"{index}",
                sku,
                draw(st.integers(1, 3)),
                price=draw(st.integers(100, 5000)),
                kg={"A": 0.2, "B": 1.7, "C": 12.0}[sku],
                method=method,
                location_id=draw(st.sampled_from(PLACES)) if method == "pickup" else None,
                splittable=draw(st.booleans()),
                margin={"A": 900, "B": 400, "C": None}[sku],
                salvage={"A": 100, "B": 0, "C": None}[sku],
            )
        )
    candidates = [draw(_candidates(place)) for place in places]
    return problem(
        lines,
        candidates,
        policy=policy(max_packages=draw(st.integers(1, 3)), split=draw(st.sampled_from([0, 500]))),
        service_level=draw(st.sampled_from(["standard", "next_day", "same_day"])),
        excluded=frozenset(draw(st.lists(st.sampled_from(PLACES), max_size=1))),
    )


@st.composite
def _candidates(draw: st.DrawFn, location_id: str) -> Candidate:
    per_sku = st.dictionaries(st.sampled_from(SKUS), st.integers(0, 4))
    return candidate(
        location_id,
        draw(per_sku),
        km=draw(st.floats(0, 3000)),
        kind=draw(st.sampled_from(["store", "warehouse", "vendor"])),
        ship=draw(st.sampled_from([True, True, False])),
        pickup=draw(st.booleans()),
        unable=draw(st.sampled_from([None, None, None, "closed"])),
        delay_days=draw(st.integers(0, 2)),
        kept=draw(st.dictionaries(st.sampled_from(SKUS), st.integers(1, 3))),
        rates=draw(st.dictionaries(st.sampled_from(SKUS), st.floats(0, 2))),
        pulls=draw(
            st.dictionaries(
                st.sampled_from(SKUS), st.builds(FutureOrders, st.floats(0, 2), st.integers(0, 900))
            )
        ),
        expected=draw(
            st.dictionaries(st.sampled_from(SKUS), st.builds(Expected, SECONDS, UNITS).map(_one))
        ),
        credits=draw(st.dictionaries(st.sampled_from(SKUS), st.integers(0, 300))),
        confidence=draw(st.dictionaries(st.sampled_from(SKUS), st.floats(0, 1))),
    )


def _one(only: Expected) -> tuple[Expected, ...]:
    return (only,)
