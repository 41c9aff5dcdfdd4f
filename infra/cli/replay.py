"""An order's routing decisions run again from what was stored with it."""

from typing import Any

from infra.cli.output import table
from infra.local.cloud import CloudFailed
from infra.local.target import Target
from shared.aws.items import from_item
from shared.routing.model import Decision, stored
from shared.routing.route import replay as decide_again


def replay(target: Target, order_id: str) -> tuple[dict[str, Any], list[Any]]:
    """What came out, for programs and for people. ``same`` when every plan is the stored one.

    Raises CloudFailed when there is no such order.
    """
    found = target.dynamodb.get_item(
        TableName=target.tables["orders"],
        Key={"pk": {"S": f"ORDER#{order_id}"}, "sk": {"S": "ORDER"}},
        ConsistentRead=True,
    ).get("Item")
    if found is None:
        raise CloudFailed(f"there is no order {order_id}")
    decisions = from_item(found)["decisions"]
    rows: list[dict[str, Any]] = []
    told: list[Any] = []
    for number, data in enumerate(decisions, 1):
        _, plan = stored(data)
        again = decide_again(data)
        same = again.plan == plan
        rows.append(
            {
                "decision": number,
                "same": same,
                "policy_version": again.problem.policy.version,
                "decided_at": again.problem.now.isoformat(),
                "summary": again.summary,
                "stored": plan.to_json(),
                "replayed": again.plan.to_json(),
            }
        )
        told += _told(number, again)
    result = {
        "order_id": order_id,
        "same": all(row["same"] for row in rows),
        "decisions": rows,
    }
    return result, told


def _told(number: int, decision: Decision) -> list[Any]:
    chosen = [row for row in decision.considered if row.chosen]
    others = [row for row in decision.considered if not row.chosen]
    taken = f"{decision.problem.now:%Y-%m-%d %H:%M}, policy {decision.problem.policy.version}"
    return [
        f"[bold]decision {number}[/] of {taken}: {decision.summary}",
        table(
            "candidates",
            ("location", "", "cost", "why"),
            [
                (row.location_id, "chosen" if row.chosen else "", row.total, row.sentence)
                for row in [*chosen, *others[:10]]
            ],
        ),
        *([f"and {len(others) - 10} more"] if len(others) > 10 else []),
    ]
