"""`norain feed`: a small file goes onto a queue, a big stock file into the feed bucket."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from infra.cli import customer_files, stock_files, upload
from infra.cli.options import STANDARD_INPUT, InputFile, existing
from infra.cli.output import fail, show
from infra.cli.stock_files import Feed
from infra.local.cloud import CloudFailed
from infra.local.steps import Steps
from infra.local.target import Target, load
from shared.instants import rfc3339
from shared.stock.intake.ingest import REJECTS

MOST_SHOWN = 20
"""Wrong rows that a person sees; JSON has them all."""


class Feeds(StrEnum):
    """What a file can be about: each has a queue of its own. Files of stock go onto the bulk queue,
    so that tills do not wait for them."""

    stock = "stock"
    customers = "customers"

    def queue_url(self, target: Target) -> str:
        if self is Feeds.stock:
            return target.stock_bulk_queue_url
        return target.customer_feed_queue_url


def feed(
    file: InputFile,
    source: Annotated[
        str | None, typer.Option(help="CloudEvents source of flat rows; default: file:<name>")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="only check the file, send nothing")
    ] = False,
    bucket: Annotated[
        bool,
        typer.Option(
            "--bucket", help="send through the feed bucket, as stock files from 1 MB on are"
        ),
    ] = False,
    of: Annotated[Feeds, typer.Option("--of", help="which feed the file is for")] = Feeds.stock,
) -> None:
    """Send a file of stock rows or customer records to its feed.

    Stock: CSV with a header, JSON lines, a JSON array or an EPCIS 2.0 document, each also as .gz.
    Rows are CloudEvents, or flat:

    \b
    sku,location_id,quantity,as_of                        a count (default as_of: the file's time)
    sku,location_id,delta,reason,occurred_at              a movement
    sku,location_id,quantity,expected_at,reference        future supply

    Customers: CSV with a header, JSON lines or a JSON array. Rows are CloudEvents, statements, or
    flat:

    \b
    source,source_id,occurred_at,email,phone,loyalty_id,given_name,family_name,line1,postal_code,...

    Wrong rows are listed by line and not sent; the other rows are sent. Sending a file again
    changes nothing. Ends with 1 when a row is wrong.

    \b
    norain feed events/samples/stock.csv
    norain feed --check stock.jsonl
    norain feed --bucket events.json.gz
    norain feed --of customers events/samples/crm.csv
    """
    if bucket and of is Feeds.customers:
        raise CloudFailed("--bucket is for stock only: leave it out, customers go onto their queue")
    if file == STANDARD_INPUT:
        content, name, as_of = sys.stdin.buffer.read(), STANDARD_INPUT, datetime.now(UTC)
    else:
        path = existing(file)
        name = quote(path.name)
        big = bucket or path.stat().st_size >= upload.FROM_BYTES
        if big and not check and of is Feeds.stock:
            _send_through_bucket(path, source or f"file:{name}")
            return
        content = path.read_bytes()
        as_of = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    read = customer_files.read if of is Feeds.customers else stock_files.read
    parsed = read(content, source or f"file:{name}", as_of, datetime.now(UTC))
    messages = 0 if check or not parsed.events else _send(parsed, of, as_of)
    sent = 0 if check else len(parsed.events)
    show(
        {
            "sent": sent,
            "messages": messages,
            "good": len(parsed.events),
            "bad": [{"line": bad.line, "reason": bad.reason} for bad in parsed.bad],
        },
        *_listed([(bad.line, bad.reason) for bad in parsed.bad], len(parsed.bad)),
        f"{len(parsed.events)} good rows, {len(parsed.bad)} wrong; sent {sent} in {messages} "
        "messages",
    )
    if parsed.bad:
        raise typer.Exit(1)


def _send(parsed: Feed, of: Feeds, as_of: datetime) -> int:
    """Number of messages that were sent."""
    target = load()
    messages = 0
    with Steps() as steps, steps.step("send", total=len(parsed.events)) as step:
        for events, body in stock_files.batches(parsed.events):
            target.sqs.send_message(
                QueueUrl=of.queue_url(target),
                MessageBody=body,
                # People erased after the file was written must not come back with it.
                MessageAttributes={
                    "received_at": {"DataType": "String", "StringValue": rfc3339(as_of)}
                },
            )
            messages += 1
            step.advance(events)
    return messages


def _send_through_bucket(path: Path, source: str) -> None:
    target = load()
    with Steps() as steps:
        with steps.step("upload", total=path.stat().st_size) as step:
            uploaded = upload.upload(target, path, source, step.advance)
        with steps.step("read onto the queue", total=uploaded.size) as step:
            progress = upload.follow(target, uploaded, step.advance)
    url = f"s3://{target.feed_bucket}/{uploaded.key}"
    if progress.state == "refused":
        fail(f"{url}: {progress.reason}", {"file": url, "reason": progress.reason})
        raise typer.Exit(1)
    bad = [json.loads(line) for line in upload.rejects(target, progress).splitlines()]
    show(
        {
            "file": url,
            "sent": progress.events,
            "messages": progress.messages,
            "bad": bad,
            "bad_rows": progress.rejected,
        },
        *_listed([(row["line"], row["reason"]) for row in bad], progress.rejected),
        f"{progress.events} events sent in {progress.messages} messages, {progress.rejected} wrong "
        "rows" + (f": see {url}{REJECTS}" if progress.rejected else ""),
    )
    if progress.rejected:
        raise typer.Exit(1)


def _listed(bad: list[tuple[int, str]], total: int) -> list[str]:
    """The first wrong rows, by line and reason, for a person."""
    lines = [f"[red]line {line}:[/] {reason}" for line, reason in bad[:MOST_SHOWN]]
    return lines if total <= MOST_SHOWN else [*lines, f"[red]and {total - MOST_SHOWN} more[/]"]
