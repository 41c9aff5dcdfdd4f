"""`norain export`: availability as files, written by the function that also runs by schedule."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.output import show
from infra.local.steps import Step, Steps
from infra.local.target import Target, load

PAUSE_SECONDS = 1
"""Between two runs: helpers may hold all segments that remain."""


class Format(StrEnum):
    google = "google"
    schema_org = "schema.org"


def export(
    form: Annotated[Format, typer.Argument(metavar="FORMAT", help="google or schema.org")],
    channel: Annotated[
        str, typer.Option(help="the channel whose safety stock and ring fences apply")
    ] = "web",
    to: Annotated[
        Path | None, typer.Option(help="also copy the file here (gzip, as in the bucket)")
    ] = None,
) -> None:
    """Write availability as a file for search engines into the exports bucket.

    google is the local inventory of Google Merchant Center (TSV); schema.org is one product with
    its offers per line (JSON-LD). A schedule writes both every hour, too.

    \b
    norain export google
    norain export schema.org --channel marketplace --to offers.jsonl.gz
    """
    target = load()
    with Steps() as steps, steps.step(f"export {form.value}") as step:
        written = _write(target, form, channel, step)
        if to is not None:
            to.write_bytes(_content(target, written))
    show(
        written,
        f"s3://{written['bucket']}/{written['key']}",
        f"{written['products']} products, {written['rows']} rows, {written['bytes']:,} bytes"
        + (f"; {written['left_out']} left out" if written["left_out"] else ""),
    )


def _write(target: Target, form: Format, channel: str, step: Step) -> dict[str, Any]:
    """Bucket, key and size of the file that the function has written, in as many runs as it
    needs."""
    request: dict[str, Any] = {"format": form.value, "channel": channel}
    while True:
        answer = target.invoke(target.export_function, request)
        if answer["exports"]:
            (written,) = answer["exports"]
            file: dict[str, Any] = written
            return file
        progress = answer["progress"]
        products = progress["counts"].get(f"{form.value}.products", 0)
        step.note(f"{progress['done']} of {progress['segments']} segments, {products} products")
        request["round"] = progress["round"]
        time.sleep(PAUSE_SECONDS)


def _content(target: Target, written: dict[str, Any]) -> bytes:
    """The file, as it is stored in the bucket (gzip)."""
    answer = target.aws("s3").get_object(Bucket=written["bucket"], Key=written["key"])
    body: bytes = answer["Body"].read()
    return body
