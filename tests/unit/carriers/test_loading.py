"""Large packages are loaded by those who need them, with the first document or calendar."""

import subprocess
import sys

import pytest

LARGE = ("PIL", "barcode", "fontTools", "fpdf", "holidays")


@pytest.mark.parametrize("area", ["carriers", "orders", "locations"])
def test_no_function_loads_large_packages_at_its_start(area: str) -> None:
    code = (
        f"import sys, functions.{area}.api\n"
        f"print(*[name for name in {LARGE} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
