"""`norain redrive`"""

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli import dead_letters
from infra.cli.options import text_of
from infra.cli.output import show, table
from infra.local import target


def redrive(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only list the dead letters, send nothing")
    ] = False,
    edit: Annotated[
        Path | None,
        typer.Option(help="send the corrected messages of this file, and no others"),
    ] = None,
    of: Annotated[
        list[str] | None,
        typer.Option(
            "--of", help="only of these: stock, stock-bulk, customers, webhooks-deliveries, ..."
        ),
    ] = None,
) -> None:
    """Send dead letters back to their queues and streams, and list why each had failed.

    Dead letters of queues return to their queue; failed records of streams go to their worker
    again; those of schedules are deleted, because the next run has done the work. Ends with 1 when
    a worker fails again.

    \b
    norain redrive --dry-run
    norain redrive --dry-run --json > dead.json   ... correct the bodies ...
    norain redrive --edit dead.json
    norain redrive --of customers --dry-run
    """
    deployed = target.load()
    corrected = dead_letters.corrected_bodies(text_of(str(edit))) if edit else {}
    rows: list[dict[str, Any]] = []
    total = failed = 0
    queues = dead_letters.queues(deployed.sqs, deployed.stage)
    for queue in dead_letters.chosen(queues, of or ()):
        letters = dead_letters.receive(deployed.sqs, queue.url)
        total += len(letters)
        selected = [letter for letter in letters if not edit or letter.message_id in corrected]
        remaining = [letter for letter in letters if dry_run or letter not in selected]
        if not dry_run:
            refused = dead_letters.send_back(deployed.aws, queue, selected, corrected)
            failed += len(refused)
            remaining += refused
        dead_letters.release(deployed.sqs, queue.url, remaining)
        rows += [{"queue": queue.name, **letter.to_json()} for letter in selected]
    outcome = "would be sent back" if dry_run else "sent back"
    show(
        rows,
        table(
            "dead letters",
            ("of", "message", "code", "reason"),
            [(row["queue"], row["message_id"], row["code"], row["detail"]) for row in rows],
        )
        if rows
        else "",
        f"{len(rows) - failed} of {total} {outcome}"
        + (f", {failed} failed again" if failed else ""),
    )
    if failed:
        raise typer.Exit(1)
