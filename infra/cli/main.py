"""The `norain` command: runs the local cloud, and operates the system on it."""

import importlib.metadata
import sys
from typing import Annotated

import typer

from infra.cli.audit import audit
from infra.cli.demo import demo
from infra.cli.down import down
from infra.cli.export import export
from infra.cli.feed import feed
from infra.cli.group import JSON, Commands
from infra.cli.kpis import kpis
from infra.cli.order import order
from infra.cli.output import Mode
from infra.cli.plan import plan
from infra.cli.postal_codes import postal_codes
from infra.cli.prices import prices
from infra.cli.rebuild import rebuild
from infra.cli.redrive import redrive
from infra.cli.replay import replay
from infra.cli.status import status
from infra.cli.token import token
from infra.cli.up import up
from infra.cli.what_if import what_if

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(importlib.metadata.version("norain"))
        raise typer.Exit


@app.callback()
def norain(
    as_json: Annotated[
        bool, typer.Option(JSON, help="print JSON; a pipe gets JSON without this option")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="print the version", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """One truth about stock and customers for every channel, and the order router that uses it.

    \b
    norain demo                          start, deploy, seed a retailer, tell the story
    norain status                        queues, tables, lag of availability
    curl -H "authorization: Bearer $(norain token web)" ...
    """
    Mode.asked = as_json
    Mode.as_json = as_json or not sys.stdout.isatty()


for command in (
    up,
    down,
    demo,
    token,
    feed,
    order,
    status,
    redrive,
    replay,
    what_if,
    kpis,
    plan,
    audit,
    export,
    rebuild,
    postal_codes,
):
    app.command(command.__name__.replace("_", "-"))(command)
app.add_typer(prices, name="prices")
