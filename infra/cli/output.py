"""Results: tables and colours for people, one JSON document for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Mode:
    """``asked`` when --json was given; ``as_json`` then, and when the output is a pipe."""

    as_json = False
    asked = False


def show(document: Any, *parts: Table | str) -> None:
    """Print ``document`` as JSON for a program, or ``parts`` for a person."""
    if Mode.as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False, default=str))
        return
    for part in parts:
        out.print(part)


def fail(message: str, document: Mapping[str, Any] | None = None) -> None:
    """Print an error to standard error: ``message``, or ``document`` when --json was given."""
    if Mode.asked:
        error = dict(document) if document else {"detail": message}
        err.print(json.dumps({"error": error}, default=str), markup=False)
    else:
        err.print(f"[red]{escape(message)}")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table for people; columns of numbers are right-aligned."""
    cells = list(rows)
    drawn = Table(title=title or None, title_justify="left", title_style="bold", header_style="dim")
    for index, column in enumerate(columns):
        numbers = bool(cells) and all(isinstance(row[index], int | float) for row in cells)
        drawn.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    return drawn
