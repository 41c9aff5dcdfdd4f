"""The arrows of the import graph: areas only downward, and in each area four kinds of code.

The picture in shared/README.md is made from the same graph; ``python -m tests.unit.test_rooms``
prints it.
"""

from collections import defaultdict
from functools import cache
from pathlib import Path

import grimp
import pytest

README = Path(__file__).resolve().parent.parent.parent / "shared" / "README.md"

FLOORS = (
    "webhooks",
    "kpis plans recommendations",
    "orders",
    "loyalty",
    "cards customers pricing routing",
    "availability",
    "carriers stock",
    "catalog locations",
)
"""Areas from top to bottom: each may import those below it, never one beside it."""

MAY_IMPORT = {
    "model": {"model"},
    "contract": {"contract", "model"},
    "store": {"store", "model"},
    "verbs": {"verbs", "store", "contract", "model"},
}
"""By kind the kinds that it may import, in its own area and in those below."""

BASES = {"model": set(), "contract": {"web"}, "store": {"aws", "web"}, "verbs": {"aws", "web"}}
"""By kind the packages that every area stands on; errors.py and its neighbours are free to all."""

HEAVY = {"aws_lambda_powertools", "boto3", "botocore", "pydantic"}
"""Packages that no model needs."""

KIND_OF = {"model": "model", "sourcing": "model", "contract": "contract", "store": "store"}
"""By the name of a file or folder of an area its kind; every other one is a verb."""


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("functions", "infra", "shared", include_external_packages=True)


def room(module: str) -> tuple[str, str] | None:
    """Area and kind of a module of shared/; None for everything that is in no area."""
    parts = module.split(".")
    if parts[0] != "shared" or len(parts) < 3 or parts[1] in {"aws", "web"}:
        return None
    return parts[1], KIND_OF.get(parts[2], "verbs")


def floor(area: str) -> int:
    return next(number for number, areas in enumerate(FLOORS) if area in areas.split())


def arrows() -> list[tuple[str, str]]:
    """Every import of one module by another, in the order of their names."""
    modules = sorted(graph().modules)
    return [
        (importer, imported)
        for importer in modules
        for imported in sorted(graph().find_modules_directly_imported_by(importer))
    ]


def upward(importer: str, imported: str) -> str | None:
    """Why the import is forbidden; None when it is not."""
    top, target = importer.split(".", maxsplit=1)[0], imported.split(".", maxsplit=1)[0]
    if target == "functions" and top != "functions":
        return "nothing imports a function"
    if target == "infra" and top != "infra":
        return "nothing that runs in the cloud imports infra"
    if top != "shared":
        return None
    here, there = room(importer), room(imported)
    base = imported.split(".")[1] if target == "shared" and "." in imported else ""
    if here is None:
        if there is not None:
            return "what every area stands on knows no area"
        if importer.startswith("shared.aws") and base == "web":
            return "shared/aws stands below shared/web"
        return None
    area, kind = here
    if there is None:
        if base in {"aws", "web"} and base not in BASES[kind]:
            return f"a {kind} does not use shared/{base}"
        if kind == "model" and target in HEAVY:
            return f"a model does not load {target}"
        return None
    if there[1] not in MAY_IMPORT[kind]:
        return f"a {kind} does not use a {there[1]}"
    if there[0] != area and floor(there[0]) <= floor(area):
        return f"{area} is not above {there[0]}"
    return None


def test_no_import_points_upward() -> None:
    broken = [
        f"{importer} imports {imported}: {reason}"
        for importer, imported in arrows()
        if (reason := upward(importer, imported))
    ]
    assert broken == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("shared.stock.model.feed", "shared.orders.model.order"),
        ("shared.orders.model.order", "shared.orders.store.orders"),
        ("shared.orders.sourcing.plan", "shared.aws.dynamodb"),
        ("shared.customers.contract.profiles", "shared.customers.store.values"),
        ("shared.routing.store.policies", "shared.routing.contract"),
        ("shared.routing.model.price", "shared.customers.model.person"),
        ("shared.catalog.store", "shared.locations.model"),
        ("shared.stock.model.feed", "pydantic"),
        ("shared.aws.dynamodb", "shared.stock.model.feed"),
        ("shared.orders.placing", "functions.orders.api"),
        ("functions.orders.api", "infra.app"),
    ],
)
def test_an_import_that_points_upward_is_seen(importer: str, imported: str) -> None:
    assert upward(importer, imported)


def test_no_package_has_a_circle() -> None:
    packages = {module.rpartition(".")[0] for module in graph().modules if "." in module}
    assert {name for name in packages if graph().nominate_cycle_breakers(name)} == set()


def picture() -> str:
    """The areas from top to bottom, and by kind of code the areas that each imports."""
    used: dict[tuple[str, str], set[str]] = defaultdict(set)
    size: dict[tuple[str, str], int] = defaultdict(int)
    for module in graph().modules:
        if here := room(module):
            size[here] += 1
    for importer, imported in arrows():
        here, there = room(importer), room(imported)
        if here and there and here[0] != there[0]:
            used[here].add(there[0])
    lines = [f"| area | {' | '.join(MAY_IMPORT)} |", "|---" * (1 + len(MAY_IMPORT)) + "|"]
    for area in " ".join(FLOORS).split():
        cells = [
            ", ".join(sorted(used[area, kind], key=lambda name: (floor(name), name)))
            or ("-" if size[area, kind] else "")
            for kind in MAY_IMPORT
        ]
        lines.append(f"| {area} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_picture_in_the_readme_is_the_graph() -> None:
    assert picture() in README.read_text()


if __name__ == "__main__":
    print(picture())
