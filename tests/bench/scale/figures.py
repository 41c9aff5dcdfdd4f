"""The figures of figures.toml: what the yardstick retailer is, what was assumed, what was measured.

A figure is known by ``<section>.<name>``, such as ``measured.feed_write_units``.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

SECTIONS = ("yardstick", "assumption", "measured", "setting", "quota")
FILE = Path(__file__).parent / "figures.toml"


@dataclass(frozen=True, slots=True)
class Figure:
    value: float
    unit: str
    source: str
    date: str
    estimate: bool = False
    """Nothing measured it, and no document states it."""


@dataclass(frozen=True, slots=True)
class SkuClass:
    """SKUs at about as many locations. ``skus``, ``changes`` and ``questions`` are shares of 1."""

    name: str
    skus: float
    locations: float
    changes: float
    questions: float


@dataclass(frozen=True, slots=True)
class Lever:
    """What somebody could change, and the figures that have another value then."""

    name: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figures:
    figures: Mapping[str, Figure]
    classes: Sequence[SkuClass]
    levers: Sequence[Lever]

    def __getitem__(self, name: str) -> float:
        return self.figures[name].value

    def changed(self, values: Mapping[str, float]) -> "Figures":
        """With other values. Raises KeyError for a name that does not exist."""
        figures = {name: replace(self.figures[name], value=value) for name, value in values.items()}
        return replace(self, figures={**self.figures, **figures})

    def grown(self, growth: float) -> "Figures":
        """A retailer with ``growth`` times the rows, questions, orders, SKUs and products put. Its
        stores stay as many: more stores change the packs (``assumption.locations_factor``)."""
        grow = (
            "yardstick.skus",
            "yardstick.feed_rows_a_day",
            "yardstick.questions_a_second",
            "yardstick.open_orders",
            "assumption.catalog_changes_a_day",
        )
        return self.changed({name: growth * self[name] for name in grow})


def load(path: Path = FILE) -> Figures:
    """Raises ValueError when a figure lacks its source, or the shares of the classes are not 1."""
    document = tomllib.loads(path.read_text())
    unknown = document.keys() - {*SECTIONS, "sku_class", "lever"}
    if unknown:
        raise ValueError(f"{path.name}: unknown sections {sorted(unknown)}")
    figures = {
        f"{section}.{name}": Figure(**stated)
        for section in SECTIONS
        for name, stated in document[section].items()
    }
    for name, figure in figures.items():
        if not figure.unit or not figure.date or not (figure.source or figure.estimate):
            raise ValueError(f"{path.name}: {name} needs a unit, a date and a source")
    classes = [SkuClass(**stated) for stated in document["sku_class"]]
    for share in ("skus", "changes", "questions"):
        total = sum(getattr(one, share) for one in classes)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"{path.name}: the {share} of the classes sum up to {total}, not 1")
    levers = [Lever(stated["name"], stated["set"]) for stated in document["lever"]]
    for lever in levers:
        if missing := lever.values.keys() - figures.keys():
            raise ValueError(f"{path.name}: the lever {lever.name} sets unknown {sorted(missing)}")
    return Figures(figures, classes, levers)
