"""`norain order`"""

from typing import Annotated, Any

import typer

from infra.cli.options import ClientName, InputFile, text_of
from infra.cli.output import show, table
from infra.local import target


def order(
    file: InputFile,
    client: ClientName = "web",
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency-Key: the same key answers with the same order again"),
    ] = None,
) -> None:
    """Place the order in a JSON file (the body of POST /v1/orders).

    \b
    norain order events/samples/order.json
    norain order --client pos --key till-7-0001 cart.json
    """
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    with target.channel(target.load(), client) as http:
        placed = target.answer(http.post("/v1/orders", content=text_of(file), headers=headers))
    show(
        placed,
        f"order [bold]{placed['order_id']}[/] is {placed['state']}",
        table(
            "lines",
            ("line", "sku", "quantity", "open", "backordered"),
            [
                (
                    line["line_id"],
                    line["sku"],
                    line["quantity"],
                    line.get("open"),
                    line.get("backordered"),
                )
                for line in placed["lines"]
            ],
        ),
        table(
            "fulfillments",
            ("fulfillment", "location", "method", "state", "units", "promise"),
            [_row(fulfillment) for fulfillment in placed["fulfillments"]],
        ),
    )


def _row(fulfillment: dict[str, Any]) -> tuple[Any, ...]:
    return (
        fulfillment["fulfillment_id"],
        fulfillment["location_id"],
        fulfillment["method"],
        fulfillment["state"],
        sum(line["quantity"] for line in fulfillment["lines"]),
        ", ".join(f"{name} {at}" for name, at in fulfillment.get("promise", {}).items()),
    )
