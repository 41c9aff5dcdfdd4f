"""Decisions load fast: no model drags in what only a handler needs."""

import subprocess
import sys
from pkgutil import iter_modules

import pytest

from shared.stock import store as stock
from shared.stock.store import everything

HEAVY = {"aws_lambda_powertools", "biip", "boto3", "botocore", "pydantic"}


@pytest.mark.parametrize(
    "module",
    [
        "shared.locations.model",
        "shared.catalog.model",
        "shared.availability.model.pack",
        "shared.availability.model.answer",
    ],
)
def test_a_model_needs_nothing_heavy(module: str) -> None:
    assert HEAVY.isdisjoint(_loaded_by(module))


@pytest.mark.parametrize(
    "module",
    [
        "shared.locations.store",
        "shared.catalog.store",
        "shared.availability.store.packs",
        "functions.availability.query",
    ],
)
def test_a_table_needs_nothing_but_the_client(module: str) -> None:
    assert _loaded_by(module) & HEAVY <= {"boto3", "botocore"}


def _loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(told.stdout.split())


def test_a_question_about_availability_loads_no_writer_of_positions() -> None:
    loaded = _loaded_by("functions.availability.query")
    assert {name for name in loaded if name.startswith("shared.stock.store")} == {
        "shared.stock.store",
        "shared.stock.store.rules",
    }


def test_every_name_of_the_store_of_stock_is_found_and_hides_no_module() -> None:
    modules = {module.name for module in iter_modules(stock.__path__)}
    assert modules.isdisjoint(everything.__all__)
    assert all(getattr(stock, name) is getattr(everything, name) for name in everything.__all__)
