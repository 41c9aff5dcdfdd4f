"""A kind of test (unit, tables, functions, infra, race, e2e, bench) imports no other kind; what two
kinds need is in tests/support, which imports none of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
SUPPORT = "support"


def imports_across(tests: Path) -> list[str]:
    """Each import from one folder of ``tests`` into another, as ``file:line: what is wrong``."""
    kinds = {folder.name for folder in tests.iterdir() if (folder / "__init__.py").exists()}
    return [
        f"{path.relative_to(tests.parent)}:{line}: {kind} imports {imported}; move what both need"
        " to tests/support"
        for kind in sorted(kinds)
        for path in sorted((tests / kind).rglob("*.py"))
        for line, imported in imported_modules(path)
        if (other := imported.split(".")[1]) in kinds - {kind, SUPPORT}
        or (other == "conftest" and kind == SUPPORT)
    ]


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import from tests; ``from tests import x`` is ``tests.x``."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                modules = [name.name for name in names]
            case ast.ImportFrom(module="tests", names=names):
                modules = [f"tests.{name.name}" for name in names]
            case ast.ImportFrom(module=str(module)):
                modules = [module]
            case _:
                modules = []
        yield from ((node.lineno, name) for name in modules if name.startswith("tests."))  # type: ignore[attr-defined]


def test_no_kind_of_test_imports_another() -> None:
    assert imports_across(TESTS) == []


@pytest.mark.parametrize(
    "text",
    [
        "from tests.tables.orders import shop",
        "import tests.tables.orders.shop",
        "from tests import tables",
        "def test() -> None:\n    from tests.tables import shop",
    ],
)
def test_an_import_of_another_kind_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    for kind in ("race", "tables", SUPPORT):
        (tmp_path / "tests" / kind).mkdir(parents=True)
        (tmp_path / "tests" / kind / "__init__.py").touch()
    (tmp_path / "tests/race/test_sales.py").write_text(f"from tests.support import shop\n{text}\n")
    (found,) = imports_across(tmp_path / "tests")
    assert found.startswith(f"tests/race/test_sales.py:{2 + text.count(chr(10))}: race imports ")
    (tmp_path / "tests/race/test_sales.py").rename(tmp_path / "tests/support/sales.py")
    (found,) = imports_across(tmp_path / "tests")
    assert found.startswith("tests/support/sales.py:")
