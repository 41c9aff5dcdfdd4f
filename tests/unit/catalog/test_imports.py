"""Decisions load fast: no model drags in what only a handler needs."""

import subprocess
import sys

import pytest

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
