"""What a bench hands out, and how it is shown: tables for a person, one JSON document on a pipe."""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import rich.box
import rich.table
from rich.console import Console
from rich.markup import escape

Row = Mapping[str, str | int | float | None]
Tell = Callable[[str], None]
"""Says what is going on, to a person who waits."""


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` have the same keys. ``notes`` say what the figures are and how they were made."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def machine() -> dict[str, str | int]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _cpu() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class Paper:
    """Prints as the tables come for a person; for a program keeps them and prints once."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._out = Console(highlight=False)
        self._machine = machine()
        self._kept: dict[str, list[Table]] = {}
        if not as_json:
            self._out.print(" · ".join(f"{key} {value}" for key, value in self._machine.items()))

    def show(self, bench: str, table: Table) -> None:
        self._kept.setdefault(bench, []).append(table)
        if not self._as_json:
            self._out.print()
            self._out.print(_drawn(table))
            for note in table.notes:
                self._out.print(f"[dim]{escape(note)}")

    def close(self) -> None:
        if self._as_json:
            benches = {name: [asdict(table) for table in kept] for name, kept in self._kept.items()}
            print(json.dumps({"machine": self._machine, "benches": benches}, indent=2))


def _drawn(table: Table) -> rich.table.Table:
    drawn = rich.table.Table(
        title=escape(table.title),
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in table.rows[0] if table.rows else ():
        words = any(isinstance(row[column], str) for row in table.rows)
        heading = column.replace(", ", "\n")
        drawn.add_column(heading, justify="left" if words else "right", no_wrap=not words)
    for row in table.rows:
        drawn.add_row(*(_text(cell) for cell in row.values()))
    return drawn


def _text(cell: str | float | None) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return escape(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.3f}" if abs(cell) < 10 else f"{cell:,.1f}"


def teller() -> Tell:
    """One line that is written over on a terminal; nothing elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        return lambda _: None

    def tell(text: str) -> None:
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()

    return tell
