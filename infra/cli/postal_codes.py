"""`norain postal-codes`"""

from typing import Annotated

import typer

from infra.cli.options import ClientName, existing
from infra.cli.output import show, table
from infra.local import postal, target
from infra.local.bad_row import BadRow
from infra.local.steps import Steps

MOST_SHOWN = 20


def postal_codes(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|us", help="a GeoNames file, or us: all ZIP codes"),
    ],
    client: ClientName = "ops",
) -> None:
    """Load postal codes with their coordinates, for addresses that come without coordinates.

    GeoNames has a file for each country: download.geonames.org/export/zip. Wrong lines are listed
    and the other lines loaded. Ends with 1 when a line is wrong.

    \b
    norain postal-codes us
    norain postal-codes DE.txt
    """
    if file == "us":
        codes, bad = postal.of_the_us(), list[BadRow]()
    else:
        # Only the names of places, which are not kept, can have letters outside UTF-8.
        with existing(file).open(encoding="utf-8-sig", errors="replace") as lines:
            codes, bad = postal.of_geonames(lines)
    stored = 0
    with (
        target.channel(target.load(), client) as http,
        Steps() as steps,
        steps.step("postal codes", total=len(codes)) as step,
    ):
        for loaded in postal.load(http, codes):
            stored += loaded
            step.advance(loaded)
    show(
        {"stored": stored, "bad": [{"line": one.line, "reason": one.reason} for one in bad]},
        table(
            "wrong lines", ("line", "reason"), [(one.line, one.reason) for one in bad[:MOST_SHOWN]]
        )
        if bad
        else "",
        f"{stored} postal codes stored" + (f", {len(bad)} lines are wrong" if bad else ""),
    )
    if bad:
        raise typer.Exit(1)
