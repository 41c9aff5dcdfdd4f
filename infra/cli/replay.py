"""`norain replay`: an order's routing decisions computed again from their records."""

import time
from typing import Annotated, Any

import typer

from infra.cli.output import show, table
from infra.local.cloud import CloudFailed
from infra.local.target import Target, load
from shared.aws.items import from_item
from shared.errors import Gone
from shared.routing.model.decision import Decision, Plan
from shared.routing.model.route import replay as decide_again

VERDICTS = {
    True: "[green]the same plan[/]",
    False: "[red]A DIFFERENT PLAN[/]",
    None: "no decision that can be run again",
}


def replay(
    order_id: Annotated[str, typer.Argument(metavar="ORDER", help="the order's id")],
) -> None:
    """Run the routing decisions of an order again from their records, and compare the plans.

    Ends with 1 when a plan differs from the stored one.

    \b
    norain replay 01J...
    """
    started = time.perf_counter()
    report, parts = replayed(load(), order_id)
    took = (time.perf_counter() - started) * 1000
    show(report, *parts, f"{VERDICTS[report['same']]}, in {took:.0f} ms")
    if report["same"] is False:
        raise typer.Exit(1)


def replayed(target: Target, order_id: str) -> tuple[dict[str, Any], list[Any]]:
    """The comparison as JSON, and as parts for a person.

    ``same`` is True when every plan equals the stored one, and None when no decision could be run:
    a decision that was erased with its shopper is listed as erased.

    Raises CloudFailed when there is no such order.
    """
    item = target.dynamodb.get_item(
        TableName=target.tables["orders"],
        Key={"pk": {"S": f"ORDER#{order_id}"}, "sk": {"S": "ORDER"}},
        ConsistentRead=True,
    ).get("Item")
    if item is None:
        raise CloudFailed(f"there is no order {order_id}")
    rows: list[dict[str, Any]] = []
    parts: list[Any] = []
    for number, kept in enumerate(from_item(item)["decisions"], 1):
        record = kept if isinstance(kept, bytes) else _record(target, order_id, kept)
        try:
            stored = Decision.from_bytes(record)
        except Gone as gone:
            rows.append({"decision": number, "erased": True, **gone.data})
            parts.append(f"[bold]decision {number}[/] of {gone.data['decided_at']}: {gone.detail}")
            continue
        again = decide_again(record)
        problem = stored.problem
        rows.append(
            {
                "decision": number,
                "same": again.plan == stored.plan,
                "decided_at": problem.now.isoformat(),
                "policy_version": problem.policy.version,
                "candidates": len(problem.candidates),
                "stored": stored.plan.to_json(),
                "replayed": again.plan.to_json(),
            }
        )
        parts.append(
            f"[bold]decision {number}[/] of {problem.now:%Y-%m-%d %H:%M:%S}: "
            f"policy {problem.policy.version}, {len(problem.candidates)} candidates"
        )
        parts += _drawn("stored", stored.plan)
        if again.plan != stored.plan:
            parts += _drawn("replayed", again.plan)
    compared = [row["same"] for row in rows if "same" in row]
    same = all(compared) if compared else None
    return {"order_id": order_id, "same": same, "decisions": rows}, parts


def _record(target: Target, order_id: str, decision_id: str) -> bytes:
    """The bytes of a decision that is stored in items of its own, beside its order."""
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
    units = table(
        "",
        ("location", "line", "units"),
        [
            *(
                (location, line, count)
                for location, lines in sorted(plan.units.items())
                for line, count in sorted(lines.items())
            ),
            *(("unfilled", line, count) for line, count in sorted(plan.unfilled.items()) if count),
        ],
    )
    return [f"{title}: costs {plan.cost} ({terms})", units]
