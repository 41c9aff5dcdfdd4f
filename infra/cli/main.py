"""The `norain` command: the local cloud, and what one does with a system that runs on it."""

import importlib.metadata
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from infra.cli import audit as audits
from infra.cli import dead_letters, people, postal
from infra.cli import export as exports
from infra.cli import feed as files
from infra.cli import rebuild as rebuilds
from infra.cli import upload as uploads
from infra.cli import what_if as what_ifs
from infra.cli.output import Mode, err, fail, out, show, table
from infra.cli.replay import replay as run_again
from infra.cli.status import status as look
from infra.local import cloud, deploy, target
from infra.local.cloud import CloudFailed
from infra.local.steps import Steps
from infra.local.target import Refused
from shared.instants import rfc3339
from shared.stock.intake.ingest import REJECTS

JSON = "--json"


class Line(StrEnum):
    """A queue that feeds send to."""

    stock = "stock"
    customers = "customers"

    def queue(self, aim: target.Target) -> str:
        stock = self is Line.stock
        return aim.stock_feed_queue_url if stock else aim.customer_feed_queue_url


Of = Annotated[Line, typer.Option("--of", help="which feed: stock, or customers")]


class Commands(TyperGroup):
    """``--json`` may stand anywhere; what is wrong is told in a line, not in a stack."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if JSON in args:
            args = [JSON, *(arg for arg in args if arg != JSON)]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Refused as refused:
            fail(str(refused), refused.problem)
        except CloudFailed as failed:
            fail(str(failed))
        except (httpx.TransportError, BotoCoreError) as error:
            fail(f"the local cloud does not answer ({error}): is it up? `norain status`")
        except ClientError as error:
            fail(str(error))
        raise typer.Exit(1)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

InputFile = Annotated[str, typer.Argument(metavar="FILE", help="a file, or - for standard input")]
ClientName = Annotated[
    str, typer.Option("--client", "-c", help="act as: web, pos, marketplace, associate, ...")
]


@app.callback()
def norain(
    as_json: Annotated[
        bool, typer.Option(JSON, help="print JSON; a pipe gets JSON without asking")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    """One truth about stock and customers for every channel, and the order router that uses it.

    \b
    norain demo                          start, deploy, seed a retailer, tell the story
    norain status                        queues, tables, how far behind availability is
    curl -H "authorization: Bearer $(norain token web)" ...
    """
    Mode.asked = as_json
    Mode.as_json = as_json or not sys.stdout.isatty()
    if version:
        print(importlib.metadata.version("norain"))
        raise typer.Exit


@app.command()
def up() -> None:
    """Start the local cloud and deploy the stacks, without any data.

    What runs and is up to date is left as it is. NORAIN_PORT chooses the port (4566).

    \b
    norain up
    """
    found = deploy.up(steps=Steps())
    show(
        {"api_url": found.api_url, "endpoint_url": found.endpoint_url, "digest": found.digest},
        f"API        {found.api_url}",
        f"AWS        {found.endpoint_url}  (region {found.region})",
        f"addresses  {cloud.FOLDER / target.NAME}",
    )


@app.command()
def down() -> None:
    """Stop the local cloud; all of its data is gone.

    \b
    norain down
    """
    stopped = cloud.stop()
    show(
        {"stopped": stopped}, "stopped" if stopped else "the local cloud did not run: nothing to do"
    )


@app.command()
def demo() -> None:
    """Start, deploy, seed a retailer from real sales, and tell the story of a sold-out item.

    \b
    norain demo
    """
    from infra.local.demo import run  # noqa: PLC0415  (slow to import, and only needed here)

    summary = run(err if Mode.as_json else out)
    if Mode.as_json:
        show(summary)


@app.command()
def token(
    client: Annotated[str, typer.Argument(help="web, pos, marketplace, associate, planner, ops")],
) -> None:
    """Print an access token of a client, with all its scopes; it is valid for an hour.

    \b
    norain token web
    curl -H "authorization: Bearer $(norain token web)" "$API/v1/availability?sku=..."
    """
    granted = target.token(target.load(), client)
    if Mode.asked:
        show({"access_token": granted, "token_type": "Bearer"})
    else:
        print(granted)


@app.command()
def feed(
    file: InputFile,
    source: Annotated[
        str | None, typer.Option(help="CloudEvents source of flat rows; default: file:<name>")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="only read the file, send nothing")
    ] = False,
    bucket: Annotated[
        bool,
        typer.Option("--bucket", help="through the feed bucket; files from 1 MB on always are"),
    ] = False,
    of: Of = Line.stock,
) -> None:
    """Send a file of stock rows: a small one onto the feed queue, a big one into the feed bucket.

    CSV with a header, JSON lines, a JSON array or an EPCIS 2.0 document, each also as .gz; rows are
    CloudEvents, or flat:

    \b
    sku,location_id,quantity,as_of                        a count (as_of: else the file's time)
    sku,location_id,delta,reason,occurred_at              a movement
    sku,location_id,quantity,expected_at,reference        future supply

    Of customers: CSV, JSON lines or a JSON array; rows are CloudEvents, statements, or flat:

    \b
    source,source_id,occurred_at,email,phone,loyalty_id,given_name,family_name,line1,postal_code,...

    Rows that are wrong are named by line and not sent; the others are. Sent twice, a file changes
    nothing more.

    \b
    norain feed stock.csv
    norain feed --check stock.jsonl
    norain feed --bucket events.json.gz
    norain feed --of customers crm.csv
    """
    now = datetime.now(UTC)
    known = people.read if of is Line.customers else files.read
    if bucket and of is Line.customers:
        fail("customers go onto their queue, and never into a bucket")
        raise typer.Exit(1)
    if file == "-":
        content, named, as_of = sys.stdin.buffer.read(), "-", now
    else:
        path = _existing(file)
        named = quote(path.name)
        big = bucket or path.stat().st_size >= uploads.FROM_BYTES
        if big and not check and of is Line.stock:
            _feed_through_bucket(path, source or f"file:{named}")
            return
        content = path.read_bytes()
        as_of = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    found = known(content, source or f"file:{named}", as_of, now)
    messages = 0
    if found.events and not check:
        aim = target.load()
        with Steps() as steps, steps.step("send", total=len(found.events)) as step:
            for events, body in files.batches(found.events):
                messages += 1
                aim.sqs.send_message(
                    QueueUrl=of.queue(aim),
                    MessageBody=body,
                    # Of persons who were erased since the file was written it tells nothing.
                    MessageAttributes={
                        "received_at": {"DataType": "String", "StringValue": rfc3339(as_of)}
                    },
                )
                step.advance(events)
    sent = 0 if check else len(found.events)
    show(
        {
            "sent": sent,
            "messages": messages,
            "good": len(found.events),
            "bad": [{"line": bad.line, "reason": bad.reason} for bad in found.bad],
        },
        *(f"[red]line {bad.line}:[/] {bad.reason}" for bad in found.bad[:20]),
        *([f"[red]and {len(found.bad) - 20} more[/]"] if len(found.bad) > 20 else []),
        f"{len(found.events)} good rows, {len(found.bad)} bad; sent {sent} in {messages} messages",
    )
    if found.bad:
        raise typer.Exit(1)


def _feed_through_bucket(path: Path, source: str) -> None:
    aim = target.load()
    size = path.stat().st_size
    with Steps() as steps:
        with steps.step("upload", total=size) as step:
            uploaded = uploads.upload(aim, path, source, step.advance)
        with steps.step("read onto the queue", total=uploaded.size) as step:
            progress = uploads.follow(aim, uploaded, step.advance)
    told = {"file": f"s3://{aim.feed_bucket}/{uploaded.key}"}
    if progress.state == "refused":
        fail(f"{told['file']}: {progress.reason}", {**told, "reason": progress.reason})
        raise typer.Exit(1)
    bad = [json.loads(line) for line in uploads.rejects(aim, progress).splitlines()]
    show(
        {
            **told,
            "sent": progress.events,
            "messages": progress.messages,
            "bad": bad,
            "bad_rows": progress.rejected,
        },
        *(f"[red]line {row['line']}:[/] {row['reason']}" for row in bad[:20]),
        *([f"[red]and {progress.rejected - 20} more[/]"] if progress.rejected > 20 else []),
        f"{progress.events} events sent in {progress.messages} messages, {progress.rejected} rows "
        "bad" + (f": {told['file']}{REJECTS}" if progress.rejected else ""),
    )
    if progress.rejected:
        raise typer.Exit(1)


@app.command()
def order(
    file: InputFile,
    client: ClientName = "web",
    key: Annotated[
        str | None, typer.Option(help="Idempotency-Key: the same key is the same order")
    ] = None,
) -> None:
    """Place the order of a JSON file (the body of POST /v1/orders).

    \b
    norain order cart.json
    norain order --client pos --key till-7-0001 cart.json
    """
    body = sys.stdin.read() if file == "-" else _existing(file).read_text()
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    with target.channel(target.load(), client) as http:
        placed = target.answer(http.post("/v1/orders", content=body, headers=headers))
    show(
        placed,
        f"order [bold]{placed['order_id']}[/] is {placed['state']}",
        table(
            "lines",
            ("line", "sku", "quantity", "open", "backordered"),
            [
                (ln["line_id"], ln["sku"], ln["quantity"], ln.get("open"), ln.get("backordered"))
                for ln in placed["lines"]
            ],
        ),
        table(
            "fulfillments",
            ("fulfillment", "location", "method", "state", "units", "promise"),
            [
                (
                    part["fulfillment_id"],
                    part["location_id"],
                    part["method"],
                    part["state"],
                    sum(ln["quantity"] for ln in part["lines"]),
                    ", ".join(f"{k} {v}" for k, v in part.get("promise", {}).items()),
                )
                for part in placed["fulfillments"]
            ],
        ),
    )


@app.command()
def status() -> None:
    """What runs, what waits in the queues, what is stored, how far behind availability is.

    \b
    norain status
    norain status --json | jq .queues
    """
    running = cloud.state()
    if running is None:
        raise CloudFailed("the local cloud does not run: `norain up` starts it")
    found = look(target.load(), running, deploy.digest())
    show(
        found,
        f"API  {found['api_url']}",
        f"code {found['code']['deployed']}"
        + ("" if found["code"]["current"] else " [yellow](older than the sources: norain up)[/]"),
        table(
            "queues",
            ("queue", "waiting", "in flight"),
            [(row["queue"], row["waiting"], row["in_flight"]) for row in found["queues"]],
        ),
        table("tables", ("table", "items"), found["tables"].items()),
        f"availability: {found['availability']['told']}",
        "  ".join(f"{name} {version}" for name, version in found["versions"].items()),
    )


@app.command()
def redrive(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show them")] = False,
    edit: Annotated[
        Path | None,
        typer.Option(help="send the mended messages of this file instead, and only those"),
    ] = None,
    of: Annotated[
        list[str] | None,
        typer.Option("--of", help="only these: stock, customers, webhooks-deliveries, ..."),
    ] = None,
) -> None:
    """Bring dead letters back to their queues and streams, showing why each was given up.

    Of all queues, of the streams' failed records (handed to their workers again) and of schedules
    (whose next run has done the work: they go). Ends with 1 when a worker failed again.

    \b
    norain redrive --dry-run
    norain redrive --dry-run --json > dead.json   ... mend the bodies ...
    norain redrive --edit dead.json
    norain redrive --of customers --dry-run
    """
    aim = target.load()
    mended = dead_letters.mended_bodies(_existing(str(edit)).read_text()) if edit else {}
    rows: list[dict[str, Any]] = []
    seen = failed = 0
    for place in dead_letters.chosen(dead_letters.places(aim.sqs, aim.stage), of or ()):
        letters = dead_letters.receive(aim.sqs, place.url)
        seen += len(letters)
        back = [letter for letter in letters if not edit or letter.message_id in mended]
        stay = [letter for letter in letters if dry_run or letter not in back]
        if not dry_run:
            again = dead_letters.redrive(aim.aws, place, back, mended)
            failed += len(again)
            stay += again
        dead_letters.give_back(aim.sqs, place.url, stay)
        rows += [{"queue": place.name, **letter.told()} for letter in back]
    told = "would go back" if dry_run else "went back"
    show(
        rows,
        table(
            "dead letters",
            ("of", "message", "code", "reason"),
            [(row["queue"], row["message_id"], row["code"], row["detail"]) for row in rows],
        )
        if rows
        else "",
        f"{len(rows) - failed} of {seen} {told}" + (f", {failed} failed again" if failed else ""),
    )
    if failed:
        raise typer.Exit(1)


@app.command()
def replay(
    order_id: Annotated[str, typer.Argument(metavar="ORDER", help="the order's id")],
) -> None:
    """Run the routing decision of an order again, from what was stored, and compare.

    Ends with 1 when the answer is another one.

    \b
    norain replay 01J...
    """
    started = time.perf_counter()
    found, told = run_again(target.load(), order_id)
    took = (time.perf_counter() - started) * 1000
    verdict = {
        True: "[green]the same plan[/]",
        False: "[red]ANOTHER PLAN[/]",
        None: "nothing that could be run again",
    }[found["same"]]
    show(found, *told, f"{verdict}, in {took:.0f} ms")
    if found["same"] is False:
        raise typer.Exit(1)


@app.command("what-if")
def what_if(
    draft: Annotated[
        str | None,
        typer.Argument(metavar="DRAFT", help="a policy as a JSON file, or - for standard input"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="orders of the last so many days")] = 28,
    client: ClientName = "planner",
) -> None:
    """What past orders would have become under a draft of the routing policy.

    DRAFT becomes the draft, which is not in force; without it the draft there is is tried. The
    orders are routed again on the stock as it stood. What is found is what the draft's guard-rails
    are measured by; ends with 1 when one of them is broken.

    \b
    norain what-if policy.json
    norain what-if --days 7 --json | jq .after.late_parcels
    """
    text = None
    if draft is not None:
        text = sys.stdin.read() if draft == "-" else _existing(draft).read_text()
    with (
        Steps() as steps,
        steps.step("what if") as step,
        target.channel(target.load(), client) as http,
    ):

        def watched() -> Iterator[dict[str, Any]]:
            seen = 0
            for page in what_ifs.pages(http, days, text):
                seen += page["before"]["orders"]
                step.note(f"{seen} orders")
                yield page

        found = what_ifs.together(watched())
    show(found, *what_ifs.drawn(found))
    if found["broken"] or not found["through"]:
        raise typer.Exit(1)


@app.command()
def audit(
    repair: Annotated[
        bool, typer.Option("--repair", help="mend what has drifted, as audited movements")
    ] = False,
    sku: Annotated[str | None, typer.Option(help="only the positions of this SKU")] = None,
) -> None:
    """Recompute law 1: does stock say what ledger, holds and orders say?

    A position counts as drifted when two looks find it so, and nobody has written in between.
    Ends with 1 when there is drift that was not mended.

    \b
    norain audit
    norain audit --sku 1234567 --repair
    """
    aim = target.load()
    with Steps() as steps, steps.step("audit") as step:

        def watched() -> Iterator[dict[str, Any]]:
            seen = 0
            for part in audits.audit(aim, repair=repair, sku=sku):
                seen += part["positions"]
                step.note(f"{seen} positions")
                yield part

        found = audits.together(watched())
    mended = {(row["sku"], row["location_id"]) for row in found["mended"]}
    rows = found["drifts"]
    left = [row for row in rows if (row["sku"], row["location_id"]) not in mended]
    show(
        found,
        table(
            "drift",
            ("sku", "location", "what", "stands", "should be", ""),
            [
                (
                    row["sku"],
                    row["location_id"],
                    row["kind"],
                    row["stands"],
                    row["should"],
                    "" if row in left else "mended",
                )
                for row in rows
            ],
        )
        if rows
        else "[green]no drift[/]",
        f"{found['positions']} positions, {len(rows)} drifts, {len(mended)} positions mended"
        + (f", {len(found['unsettled'])} too busy to tell" if found["unsettled"] else ""),
    )
    if left:
        raise typer.Exit(1)


class Format(StrEnum):
    google = "google"
    schema_org = "schema.org"


@app.command()
def export(
    form: Annotated[Format, typer.Argument(metavar="FORMAT", help="google or schema.org")],
    channel: Annotated[str, typer.Option(help="whose rules of channel stock hold")] = "web",
    to: Annotated[
        Path | None, typer.Option(help="fetch it to this file too (gzip, as in the bucket)")
    ] = None,
) -> None:
    """Write availability as a file that others take, into the bucket of the exports.

    google is the local inventory of Google Merchant Center (TSV), schema.org a product with its
    offers on each line (JSON-LD). Both are also written every hour.

    \b
    norain export google
    norain export schema.org --channel marketplace --to offers.jsonl.gz
    """
    aim = target.load()
    with Steps() as steps, steps.step(f"export {form.value}"):
        written = exports.export(aim, form.value, channel)
        if to is not None:
            to.write_bytes(exports.content(aim, written))
    show(
        written,
        f"s3://{written['bucket']}/{written['key']}",
        f"{written['products']} products, {written['rows']} rows, {written['bytes']:,} bytes"
        + (f"; {written['left_out']} left out" if written["left_out"] else ""),
    )


class Projection(StrEnum):
    availability = "availability"


@app.command()
def rebuild(
    projection: Annotated[Projection, typer.Argument(help="what to make again")],
    sku: Annotated[list[str] | None, typer.Option(help="only these SKUs")] = None,
) -> None:
    """Make availability again from the positions, while it goes on answering.

    A pack is replaced at once, and only when it said something else; what changes meanwhile is
    never lost.

    \b
    norain rebuild availability
    norain rebuild availability --sku 1234567
    """
    aim = target.load()
    with Steps() as steps:
        with steps.step("find the SKUs"):
            wanted = sku or rebuilds.skus(aim)
        changed: list[str] = []
        with steps.step(f"rebuild {projection.value}", total=len(wanted)) as step:
            for done, rebuilt in rebuilds.rebuild(aim, wanted):
                changed += rebuilt
                step.advance(done)
    show(
        {"skus": len(wanted), "rebuilt": changed},
        f"{len(wanted)} SKUs, {len(changed)} said something else than their positions"
        + (f": {', '.join(changed[:20])}" if changed else ""),
    )


@app.command("postal-codes")
def postal_codes(
    file: Annotated[
        str, typer.Argument(metavar="FILE|us", help="a file of GeoNames, or us: all ZIP codes")
    ],
    client: ClientName = "ops",
) -> None:
    """Load postal codes, so that addresses without coordinates are placed.

    GeoNames has a file for each country: download.geonames.org/export/zip. Lines that are wrong
    are named, and the others loaded; then it ends with 1.

    \b
    norain postal-codes us
    norain postal-codes DE.txt
    """
    if file == "us":
        codes, bad = postal.of_the_us(), list[files.Bad]()
    else:
        # Only names of places can have other letters, and these are not kept.
        with _existing(file).open(encoding="utf-8-sig", errors="replace") as lines:
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
        table("wrong lines", ("line", "reason"), [(one.line, one.reason) for one in bad[:20]])
        if bad
        else "",
        f"{stored} postal codes stored" + (f", {len(bad)} lines are wrong" if bad else ""),
    )
    if bad:
        raise typer.Exit(1)


def _existing(file: str) -> Path:
    path = Path(file)
    if not path.is_file():
        raise CloudFailed(f"there is no file {file}")
    return path
