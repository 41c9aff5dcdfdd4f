"""The plot of the model and of the simulated hour, as one SVG file."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.scale.figures import Figures
from tests.bench.scale.hour import BIN_SECONDS, QUESTIONS_THINNED, Outcome
from tests.bench.scale.hour_tables import spread
from tests.bench.scale.limits import MOST_GROWTH, breaks
from tests.bench.scale.model import swings
from tests.bench.scale.retailer import costs, dollars

FOLDER = Path(".norain/scale")
SHOWN = 10


def draw(figures: Figures, outcomes: Mapping[str, Outcome], folder: Path = FOLDER) -> Path:
    """Writes the plot and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scale.svg"
    # The same figures give the same file.
    with mpl.rc_context({"svg.hashsalt": "norain", "font.size": 8}):
        page = Figure(figsize=(14, 13), layout="constrained")
        bill, tornado, limits, *hour = page.subplots(3 if outcomes else 2, 2).flat
        _bill(bill, figures)
        _tornado(tornado, figures)
        _limits(limits, figures)
        if outcomes:
            lag, requests, feed = hour
            _lag(lag, outcomes)
            _requests(requests, outcomes)
            _feed(feed, outcomes)
        else:
            hour[0].set_axis_off()
        page.savefig(path, metadata={"Date": None})
    return path


def _bill(axes: Axes, figures: Figures) -> None:
    services: dict[str, float] = defaultdict(float)
    for cost in costs(figures):
        services[cost.service] += cost.dollars
    names = sorted(services, key=lambda name: services[name])
    axes.barh(names, [services[name] for name in names])
    axes.set_title(f"dollars a day: {sum(services.values()):,.0f}")


def _tornado(axes: Axes, figures: Figures) -> None:
    today = dollars(figures)
    shown = swings(figures)[:SHOWN][::-1]
    names = [swing.name + (" (estimate)" if swing.estimate else "") for swing in shown]
    axes.barh(names, [swing.low - today for swing in shown], label="-50 %")
    axes.barh(names, [swing.high - today for swing in shown], label="+50 %")
    axes.axvline(0, color="black", linewidth=0.5)
    axes.legend()
    axes.set_title("dollars a day, when one figure is wrong by half")


def _limits(axes: Axes, figures: Figures) -> None:
    shown = [one for one in breaks(figures) if one.growth < MOST_GROWTH][:SHOWN][::-1]
    axes.barh([one.limit.name for one in shown], [max(one.growth, 0.1) for one in shown])
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.5)
    axes.set_title("limits: times the yardstick where they break")


def _lag(axes: Axes, outcomes: Mapping[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        bins = sorted(outcome.series.lags)
        points = [(at, spread(outcome.series.lags[at])) for at in bins]
        found = [(at, values[1]) for at, values in points if values]
        axes.plot([at * BIN_SECONDS / 60 for at, _ in found], [p99 for _, p99 in found], label=name)
    axes.set_title("seconds from stock to availability, p99")
    axes.set_xlabel("minutes")
    axes.legend()


def _requests(axes: Axes, outcomes: Mapping[str, Outcome]) -> None:
    scale = QUESTIONS_THINNED / BIN_SECONDS
    for name, outcome in outcomes.items():
        bins = sorted(outcome.series.asked)
        minutes = [at * BIN_SECONDS / 60 for at in bins]
        axes.plot(minutes, [outcome.series.asked[at] * scale for at in bins], label=name)
        refused = [outcome.series.refused.get(at, 0) * scale for at in bins]
        axes.plot(minutes, refused, linestyle="dotted", label=f"{name}, refused")
    axes.set_title("questions a second")
    axes.set_xlabel("minutes")
    axes.legend()


def _feed(axes: Axes, outcomes: Mapping[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        for origin, waiting, line in (
            ("tills", outcome.series.waiting, "solid"),
            ("files", outcome.series.files_waiting, "dotted"),
        ):
            bins = sorted(waiting)
            axes.plot(
                [at * BIN_SECONDS / 60 for at in bins],
                [waiting[at] for at in bins],
                linestyle=line,
                label=f"{name}, {origin}",
            )
    axes.set_title("messages that wait in the queues of tills and files (a tenth)")
    axes.set_xlabel("minutes")
    axes.legend()
