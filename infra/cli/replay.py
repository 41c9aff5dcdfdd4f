"""An order's routing decisions run again from what was stored with it."""

from typing import Any

from infra.cli.output import table
from infra.local.cloud import CloudFailed
from infra.local.target import Target
from shared.aws.items import from_item
from shared.errors import Gone
from shared.routing.model.decision import Decision, Plan
from shared.routing.model.route import replay as decide_again


def replay(target: Target, order_id: str) -> tuple[dict[str, Any], list[Any]]:
    """What came out, for programs and for people. ``same`` when every plan is the stored one,
    None when none could be run: what was erased with its shopper says so instead.

    Raises CloudFailed when there is no such order.
    """
    found = target.dynamodb.get_item(
        TableName=target.tables["orders"],
        Key={"pk": {"S": f"ORDER#{order_id}"}, "sk": {"S": "ORDER"}},
        ConsistentRead=True,
    ).get("Item")
    if found is None:
        raise CloudFailed(f"there is no order {order_id}")
    rows: list[dict[str, Any]] = []
    told: list[Any] = []
    for number, kept in enumerate(from_item(found)["decisions"], 1):
        data = kept if isinstance(kept, bytes) else _beside(target, order_id, kept)
        try:
            taken = Decision.from_bytes(data)
        except Gone as gone:
            rows.append({"decision": number, "erased": True, **gone.data})
            told.append(f"[bold]decision {number}[/] of {gone.data['decided_at']}: {gone.detail}")
            continue
        again = decide_again(data)
        problem = taken.problem
        rows.append(
            {
                "decision": number,
                "same": again.plan == taken.plan,
                "decided_at": problem.now.isoformat(),
                "policy_version": problem.policy.version,
                "candidates": len(problem.candidates),
                "stored": taken.plan.to_json(),
                "replayed": again.plan.to_json(),
            }
        )
        told.append(
            f"[bold]decision {number}[/] of {problem.now:%Y-%m-%d %H:%M:%S}: "
            f"policy {problem.policy.version}, {len(problem.candidates)} candidates"
        )
        told += _drawn("stored", taken.plan)
        if again.plan != taken.plan:
            told += _drawn("replayed", again.plan)
    run = [row["same"] for row in rows if "same" in row]
    same = all(run) if run else None
    return {"order_id": order_id, "same": same, "decisions": rows}, told


def _beside(target: Target, order_id: str, decision_id: str) -> bytes:
    """The bytes of a decision that lies beside its order (shared/orders/store/decisions.py)."""
    values = {":pk": {"S": f"ORDER#{order_id}"}, ":sk": {"S": f"DECISION#{decision_id}#"}}
    pages = target.dynamodb.get_paginator("query").paginate(
        TableName=target.tables["orders"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues=values,
        ConsistentRead=True,
    )
    return b"".join(from_item(row)["decision"] for page in pages for row in page["Items"])


def _drawn(title: str, plan: Plan) -> list[Any]:
    terms = ", ".join(f"{name} {amount}" for name, amount in sorted(plan.terms.items()))
    drawn = table(
        "",
        ("location", "line", "units"),
        [
            *(
                (location, line, units)
                for location, lines in sorted(plan.units.items())
                for line, units in sorted(lines.items())
            ),
            *(("unfilled", line, units) for line, units in sorted(plan.unfilled.items()) if units),
        ],
    )
    return [f"{title}: costs {plan.cost} ({terms})", drawn]
