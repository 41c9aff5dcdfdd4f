"""The measured figures: ``python -m tests.bench [name ...] [--json] [--quick]``.

A bench is a module ``tests/bench/<area>/<name>.py`` with ``tables(quick, tell)``, which yields a
Table as soon as it has one; its name is ``<area>.<name>``, and ``<area>`` means all of them. They
measure and never fail on a clock: what must hold is a test.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.report import Paper, Table, Tell, teller

Bench = Callable[[bool, Tell], Iterator[Table]]


def benches() -> dict[str, Bench]:
    here = Path(__file__).parent
    found: dict[str, Bench] = {}
    for path in sorted(here.glob("*/*.py")):
        name = f"{path.parent.name}.{path.stem}"
        if path.stem != "__init__":
            tables = getattr(importlib.import_module(f"tests.bench.{name}"), "tables", None)
            if tables is not None:
                found[name] = tables
    return found


def main() -> None:
    known = benches()
    arguments = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Print the measured figures."
    )
    arguments.add_argument("name", nargs="*", help=f"of {', '.join(known)}, or an area; else all")
    arguments.add_argument("--json", action="store_true", help="one document, as on a pipe")
    arguments.add_argument("--quick", action="store_true", help="smaller counts")
    asked = arguments.parse_args()
    for name in asked.name:
        if not any(name in (bench, bench.partition(".")[0]) for bench in known):
            arguments.error(f"no bench {name}; there are {', '.join(known)}")
    paper, tell = Paper(asked.json or not sys.stdout.isatty()), teller()
    for bench, tables in known.items():
        if not asked.name or {bench, bench.partition(".")[0]} & set(asked.name):
            for table in tables(asked.quick, tell):
                tell("")
                paper.show(bench, table)
    paper.close()


if __name__ == "__main__":
    main()
