"""Past orders under a draft of the routing policy, all pages of them."""

from collections.abc import Iterator
from typing import Any

import httpx

from infra.cli.output import table
from infra.local import target

MOST_SHOWN = 10
METRICS = (
    ("paid", "paid", "amount"),
    ("parcels", "parcels", None),
    ("splits", "splits", None),
    ("late parcels", "late_parcels", None),
    ("unfilled units", "unfilled_units", None),
    ("overstock cleared", "overstock_units", None),
    ("km", "km", None),
    ("kg CO2e", "kg_co2e", None),
)


def pages(http: httpx.Client, days: int, draft: str | None) -> Iterator[dict[str, Any]]:
    """``draft`` is a policy as JSON text, which becomes the draft; None tries the one there is.

    Raises Refused when it does not fit the schema, or there is no draft.
    """
    if draft is not None:
        headers = {"content-type": "application/json"}
        target.answer(http.put("/v1/routing/policies/draft", content=draft, headers=headers))
    cursor: str | None = None
    while True:
        asked = {"days": days} | ({"cursor": cursor} if cursor else {})
        page = target.answer(http.post("/v1/routing/policies/draft/what-if", json=asked))
        yield page
        if (cursor := page.get("next_cursor")) is None:
            return


def together(parts: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The totals of the last page are those of all; ``trial`` is absent when somebody else has
    begun another what-if meanwhile, and then the totals are, too."""
    differences: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for last in parts:
        differences += last["differences"]
    trial = last.get("trial") or {}
    return {
        "draft_revision": last["draft_revision"],
        "days": trial.get("days"),
        "through": bool(trial.get("through")),
        "before": trial.get("before"),
        "after": trial.get("after"),
        "broken": trial.get("broken", []),
        "differences": sorted(differences, key=lambda row: -row["paid"]["amount"]),
    }


def drawn(found: dict[str, Any]) -> list[Any]:
    """For people: what would change in all, where the load goes, and the dearest orders."""
    before, after, differences = found["before"], found["after"], found["differences"]
    if before is None:
        return ["[yellow]somebody has begun another what-if of this draft: begin again"]
    currency = before["paid"]["currency"]
    loads = {place: (before["load"].get(place, 0), units) for place, units in after["load"].items()}
    loads |= {place: (units, 0) for place, units in before["load"].items() if place not in loads}
    moved = sorted(loads.items(), key=lambda row: (-abs(row[1][1] - row[1][0]), row[0]))
    title = (
        f"draft {found['draft_revision']}, orders of {found['days']} days: {before['orders']}, of "
        f"which {len(differences)} would come from elsewhere"
    )
    return [
        title,
        table(
            "",
            ("", "now", "draft", "change"),
            [_metric(row, before, after) for row in METRICS],
        ),
        f"paid is in minor units of {currency}",
        table(
            "load, units",
            ("location", "now", "draft"),
            [(place, *units) for place, units in moved[:MOST_SHOWN] if units[0] != units[1]],
        ),
        table(
            f"orders that would cost most more, of {len(differences)}",
            ("order", "from", "would be from", "paid", "kg CO2e"),
            [
                (
                    row["order_id"],
                    ", ".join(row["before"]),
                    ", ".join(row["after"]),
                    row["paid"]["amount"],
                    row["kg_co2e"],
                )
                for row in differences[:MOST_SHOWN]
            ],
        ),
        *(f"[red]{row['guard_rail']}[/]: {row['sentence']}" for row in found["broken"]),
    ]


def _metric(
    row: tuple[str, str, str | None], before: dict[str, Any], after: dict[str, Any]
) -> tuple[str, float, float, str]:
    title, name, part = row
    old, new = before[name], after[name]
    if part is not None:
        old, new = old[part], new[part]
    change = f"{100 * (new / old - 1):+.1f} %" if old else "" if new == old else "new"
    return title, old, new, change
