"""The yardstick retailer: ``python -m tests.bench.scale``, or ``make scale``.

Prints what it costs, which limits break first, and how a Black Friday hour goes. A person gets
tables and a plot, a pipe gets JSON.
"""

import argparse
import sys
from pathlib import Path

from tests.bench.report import Paper, teller
from tests.bench.scale import hour_tables, model
from tests.bench.scale.figures import FILE, Figures, load
from tests.bench.scale.hour import HOUR, Hour, Outcome
from tests.bench.scale.plots import FOLDER, draw

QUICK_SECONDS = 120.0


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    arguments.add_argument("--json", action="store_true", help="one document, as on a pipe")
    arguments.add_argument("--quick", action="store_true", help="two minutes in place of the hour")
    arguments.add_argument("--figures", type=Path, default=FILE, help="another figures.toml")
    arguments.add_argument("--growth", type=float, default=1.0, help="times the yardstick")
    arguments.add_argument("--seed", type=int, default=1, help="of the simulated hour")
    arguments.add_argument("--model", action="store_true", help="the model alone, no hour")
    arguments.add_argument("--plot", type=Path, default=FOLDER, help="the folder of the plot")
    asked = arguments.parse_args()
    if asked.growth <= 0:
        arguments.error("--growth must be more than 0")
    try:
        figures = load(asked.figures)
    except (OSError, ValueError, KeyError, TypeError) as error:
        arguments.error(f"{asked.figures} cannot be used: {error}")
    figures = figures.grown(asked.growth)
    paper, tell = Paper(asked.json or not sys.stdout.isatty()), teller()
    for table in model.tables(figures):
        paper.show("scale.model", table)
    outcomes: dict[str, Outcome] = {}
    if not asked.model:
        for name, variant in scenarios(figures, quick=asked.quick).items():
            tell(f"simulating an hour: {name} (half a minute)")
            seconds = QUICK_SECONDS if asked.quick else HOUR
            outcomes[name] = Hour(variant, asked.seed, seconds).run()
        tell("")
        for table in hour_tables.tables(outcomes):
            paper.show("scale.hour", table)
    path = draw(figures, outcomes, asked.plot)
    paper.close()
    print(f"plot: {path}", file=sys.stderr)


def scenarios(figures: Figures, *, quick: bool) -> dict[str, Figures]:
    """The hours to simulate, by name."""
    today = {"as it is": figures}
    if quick:
        return today
    return {
        **today,
        "twice the retailer": figures.grown(2.0),
    }


if __name__ == "__main__":
    main()
